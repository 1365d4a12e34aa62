"""What breaks while a round runs: engines, verifiers, disks, people. Nothing hangs and nothing committed is lost."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.progress import Event
from rollmill.flows.rounds import QueueLimits, decide, plan_round, run_all, run_round
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Request, Verdict
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.storage.segments.schema import from_table
from tests.flows.rounds.toy import ToyEngine, ToyVerifier, calls, content, spec, workspace

pytestmark = pytest.mark.integration

FIXED: dict[str, Any] = {"budget": Fixed(initial=4)}  # one round of 32 rows, 4 batches of 8


def no_thread_of_ours() -> bool:
    return not any(thread.name.startswith("rollmill-") for thread in threading.enumerate())


def finish(path: Path, **changes: Any) -> Any:
    with workspace(path) as ws, spec(**(FIXED | changes)).open(ws) as part:
        run_all(part)
        return decide(part), content(ws)


def test_an_engine_that_fails_stops_the_round_and_loses_nothing_it_gave(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(ConnectionError, match="the toy is out of order"):
        finish(tmp_path / "ws", engine=partial(ToyEngine, log=log, fail_after=13))
    assert no_thread_of_ours()
    assert len(calls(log)) == 13
    finish(tmp_path / "ws", engine=partial(ToyEngine, log=log))
    assert len(calls(log)) == len(set(calls(log))) == 32


def test_a_spooled_engine_that_fails_goes_on_from_its_spool(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(ConnectionError):
        finish(tmp_path / "ws", engine=partial(ToyEngine, log=log, fail_after=13, spooled=True))
    spools = tmp_path / "ws" / ".rollmill" / "spool"
    assert len(list(spools.iterdir())) == 1
    _, rows = finish(tmp_path / "ws", engine=partial(ToyEngine, log=log, spooled=True))
    assert len(calls(log)) == len(set(calls(log))) == 32
    assert list(spools.iterdir()) == []
    assert rows == finish(tmp_path / "fresh")[1]


@dataclass
class Liar(ToyEngine):
    """Gives what was not asked for."""

    lie: str = ""

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        from dataclasses import replace

        answers = list(super().generate(requests))
        wrong = {
            "fewer": answers[:-1],
            "twice": [*answers, answers[0]],
            "stranger": [*answers[:-1], replace(answers[-1], id="0" * 32)],
            "index": [replace(answers[0], sample_index=99), *answers[1:]],
            "error": [replace(answers[0], finish_reason="error"), *answers[1:]],
        }
        yield from wrong[self.lie]


@pytest.mark.parametrize(
    ("lie", "message"),
    [
        ("fewer", "engine 'toy' left 1 of 8 requests without a completion"),
        ("twice", "was not requested, or gave it twice"),
        ("stranger", "was not requested, or gave it twice"),
        ("index", "another sample index or stream"),
        ("error", "is an error; failed attempts are the engine's to retry"),
    ],
)
def test_an_engine_that_breaks_its_contract_is_a_bug(tmp_path: Path, lie: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        finish(tmp_path, engine=partial(Liar, lie=lie))
    assert no_thread_of_ours()


def test_an_engine_that_cannot_be_built_says_so(tmp_path: Path) -> None:
    with workspace(tmp_path) as ws:
        with spec(**FIXED).open(ws) as part:
            rows = plan_round(part, 0)

        def broken() -> ToyEngine:
            raise FileNotFoundError("no such model")

        assert rows is not None
        with spec(engine=broken, **FIXED).open(ws) as part, pytest.raises(FileNotFoundError, match="no such model"):
            run_round(part, rows)
    assert no_thread_of_ours()


def test_a_verifier_that_crashes_leaves_undecided_never_incorrect(tmp_path: Path) -> None:
    report, _ = finish(tmp_path, verifiers=(partial(ToyVerifier, crash_on="So"),))
    with workspace(tmp_path) as ws:
        verdicts = from_table("verdicts", ws.segments.read("verdicts"))
    crashed = [verdict for verdict in verdicts if verdict.outcome == "undecided"]
    assert len(crashed) == report.funnel.undecided == report.funnel.dropped_by_reason["undecided"] > 0
    assert {verdict.cause for verdict in crashed} == {"verifier crash: ZeroDivisionError: a bug of the verifier"}
    sound, _ = finish(tmp_path / "sound")
    assert report.funnel.incorrect == sound.funnel.incorrect
    assert report.funnel.correct + report.funnel.undecided == sound.funnel.correct


def test_what_one_verifier_leaves_undecided_goes_to_the_next(tmp_path: Path) -> None:
    texts: list[str] = []
    chain = (partial(ToyVerifier, doubt="So"), partial(ToyVerifier, name="second", seen=texts.append))
    report, rows = finish(tmp_path, verifiers=chain)
    sound, _ = finish(tmp_path / "sound")
    assert report.funnel.undecided == 0
    assert report.funnel.correct == sound.funnel.correct
    doubtful = {row[0] for row in rows["verdicts"] if row[2] == "toy" and row[4] == "undecided"}
    assert set(texts) == doubtful
    deciding = {d.completion_id: d.verifier for d in report.decisions}
    assert {cid for cid, verifier in deciding.items() if verifier == "second"} == doubtful


def test_a_longer_chain_later_judges_only_what_was_undecided(tmp_path: Path) -> None:
    finish(tmp_path, verifiers=(partial(ToyVerifier, doubt="So"),))
    first, second = list[str](), list[str]()
    chain = (partial(ToyVerifier, doubt="So", seen=first.append), partial(ToyVerifier, name="second", seen=second.append))
    report, _ = finish(tmp_path, verifiers=chain)
    assert first == []
    assert len(second) > 0
    assert report.funnel.undecided == 0


def test_undecided_for_want_of_resources_is_retried_once_alone(tmp_path: Path) -> None:
    texts: list[str] = []
    finish(tmp_path, verifiers=(partial(ToyVerifier, doubt="So", doubt_cause="cpu_limit", seen=texts.append),))
    finish(tmp_path / "other", verifiers=(partial(ToyVerifier, doubt="So", seen=(other := list[str]()).append),))
    with workspace(tmp_path) as ws:
        doubtful = {row[0] for row in content(ws)["verdicts"] if row[4] == "undecided"}
    assert len(texts) == 32 + len(doubtful)
    assert {cid for cid in texts if texts.count(cid) == 2} == doubtful
    assert len(other) == 32


@dataclass
class Swapper(ToyVerifier):
    """Gives its verdicts in another order than its items."""

    def verify_many(self, items: Any) -> Iterator[Any]:
        yield from reversed([self.verify(*item) for item in items])


def test_a_verifier_out_of_order_is_a_bug(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="verifier 'toy' did not give the verdicts on its items, in their order"):
        finish(tmp_path, verifiers=(Swapper,))
    assert no_thread_of_ours()


@dataclass
class OfAnother(ToyVerifier):
    """Judges another completion when it is asked a second time, alone."""

    def verify_many(self, items: Any) -> Iterator[Any]:
        yield from (super(OfAnother, self).verify(*item) for item in items)

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        return replace(super().verify(problem, completion), completion_id="another")


def test_a_retried_verdict_on_another_completion_is_a_bug(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="verifier 'toy' did not give the verdicts on its items"):
        finish(tmp_path, verifiers=(partial(OfAnother, doubt="So", doubt_cause="cpu_limit"),))


def test_an_interrupt_keeps_what_is_committed_and_ends_every_thread(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def interrupt(event: Event) -> None:
        if event.kind == "drawn" and event.done >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finish(tmp_path / "ws", engine=partial(ToyEngine, log=log, delay=0.01), on_event=interrupt)
    assert no_thread_of_ours()
    with workspace(tmp_path / "ws") as ws:
        kept = len(content(ws)["completions"])
        assert ws.ledger.leases.held() == {}
    assert kept == len(calls(log))  # whatever had been drawn was committed on the way out
    finish(tmp_path / "ws", engine=partial(ToyEngine, log=log))
    assert len(calls(log)) == len(set(calls(log))) == 32


def test_a_full_disk_surfaces_and_what_was_committed_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rollmill.ground.errors import full_disk
    from rollmill.storage.segments.store import SegmentStore

    whole = SegmentStore.commit_many

    def full(self: SegmentStore, items: Any, **options: Any) -> Any:
        if len(self.registry.segments("completions")) >= 2:
            raise full_disk("segments")
        return whole(self, items, **options)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentStore, "commit_many", full)
        with pytest.raises(SetupError, match="no space left"):
            finish(tmp_path)
    assert no_thread_of_ours()
    with workspace(tmp_path) as ws:
        assert len(content(ws)["completions"]) in (16, 24)
    assert finish(tmp_path)[0].funnel.planned == 32


@dataclass
class Gate(ToyEngine):
    """Draws its third batch only once a verdict of the first was seen: generation and verification must overlap."""

    verified: threading.Event = field(default_factory=threading.Event)
    waited: bool = False

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        if self.made == 16:
            self.waited = self.verified.wait(30)
        yield from super().generate(requests)


def test_verification_goes_on_while_the_engine_draws(tmp_path: Path) -> None:
    engine = Gate()
    verifier = partial(ToyVerifier, seen=lambda _: engine.verified.set())
    finish(tmp_path, engine=lambda: engine, verifiers=(verifier,))
    assert engine.waited


def test_a_slow_verifier_bounds_what_is_drawn_ahead(tmp_path: Path) -> None:
    """With 2 unjudged batches allowed, nothing of batch n+2 is drawn before batch n is judged."""
    engine = ToyEngine()
    ahead: list[int] = []
    judged: list[str] = []

    def seen(completion_id: str) -> None:
        ahead.append(engine.made - len(judged))
        judged.append(completion_id)

    finish(
        tmp_path,
        engine=lambda: engine,
        verifiers=(partial(ToyVerifier, seen=seen, delay=0.005),),
        limits=QueueLimits(uncommitted=1, unjudged=2, poll_seconds=0.02),
    )
    assert len(judged) == 32
    assert max(ahead) <= 16
