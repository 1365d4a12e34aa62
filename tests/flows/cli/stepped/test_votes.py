"""Verdicts made of a step's votes, from a recipe's file to a version that is verified, reproduced and judged again."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rollmill.flows.recipe.load import load_recipe
from rollmill.ground.errors import SetupError
from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run, said_as_json
from tests.storage.versions.older import one_file

pytestmark = pytest.mark.integration
RECIPE = """\
recipe_schema: 1
name: voted
problems: {synthesize: templates, count: 10, options: {levels: [4, 5]}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 80}
steps:
  - {name: solve, count: 3}
  - {name: grade, role: vote, count: 3, template: "{prompt}\\n{solve}\\nIs it so?", max_tokens: 20,
     read: {score: '([0-9])'}}
verify:
  - {method: number}
  - {method: votes, options: {of: grade.score, least: 4}}
accept: {method: all_of}
select: {method: quota, options: {per_problem: 3}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the recipe, the current folder."""
    made = tmp_path / "ws"
    Workspace.init(made).close()
    (made / "voted.yaml").write_text(RECIPE)
    monkeypatch.chdir(made)
    return made


def table(path: str, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(Path(path) / "dataset.duckdb"), read_only=True) as data:
        return data.execute(sql).fetchall()


def outcomes(path: str) -> dict[str, str]:
    return dict(table(path, "SELECT completion_id, outcome FROM decisions"))


def by_hand(path: str, least: float) -> dict[str, str]:
    """What all_of the number and the mean of the votes says of each answer, from the texts in the version."""
    rows = table(
        path,
        "SELECT t.after, list(CAST(regexp_extract_all(c.text, '[0-9]')[-1] AS DOUBLE)), any_value(v.outcome) "
        "FROM threads t JOIN rollouts c ON c.id = t.completion_id "
        "JOIN verdicts v ON v.completion_id = t.after AND v.verifier = 'number' "
        "WHERE t.step = 'grade' GROUP BY ALL",
    )
    found = {}
    for cid, values, number in rows:
        read = [value for value in values if value is not None]
        votes = "undecided" if not read else "correct" if sum(read) / len(read) >= least else "incorrect"
        ranked = ("incorrect", "unparsed", "undecided", "correct")
        found[cid] = min((number, votes), key=ranked.index)
    return found


def test_a_version_holds_the_votes_and_what_they_decided(folder: Path, rollmill: Run) -> None:
    version = said_as_json(rollmill, "curate", "voted.yaml", "--direct")
    by_verifier = outcomes(version["path"])
    assert by_verifier == by_hand(version["path"], 4)
    assert 0 < version["funnel"]["correct"] < len(by_verifier)
    funnel = {name: version["funnel"][name] for name in ("correct", "incorrect", "unparsed", "undecided")}
    assert funnel == {name: sum(outcome == name for outcome in by_verifier.values()) for name in funnel}
    assert table(version["path"], "SELECT DISTINCT verifier FROM decisions") == [("policy:all_of",)]
    assert said_as_json(rollmill, "dataset", "verify", "voted", "--all")["passed"] is True
    again = said_as_json(rollmill, "curate", "voted.yaml", "--direct")
    assert (again["created"], again["spent"]["drawn"], again["content_hash"]) == (False, 0, version["content_hash"])
    (folder / "voted.yaml").write_text(RECIPE + "gate: {min_kept: 2}\n")
    other = said_as_json(rollmill, "curate", "voted.yaml", "--direct")
    assert (other["created"], other["content_hash"]) == (False, version["content_hash"]), "what is not planned is not named"


def test_a_vote_that_was_changed_in_a_version_is_found(folder: Path, rollmill: Run) -> None:
    path = said_as_json(rollmill, "curate", "voted.yaml", "--direct")["path"]
    one_file(resolve(folder / "datasets", "voted"))
    kept = "SELECT completion_id FROM decisions WHERE kept LIMIT 1"
    with duckdb.connect(str(Path(path) / "dataset.duckdb")) as data:
        votes = f"SELECT completion_id FROM threads WHERE after = ({kept})"
        data.execute(f"UPDATE rollouts SET text = 'It is 0.' WHERE id IN ({votes})")
    report = rollmill("dataset", "verify", "voted", "--json")
    assert report.status != 0
    differences = json.loads(report.out)["differences"]
    assert differences["hashes"] == ["dataset.duckdb is not the one that was published"], differences


def test_another_threshold_is_judged_again_of_the_same_votes(folder: Path, rollmill: Run, tmp_path: Path) -> None:
    first = said_as_json(rollmill, "curate", "voted.yaml", "--direct")
    report = said_as_json(rollmill, "reverify", first["run"], "--set", "verify.1.options.least=6")
    flipped = {cid for cid, outcome in by_hand(first["path"], 6).items() if outcome != outcomes(first["path"])[cid]}
    assert flipped
    assert sum(move["rows"] for move in report["flips"]["moves"]) == len(flipped)
    assert report["pending"] == 0
    after = said_as_json(rollmill, "reverify", first["run"], "--set", "verify.1.options.least=6", "--accept")["run_after"]
    new = said_as_json(rollmill, "runs", "resume", after)
    assert new["spent"]["drawn"] == 0
    assert outcomes(new["path"]) == by_hand(new["path"], 6)
    assert outcomes(first["path"]) == by_hand(first["path"], 4)
    assert said_as_json(rollmill, "dataset", "verify", "voted", "--all")["passed"] is True


@pytest.mark.usefixtures("folder")
def test_another_policy_selects_from_the_verdicts_there_are(rollmill: Run) -> None:
    """Votes themselves are no rollouts: nothing is missing of them."""
    version = said_as_json(rollmill, "curate", "voted.yaml", "--direct")
    said_as_json(rollmill, "select", version["run"], "--policy", "any_of", "--publish")
    assert said_as_json(rollmill, "dataset", "verify", "voted", "--all")["passed"] is True
    verdicts = "SELECT completion_id, list(outcome) FROM verdicts GROUP BY ALL"
    path = next(Path("datasets/voted").glob("v2-*"))
    either = {cid for cid, said in table(str(path), verdicts) if "correct" in said}
    assert {cid for cid, outcome in outcomes(str(path)).items() if outcome == "correct"} == either
    assert len(either) > sum(outcome == "correct" for outcome in outcomes(version["path"]).values())


IMPORTED = """\
recipe_schema: 1
name: mine
problems: {imported: mine}
generate: {engine: imported}
steps:
  - {name: solve}
  - {name: grade, role: vote, count: 2, engine: embedded, model: models/rollmill-tiny, max_tokens: 20,
     template: "{prompt}\\n{solve}\\nIs it so?", read: {score: '([0-9])'}}
verify:
  - {method: number}
  - {method: votes, options: {of: grade.score, least: 0}}
accept: {method: any_of}
gate: {min_kept: 20}
"""


def import_rollouts(folder: Path, rollmill: Run, name: str, numbers: range, ways: int) -> None:
    rows = [
        {"prompt": f"Ann has {n} apples and buys 7. How many?", "reference": str(n + 7), "response": f"{way}: {n + 7}"}
        for n in numbers
        for way in range(ways)
    ]
    (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = rollmill("import", "rollouts", f"{name}.jsonl", "--name", name)
    assert result.status == 0, result.err


@pytest.mark.parametrize("more", ["rollouts", "rollouts of more problems"])
def test_a_run_that_did_not_end_goes_on_after_more_was_imported(folder: Path, rollmill: Run, more: str) -> None:
    """Who votes on what is another plan then, and the votes that were drawn are part of it: none is drawn twice."""
    import_rollouts(folder, rollmill, "mine", range(1, 5), 2)
    (folder / "mine.yaml").write_text(IMPORTED)
    assert rollmill("curate", "mine.yaml", "--direct").status == 1, "its gate wants more rollouts"
    [first] = json.loads(rollmill("runs", "list", "--json").out)
    import_rollouts(folder, rollmill, "mine", range(1, 13) if "problems" in more else range(1, 5), 8)
    version = said_as_json(rollmill, "curate", "mine.yaml", "--direct")
    rollouts = 96 if "problems" in more else 32
    assert version["funnel"]["drawn"] == rollouts
    assert version["spent"]["drawn"] == 2 * rollouts - 2 * 8, "of the votes those that were not there"
    assert f"its imports changed since run {first['run']} (failed): this is run {version['run']}" in version["messages"]
    assert said_as_json(rollmill, "dataset", "verify", "mine")["passed"] is True


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("of: grade.score", "of: grade.mark"),
            "reads 'grade.mark', which no step with role vote gives. Choices: grade.score",
        ),
        (("of: grade.score, least: 4", "of: grade.score"), "verifier 'votes' needs the option 'least'"),
        (("least: 4", "least: 4, readable: 0"), "readable is 0"),
        (("least: 4", "least: 4, says: [ok]"), "a share in (0, 1]"),
        (("count: 3, template", "gather: 3, template"), "each is about the others too"),
        (
            (
                "{method: votes, options: {of: grade.score, least: 4}}",
                "{method: all_of, options: {verifiers: [{method: votes, options: {of: grade.score, least: 4}}]}}",
            ),
            "verifier 'votes' stands inside 'all_of'",
        ),
        (
            ("  - {method: number}\n", ""),
            "budget 'sequential' depends on verdicts, and verifier 'votes' judges once everything",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    recipe = RECIPE.replace("{solve}", "{solve*}") if "gather" in change[1] else RECIPE
    if "sequential" in message:
        recipe = recipe.replace("{name: solve, count: 3}", "{name: solve}") + "budget: {method: sequential}\n"
    assert change[0] in recipe
    (tmp_path / "voted.yaml").write_text(recipe.replace(*change))
    with pytest.raises(SetupError) as error:
        built(tmp_path / "voted.yaml")
    assert message in f"{error.value.message} Choices: {', '.join(error.value.choices or ())}"


def built(path: Path) -> None:
    """Load a recipe and build its verifiers, which look at their values then."""
    for method in load_recipe(path).verifiers:
        method.build()


def test_a_condition_on_what_only_votes_say_is_refused(tmp_path: Path) -> None:
    (tmp_path / "voted.yaml").write_text(
        RECIPE.replace("  - {method: number}\n", "").replace(
            "verify:", "  - {name: more, template: '{solve}', when: {solve: correct}}\nverify:"
        )
    )
    with pytest.raises(SetupError, match="step 'more' depends on verdicts"):
        load_recipe(tmp_path / "voted.yaml")


def test_votes_that_nobody_can_read_are_told_of_while_they_are_drawn(folder: Path, rollmill: Run) -> None:
    text = RECIPE.replace("'([0-9])'", "'SCORE ([0-9])'").replace("max_tokens: 80}", "max_tokens: 80, batch_size: 40}")
    (folder / "voted.yaml").write_text(text)
    lines = rollmill("curate", "voted.yaml", "--direct").err.splitlines()
    place, warning = next((number, line) for number, line in enumerate(lines) if "can be read" in line)
    assert warning.startswith("step grade: 'score' can be read in 0 of 40 texts so far. Ctrl-C keeps them;")
    assert sum("texts so far" in line for line in lines) == 1
    assert any(line.startswith("stage=draw") for line in lines[place:])  # before the round's end
