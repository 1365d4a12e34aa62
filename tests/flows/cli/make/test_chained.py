"""Recipes whose steps follow one another, from file to published version: on the shipped model, over imported rollouts."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from rollmill.flows.recipe.load import load_recipe
from rollmill.ground.errors import SetupError
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Curated, Run

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: chained
problems: {synthesize: templates, count: 12, options: {levels: [5, 6, 7]}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 100}
steps:
  - {name: solve, count: 4}
  - {name: cut, engine: edit, model: upto_step, options: {step: 1}, template: "{solve}", role: step,
     when: {solve: incorrect}, most: 2}
  - {name: fix, turn: continue, template: "{cut}", count: 2}
  - {name: note, engine: compose, template: "{cut}\\nWait.\\n{fix}", when: {fix: correct}}
verify: [{method: number}]
select: {method: quota, options: {per_problem: 4, of: [solve, fix]}}
"""


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, curated: Curated) -> Path:
    """A workspace with the version, the current folder."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    (folder / "chained.yaml").write_text(RECIPE)
    monkeypatch.chdir(folder)
    curated("chained.yaml")
    return folder


def manifest_of(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(next((folder / "datasets/chained").glob("v1-*/manifest.json")).read_text())
    return manifest


def test_a_continued_answer_begins_with_what_it_was_given(published: Path) -> None:
    with duckdb.connect(
        str(next((published / "datasets/chained").glob("v1-*")) / "dataset.duckdb"), read_only=True
    ) as data:
        rows = data.execute(
            "SELECT f.text, c.text, f.meta ->> '$.prefix' FROM threads t "
            "JOIN rollouts f ON f.id = t.completion_id JOIN rollouts c ON c.id = t.after WHERE t.step = 'fix'"
        ).fetchall()
        notes = data.execute(
            "SELECT count(*), bool_and(contains(text, 'Wait.')) FROM joined WHERE step = 'note'"
        ).fetchall()
        roles = dict(data.execute("SELECT step, any_value(role) FROM threads GROUP BY step").fetchall())
        kept = {step for (step,) in data.execute("SELECT DISTINCT step FROM kept").fetchall()}
        dropped = data.execute("SELECT DISTINCT reason FROM decisions WHERE step = 'note'").fetchall()
        judged = {step for (step,) in data.execute("SELECT DISTINCT step FROM decisions").fetchall()}
    assert rows
    assert all(whole.startswith(given) and len(whole) > len(given) == int(prefix) for whole, given, prefix in rows)
    assert notes[0][1] in (True, None)
    assert roles["cut"] == "step"
    assert "cut" not in judged
    assert kept <= {"solve", "fix"}
    assert dropped in ([], [("other_step",)])


def test_the_manifest_says_what_follows_what_and_what_became_of_it(published: Path) -> None:
    manifest = manifest_of(published)
    solve, cut, fix, note = manifest["steps"]
    assert (cut["follows"], cut["role"], cut["sees_label"]) == (["solve"], "step", True)
    assert cut["drawn"] >= 1
    assert cut["correct"] == cut["kept"] == 0
    assert fix["drawn"] == 2 * cut["drawn"] == sum(fix["transitions"]["incorrect"].values())
    assert fix["correct"] == fix["transitions"]["incorrect"].get("correct", 0) == note["drawn"]
    assert note["transitions"] == ({"correct": {"correct": note["drawn"]}} if note["drawn"] else {})
    assert manifest["metrics"]["overall"]["pass_rate"] == solve["rates"]["pass_rate"]
    assert manifest["metrics"]["step"] == "solve"


def test_a_condition_that_no_text_meets_is_told_with_what_the_texts_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    """A critic that says "good" where the recipe waits for "Good": the step behind it was published as 0 0 0."""
    steps = """\
  - {name: solve, count: 4}
  - {name: critic, engine: compose, role: step, template: "{solve}\\nVERDICT good", read: {verdict: 'VERDICT (\\w+)'}}
  - {name: refine, template: "{prompt}\\n{solve}", when: {critic.verdict: [Good, GOOD]}}
"""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    head, rest = RECIPE.split("steps:\n")
    (folder / "chained.yaml").write_text(
        f"{head}steps:\n{steps}verify:{rest.split('verify:')[1].replace(', of: [solve, fix]', '')}"
    )
    monkeypatch.chdir(folder)
    result = rollmill("curate", "chained.yaml", "--direct")
    assert result.status == 0, result.err
    words = "it follows where critic.verdict is 'Good' or 'GOOD', which none of 48 texts says ('good' 48)"
    assert f"  Nothing was drawn of refine: {words}." in result.out.splitlines()
    assert sum(f"step refine: {words}." in line for line in result.err.splitlines()) == 1
    [refine] = [step for step in manifest_of(folder)["steps"] if step["name"] == "refine"]
    assert (refine["drawn"], refine["unmet"]) == (0, [words])


@pytest.mark.usefixtures("published")
def test_the_version_verifies_and_the_same_command_draws_nothing(rollmill: Run) -> None:
    assert rollmill("dataset", "verify", "chained").status == 0
    outcome = json.loads(rollmill("curate", "chained.yaml", "--direct", "--json").out)
    assert (outcome["created"], outcome["spent"]["drawn"]) == (False, 0)


VOTED = RECIPE.replace("name: chained", "name: voted").replace(
    "verify:",
    """  - {name: grade, role: vote, template: "{prompt}\\n{solve}\\nIs it so?", max_tokens: 20, read: {score: '([0-9])'}}
verify:""",
)


def test_the_votes_of_a_run_are_scored_later_as_they_would_have_been_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    monkeypatch.chdir(tmp_path)
    Workspace.init(tmp_path).close()
    Path("voted.yaml").write_text(VOTED)
    run = json.loads(rollmill("curate", "voted.yaml", "--direct", "--json").out)["run"]
    result = rollmill("score", run, "--with", "votes", "--option", "of=grade.score", "--json")
    assert result.status == 0, result.err
    [counts] = json.loads(result.out)["scored"]
    assert 0 < counts["made"] <= 48  # the shipped model writes numbers, whatever it is asked
    assert rollmill("score", run, "--with", "length").status == 0


AGAIN = RECIPE.replace("name: chained", "name: again").replace(
    "verify:",
    """  - {name: again, template: "{prompt}\\n{solve}\\nOnce more.", when: {solve: correct}, most: 2, max_tokens: 30}
verify:""",
)


def test_the_likelihood_of_a_follow_up_is_that_of_what_it_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    """The model gives its own text the log-probability that it had when it was drawn: in no other place has it that one."""
    monkeypatch.chdir(tmp_path)
    Workspace.init(tmp_path).close()
    Path("again.yaml").write_text(AGAIN)
    run = json.loads(rollmill("curate", "again.yaml", "--direct", "--json").out)["run"]
    result = rollmill("score", run, "--with", "likelihood", "--option", "per_token=false", "--json")
    assert result.status == 0, result.err
    with Workspace.open() as opened:
        connection = opened.segments.connect()
        rows = connection.execute(
            "SELECT p.step, s.value - c.logprob_sum FROM scores s JOIN completions c ON c.id = s.completion_id "
            "JOIN plan p ON p.completion_id = c.id WHERE p.step IN ('solve', 'again')"
        ).fetchall()
        connection.close()
    for step in ("solve", "again"):
        differences = [abs(difference) for name, difference in rows if name == step]
        same = sum(difference < 0.001 for difference in differences)
        assert same >= 0.9 * len(differences) > 9, "a few texts are cut into other tokens than those that were drawn"


def test_what_is_shown_of_the_recipe_is_the_same_recipe(tmp_path: Path) -> None:
    (tmp_path / "chained.yaml").write_text(RECIPE)
    loaded = load_recipe(tmp_path / "chained.yaml")
    (tmp_path / "shown.yaml").write_text(yaml.safe_dump(loaded.shown(), sort_keys=False))
    assert load_recipe(tmp_path / "shown.yaml").recipe_hash == loaded.recipe_hash


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("when: {solve: incorrect}", "when: {slove: incorrect}"),
            "unknown step in `when` 'slove' of step 'cut'. Did you mean 'solve'?",
        ),
        (('template: "{cut}"', 'template: "{cutt}"'), "{cutt}, which names no earlier step"),
        (("engine: compose", "engine: composer"), "composer"),
        (("verify:", "budget: {method: fixed, options: {initial: 2}}\nverify:"), "both say"),
        (("{name: solve, count: 4}", "{name: prompt, count: 4}"), "a place of templates"),
        (("turn: continue", "turn: onwards"), "steps.2.turn"),
        (("engine: edit, model: upto_step", "engine: edit, model: upto_stop"), "upto_stop"),
        (("of: [solve, fix]", "of: cut"), "unknown step of the selector's option `of` 'cut'"),
        (
            ("method: quota, options: {per_problem: 4, of: [solve, fix]}", "method: elected"),
            "which the recipe does not make",
        ),
        (("verify:", "score: [{method: votes, options: {of: fix.best}}]\nverify:"), "which no step with role vote gives"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in RECIPE
    (tmp_path / "chained.yaml").write_text(RECIPE.replace(*change))
    with pytest.raises(SetupError) as error:
        built(tmp_path / "chained.yaml")
    assert message in str(error.value)


def built(path: Path) -> None:
    """Load a recipe and build its editors, which look at their names then."""
    for step in load_recipe(path).steps:
        if step.engine is not None and step.engine.name == "edit":
            step.engine.build()


ROLLOUTS = "".join(
    json.dumps(
        {
            "prompt": f"Ann has {n} apples and buys 7. How many?",
            "answer": str(n + 7),
            "text": f"{n} + 7 = {n + 7 + wrong}\nThe answer is {n + 7 + wrong}",
            "model": "m",
        }
    )
    + "\n"
    for n in range(1, 9)
    for wrong in (0, 0, 1)
)
RISE = """\
recipe_schema: 1
name: rise
problems: {imported: mine}
generate: {engine: imported}
steps:
  - {name: solve}
  - {name: error, engine: edit, model: "digit|sign", template: "{solve}", when: {solve: correct}, want: incorrect}
verify: [{method: number}]
"""


def test_imported_rollouts_are_followed_and_rated_apart(
    tmp_path: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert rollmill("init", "--bare").status == 0
    Path("mine.jsonl").write_text(ROLLOUTS)
    columns = [
        f"--map={name}={column}"
        for name, column in (("prompt", "prompt"), ("reference", "answer"), ("text", "text"), ("model", "model"))
    ]
    assert rollmill("import", "rollouts", "mine.jsonl", "--name", "mine", *columns).status == 0
    Path("rise.yaml").write_text(RISE)
    result = rollmill("curate", "rise.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    manifest = json.loads((Path(json.loads(result.out)["path"]) / "manifest.json").read_text())
    solve, error = manifest["steps"]
    assert (solve["engine"], solve["drawn"], solve["rates"]["pass_rate"]) == ("imported", 24, pytest.approx(2 / 3))
    assert manifest["metrics"]["overall"]["pass_rate"] == pytest.approx(2 / 3)
    assert (error["drawn"], error["kept"], error["want"], error["rates"]["pass_rate"]) == (16, 0, "incorrect", 1.0)
    assert error["transitions"] == {"correct": {"incorrect": 16}}
    assert rollmill("dataset", "verify", "rise").status == 0
