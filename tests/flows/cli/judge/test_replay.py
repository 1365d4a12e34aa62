"""`rollmill replay`: one table of all aggregators from rollouts that exist, and what it refuses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: votes
problems: {imported: sums}
generate: {engine: imported}
score: [{method: length}]
select: {method: all_correct}
gate: {min_kept: 1}
"""
SAID = ("7 7 8 8", "7 7 7 9", "8 8 8 7", "7 9 8 ?", "9 9 9 9", "7 8 8 7")
MINE = """\
import numpy as np
from rollmill.roles.blind_pool import Election

class Last:
    name, version, needs = "last", "1", ()

    def elect(self, pool):
        return Election(np.broadcast_to(np.arange(len(pool.answers), dtype=float), (len(pool), len(pool.answers))))

class Wrong(Last):
    def elect(self, pool):
        return Election(np.zeros(3))
"""


def rollouts(model: str, shift: int = 0) -> list[dict[str, Any]]:
    """Four answers a problem, the right one always 7; the longer text is the right one."""
    rows = []
    for number, answers in enumerate(SAID):
        for index, answer in enumerate(answers.split()[shift:] + answers.split()[:shift]):
            text = "no idea" if answer == "?" else f"{'so ' * (answer == '7')}#### {answer}"
            rows.append({"problem_id": str(number), "model": model, "sample_index": index, "text": text})
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a version `votes` of the rollouts of two models."""
    from rollmill.flows import cli

    folder = tmp_path_factory.mktemp("replay") / "ws"
    Workspace.init(folder).close()
    problems = [{"id": str(n), "prompt": f"What is {n} + {7 - n}?", "reference": "7"} for n in range(len(SAID))]
    (folder / "mine.py").write_text(MINE)
    (folder / "votes.yaml").write_text(RECIPE)
    file = write_lines(folder / "sums.jsonl", problems)
    drawn = write_lines(folder / "drawn.jsonl", rollouts("m") + rollouts("n", 1))
    for command in (
        ["import", "problems", file, "--name", "sums"],
        ["import", "rollouts", drawn, "--name", "drawn", "--problems", "sums"],
        ["curate", "votes.yaml", "--direct"],
    ):
        assert cli.run(["-C", str(folder), *command]) == 0
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


def test_a_version_is_replayed_as_tables_json_and_curves(here: Path, rollmill: Run, tmp_path: Path) -> None:
    result = rollmill("replay", "votes", "--model", "m", "--out", str(tmp_path / "out"))
    assert result.status == 0, result.err
    assert result.out.startswith(
        "votes@v1: 6 problems in 6 clusters, 4 completions each by m; 100 subsets a problem, seed 0;"
    )
    rows = dict(re.findall(r"(?m)^(\w+) +((?:[\d.]+ ?)+ *[\d.]+ *[\d.]+)$", result.out.split("at 4")[0]))
    # any right: 5 of 6 problems; at lot: 2/4 + 3/4 + 1/4 + 1/4 + 0 + 2/4; majority: 1/2 + 1 + 0 + 1/3 + 0 + 1/2
    assert rows["oracle"].split()[-1] == f"{5 / 6:.3f}"
    assert rows["random"].split()[-1] == f"{2.25 / 6:.3f}"
    assert rows["majority"].split()[-1] == f"{(1 / 2 + 1 + 1 / 3 + 1 / 2) / 6:.3f}"
    assert rows["best_of_n"].split()[-1] == f"{5 / 6:.3f}"  # the right texts are the longer ones
    assert "chosen on other clusters" in result.out
    report = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert report["budgets"] == [{"unit": "samples", "amount": amount} for amount in (1, 2, 4)]
    page = (tmp_path / "out" / "replay.html").read_text()
    assert page.count("<svg") == 1
    assert "http" not in page.replace("http-equiv", "")
    assert {"oracle", "random", "majority", "chosen"} <= {row["aggregator"] for row in report["rows"]}


def test_a_run_gives_what_its_version_gives_and_the_same_seed_the_same(here: Path, rollmill: Run) -> None:
    from rollmill.storage.queries import Reader

    with Reader.open(here) as reader:
        (run,) = [run.id for run in reader.runs.list() if run.id.startswith("votes-")]
    reports = [
        json.loads(rollmill("replay", name, "--model", "m", "--seed", "3", "--json").out)
        for name in ("votes", run, "votes")
    ]
    assert reports[0] == reports[2]
    assert reports[0]["rows"] == reports[1]["rows"]


def test_several_answers_may_be_handed_in_and_settings_can_be_fixed(here: Path, rollmill: Run) -> None:
    fixed = "best_of_n score=-length"
    result = rollmill(
        "replay",
        "votes",
        "--model",
        "m",
        "--samples",
        "4",
        "--k",
        "1,2",
        "--with",
        fixed,
        "--with",
        "borda p=0 score=length",
        "--json",
    )
    rows = {(row["aggregator"], row["k"]): row for row in json.loads(result.out)["rows"]}
    assert rows["borda p=0 score=length", 1]["value"] == rows["majority", 1]["value"]
    assert rows["borda p=0 score=length", 1]["to_majority"]["value"] == 0.0
    assert rows[fixed, 1]["value"] < rows["majority", 1]["value"]  # the shorter texts are wrong
    assert rows["majority", 2]["value"] > rows["majority", 1]["value"]
    assert rows["oracle", 2]["value"] == rows["oracle", 1]["value"]


def test_several_models_vote_only_when_somebody_says_so(here: Path, rollmill: Run) -> None:
    result = rollmill("replay", "votes")
    assert result.status == 2
    assert "the pool has completions of 2 models: say whose vote. Valid: m, n." in result.err
    both = json.loads(rollmill("replay", "votes", "--model", "n", "--model", "m", "--samples", "4", "--json").out)
    assert both["models"] == ["n", "m"]
    assert "model_switch" in {row["aggregator"] for row in both["rows"]}
    alone = json.loads(rollmill("replay", "votes", "--model", "n", "--json").out)
    assert alone["completions"] == [4, 4]
    assert "model_switch" not in {row["aggregator"] for row in alone["rows"]}


def test_texts_can_vote_and_an_aggregator_of_ones_own(here: Path, rollmill: Run) -> None:
    result = rollmill(
        "replay", "votes", "--model", "m", "--with", "similarity", "--with", "mine.py:Last", "--samples", "4", "--json"
    )
    assert result.status == 0, result.err
    rows = {row["aggregator"]: row for row in json.loads(result.out)["rows"]}
    assert {"similarity", "last", "majority"} <= set(rows)
    result = rollmill("replay", "votes", "--model", "m", "--with", "mine.py:Wrong")
    assert result.status == 2
    assert "aggregator 'last' gave strengths of shape (3,)" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vote"], "unknown pool 'vote'. Did you mean 'votes'?"),
        (["votes", "--with", "bord"], "unknown aggregator 'bord'. Did you mean 'borda'?"),
        (["votes", "--with", "borda q=1"], "unknown option 'q' of aggregator 'borda'"),
        (["votes", "--with", "borda p"], "'p' is not of the form KEY=VALUE"),
        (["votes", "--with", "borda p=-1"], "option 'p' is -1, and must be between 0 and 20"),
        (["votes", "--with", "codet"], "needs generated tests of programs"),
        (["votes", "--with", "model_switch"], "needs several models, and these completions are by m"),
        (["votes", "--score", "lenght"], "unknown score 'lenght'. Did you mean 'length'?"),
        (["votes", "--model", "x"], "unknown model 'x'"),
        (["votes", "--samples", "8"], "no problem has 8 completions"),
        (["votes", "--samples", "a"], "--samples 'a' is not a list of whole numbers"),
        (["votes", "--samples", "0"], "every number must be at least 1"),
        (["votes", "--tokens", "50"], "some completions of this pool have no token count"),
        (["votes", "--folds", "1"], "there are 2 at least"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(here: Path, rollmill: Run, arguments: list[str], message: str) -> None:
    result = rollmill("replay", *arguments, *([] if "--model" in arguments else ["--model", "m"]))
    assert result.status == 2
    assert message in result.err


def test_the_oracle_goes_no_further_than_the_verifiers_false_accepts_allow(
    here: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rollmill.storage.queries import Reader, run_scope
    from rollmill.storage.queries.judge.audits import false_accept_bound, scope_rates

    with Reader.open(here) as reader:
        (run,) = [run.id for run in reader.runs.list()]
        assert false_accept_bound(scope_rates(run_scope(reader, run))) is None  # nobody audited it: nothing is withheld
    monkeypatch.setattr("rollmill.flows.evaluation.replay.false_accept_bound", lambda _: 0.04)
    result = rollmill("replay", run, "--model", "m")
    assert "The oracle of more than 2 completions is withheld" in result.out
    report = json.loads(rollmill("replay", run, "--model", "m", "--json").out)
    assert [row["amount"] for row in report["rows"] if row["aggregator"] == "oracle"] == [1, 2]
    assert report["pass_at_limit"]["largest_k"] == 2


def test_elected_answers_become_labels_that_can_be_imported(here: Path, rollmill: Run, tmp_path: Path) -> None:
    out = tmp_path / "labelled.jsonl"
    result = rollmill("label", "votes", "--model", "m", "--least", "0.75", "--out", str(out))
    assert result.status == 0, result.err
    # of six problems 7 7 7 9 (right), 8 8 8 7 and 9 9 9 9 have an answer with three of four
    assert (
        "3 problems are labelled by majority, where at least 0.75 of the completions agree; of the 3 graded ones"
        in result.out
    )
    assert re.search(r"(?m)^1\.00 +0\.167 +1 +0 +1\.000 ", result.out)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted((row["reference"], row["label"]["share"]) for row in rows) == [("7", 0.75), ("8", 0.75), ("9", 1.0)]
    assert rollmill("import", "problems", str(out), "--name", "labelled", "--dry-run").status == 0
    report = json.loads(rollmill("label", "votes", "--model", "m", "--least", "0.75", "--json").out)
    assert (report["asked"]["error"]["value"], report["asked"]["kept"]) == (0.666666666667, 0.5)


def test_labels_refuse_what_they_cannot_mean(here: Path, rollmill: Run) -> None:
    assert "a share is between 0 and 1" in rollmill("label", "votes", "--least", "2", "--model", "m").err
    assert "needs generated tests of programs" in rollmill("label", "votes", "--with", "codet", "--model", "m").err
    assert "say whose vote" in rollmill("label", "votes").err
    assert (
        "no problem of votes@v1 has this reference" in rollmill("label", "votes", "--no-reference", "?", "--model", "m").err
    )
    unknown = json.loads(rollmill("label", "votes", "--no-reference", "7", "--model", "m", "--json").out)
    assert (unknown["graded"], unknown["unknown"], unknown["asked"]["error"]) == (0, 6, None)
