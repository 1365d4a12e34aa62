"""`rollmill errata` and `--errata`: planted faults are told, recorded, and corrected where results are read."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows import cli
from rollmill.storage.queries import Reader
from rollmill.storage.segments.keys import Kind
from rollmill.storage.workspace import Workspace
from tests.dashboards.evaluated import EVALUATION, evaluate
from tests.flows.conftest import Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration
COUNT, WRONG = 40, (0, 1, 2, 3)  # problems, and those whose reference is one too large
AMBIGUOUS, COPY = 10, 20
KINDS: tuple[Kind, ...] = ("verdicts", "problems", "completions", "decisions")
RIGHT = {"strong": 24, "fair": 20, "mid": 19, "lucky": 25}  # of the problems with a right reference, from the fifth on


def answer(model: str, n: int) -> int:
    """`lucky` says what the wrong references say; the others are right there."""
    if n in WRONG:
        return n + 2 if model == "lucky" else n + 1
    return n + 1 if (n - len(WRONG)) < RIGHT[model] else n + 7 + list(RIGHT).index(model)


def references() -> list[dict[str, Any]]:
    problems = [
        {"id": f"p{n}", "prompt": f"{n} + 1?", "reference": str(n + 2 if n in WRONG else n + 1)} for n in range(COUNT)
    ]
    return [*problems, {"id": "copy", "prompt": f"{COPY}  + 1?", "reference": str(COPY + 1)}]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("errata") / "ws"
    rollouts = [
        {"problem_id": f"p{n}", "model": model, "text": f"#### {answer(model, n)}"} for n in range(COUNT) for model in RIGHT
    ]
    copies = [{"problem_id": "copy", "model": model, "text": f"#### {answer(model, COPY)}"} for model in RIGHT]
    evaluate(folder, references(), [*rollouts, *copies])
    return folder


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The workspace without an error ledger."""
    (made / "errata.jsonl").unlink(missing_ok=True)
    monkeypatch.chdir(made)
    return made


def said(rollmill: Run, *words: str) -> Any:
    result = rollmill(*words, "--json")
    assert result.status == 0, result.err
    return json.loads(result.out)


def rates(board: dict[str, Any]) -> dict[str, float]:
    return {row["model"]: row["value"] for row in board["cells"]}


def record(problem: str, fault: str, *more: str) -> None:
    assert (
        cli.run(["errata", "add", "asked", problem, "--fault", fault, "--reason", "looked at", "--by", "ann", *more]) == 0
    )


def test_planted_faults_are_all_told_and_nothing_else(folder: Path, rollmill: Run) -> None:
    with Reader.open(folder) as reader:
        [run] = reader.runs.list()
        with reader.connection(("problems",)) as connection:
            names = dict(connection.execute("SELECT id, external_id FROM problems").fetchall())
    told = {(names[row["problem"]], row["fault"]) for row in said(rollmill, "errata", "suspects", run.id)}
    planted = {(f"p{n}", "wrong_reference") for n in WRONG}
    copies = {("copy", "duplicate"), (f"p{COPY}", "duplicate")}  # the later one of the two
    assert planted <= told
    assert len(told & copies) == 1
    assert told <= planted | copies
    assert said(rollmill, "errata", "suspects", "asked", "--share", "0.8") == [
        row for row in said(rollmill, "errata", "suspects", "asked") if row["fault"] == "duplicate"
    ]


def test_corrections_move_ranks_as_counted_by_hand_and_history_stays(folder: Path, rollmill: Run) -> None:
    plain = said(rollmill, "leaderboard", "asked")
    assert plain["models"][0] == "lucky"
    with Reader.open(folder) as reader:
        stored = {kind: reader.count(kind) for kind in KINDS}
    for n in WRONG:
        record(f"p{n}", "wrong_reference", "--reference", str(n + 1))
    record(f"p{AMBIGUOUS}", "ambiguous")
    record("copy", "duplicate")
    board = said(rollmill, "leaderboard", "asked", "--errata")
    left = [n for n in range(COUNT) if n != AMBIGUOUS]
    expected = {model: sum(answer(model, n) == n + 1 for n in left) / len(left) for model in RIGHT}
    assert rates(board) == pytest.approx(expected)
    assert board["models"][0] == "strong"
    moves = {row["model"]: row for row in board["errata"]["moves"]}
    assert moves["lucky"]["rank"][0] == 1 < moves["lucky"]["rank"][1]
    assert moves["strong"]["problems"] == [COUNT + 1, len(left)]
    assert (board["errata"]["left_out"], board["errata"]["judged_again"]) == (2, len(WRONG))
    assert said(rollmill, "leaderboard", "asked") == plain
    with Reader.open(folder) as reader:
        assert {kind: reader.count(kind) for kind in stored} == stored
    assert "lucky" in rollmill("leaderboard", "asked", "--errata").out
    for entry in said(rollmill, "errata", "list"):
        assert rollmill("errata", "withdraw", entry["id"], "--reason", "a test", "--by", "ben").status == 0
    undone = said(rollmill, "leaderboard", "asked", "--errata")
    assert (rates(undone), undone["errata"]["entries"]) == (rates(plain), [])
    assert "withdrawn by ben" in rollmill("errata", "list").out


def test_a_comparison_is_read_with_both_numbers(folder: Path, rollmill: Run) -> None:
    [plain] = said(rollmill, "compare", "asked:strong", "asked:lucky")["comparisons"]
    for n in WRONG:
        record(f"p{n}", "wrong_reference", "--reference", str(n + 1))
    [row] = said(rollmill, "compare", "asked:strong", "asked:lucky", "--errata")["comparisons"]
    assert row["errata"]["judged"]["difference"] == plain["difference"] > 0 > row["difference"]
    assert row["flipped"]["worse"] == plain["flipped"]["worse"] + len(WRONG)
    shown = rollmill("compare", "asked:strong", "asked:lucky", "--errata").out
    assert "4 judged again by a corrected reference; nothing stored has changed" in shown
    assert f"as judged, on {COUNT + 1} problems" in shown


def test_a_copied_workspace_judges_again_by_its_own_verifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    Workspace.init(here).close()
    monkeypatch.chdir(here)
    write_lines(here / "problems.jsonl", [{"id": f"p{n}", "prompt": f"{n} + 1?", "reference": "1"} for n in range(4)])
    write_lines(here / "rollouts.jsonl", [{"problem_id": f"p{n}", "text": f"#### {n + 1}"} for n in range(4)])
    own = "from rollmill.pipelines.verify.number import NumberVerifier\n\nclass Mine(NumberVerifier):\n    name = 'mine'\n"
    (here / "mine.py").write_text(own)
    (here / "asked.yaml").write_text(EVALUATION.replace("method: number", "method: 'mine.py:Mine'"))
    assert rollmill("import", "problems", "problems.jsonl", "--name", "sums").status == 0
    assert rollmill("import", "rollouts", "rollouts.jsonl", "--name", "sums", "--problems", "sums").status == 0
    assert rollmill("evaluate", "asked.yaml").status == 0
    here.rename(there)
    monkeypatch.chdir(there)
    record("p1", "wrong_reference", "--reference", "2")
    [row] = said(rollmill, "leaderboard", "asked", "--errata")["cells"]
    assert row["value"] == 0.5


def test_mistakes_are_named(folder: Path, rollmill: Run) -> None:
    for words, message in (
        (
            ["errata", "add", "asked", "q9", "--fault", "other", "--reason", "r", "--by", "a"],
            "unknown problem of asked 'q9'",
        ),
        (["errata", "add", "asked", "p9", "--fault", "odd", "--reason", "r", "--by", "a"], "unknown fault 'odd'"),
        (["errata", "suspects", "asked", "--share", "0.2"], "above 0.5"),
        (["leaderboard", "asked", "--errata", "--impute"], "do not go together"),
    ):
        result = rollmill(*words)
        assert result.status == 2
        assert message in result.err
    assert not (folder / "errata.jsonl").exists()
    assert "No fault is recorded yet" in rollmill("errata", "list").out
    assert "no recorded fault concerns" in rollmill("leaderboard", "asked", "--errata").out


def test_completeness_counts_what_is_known_of_imported_rollouts(folder: Path, rollmill: Run) -> None:
    [row] = said(rollmill, "card", "completeness", "asked")
    known = {(part["of"], part["field"]): (part["known"], part["n"]) for part in row["fields"]}
    assert known["problem", "prompt"] == known["problem", "reference or tests"] == (COUNT + 1, COUNT + 1)
    assert known["problem", "licence"] == known["problem", "worked solution"] == (0, COUNT + 1)
    assert known["completion", "model"] == (4 * (COUNT + 1), 4 * (COUNT + 1))
    assert known["completion", "model digest"][0] == known["completion", "seed"][0] == 0
    assert (known["run", "sampling"], known["run", "verifiers with versions"]) == ((0, 1), (1, 1))
    assert row["score"] == pytest.approx(sum(k / n for k, n in known.values()) / len(known))
    assert f"completeness {row['score']:.3f}" in rollmill("card", "completeness", "asked").out
