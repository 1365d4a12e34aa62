"""`rollmill select`: other policies on the verdicts of a run, what they lack, and a version that judges nothing again."""

import json
from pathlib import Path

import pytest

from rollmill.pipelines.verify.answers.equality import versioned
from rollmill.pipelines.verify.number import NumberVerifier
from rollmill.storage.workspace import Workspace
from tests.flows.cli.stepped.test_steps import PROP2DIFF
from tests.flows.conftest import RECIPE, Curated, Run, said_as_json

pytestmark = pytest.mark.integration

# A second opinion that is right about nothing else: answers of an odd number of words pass.
OPINION = '''"""A second opinion of the user's."""
from rollmill.pipelines.verify.number import NumberVerifier
from rollmill.ground.records import Verdict


class Opinion(NumberVerifier):
    name = "opinion"
    version = "1"
    rules = ()

    def verify(self, problem, completion):
        words = len(completion.text.split())
        outcome = "undecided" if words == 5 else "correct" if words % 2 else "incorrect"
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, "words", "five" if words == 5 else None)
'''
TWO = RECIPE.replace("  - method: number\n", "  - method: number\n  - method: opinion.py:Opinion\n")
SIDE_BY_SIDE = TWO.replace("gate:\n", "accept: {method: prefer, options: {order: [number]}}\ngate:\n")

LAX = ("--set", "gate.max_undecided=1.0", "--set", "gate.min_kept=1")


@pytest.fixture
def two(toy: Path) -> Path:
    (toy / "opinion.py").write_text(OPINION)
    (toy / "toy.yaml").write_text(SIDE_BY_SIDE)
    return toy


def verdicts() -> dict[tuple[str, str], dict[str, str]]:
    """Outcomes by row and verifier."""
    with Workspace.open() as workspace:
        table = workspace.segments.read("verdicts", columns=("completion_id", "problem_id", "verifier", "outcome"))
    found: dict[tuple[str, str], dict[str, str]] = {}
    for row in table.to_pylist():
        found.setdefault((row["completion_id"], row["problem_id"]), {})[row["verifier"]] = row["outcome"]
    return found


def test_side_by_side_every_verifier_judges_every_row(two: Path, rollmill: Run, curated: Curated) -> None:
    outcome = curated()
    every = verdicts()
    assert {tuple(sorted(row)) for row in every.values()} == {("number", "opinion")}
    assert outcome["funnel"]["correct"] == sum(row["number"] == "correct" for row in every.values())
    manifest = json.loads((Path(outcome["path"]) / "manifest.json").read_text())
    assert manifest["policy"] == {"name": "prefer", "version": "1 order=number"}
    assert manifest["recipe"]["accept"] == {"method": "prefer", "options": {"order": ["number"], "over": []}}
    assert said_as_json(rollmill, "dataset", "verify", "toy", "--base", ".")["passed"] is True


def test_a_policy_is_tried_on_a_run_without_judging(two: Path, rollmill: Run, curated: Curated) -> None:
    run = curated()["run"]
    every = verdicts()
    row = said_as_json(rollmill, "select", run, "--policy", "all_of")
    both = sum(set(said.values()) == {"correct"} for said in every.values())
    assert row["policy"] == ["all_of", "1"]
    assert row["before"]["policy"] == ["prefer", "1 order=number"]
    assert row["kept"] + row["dropped"].get("over_quota", 0) + row["dropped"].get("duplicate_solution", 0) == both
    assert row["kept"] + sum(row["dropped"].values()) == row["rollouts"] == len(every)
    assert sum(move["rows"] for move in row["moves"]) > 0
    assert sum(row["levels"].values()) == row["kept"] < row["before"]["kept"] == sum(row["before"]["levels"].values())
    assert said_as_json(rollmill, "select", "toy.yaml", "--policy", "all_of") == row
    assert verdicts() == every
    assert len(said_as_json(rollmill, "runs", "show", run)) > 0
    narrow = said_as_json(rollmill, "select", run, "--policy", "all_of", "--policy-option", "over=number")
    assert (narrow["policy"], narrow["kept"]) == (["all_of", "1 over=number"], narrow["before"]["kept"])
    page = rollmill("select", run, "--policy", "all_of").out
    assert "quota 1 after all_of 1 on the " in page
    assert "--set accept.method=all_of --set 'accept.options={}' --set accept.planned_under.method=prefer " in page


@pytest.mark.parametrize("target", ["run", "recipe"])
def test_published_nothing_is_drawn_or_judged_and_the_version_verifies(
    two: Path, rollmill: Run, curated: Curated, target: str
) -> None:
    first = curated()
    name = first["run"] if target == "run" else "toy.yaml"
    preview = said_as_json(rollmill, "select", name, "--policy", "all_of")
    second = said_as_json(rollmill, "select", name, "--policy", "all_of", "--publish", *LAX)
    assert (second["version"], second["parent"]) == (2, first["content_hash"])
    assert (second["spent"]["drawn"], second["spent"]["judged"]) == (0, 0)
    assert second["funnel"]["drawn"] == first["funnel"]["drawn"]
    assert (second["funnel"]["kept"], second["funnel"]["dropped"]) == (preview["kept"], preview["dropped"])
    checked = said_as_json(rollmill, "dataset", "verify", "toy@v2", "--base", ".")
    assert checked["passed"] is True
    assert checked["checked"]["rejudged"] == second["funnel"]["kept"]
    why = json.loads(rollmill("dataset", "diff", "toy@v1", "toy@v2", "--json").out)
    assert why["same_content"] is False


def test_what_follows_an_outcome_follows_it_by_the_policy_that_it_was_drawn_under(
    two: Path, rollmill: Run, curated: Curated
) -> None:
    steps = 'steps:\n  - {name: ask}\n  - {name: again, template: "{prompt} Not this: {ask}", when: {ask: incorrect}}\n'
    fixed = SIDE_BY_SIDE.replace(PROP2DIFF, "method: fixed\n  options: {initial: 4}")
    (two / "toy.yaml").write_text(fixed.replace("verify:", f"{steps}verify:"))
    first = curated()
    second = said_as_json(rollmill, "select", first["run"], "--policy", "all_of", "--publish", *LAX)
    assert (second["spent"]["drawn"], second["spent"]["judged"]) == (0, 0)
    assert second["funnel"]["drawn"] == first["funnel"]["drawn"] > 12 * 4


def test_missing_verdicts_are_named_with_the_command_that_makes_them(two: Path, rollmill: Run, curated: Curated) -> None:
    (two / "toy.yaml").write_text(TWO)
    outcome = curated()
    rows = outcome["funnel"]["drawn"]
    refused = rollmill("select", outcome["run"], "--policy", "majority")
    assert refused.status == 2
    assert f"policy 'majority' needs verdicts that run {outcome['run']} does not have: opinion on {rows} of " in refused.err
    command = "rollmill curate toy.yaml --set accept.method=majority --set accept.planned_under.method=first_decided"
    assert f"Next: {command} (judges what is missing and draws nothing)" in refused.err
    sets = [word for word in command.split() if "=" in word]
    judged = said_as_json(
        rollmill, "curate", "toy.yaml", "--direct", *(part for word in sets for part in ("--set", word)), *LAX
    )  # fmt: skip
    assert (judged["spent"]["drawn"], judged["funnel"]["drawn"]) == (0, rows)
    assert said_as_json(rollmill, "select", judged["run"], "--policy", "any_of")["rollouts"] == rows


def test_the_plain_chain_is_no_recipe_of_its_own(toy: Path, rollmill: Run, curated: Curated) -> None:
    first = curated()
    again = said_as_json(rollmill, "curate", "toy.yaml", "--direct", "--set", "accept.method=first_decided")
    assert (again["run"], again["created"]) == (first["run"], False)
    manifest = json.loads((Path(first["path"]) / "manifest.json").read_text())
    assert "accept" not in manifest["recipe"]
    assert manifest["policy"] == {"name": "first_decided", "version": "1"}


TRUST = '''"""A policy of the user's: the second opinion counts where the first one says no."""
from dataclasses import replace


class Trust:
    name = "trust"
    version = "7"
    lazy = False
    over = ()

    def decide(self, verdicts):
        found = next((v for v in verdicts if v.outcome == "correct"), verdicts[-1])
        return replace(found, verifier="policy:trust", version=self.version)
'''


def test_a_policy_of_the_users_own(two: Path, rollmill: Run, curated: Curated) -> None:
    (two / "trust.py").write_text(TRUST)
    (two / "toy.yaml").write_text(
        SIDE_BY_SIDE.replace("{method: prefer, options: {order: [number]}}", "{method: trust.py:Trust}")
    )
    outcome = curated("toy.yaml", *LAX)
    every = verdicts()
    assert outcome["funnel"]["correct"] == sum("correct" in said.values() for said in every.values())
    manifest = json.loads((Path(outcome["path"]) / "manifest.json").read_text())
    mark = manifest["recipe"]["accept"]["source_sha256"][:8]
    assert manifest["policy"] == {"name": "trust", "version": f"7+file.{mark}"}
    assert said_as_json(rollmill, "dataset", "verify", "toy", "--base", ".")["passed"] is True
    (two / "trust.py").write_text(TRUST.replace("    lazy = False\n", ""))
    assert "policy 'trust.py:Trust' has no 'lazy'." in rollmill("curate", "toy.yaml", "--direct").err
    # The version keeps the text of the policy that made it.
    assert said_as_json(rollmill, "dataset", "verify", "toy", "--base", ".")["passed"] is True


def test_verdicts_made_for_another_run_are_no_part_of_a_version(two: Path, rollmill: Run, curated: Curated) -> None:
    curated()
    (two / "toy.yaml").write_text(TWO)
    later = said_as_json(rollmill, "curate", "toy.yaml", "--direct")
    other = two.parent / "other"
    Workspace.init(other).close()
    for name in ("toys.py", "toy.yaml", "opinion.py"):
        (other / name).write_text((two / name).read_text())
    alone = said_as_json(rollmill, "-C", str(other), "curate", "toy.yaml", "--direct")
    assert later["content_hash"] == alone["content_hash"]


def test_mistakes(two: Path, rollmill: Run, curated: Curated) -> None:
    run = curated()["run"]
    for arguments, told in (
        (["select", run, "--policy", "al_of"], "unknown policy 'al_of'. Did you mean 'all_of'?"),
        (["select", run, "--policy", "min_value"], "policy 'min_value' needs the option 'least'"),
        (
            ["select", run, "--policy", "min_value", "--policy-option", "least=2"],
            "'least' is 2, and must be a share in (0, 1]",
        ),
        (["select", run, "--policy", "any_of", "--policy-option", "over=[nmber]"], "'any_of' counts on verifier 'nmber'"),
        (["select", run, "--policy-option", "least=2"], "--policy-option needs a --policy"),
        (["select", run, "--policy", "all_of", "--policy-option", "over"], "--policy-option 'over' is not KEY=VALUE."),
        (["select", f"{run}x"], f"unknown run '{run}x'"),
    ):
        refused = rollmill(*arguments)
        assert (refused.status, told in refused.err) == (2, True), (arguments, refused.err)
        assert refused.err.count("\n") == 1


# A user's selector that was sound when the run was made, and returns something else in a preview.
PICKY = """
import os

from dataclasses import replace

from rollmill.pipelines.select.quota import AllCorrect


class Picky:
    name, version = "picky", "1"

    def select(self, run, rollouts):
        decisions = [replace(one, selector="picky") for one in AllCorrect().select(run, rollouts)]
        harm = os.environ.get("HARM")
        if harm == "reason":
            return [replace(one, reason="liked") for one in decisions]
        if harm == "kept":
            return [replace(one, kept="yes") for one in decisions]
        return None if harm == "nothing" else decisions[1:] if harm == "one fewer" else decisions
"""
HARMS = [
    ("reason", "picky.py:12 (Picky.select) returned the reason 'liked', which is none of "),
    ("kept", "picky.py:12 (Picky.select) returned a Decision with kept='yes', which is not true or false"),
    ("nothing", "selector 'picky' did not give one decision per rollout, in their order"),
    ("one fewer", "selector 'picky' did not give one decision per rollout, in their order"),
]


@pytest.mark.parametrize(("harm", "told"), HARMS)
def test_what_a_users_selector_returns_in_a_preview_is_looked_at(
    toy: Path, rollmill: Run, curated: Curated, monkeypatch: pytest.MonkeyPatch, harm: str, told: str
) -> None:
    (toy / "picky.py").write_text(PICKY)
    changed = RECIPE.replace("method: quota\n  options: {per_problem: 3}", "method: picky.py:Picky")
    assert changed != RECIPE
    (toy / "toy.yaml").write_text(changed)
    run = curated()["run"]
    assert rollmill("select", run, "--policy", "all_of").status == 0
    monkeypatch.setenv("HARM", harm)
    previewed = rollmill("select", run, "--policy", "all_of")
    assert (previewed.status, told in previewed.err) == (2, True), previewed.err
    bump_number(monkeypatch)
    previewed = rollmill("reverify", run)
    assert (previewed.status, told in previewed.err) == (2, True), previewed.err


def bump_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer version of the verifier, one rule of which has changed."""
    rules = tuple((name, "next" if name == "unequal" else version) for name, version in NumberVerifier.rules)
    before, after = (versioned("", listed) for listed in (NumberVerifier.rules, rules))
    monkeypatch.setattr(NumberVerifier, "version", NumberVerifier.version.replace(before, after))
    monkeypatch.setattr(NumberVerifier, "rules", rules)
