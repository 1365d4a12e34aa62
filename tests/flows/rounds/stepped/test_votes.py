"""Verdicts that wait for the votes of a step: made once everything is drawn, of the votes there are, for one plan alone."""

import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import run_all
from rollmill.flows.rounds.judging.votes import judge_by_votes
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.verify.acceptance import AllOf
from tests.flows.rounds.stepped.voting import DOUBTING, RIGHT, graph, killed, voted
from tests.flows.rounds.toy import Rows, calls, rows_of, whole, workspace
from tests.forked import Forked

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("plain")
    whole(path, voted())
    return rows_of(path)


def by_votes(rows: Rows) -> dict[str, tuple[str, str | None]]:
    """Outcome and cause of each completion that was judged by votes."""
    return {cid: (outcome, cause) for cid, _, name, _, outcome, _, cause, _ in rows["verdicts"] if name == "votes"}


def words(rows: Rows) -> dict[str, list[str | None]]:
    """By hand: what the votes of `grade` say of each answer; None where the toy gives no word."""
    texts = {row[0]: row[5] for row in rows["completions"]}
    said: dict[str, list[str | None]] = {}
    for _, _, cid, step, after in rows["links"]:
        if step == "grade":
            text = texts[cid]
            word = text.split()[0] if text.startswith(RIGHT) else None
            said.setdefault(after, []).append(word)
    return said


def test_the_votes_decide_where_the_verifiers_before_them_did_not(plain: Rows) -> None:
    doubted = {cid for cid, _, name, _, outcome, *_ in plain["verdicts"] if (name, outcome) == ("toy", "undecided")}
    judged, cast, step_of = by_votes(plain), words(plain), {cid: step for _, _, cid, step, _ in plain["links"]}
    assert set(judged) == doubted
    assert set(Counter(map(len, cast.values()))) == {3}
    for cid, (outcome, cause) in judged.items():
        if step_of[cid] == "look":
            assert (outcome, cause) == ("undecided", "no vote on it"), "another step votes on it"
            continue
        read = [word for word in cast[cid] if word]
        assert outcome == ("undecided" if len(read) < 2 else "correct"), "the toy says a word only where it is sure"
        assert (cause is None) == (len(read) >= 2)
    assert {outcome for outcome, _ in judged.values()} == {"correct", "undecided"}
    accepted = {cid: outcome for _, _, cid, _, _, _, outcome in plain["decisions"]}
    assert {accepted[cid] for cid in judged if judged[cid][0] == "correct"} == {"correct"}


def test_another_run_with_the_same_engines_goes_by_its_own_votes(tmp_path: Path, plain: Rows) -> None:
    """A pilot is one: its verdicts name its own plan, and nobody else's votes stand in for those on its answers."""
    with workspace(tmp_path) as ws, voted().open(ws) as run:
        ws.runs.open("other", name="other", recipe={}, recipe_hash="")
        other = run.variant(replace(run.spec, stream="pilot"), "other")
        run_all(other)
        judge_by_votes(other)
        version = dict(run.verifiers.chain)["votes"]
    rows = rows_of(tmp_path)
    assert {outcome for outcome, _ in by_votes(rows).values()} == {outcome for outcome, _ in by_votes(plain).values()}
    assert version not in {row[3] for row in rows["verdicts"] if row[2] == "votes"}


def test_what_is_planned_does_not_wait_for_votes(plain: Rows, tmp_path: Path) -> None:
    """Budget and `when` go by what the other verifiers say, whatever votes are stored."""
    whole(tmp_path / "without", voted(changes={"verifiers": (DOUBTING,)}))
    assert rows_of(tmp_path / "without")["links"] == plain["links"]
    whole(tmp_path / "twice", voted())
    whole(tmp_path / "twice", voted("second"))
    again = [row for row in rows_of(tmp_path / "twice")["plan"] if row[0] == "second"]
    assert [row[1:] for row in again] == [row[1:] for row in plain["plan"]]


@pytest.mark.parametrize(
    "changes",
    [{"batch": 3}, {"batch": 64}, {"reverse": True}, {"spooled": True}],
    ids=["small", "large", "reversed", "spooled"],
)
def test_batches_and_the_order_of_answers_change_no_verdict(tmp_path: Path, plain: Rows, changes: dict[str, Any]) -> None:
    whole(tmp_path, voted(**changes))
    assert rows_of(tmp_path) == plain


@pytest.mark.parametrize(
    "moment",
    [
        "plan.committed:2",
        "segment.registered:33",
        *(pytest.param(m, marks=pytest.mark.chaos) for m in ("segment.renamed:7", "segment.renamed:34")),
    ],
)
def test_a_killed_run_goes_on_to_the_same_verdicts(tmp_path: Path, plain: Rows, moment: str) -> None:
    log = tmp_path / "log"
    assert Forked(killed, tmp_path / "ws", log, point=moment).end() == (-signal.SIGKILL, "")
    killed(tmp_path / "ws", log)
    assert rows_of(tmp_path / "ws") == plain


def test_a_kill_between_two_commits_of_verdicts_costs_the_second_alone(tmp_path: Path, plain: Rows) -> None:
    """Judging by votes reads what is stored: nothing is drawn again, and what was committed is not judged again."""
    log = tmp_path / "log"
    with workspace(tmp_path / "ws") as ws, voted(log=log).open(ws) as run:
        run_all(run)
    drawn = calls(log)
    assert Forked(killed, tmp_path / "ws", log, point="segment.registered:2").end() == (-signal.SIGKILL, "")
    left = len(by_votes(rows_of(tmp_path / "ws")))
    with workspace(tmp_path / "ws") as ws, voted(log=log).open(ws) as again:
        assert judge_by_votes(again) == len(by_votes(plain)) - left > 0
        assert judge_by_votes(again) == 0
    assert 0 < left < len(by_votes(plain))
    assert calls(log) == drawn


def test_where_every_verifier_is_asked_the_votes_judge_every_answer(tmp_path: Path, plain: Rows) -> None:
    """`all_of` both: an answer is right where both say so; to the budget all that the first accepts is undecided."""
    _, report = whole(tmp_path, voted(changes={"accept": AllOf()}))
    rows = rows_of(tmp_path)
    judged = by_votes(rows)
    assert set(judged) == {row[2] for row in rows["decisions"]}
    verdicts = {(cid, name): outcome for cid, _, name, _, outcome, *_ in rows["verdicts"]}
    accepted = {row[2]: row[6] for row in rows["decisions"]}
    both = {cid for cid in judged if {verdicts[cid, "toy"], verdicts[cid, "votes"]} == {"correct"}}
    assert both
    assert {cid for cid, outcome in accepted.items() if outcome == "correct"} == both
    assert report.funnel.correct == len(both)
    roots = [row for row in rows["links"] if row[3] == "solve"]
    assert len(roots) > len([row for row in plain["links"] if row[3] == "solve"]), "nothing was solved to the budget"


def test_another_reader_is_another_verdict_on_the_same_completion(tmp_path: Path, plain: Rows) -> None:
    """Two recipes of one workspace share the solutions and the votes, and not what is read of them."""
    for name, steps in (("first", graph()), ("other", graph(read={"word": "^(Then)"}))):
        whole(tmp_path, voted(name, steps=steps))
    rows = rows_of(tmp_path)
    versions: dict[str, dict[str, str]] = {}
    for cid, _, name, version, outcome, *_ in rows["verdicts"]:
        if name == "votes":
            versions.setdefault(version, {})[cid] = outcome
    assert len(versions) == 2
    first, other = versions.values()
    shared = first.keys() & other.keys()
    assert any(first[cid] != other[cid] for cid in shared)
    alone = {row[2]: row[6] for row in plain["decisions"]}
    assert {row[2]: row[6] for row in rows["decisions"] if row[0] == "first"} == alone


def test_the_version_names_the_plan_and_not_how_it_was_drawn(tmp_path: Path) -> None:
    def mark(**changes: Any) -> str:
        with workspace(tmp_path) as ws, voted(**changes).open(ws) as run:
            return dict(run.verifiers.chain)["votes"]

    same = mark()
    assert mark(run="another", batch=3, spooled=True) == same
    asked = voted().spec
    for changes in ({"recipe_seed": 8}, {"problems": asked.problems[:5]}, {"accept": AllOf()}, {"imported": "x"}):
        assert mark(changes=changes) != same
    assert mark(steps=graph(most=2)) != same
    assert mark(model_digest="toy-2") != same
    assert isinstance(asked.budget, DarsUniform)
    assert mark(changes={"budget": replace(asked.budget, cap=6)}) != same
    assert mark(changes={"verifiers": (asked.verifiers[1],)}) != same
