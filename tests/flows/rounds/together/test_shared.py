"""Two recipes that differ in batches or depth share completions: each is paid for once, and judged as it is stored."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.cli.runs_cost import cost_text
from rollmill.flows.rounds import QueueLimits, RoundResult, run_all
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Request
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.places import CHECKOUT
from rollmill.storage.queries import Reader
from rollmill.storage.queries.cost import run_cost
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import ToyEngine, ToyVerifier, calls, problems, spec, workspace
from tests.tied import tied

pytestmark = [pytest.mark.integration, pytest.mark.each_commit]

RUNS = ("first", "second", "third")
WIDE = QueueLimits(draw_workers=3, uncommitted=4, unjudged=6, poll_seconds=0.02)


def run_as(name: str, path: Path, engine: Any, results: list[RoundResult], **changes: Any) -> None:
    with workspace(path, name) as ws, spec(name, engine=engine, **changes).open(ws) as part:
        results.extend(run_all(part))


@pytest.mark.parametrize("spooled", [False, True])
def test_two_recipes_at_once_ask_for_a_shared_completion_once(tmp_path: Path, spooled: bool) -> None:
    log = tmp_path / "log"
    results: list[RoundResult] = []
    failures: list[BaseException] = []
    workspace(tmp_path / "ws").close()
    engine = partial(ToyEngine, log=log, delay=0.002, spooled=spooled)

    def work(name: str, initial: int, batch_size: int) -> None:
        try:
            budget = Fixed(initial=initial)
            run_as(name, tmp_path / "ws", engine, results, budget=budget, batch_size=batch_size, limits=WIDE)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=args) for args in (("first", 6, 8), ("second", 10, 11))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(calls(log)) == len(set(calls(log))) == 80  # ten of each of 8 problems, of which both plan the first six
    assert sum(result.drawn for result in results) == 80
    assert sum(result.redundant for result in results) == 0
    with Workspace.open(tmp_path / "ws") as ws:
        assert {name: ws.runs.progress_of(name)[0].done for name in ("first", "second")} == {"first": 48, "second": 80}
        assert sum(ws.spending.paid(name).completions for name in ("first", "second")) == 80
        assert ws.ledger.leases.held() == {}


@pytest.mark.chaos
@pytest.mark.parametrize("spooled", [False, True])
def test_claims_of_killed_processes_are_free_and_the_rest_is_asked_for_once(tmp_path: Path, spooled: bool) -> None:
    """Three processes at once whose recipes differ in batches only; one is killed again and again and started anew."""
    log, ws, most = tmp_path / "log", tmp_path / "ws", 2 * 16  # what a kill may cost: the batches that were not committed

    def start(run: str, batch: int) -> "subprocess.Popen[str]":
        command = tied(
            sys.executable, "-m", "tests.flows.rounds.together.child", str(ws), str(log), "--delay", "0.004", "--run", run
        )
        options = [*command, "--problems", "24", "--batch", str(batch), *(["--spooled"] if spooled else [])]
        return subprocess.Popen(options, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)

    others = [start("first", 12), start("second", 17)]
    for _ in range(3):
        killed = start("third", 16)
        count = len(calls(log))
        while len(calls(log)) < count + 25 and killed.poll() is None:
            time.sleep(0.002)
        killed.kill()
        killed.communicate()
    results = [process.communicate(timeout=100)[0].split() for process in (*others, start("third", 16))]
    with Workspace.open(ws) as opened:
        stored = opened.segments.read("completions").num_rows
        twice = sum(
            payment.charge.sums.completions
            for run in RUNS
            for payment in opened.spending.payments(run)
            if payment.redundant
        )
        assert opened.ledger.leases.held() == {}
    assert len(set(calls(log))) == stored
    assert len(calls(log)) <= stored + 3 * most
    assert sum(int(redundant) for _, redundant in results) <= twice <= 3 * most


class Overtaken(ToyEngine):
    """Before it answers, another command stores half of what was asked, with other texts, as a server may give them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        with Workspace.open(self._path) as other:
            texts = [self._other(request) for request in requests[::2]]
            name = digest128(["other", sorted(record.id for record in texts)])
            other.segments.commit(SegmentKey("completions", self.engine, self.model_digest, name), texts)
        yield from super().generate(requests)

    def _other(self, request: Request) -> Completion:
        [completion] = super().generate([request])
        return replace(completion, text="I do not know." if "answer" in completion.text else "answer: 0")


def test_what_another_command_stored_first_is_what_is_judged(tmp_path: Path) -> None:
    results: list[RoundResult] = []
    run_as("slow", tmp_path, partial(Overtaken, tmp_path), results, budget=Fixed(initial=4))
    with Workspace.open(tmp_path) as ws:
        texts = {row["id"]: row for row in ws.segments.read("completions").to_pylist()}
        verdicts = ws.segments.read("verdicts").to_pylist()
        stored = ws.segments.fetch("completions", list(texts))
    by_id = {problem.id: problem for problem in problems()}
    of = {record.id: record for record in stored}
    again = [ToyVerifier().verify(by_id[row["problem_id"]], of[row["completion_id"]]).outcome for row in verdicts]
    assert len(verdicts) == len(texts) == 32
    assert [row["outcome"] for row in verdicts] == again
    assert sum(result.redundant for result in results) == 16  # asked for here and stored by the other
    assert sum(result.drawn for result in results) == 16
    with Reader.open(tmp_path) as reader:
        cost = run_cost(reader, "slow")
    assert [(part.completions, part.tokens_in) for part in (cost.paid, cost.whole.spent, cost.again)] == [
        (32, 256), (16, 128), (16, 128)
    ]  # fmt: skip
    assert "16 completions (" in cost_text(cost, None)
    assert "were paid twice: another command had stored them first" in cost_text(cost, None)
