"""A run over HTTP: what a kill or a dead server costs, what the spool keeps; the rows are the same after all."""

import asyncio
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from rollmill.flows.rounds import run_all
from rollmill.ground.errors import SetupError
from tests.flows.rounds.together.http_child import CONCURRENCY, http_spec
from tests.flows.rounds.toy import Rows, content, rows_of, whole, with_step, workspace
from tests.forked import Forked
from tests.pipelines.generate.http.serving import Serving, reply_to, status

pytestmark = pytest.mark.integration


def over_http(path: Path, rows: int, url: str) -> None:
    whole(path, http_spec([url], rows))


def undisturbed(path: Path, rows: int) -> Rows:
    with Serving() as server, workspace(path) as ws:
        with http_spec([server.url], rows).open(ws) as run:
            run_all(run)
        assert len(server.bodies) == rows
        return content(ws)


def without_decisions(rows: Rows) -> Rows:
    return {kind: found for kind, found in rows.items() if kind != "decisions"}


def killed_and_finished(path: Path, rows: int, delay: float) -> tuple[int, Rows]:
    """Requests paid in all by a run that is killed in its middle and started again, and its rows."""
    with Serving(delay=delay) as server:
        first = Forked(over_http, path, rows, server.url)
        while len(server.bodies) < rows // 2 and first.running:
            time.sleep(0.001)
        first.kill()
        assert first.end() == (-signal.SIGKILL, "")
        over_http(path, rows, server.url)
        return len(server.bodies), rows_of(path)


def test_killed_in_the_middle_only_what_was_under_way_is_paid_again(tmp_path: Path) -> None:
    paid, rows = killed_and_finished(tmp_path / "killed", 300, 0.05)
    assert 300 <= paid <= 300 + CONCURRENCY
    assert without_decisions(rows) == without_decisions(undisturbed(tmp_path / "whole", 300))


@pytest.mark.chaos
def test_a_thousand_rows_at_a_quarter_second(tmp_path: Path) -> None:
    paid, rows = killed_and_finished(tmp_path / "killed", 1000, 0.25)
    assert 1000 <= paid <= 1000 + CONCURRENCY
    assert without_decisions(rows) == without_decisions(undisturbed(tmp_path / "whole", 1000))


def test_a_server_that_dies_for_good_ends_the_round_and_what_came_is_kept(tmp_path: Path) -> None:
    server = Serving(delay=0.005)
    with server, workspace(tmp_path) as ws:

        def die() -> None:
            while len(server.bodies) < 120:
                time.sleep(0.001)
            server.kill()

        threading.Thread(target=die).start()
        asked = http_spec([server.url], 300)
        made = asked.spec.steps[0].generator
        assert made is not None
        engine: Any = made()
        engine._settings = type(engine._settings)(engine._settings.servers, backoff_seconds=0.02, patience=0.5)
        with (
            with_step(asked, generator=lambda: engine).open(ws) as run,
            pytest.raises(SetupError, match=r"no server has answered .* every reply received is kept\. Next: start it"),
        ):
            run_all(run)
        assert {tried.outcome for tried in ws.attempts.of(run.id)} >= {"ok"}
        paid = len(server.bodies)
        server.start()
        ws.recover()
        with http_spec([server.url], 300).open(ws) as run:
            run_all(run)
        assert len(server.bodies) <= 300 + CONCURRENCY
        assert paid < 300
        rows = content(ws)
    assert without_decisions(rows) == without_decisions(undisturbed(tmp_path / "whole", 300))


async def slowly(request: web.Request) -> web.StreamResponse:
    """A good answer that is still under way when another request has failed."""
    await asyncio.sleep(0.4)
    return web.json_response(reply_to(await request.json()))


def test_replies_under_way_in_every_batch_are_kept_when_one_batch_fails(tmp_path: Path) -> None:
    with Serving(lambda number, _: status(401) if number == 31 else slowly) as server, workspace(tmp_path) as ws:
        with http_spec([server.url], 300).open(ws) as run, pytest.raises(SetupError, match="refuses the key"):
            run_all(run)
        count = len(server.bodies)
        assert 31 < count < 300
        server.script = None
        with http_spec([server.url], 300).open(ws) as run:
            run_all(run)
        assert len(server.bodies) == 300 + 1
        rows = content(ws)
    assert without_decisions(rows) == without_decisions(undisturbed(tmp_path / "whole", 300))


def test_what_a_torn_spool_still_holds_is_not_asked_again(tmp_path: Path) -> None:
    with Serving(lambda number, _: status(401) if number >= 130 else None) as server, workspace(tmp_path) as ws:
        with http_spec([server.url], 300).open(ws) as run, pytest.raises(SetupError, match="refuses the key"):
            run_all(run)
        stored = ws.segments.present("completions", [row[0] for row in content(ws)["completions"]])
        spools = list((ws.state / "spool").glob("*.jsonl"))
        kept = [len(spool.read_bytes().splitlines()) for spool in spools]
        assert sum(kept) + len(stored) == 130
        spools[0].write_bytes(spools[0].read_bytes()[:-7])
        server.script = None
        count = len(server.bodies)
        with http_spec([server.url], 300).open(ws) as run:
            run_all(run)
        assert len(server.bodies) - count == 300 - 130 + 1
        rows = content(ws)
    assert without_decisions(rows) == without_decisions(undisturbed(tmp_path / "whole", 300))


def test_two_replicas_give_the_rows_of_one(tmp_path: Path) -> None:
    with Serving(delay=0.003) as one, Serving(delay=0.001) as two, workspace(tmp_path / "two") as ws:
        with http_spec([one.url, two.url], 300).open(ws) as run:
            run_all(run)
        assert len(one.bodies) + len(two.bodies) == 300
        rows = content(ws)
        assert {tried.outcome: tried.count for tried in ws.attempts.of(run.id) if tried.replica == one.url} == {
            "ok": len(one.bodies)
        }
    assert rows == undisturbed(tmp_path / "whole", 300)
