"""Attempts are sums: bounded by batches, replicas and outcomes. The last firings of a schedule, and how they ended."""

from pathlib import Path

from rollmill.ground.records import Attempt
from rollmill.storage.ledger.models import AttemptRow
from rollmill.storage.workspace import Workspace


def test_attempts_add_up_by_batch_and_over_a_run(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        for turn in range(3):
            ws.attempts.add(
                "r", "b1", [Attempt("http://a", "ok", 10, 1.5, f"c{turn}"), Attempt("http://a", "timeout", 1, 9.0, "x")]
            )
        ws.attempts.add("r", "b2", [Attempt("http://a", "ok", 5, 0.5, "c9"), Attempt("http://b", "ok", 1, 0.25, "c8")])
        ws.attempts.add("other", "b1", [Attempt("http://a", "ok", 99, 1.0, "c")])
        ws.attempts.add("r", "b3", [])
        attempts = [(tried.replica, tried.outcome, tried.count, tried.seconds) for tried in ws.attempts.of("r")]
        assert attempts == [("http://a", "ok", 35, 5.0), ("http://a", "timeout", 3, 27.0), ("http://b", "ok", 1, 0.25)]
        with ws.ledger.read() as session:
            row = session.get(AttemptRow, ("r", "b1", "http://a", "ok"))
            assert row is not None
            assert (row.count, row.last_completion, row.first_at <= row.last_at) == (30, "c2", True)
            assert session.query(AttemptRow).count() == 5
        assert ws.attempts.of("none") == []


def test_the_last_thirty_firings_come_back_the_newest_first(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        for number in range(33):
            begun = ws.firings.begin("nightly", "toy.yaml")
            ws.firings.end(begun.id, "done", f"firing {number}", None)
        ws.firings.begin("other", "toy.yaml")
        assert [firing.said for firing in ws.firings.recent("nightly")] == [f"firing {n}" for n in range(32, 2, -1)]
        assert [firing.said for firing in ws.firings.recent("nightly", 2)] == ["firing 32", "firing 31"]
        assert ws.firings.counted() == (34, 33)


def test_a_firing_that_published_nothing_is_told_from_one_that_did(tmp_path: Path) -> None:
    with Workspace.init(tmp_path) as ws:
        for status, said in (
            ("done", "toy@v1 published, 7 drawn"),
            ("done", "toy@v1 nothing new, 0 drawn"),
            ("failed", "nothing new"),
            ("refused", "the gate did not pass"),
        ):
            ws.firings.end(ws.firings.begin("nightly", "toy.yaml").id, status, said, None)
        ended = ws.firings.recent("nightly")
        assert [firing.state for firing in ended] == ["refused", "failed", "nothing new", "done"]
        assert [firing.unfinished for firing in ended] == [False, True, False, False]
