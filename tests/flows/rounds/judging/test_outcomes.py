"""Outcomes in live views of a run are those that its policy gives, whatever was killed, reused or judged again."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.progress import Event
from rollmill.flows.rounds import decide, run_all
from rollmill.flows.rounds.drawing import commit
from rollmill.flows.rounds.judging.votes import judge_by_votes
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.ground.records import Verdict
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.verify.acceptance import PLAIN, POLICIES, Policy, ruling
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.stepped.voting import voted
from tests.flows.rounds.toy import ToyEngine, ToyVerifier, spec, workspace
from tests.forked import Forked

pytestmark = pytest.mark.integration

RUN = "toy-run"
FIXED: dict[str, Any] = {"budget": Fixed(initial=4)}
# The second is in doubt where the first is sure, and the other way round; the third has no shares and is stricter.
CHAIN = (
    partial(ToyVerifier, doubt="So"),
    partial(ToyVerifier, name="second", doubt="Then"),
    partial(ToyVerifier, name="third", doubt="know"),
)
RULES: list[tuple[str, dict[str, Any]]] = [
    ("first_decided", {}),
    ("all_of", {}),
    ("all_of", {"over": ["third", "toy"]}),
    ("any_of", {}),
    ("majority", {}),
    ("min_value", {"least": 0.5}),
    ("prefer", {"order": ["third"]}),
]
Live = dict[tuple[str, str], tuple[str, str | None, str | None]]


class Loud:
    """A policy of the user's own: the longest verifier's name counts."""

    name, version, lazy, over = "loud", "7", False, ()

    def decide(self, verdicts: Any) -> Verdict:
        loudest = max(verdicts, key=lambda verdict: len(verdict.verifier))
        return ruling(self, verdicts, loudest.outcome)


def live(ws: Workspace, run: str = RUN) -> Live:
    """What a live view shows of each rollout; a rollout that it showed twice would be one too many."""
    with run_scope(Reader(ws), run).connection("rollouts") as connection:
        rows = connection.execute(
            "SELECT completion_id, problem_id, outcome, verifier, verifier_version FROM rollouts"
        ).fetchall()
    shown = {(cid, pid): (outcome, verifier, version) for cid, pid, outcome, verifier, version in rows}
    assert len(shown) == len(rows)
    return shown


def decided(ws: Workspace, run: OpenRun) -> Live:
    """What its decisions say of each rollout."""
    decisions = decide(run).decisions
    return {(d.completion_id, d.problem_id): (d.outcome, d.verifier, d.verifier_version) for d in decisions}


def stored(ws: Workspace) -> list[tuple[Any, ...]]:
    """The stored outcomes as they lie there."""
    return sorted(tuple(row.values()) for row in ws.segments.read("outcomes").to_pylist())


def lose(ws: Workspace, kind: Any, producer: str) -> None:
    """Unregister the segments of a kind by one producer, as if their files were lost."""
    registry = ws.segments.registry
    segments = [segment for segment in registry.segments(kind) if segment.producer == producer]
    assert segments
    with registry.ledger.write() as session:
        for segment in segments:
            registry.lose(session, segment, "lost", ws.segments.path(segment))


def test_every_policy_is_in_the_table() -> None:
    assert {name for name, _ in RULES} == set(POLICIES)


@pytest.mark.parametrize(
    "policy",
    [*(POLICIES[name](**options) for name, options in RULES), Loud()],
    ids=lambda policy: f"{policy.name} {policy.version}",
)
def test_before_the_run_decides_its_outcomes_are_those_that_it_will_decide_by(tmp_path: Path, policy: Policy) -> None:
    with workspace(tmp_path) as ws, spec(verifiers=CHAIN, accept=policy, **FIXED).open(ws) as run:
        run_all(run)
        before = live(ws)
        rows = stored(ws)
        assert before == decided(ws, run) == live(ws)
    assert len(rows) == len({row[:2] for row in rows}) == 32
    assert "pending" not in {outcome for outcome, _, _ in before.values()}
    assert len({outcome for outcome, _, _ in before.values()}) > 1


def test_the_policy_that_accepts_counts_and_not_the_one_of_the_plan(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, spec(verifiers=CHAIN, accept=POLICIES["all_of"](), planned_under=PLAIN).open(ws) as run:
        run_all(run)
        before = live(ws)
        assert {verifier for _, verifier, _ in before.values()} == {"policy:all_of"}
        assert before == decided(ws, run)


def test_while_a_run_is_under_way_what_is_judged_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit, "PROGRESS_SECONDS", 0.0)
    seen: list[Counter[str]] = []

    def look(event: Event) -> None:
        if event.kind == "verified":
            seen.append(Counter(outcome for outcome, _, _ in live(ws).values()))

    with workspace(tmp_path) as ws, spec(verifiers=CHAIN, accept=Loud(), on_event=look, **FIXED).open(ws) as run:
        run_all(run)
    shares = [counts["pending"] for counts in seen]
    assert len(shares) == 4
    assert shares == sorted(shares, reverse=True)
    assert 0 < shares[-1] < 32, "the last batch is shown with the report behind it"


def of_everyone(path: Path) -> None:
    """The body of a process that dies on the way."""
    engine = partial(ToyEngine, delay=0.005)  # so that each batch is a commit of its own
    with workspace(path) as ws, spec(engine=engine, verifiers=CHAIN, accept=Loud(), batch_size=4, **FIXED).open(ws) as run:
        run_all(run)


@pytest.mark.parametrize("hit", [3, 5, 7, 9])
def test_after_a_kill_the_next_command_stores_what_is_missing_and_nothing_twice(tmp_path: Path, hit: int) -> None:
    of_everyone(tmp_path / "undisturbed")
    status, _ = Forked(of_everyone, tmp_path / "killed", point=f"segment.registered:{hit}").end()
    assert status == -9
    of_everyone(tmp_path / "killed")
    rows = []
    for name in ("killed", "undisturbed"):
        with Workspace.open(tmp_path / name) as ws:
            rows.append(stored(ws))
            assert "pending" not in {outcome for outcome, _, _ in live(ws).values()}
    assert rows[0] == rows[1]
    assert len(rows[0]) == 32


def test_verdicts_of_another_run_give_outcomes_under_the_policy_of_this_one(tmp_path: Path) -> None:
    toy = spec("first", verifiers=CHAIN, accept=POLICIES["any_of"](), **FIXED)
    with workspace(tmp_path, "first") as ws, toy.open(ws) as run:
        run_all(run)
    with workspace(tmp_path, "other") as ws, spec("other", verifiers=CHAIN, accept=Loud(), **FIXED).open(ws) as run:
        assert [result.judged for result in run_all(run)] == [0]
        before, first = live(ws, "other"), live(ws, "first")
        assert {verifier for _, verifier, _ in before.values()} == {"policy:loud"}
        assert {verifier for _, verifier, _ in first.values()} == {"policy:any_of"}
        assert before == decided(ws, run)


def test_a_run_that_an_older_version_began_is_pending_until_it_goes_on(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, spec(verifiers=CHAIN).open(ws) as run:
        assert len(run_all(run)) > 1
        before = live(ws)
        lose(ws, "outcomes", RUN)
        assert set(live(ws).values()) == {("pending", None, None)}
    with workspace(tmp_path) as ws, spec(verifiers=CHAIN).open(ws) as run:
        run_all(run)
        assert live(ws) == before
        assert len(stored(ws)) == len(before)


def test_of_a_verdict_that_was_lost_and_made_again_the_new_outcome_counts(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, spec(**FIXED).open(ws) as run:
        run_all(run)
        before = live(ws)
        lose(ws, "verdicts", "toy")
    with workspace(tmp_path) as ws, spec(verifiers=(partial(ToyVerifier, doubt="is"),), **FIXED).open(ws) as run:
        run_all(run)
        after = live(ws)
        assert after == decided(ws, run)
    changed = {after[pair][0] for pair in before if before[pair] != after[pair]}
    assert changed == {"undecided"}


def test_outcomes_of_lost_texts_are_no_longer_shown(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, spec(**FIXED).open(ws) as run:
        run_all(run)
        ids = [cid for cid, _ in live(ws)]
        lose(ws, "completions", "toy")
        ws.segments.unregister_judgements(ids)
        assert set(live(ws).values()) == {("pending", None, None)}


def test_a_changed_verifier_makes_another_generation_with_outcomes_of_its_own(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, spec(**FIXED).open(ws) as run:
        run_all(run)
        old = live(ws)
    changed = (partial(ToyVerifier, version="2", doubt="So"),)
    with workspace(tmp_path, "toy-run-2") as ws, spec("toy-run-2", verifiers=changed, **FIXED).open(ws) as run:
        run_all(run)
        new = live(ws, "toy-run-2")
        assert new == decided(ws, run)
        assert live(ws) == old
    assert {version for _, _, version in new.values()} == {"2"}
    assert {outcome for outcome, _, _ in new.values()} > {outcome for outcome, _, _ in old.values()} - {"undecided"}


def test_rollouts_that_wait_for_votes_are_pending_until_these_are_counted(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws, voted().open(ws) as run:
        run_all(run)
        before = live(ws)
        judge_by_votes(run)
        after = live(ws)
        answers = decided(ws, run)  # the toy's recipe does not say that votes are no answers
        assert {pair: after[pair] for pair in answers} == answers
    waiting = {pair for pair in answers if before[pair][0] == "pending"}
    assert {answers[pair][1] for pair in waiting} == {"votes"}
    assert 0 < len(waiting) < len(answers)
    assert all(before[pair] == answers[pair] for pair in answers.keys() - waiting)
