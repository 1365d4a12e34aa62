"""A method of each kind in a user's own files makes a dataset, and CONTRIBUTING names at most three files for each kind."""

import json
import re
from pathlib import Path

import duckdb
import pytest

from rollmill.flows.cli.new import places_in_product
from rollmill.roles.registries import REGISTRIES
from tests.flows.conftest import RECIPE, ROOT, Run

pytestmark = pytest.mark.integration

MINE = '''\
"""One method of each kind: what a user may write beside a recipe."""

from rollmill.roles.protocols import Draw, RoundPlan, Stop
from rollmill.pipelines.select.decide import decision, failing_reason
from rollmill.ground.records import Score, Verdict


class LastNumber:
    name, version = "last_number", "1"

    def verify(self, problem, completion):
        outcome = "correct" if completion.text.split()[-1] == problem.reference else "incorrect"
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, rule="last")

    def verify_many(self, items):
        return (self.verify(problem, completion) for problem, completion in items)

    def close(self):
        pass


class FirstOne:
    name, version, lazy, over = "first_one", "1", False, ()

    def decide(self, verdicts):
        return verdicts[0]


class Words:
    name, version = "words", "1"

    def score(self, problem, completions):
        for completion in completions:
            yield Score(completion.id, problem.id, self.name, self.version, float(len(completion.text.split())))


class Three:
    name, version, prefix, estimator = "three", "1", 3, "prefix"

    def plan(self, round_index, tallies):
        draws = [Draw(tally.problem_id, tally.drawn, 3 - tally.drawn) for tally in tallies if tally.drawn < 3]
        return RoundPlan(tuple(draws), tuple(Stop(tally.problem_id, "trial_cap") for tally in tallies if tally.drawn >= 3))


class Shortest:
    name, version = "shortest", "1"

    def select(self, run, rollouts):
        right = [rollout for rollout in rollouts if rollout.verdict.outcome == "correct"]
        best = min(right, key=lambda rollout: rollout.scores[0].value, default=None)
        for rollout in rollouts:
            reason = "kept" if rollout is best else failing_reason(rollout) or "over_quota"
            yield decision(run, rollout, (self.name, self.version), reason)
'''
METHODS = """\
verify: [{method: "mine.py:LastNumber"}]
accept: {method: "mine.py:FirstOne"}
score: [{method: "mine.py:Words"}]
budget: {method: "mine.py:Three"}
select: {method: "mine.py:Shortest"}
gate: {min_kept: 1}
"""
TABLE = re.findall(
    r"^\| (\w[\w ]*?) \| (.+?) \| `tests/.+?` \|$", (ROOT / "docs/CONTRIBUTING.md").read_text(), flags=re.MULTILINE
)
ROWS = {kind: re.findall(r"`([^`]+)`", files) for kind, files in TABLE}
INSIDE = {
    "engine without a model",
    "editor",
    "transform",
    "metric of a pool",
    "number of a version",
    "dashboard page",
    "kind of jobs",
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_kind_takes_three_files_at_most(kind: str) -> None:
    files = ROWS[kind]
    assert 1 <= len(files) <= 3
    known = [file for file in files if "<name>" not in file]
    assert [file for file in known if not (ROOT / file).is_file()] == []
    assert [file for file in files if not (ROOT / file).parent.is_dir()] == []


def test_the_table_has_what_is_no_method_of_a_recipe() -> None:
    assert set(ROWS) == INSIDE


@pytest.mark.parametrize("role", REGISTRIES)
def test_a_method_lies_beside_its_registry_and_has_a_contract_test(role: str) -> None:
    file, registry, contract = places_in_product(role, "mine")
    assert Path(file).name == "mine.py"
    assert Path(file).parent == Path(registry).parent
    assert [place for place in (registry, contract) if not (ROOT / place).is_file()] == []
    assert REGISTRIES[role].attribute in (ROOT / registry).read_text()


def test_a_method_of_each_kind_from_outside_the_tree(toy: Path, rollmill: Run) -> None:
    (toy / "mine.py").write_text(MINE)
    (toy / "toy.yaml").write_text(RECIPE[: RECIPE.index("verify:")] + METHODS)  # toys.py: synthesizer and engine
    result = rollmill("curate", "toy.yaml", "--direct")
    assert result.status == 0, result.err
    with duckdb.connect(str(next((toy / "datasets/toy").glob("v1-*")) / "dataset.duckdb"), read_only=True) as dataset:
        [[problems, completions, engine]] = dataset.sql(
            "SELECT count(DISTINCT problem_id), count(*), any_value(engine) FROM joined"
        ).fetchall()
        assert (problems, completions, engine) == (12, 36, "toy")
        assert dataset.sql("SELECT DISTINCT verifier FROM verdicts").fetchall() == [("last_number",)]
        assert dataset.sql("SELECT DISTINCT scorer FROM scores").fetchall() == [("words",)]
        assert dataset.sql("SELECT DISTINCT selector FROM decisions").fetchall() == [("shortest",)]
        [[most]] = dataset.sql("SELECT max(n) FROM (SELECT count(*) n FROM kept GROUP BY problem_id)").fetchall()
        assert most == 1
    # The version keeps what made it: it is judged again without the recipe's folder, and after the files are gone.
    kept = json.loads(next((toy / "datasets/toy").glob("v1-*/manifest.json")).read_text())["user_files"]
    assert {(file["file"], file["text"] == (toy / file["file"]).read_text()) for file in kept.values()} == {
        ("mine.py", True),
        ("toys.py", True),
    }
    (toy / "mine.py").write_text(MINE.replace("correct", "incorrect"))
    (toy / "toys.py").unlink()
    (toy / "recipes").mkdir(exist_ok=True)
    verified = rollmill("dataset", "verify", "toy", "--all")
    assert verified.status == 0, verified.out + verified.err
