"""`rollmill audit` and `rollmill review` from drawing to rates: what is printed, resumed, imported, and refused."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.storage.queries import Reader
from tests.flows.conftest import Curated, Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

IMPORTED = """\
recipe_schema: 1
name: own
problems: {imported: own}
generate: {engine: imported}
verify: [{method: number}]
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1, max_undecided: 1.0}
"""


@pytest.fixture
def ws(toy: Path, curated: Curated) -> Path:
    """The curated toy recipe."""
    curated()
    return toy


def press(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{key}\n" for key in keys)))


def judged(folder: Path) -> dict[str, int]:
    with Reader.open(folder) as reader:
        return reader.audits.judges()


def test_from_drawing_to_rates(ws: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = rollmill("audit", "verifier", "number", "--n", "25")
    assert drawn.status == 0
    assert "25 of 76 judged rollouts drawn in" in drawn.out
    assert "No rate yet" in drawn.out
    audit = drawn.out.split("Next: ")[1].split()[-1]
    with Reader.open(ws) as reader:
        agree = "".join("c" if item.outcome == "correct" else "i" for item in reader.audits.items(audit))
    press(monkeypatch, agree)
    assert rollmill("review", "--judge", "ann").status == 0
    overall = json.loads(rollmill("audit", "show", audit, "--json").out)["report"]["overall"]
    assert (overall["precision_kept"]["value"], overall["false_accept_rate"]["value"]) == (1.0, 0.0)
    assert 0.0 < overall["precision_kept"]["low"] < 1.0
    assert overall["false_accept_rate"]["high"] > 0.02
    shown = rollmill("audit", "show", audit, "--wrong", "-2").out
    assert "right 1, wrong -2, a draw costs 0" in shown
    assert "share accepted of the wrong rollouts" in shown
    assert "pass@k may be shown up to k = " in shown
    assert "method: difference estimator" in shown
    assert audit in rollmill("audit", "list").out


def test_a_verifier_that_is_always_wrong_is_shown(ws: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    audit = rollmill("audit", "verifier", "number", "--n", "40").out.split("Next: ")[1].split()[-1]
    press(monkeypatch, "i" * 40)
    assert rollmill("review", "--judge", "ann").status == 0
    report = json.loads(rollmill("audit", "show", audit, "--json").out)["report"]
    assert report["overall"]["precision_accepted"]["value"] == 0.0
    corrected = report["pass_rate"]["corrected"]
    assert 0.0 <= corrected["low"] <= corrected["value"] < 0.1 < corrected["high"] < 1.0  # of .58 before
    assert audit in rollmill("audit", "list").out


def test_the_verdict_is_hidden_unless_asked_for(ws: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rollmill("audit", "verifier", "number", "--n", "5")
    press(monkeypatch, "q")
    hidden = rollmill("review", "--judge", "ann").out
    assert "PROBLEM\nWhat is" in hidden
    assert "EXTRACTED" in hidden
    assert "VERDICT" not in hidden
    assert "rule" not in hidden
    press(monkeypatch, "q")
    assert "VERDICT" in rollmill("review", "--judge", "ann", "--show-outcome").out


def test_review_resumes_and_reviewers_do_not_share(ws: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rollmill("audit", "verifier", "number", "--n", "6")
    press(monkeypatch, "ci?q")
    first = rollmill("review", "--judge", "ann")
    assert "6 of 6 wait for ann" in first.out
    assert "3 judged now, 3 left" in first.err
    press(monkeypatch, "sxtu")  # skip, a key that means nothing, the whole text, no answer
    second = rollmill("review", "--judge", "ann")
    assert "3 of 6 wait for ann" in second.out
    assert "1 judged now, 2 left" in second.err
    assert "0 of 6 judged by ben" in rollmill("review", "--judge", "ben", "--dry-run").out
    assert judged(ws) == {"ann": 4}


def test_ctrl_c_keeps_what_was_judged(ws: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> Iterator[str]:
        yield from ("c", "i")
        raise KeyboardInterrupt

    rollmill("audit", "verifier", "number", "--n", "6")
    monkeypatch.setattr("rollmill.flows.cli.judge.review._keys", keys)
    result = rollmill("review", "--judge", "ann")
    assert result.status == 130
    assert "2 judged now, 4 left" in result.err
    assert judged(ws) == {"ann": 2}


def test_export_and_import_by_other_tools(ws: Path, rollmill: Run) -> None:
    rollmill("audit", "verifier", "number", "--n", "8")
    assert "Wrote 8 rollouts" in rollmill("review", "--export", "todo.csv").out
    with Path("todo.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert "outcome" not in rows[0]
    assert rows[0]["prompt"].startswith("What is")
    for number, row in enumerate(rows[:5]):
        row["judgement"] = ["correct", "incorrect", "unparsed", "unsure", "Correct "][number]
    rows[0]["note"] = "a, note"
    with Path("done.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    counts = json.loads(rollmill("review", "--from", "done.csv", "--judge", "ann", "--json").out)
    assert (counts["read"], counts["judged"], counts["left"]) == (5, 5, 3)
    assert judged(ws) == {"ann": 5}
    waiting = json.loads(rollmill("review", "--judge", "ann", "--json").out)["waiting"]
    assert len(waiting) == 3
    assert "verdicts" not in waiting[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("completion_id,problem_id\n", "has no column judgement"),
        ("completion_id,problem_id,judgement\nx,y,correct\n", "line 2: the rollout 'x' is not in this review"),
        ("completion_id,problem_id,judgement\n{c},{p},right\n", "'right'"),
    ],
)
def test_a_bad_file_is_refused_whole(ws: Path, rollmill: Run, text: str, message: str) -> None:
    rollmill("audit", "verifier", "number", "--n", "4")
    with Reader.open(ws) as reader:
        item = reader.audits.items(reader.audits.list()[0].id)[0]
    good = f"{item.completion_id},{item.problem_id},correct\n"
    lines = text.format(c=item.completion_id, p=item.problem_id)
    Path("bad.csv").write_text(lines + good)
    result = rollmill("review", "--from", "bad.csv")
    assert result.status == 2
    assert message in result.err
    assert judged(ws) == {}


def test_a_planted_audit_is_called_a_stress_test(ws: Path, rollmill: Run) -> None:
    result = rollmill("audit", "verifier", "number", "--planted", "--n", "10")
    assert result.status == 0
    assert "stress test: planted errors, not a sample of natural ones; corrects nothing" in result.out
    assert "rate [95% interval over problems]" in result.out
    audit = result.out.split(":")[0]
    assert "needs no judgement" in rollmill("review", audit).err


def test_undecided_rollouts_wait_for_a_person_whose_word_counts_when_it_is_applied(
    ws: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [f"Problem {n}: {'a long story, ' * 40}what is it?" for n in range(2)]
    problems = [{"id": f"p{n}", "prompt": prompts[n], "reference": ref} for n, ref in enumerate(("2", "x+1"))]
    answers = [{"problem_id": f"p{n}", "model": "m", "text": f"#### {a}"} for n, a in enumerate(("2", "1+x"))]
    write_lines(Path("problems.jsonl"), problems)
    write_lines(Path("answers.jsonl"), answers)
    Path("own.yaml").write_text(IMPORTED)
    assert rollmill("import", "problems", "problems.jsonl", "--name", "own").status == 0
    assert rollmill("import", "rollouts", "answers.jsonl", "--name", "own", "--problems", "own").status == 0
    assert rollmill("curate", "own.yaml", "--direct").status == 0
    with Reader.open(ws) as reader:
        run = next(own_run.id for own_run in reader.runs.list() if own_run.name == "own")
    assert "nobody has judged" in rollmill("review", "--undecided", run, "--apply").err
    press(monkeypatch, "c")
    result = rollmill("review", "--undecided", run, "--judge", "ann", "--show-outcome")
    assert "1 of 1 wait for ann" in result.out
    assert "REFERENCE  x+1" in result.out
    assert "VERDICT  undecided by number" in result.out
    assert "1 judged now, 0 left" in result.err
    assert judged(ws) == {"ann": 1}
    assert rollmill("review", "x", "--undecided", run).status == 2
    assert "--apply needs --undecided RUN" in rollmill("review", "--apply").err
    assert "Would write own-judgements-" in rollmill("review", "--undecided", run, "--apply", "--dry-run").out
    assert list(ws.glob("own-judgements-*")) == []
    published = json.loads(rollmill("review", "--undecided", run, "--apply", "--json").out)
    assert (published["answers"], published["version"], published["created"]) == ({"correct": 1}, 2, True)
    with Reader.open(ws) as reader:
        after = next(own_run for own_run in reader.runs.list() if own_run.name == "own")
        assert reader.runs.get(run).status == "done"  # what was decided before stays as it was
    rows = json.loads(rollmill("problems", "own@v2", "--json").out)["problems"]
    row = next(row for row in rows if row["prompt"] == prompts[1])  # the whole of it
    of_run = json.loads(rollmill("problems", run, "--json").out)["problems"]
    assert sorted(row["prompt"] for row in of_run) == prompts
    assert after.id != run
    why = rollmill("dataset", "why", "own@v2", row["id"])
    assert why.status == 0, why.err
    assert "ann: correct" in why.out
    assert rollmill("dataset", "verify", "own@v2", "--all", "--base", ".").status == 0
    assert json.loads(rollmill("review", "--undecided", after.id, "--apply", "--json").out)["created"] is False


def test_mistakes_are_one_line(ws: Path, rollmill: Run) -> None:
    assert "nothing was drawn for review" in rollmill("review").err
    assert "rollmill audit verifier" in rollmill("audit", "list").out
    assert "unknown audit" in rollmill("audit", "show", "nonsense").err
    assert "Nothing was written" in rollmill("audit", "verifier", "number", "--dry-run").out
    assert json.loads(rollmill("audit", "list", "--json").out) == []
