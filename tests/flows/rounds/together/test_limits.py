"""Limits on tokens and money: never exceeded, a clean stop anywhere, and the same rows once there is more to spend."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.flows.rounds import QueueLimits, decide, run_all
from rollmill.ground.money import UNITS
from rollmill.ground.records import Sampling
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.generate.prices import Prices
from rollmill.places import CHECKOUT
from rollmill.storage.spending import Amount, Limit, Sums
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.together.http_child import http_spec
from tests.flows.rounds.toy import Rows, ToyEngine, ToyRun, content, rows_of, spec, with_spec, with_step, workspace
from tests.pipelines.generate.http.serving import Serving
from tests.tied import tied

pytestmark = pytest.mark.integration

SHORT = Sampling(max_tokens=12)
PRICES = Prices(1.0, 3.0, per=1)  # one unit of money per token in, three per token out


class Counting(ToyEngine):
    """The toy, which can say beforehand how long a prompt is."""

    def prompt_tokens(self, _rendered: str) -> int:
        return 8


def limited(most: Limit, **changes: Any) -> ToyRun:
    options: dict[str, Any] = {"engine": Counting, "sampling": SHORT, "prices": PRICES, "limit": most}
    return spec(**(options | changes))


def run(path: Path, most: Limit, **changes: Any) -> str | None:
    """Run all rounds, or as far as the limit goes; why it stopped."""
    with workspace(path) as ws, limited(most, **changes).open(ws) as part:
        results = run_all(part)
        if results[-1].stopped is None:
            decide(part)
        return results[-1].stopped


def paid(path: Path) -> Sums:
    with Workspace.open(path) as ws:
        return ws.spending.paid("toy-run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    path = tmp_path_factory.mktemp("whole")
    assert run(path, Limit()) is None
    return rows_of(path)


def test_a_limit_stops_in_the_middle_of_a_batch_and_more_goes_on_to_the_same_rows(tmp_path: Path, whole: Any) -> None:
    assert run(tmp_path, Limit(tokens=60)) == "token limit"
    assert paid(tmp_path).tokens <= 60
    assert 0 < paid(tmp_path).completions < 8  # of a batch of 8
    assert len(rows_of(tmp_path)["verdicts"]) == paid(tmp_path).completions  # what was drawn is judged
    assert run(tmp_path, Limit(tokens=60)) == "token limit"
    assert run(tmp_path, Limit(tokens=300)) == "token limit"
    assert 280 < paid(tmp_path).tokens <= 300  # no more is left than one request might take
    assert run(tmp_path, Limit(tokens=10**6)) is None
    assert rows_of(tmp_path) == whole


def test_a_limit_that_nothing_fits_draws_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, Limit(tokens=19)) == "token limit"  # 8 in and up to 12 out
    assert paid(tmp_path) == Sums()
    assert run(tmp_path, Limit(tokens=20)) == "token limit"
    assert paid(tmp_path).completions == 1


class Asked(Prices):
    """Prices that say how often they were asked."""

    times = 0

    def cost(self, tokens_in: int | None, tokens_out: int | None, cached: int = 0) -> float | None:
        Asked.times += 1
        return super().cost(tokens_in, tokens_out, cached)


def test_a_completion_is_priced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asked, "times", 0)
    with workspace(tmp_path) as ws, limited(Limit(), prices=Asked(1.0, 3.0, per=1)).open(ws) as part:
        results = run_all(part)
    assert Asked.times == paid(tmp_path).completions == sum(result.drawn for result in results) > 0
    assert sum(result.units for result in results) == paid(tmp_path).units > 0


def test_money_is_limited_to_the_unit(tmp_path: Path, whole: Any) -> None:
    assert run(tmp_path, Limit(units=500 * UNITS)) == "cost limit"
    spent = paid(tmp_path)
    assert spent.units == (spent.tokens_in + 3 * spent.tokens_out) * UNITS
    assert 456 * UNITS <= spent.units <= 500 * UNITS  # a request may cost 8 + 3 * 12
    assert run(tmp_path, Limit()) is None
    assert rows_of(tmp_path) == whole


@given(
    steps=st.lists(st.integers(1, 400), min_size=1, max_size=2),
    batch=st.integers(1, 40),
    uncommitted=st.integers(1, 3),
    spooled=st.booleans(),
    draw_workers=st.integers(1, 4),
)
@settings(max_examples=5)
def test_no_batch_size_and_no_number_of_draw_workers_goes_beyond_it(
    tmp_path_factory: pytest.TempPathFactory,
    whole: Any,
    steps: list[int],
    batch: int,
    uncommitted: int,
    spooled: bool,
    draw_workers: int,
) -> None:
    path = tmp_path_factory.mktemp("ws")
    under_way = QueueLimits(
        uncommitted=draw_workers + uncommitted, unjudged=draw_workers + 3, draw_workers=draw_workers, poll_seconds=0.02
    )
    changes = {"engine": lambda: Counting(spooled=spooled), "batch_size": batch, "limits": under_way}
    for most in sorted(steps):
        stopped = run(path, Limit(tokens=most), **changes)
        assert paid(path).tokens <= most
        assert stopped == "token limit"
    assert run(path, Limit(tokens=10**6), **changes) is None
    names = ("completions", "verdicts", "stops")
    assert {name: rows_of(path)[name] for name in names} == {name: whole[name] for name in names}


def test_two_commands_share_one_limit(tmp_path: Path) -> None:
    with Workspace.init(tmp_path):
        threads = [threading.Thread(target=run, args=(tmp_path, Limit(tokens=400))) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert 0 < paid(tmp_path).tokens <= 400


def test_an_engine_that_counts_nothing_is_charged_its_worst_case(tmp_path: Path) -> None:
    class Silent(Counting):
        def answer(self, request: Any) -> Any:
            return {**super().answer(request), "tokens_in": None, "tokens_out": None}

    assert run(tmp_path, Limit(tokens=100), engine=Silent) == "token limit"
    assert paid(tmp_path).completions == 5  # at 20 each
    assert paid(tmp_path).uncounted == 5
    with Workspace.open(tmp_path) as ws:
        assert ws.spending.counted("toy-run") == Amount(100, 5 * (8 + 36) * UNITS + 5)


def test_the_shipped_model_under_a_limit(tmp_path: Path) -> None:
    from rollmill.pipelines.generate.embedded.engine import Embedded
    from rollmill.pipelines.synthesize import SYNTHESIZERS
    from rollmill.pipelines.verify import VERIFIERS

    made = {
        "engine": lambda: Embedded(str(CHECKOUT / "models" / "rollmill-tiny")),
        "problems": list(SYNTHESIZERS["templates"](levels=[1, 2]).synthesize(5, 1)),
        "verifiers": (VERIFIERS["number"],),
        "sampling": Sampling(max_tokens=40),
        "budget": Fixed(initial=4),
        "prices": None,
    }
    assert run(tmp_path / "a", Limit(), **made) is None
    most = paid(tmp_path / "a").tokens // 2
    assert run(tmp_path / "b", Limit(tokens=most), **made) == "token limit"
    assert most - 150 < paid(tmp_path / "b").tokens <= most  # no room for a prompt and 40 more
    assert run(tmp_path / "b", Limit(), **made) is None
    assert rows_of(tmp_path / "b") == rows_of(tmp_path / "a")
    assert paid(tmp_path / "b").tokens == paid(tmp_path / "a").tokens


# Over HTTP: real servers on loopback that count tokens as they please (a prompt of 5 words, an answer of 4).


def http(urls: list[str], most: Limit, rows: int = 300) -> ToyRun:
    return with_spec(with_step(http_spec(urls, rows), sampling=Sampling(max_tokens=5)), limit=most, prices=PRICES)


@pytest.fixture
def servers() -> Iterator[list[Serving]]:
    with Serving(delay=0.002) as one, Serving(delay=0.002) as two:
        yield [one, two]


def test_over_http_every_reply_is_counted_and_none_is_beyond_the_limit(tmp_path: Path, servers: list[Serving]) -> None:
    urls = [server.url for server in servers]
    with workspace(tmp_path / "a") as ws, http(urls, Limit(tokens=2_000)).open(ws) as part:
        assert run_all(part)[-1].stopped == "token limit"
        spent = ws.spending.paid("toy-run")
        assert spent.tokens <= 2_000
        assert spent.completions == sum(len(server.bodies) for server in servers)  # each that was asked is kept
        assert ws.spending.counted("toy-run").tokens == spent.tokens
        assert not list((ws.root / ".rollmill" / "spool").glob("*.jsonl")) or spent.completions < 300
    with workspace(tmp_path / "a") as ws, http(urls, Limit()).open(ws) as part:
        assert run_all(part)[-1].stopped is None
        assert sum(len(server.bodies) for server in servers) == 300
        rows = content(ws)
    with workspace(tmp_path / "b") as ws, http(urls, Limit()).open(ws) as part:
        run_all(part)
        assert content(ws) == rows


@pytest.mark.chaos
@pytest.mark.parametrize("when", [0.2, 0.5, 0.9])
def test_killed_near_the_limit_what_came_is_counted(tmp_path: Path, when: float) -> None:
    most, rows = 2_000, 300
    with Serving(delay=0.02) as server:
        place = [str(tmp_path / "killed"), str(rows), str(most), server.url]
        command = tied(sys.executable, "-m", "tests.flows.rounds.together.limit_child", *place)
        first = subprocess.Popen(command, cwd=CHECKOUT)
        while len(server.bodies) < 200 * when and first.poll() is None:
            time.sleep(0.001)
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert subprocess.run(command, cwd=CHECKOUT, timeout=120).returncode == 1
        with Workspace.open(tmp_path / "killed") as ws:
            assert 9 * len(server.bodies) <= ws.spending.counted("toy-run").tokens <= most
        place[2] = str(10**9)
        command = tied(sys.executable, "-m", "tests.flows.rounds.together.limit_child", *place)
        assert subprocess.run(command, cwd=CHECKOUT, timeout=120).returncode == 0
        with workspace(tmp_path / "whole") as ws, http([server.url], Limit()).open(ws) as part:
            run_all(part)
            assert content(ws)["completions"] == rows_in(tmp_path / "killed")


@pytest.mark.chaos
def test_what_was_under_way_at_kills_and_interrupts_counts_as_spent(tmp_path: Path) -> None:
    """The server gives 9 tokens a reply or more; a request may take some 300, and 32 are under way at once."""
    most, rows = 70_000, 300
    with Serving(delay=0.05) as server:
        place = [str(tmp_path), str(rows), str(most), server.url]
        command = tied(sys.executable, "-m", "tests.flows.rounds.together.limit_child", *place)
        for ending in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGKILL):
            one, asked = subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.DEVNULL), len(server.bodies)
            while len(server.bodies) < asked + 40 and one.poll() is None:
                time.sleep(0.001)
            one.send_signal(ending)
            one.wait()
            with Workspace.open(tmp_path) as ws:
                assert 9 * len(server.bodies) <= ws.spending.counted("toy-run").tokens <= most
        assert subprocess.run(command, cwd=CHECKOUT, timeout=120).returncode in (0, 1)
        with Workspace.open(tmp_path) as ws:
            paid = ws.spending.paid("toy-run").tokens
            assert len(server.bodies) > rows  # some replies were lost, and what they may have cost is counted
            assert 9 * len(server.bodies) <= ws.spending.counted("toy-run").tokens <= most
            assert ws.spending.counted("toy-run").tokens == paid + ws.spending.given_up("toy-run").tokens
            assert ws.spending.given_up("toy-run").tokens <= 4 * 32 * 350


def rows_in(path: Path) -> list[tuple[Any, ...]]:
    return rows_of(path)["completions"]
