"""Draw workers in processes of their own: the same bits, whatever dies, and nothing left behind."""

import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Origin, Problem, Request, Sampling, request_for
from rollmill.pipelines.generate.embedded.draw_workers import DEATHS, DrawWorkers
from rollmill.pipelines.generate.embedded.engine import Embedded
from tests.pipelines.generate.serving.toy_model import alive
from tests.tied import tied
from tests.waiting import until

pytestmark = pytest.mark.integration

CUTS = (
    Sampling(max_tokens=40),
    Sampling(0.7, 0.9, 0, 30, warp=(RecordedMethod("min_p", "1", '{"share":0.2}'),)),
    Sampling(0.0, max_tokens=11),
    Sampling(stop=(".",), max_tokens=50),
)
HOST = """
import sys, time
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.generate.embedded.decode import DecodeGroup

engine = Embedded(threads=2)
workers = engine._workers_for([DecodeGroup((1,), [None] * 200)] * 2)
while len(workers.pids()) < 2 or not workers.ready:
    time.sleep(0.02)
print(*workers.pids(), flush=True)
time.sleep(60)
"""


def requests(engine: Embedded, count: int) -> list[Request]:
    """Requests of a dozen prompts, their sampling mixed."""
    origin = Origin(engine.engine, engine.model_digest, "curate", 3)
    texts = [f"Tom has {n} apples and buys {n + 2} apples. How many apples does Tom have now?" for n in range(12)]
    problems = [Problem(text, "0") for text in texts]
    chosen = [(problems[at % 12], CUTS[at % 4], at // 12) for at in range(count)]
    return [request_for(one, engine.render(one.prompt), cut, origin, index) for one, cut, index in chosen]


def drawn(engine: Embedded, asked: list[Request]) -> dict[str, Completion]:
    return {one.id: replace(one, seconds=None) for one in engine.generate(asked)}


def ready(engine: Embedded) -> DrawWorkers:
    """The engine's workers, all of them loaded: what is drawn from here on is drawn by them."""
    workers = workers_of(engine)
    assert workers is not None
    assert until(lambda: workers.ready)
    return workers


def workers_of(engine: Embedded) -> DrawWorkers | None:
    groups, _ = engine._grouped(requests(engine, 200))
    return engine._workers_for(groups)


@pytest.fixture(scope="module")
def alone() -> dict[str, Completion]:
    """What one worker draws on the caller's thread, without a process."""
    engine = Embedded(threads=1)
    completions = drawn(engine, requests(engine, 300))
    assert engine._workers is None
    assert len(completions) == 300
    return completions


@pytest.fixture
def engine() -> Iterator[Embedded]:
    engine = Embedded(threads=2)
    yield engine
    engine.close()


def test_processes_change_no_bit(engine: Embedded, alone: dict[str, Completion]) -> None:
    ready(engine)
    assert drawn(engine, requests(engine, 300)) == alone


def test_the_caller_draws_until_the_first_lane_is_there(engine: Embedded, alone: dict[str, Completion]) -> None:
    assert drawn(engine, requests(engine, 300)) == alone
    assert engine._workers is not None


def test_a_few_requests_start_no_process(engine: Embedded) -> None:
    for one in requests(engine, 200):
        list(engine.generate([one]))
    assert engine._workers is None
    list(engine.generate(requests(engine, 100)))
    assert engine._workers is None
    list(engine.generate(requests(engine, 100)))
    assert engine._workers is not None


def test_calls_at_once_get_their_own_answers(engine: Embedded, alone: dict[str, Completion]) -> None:
    ready(engine)
    asked = requests(engine, 300)
    parts, found = [asked[:100], asked[100:250], asked[250:]], [dict[str, Completion]() for _ in range(3)]
    threads = [
        threading.Thread(target=lambda out=out, part=part: out.update(drawn(engine, part)))
        for out, part in zip(found, parts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [set(out) for out in found] == [{one.completion_id for one in part} for part in parts]
    assert {key: value for out in found for key, value in out.items()} == alone


def replaced(workers: DrawWorkers, before: list[int]) -> bool:
    return len(workers.pids()) == 2 and workers.pids() != before


def test_a_killed_lane_costs_time_and_nothing_else(engine: Embedded, alone: dict[str, Completion]) -> None:
    workers = ready(engine)
    stream, found = engine.generate(requests(engine, 300)), list[Completion]()
    for kills in range(3):
        found += [next(stream) for _ in range(20)]
        before = workers.pids()
        os.kill(before[kills % len(before)], signal.SIGKILL)
        assert until(partial(replaced, workers, before))
    found += stream
    assert len(found) == 300
    assert {one.id: replace(one, seconds=None) for one in found} == alone


def test_lanes_that_do_nothing_but_die_are_a_setup_error(
    engine: Embedded, alone: dict[str, Completion], monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = ready(engine)
    monkeypatch.setattr(workers, "_command", ["false"])
    stream = engine.generate(requests(engine, 300))
    next(stream)
    for pid in workers.pids():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(SetupError, match=f"died {DEATHS} times in a row"):
        list(stream)
    assert drawn(engine, requests(engine, 300)) == alone, "another call starts a workers of its own"


def test_what_a_worker_says_of_its_failure_is_raised(engine: Embedded, tmp_path: Path) -> None:
    session, _ = engine._loaded()
    workers = DrawWorkers(tmp_path / "nothing", session.sizes, 1, engine._make.drawn)
    groups, _ = engine._grouped(requests(engine, 8))
    with pytest.raises(RuntimeError, match=r"a worker of engine embedded failed: SetupError"):
        list(workers.collect(workers.submit(groups)))
    workers.close()


def test_a_caller_who_leaves_takes_his_work_with_him(engine: Embedded, alone: dict[str, Completion]) -> None:
    workers = ready(engine)
    stream = engine.generate(requests(engine, 300))
    assert isinstance(stream, Generator)
    next(stream)
    stream.close()
    assert not workers._waiting
    assert not workers._calls
    assert drawn(engine, requests(engine, 300)) == alone


def test_a_lane_that_cannot_be_started_is_said(engine: Embedded, tmp_path: Path) -> None:
    workers = ready(engine)
    workers._command[0] = str(tmp_path / "no-python")
    stream = engine.generate(requests(engine, 300))
    next(stream)
    for pid in workers.pids():
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(FileNotFoundError, match="no-python"):
        list(stream)


def test_an_engine_that_nobody_holds_takes_its_lanes_along() -> None:
    engine = Embedded(threads=2)
    pids = ready(engine).pids()
    del engine
    gc.collect()
    assert until(lambda: not any(map(alive, pids)))


def test_closing_ends_every_process_and_thread(engine: Embedded) -> None:
    pids = ready(engine).pids()
    engine.close()
    assert not any(map(alive, pids))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("embedded-")]
    assert len(list(engine.generate(requests(engine, 4)))) == 4


def test_no_lane_outlives_its_killed_host() -> None:
    with subprocess.Popen(tied(sys.executable, "-c", HOST), stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        pids = [int(pid) for pid in host.stdout.readline().split()]
        assert len(pids) == 2
        host.kill()
    assert until(lambda: not any(map(alive, pids)))
