"""A judge within a run: its votes are stored once, charged to the run, kept within its limit and never paid again."""

import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.rounds import OpenRun, run_all
from rollmill.flows.sampling.replies import GROUP
from rollmill.flows.sampling.sample import RunSamplers
from rollmill.ground.records import Completion, Problem, Request
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.verify.judged.judge import JudgeVerifier
from rollmill.places import CHECKOUT
from rollmill.storage.spending import DRAW, JUDGE, Limit
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import calls, spec, workspace
from tests.pipelines.verify.judged.toy_judge import ToyJudge
from tests.tied import tied

pytestmark = pytest.mark.integration


VOTES = 2
PROBLEMS = [Problem(f"{n} + {n} = ? (p=50%)", f"answer: {2 * n}") for n in range(1, 5)]
DRAWN = 4 * len(PROBLEMS)


class CountedJudge(ToyJudge):
    """Ten tokens in and five out a vote; `dies_after`: fails when it has given so many."""

    dies_after: int | None = None

    def answer(self, request: Request) -> Completion:
        vote = super().answer(request)
        object.__setattr__(vote, "tokens_in", 10)
        object.__setattr__(vote, "tokens_out", 5)
        return vote

    def prompt_tokens(self, _: str) -> int:
        return 10

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for given, vote in enumerate(super().generate(requests)):
            if self.dies_after is not None and given >= self.dies_after:
                raise KeyboardInterrupt
            yield vote


def judged_run(
    ws: Workspace, engine: CountedJudge, run: str = "toy-run", **changes: Any
) -> AbstractContextManager[OpenRun]:
    samplers = RunSamplers(ws, lambda *_: engine)
    options: dict[str, Any] = {"votes": VOTES, "max_tokens": 5, "samplers": samplers}
    given: dict[str, Any] = {"problems": PROBLEMS, "budget": Fixed(initial=4), "recipe_seed": 7} | changes
    return spec(run, verifiers=(partial(JudgeVerifier, **options),), samplers=samplers, **given).open(ws)


def votes(ws: Workspace) -> list[Completion]:
    return [completion for completion in ws.segments.fetch("completions", _ids(ws)) if completion.stream == JUDGE]


def _ids(ws: Workspace) -> list[str]:
    return [str(cid) for cid in ws.segments.read("completions", columns=("id",))["id"].to_pylist()]


def payments(ws: Workspace, run: str = "toy-run") -> dict[str, int]:
    """Completions paid for, by purpose."""
    paid = dict.fromkeys((DRAW, JUDGE), 0)
    for payment in ws.spending.payments(run):
        paid[payment.charge.purpose] += payment.charge.sums.completions
    return paid


def test_votes_are_stored_and_charged_to_the_run(tmp_path: Path) -> None:
    engine = CountedJudge()
    with workspace(tmp_path) as ws, judged_run(ws, engine) as run:
        run_all(run)
        count = sum(len(call) for call in engine.asked)
        assert count == VOTES * DRAWN == len(votes(ws))
        assert payments(ws) == {DRAW: DRAWN, JUDGE: count}
        assert sum(p.charge.sums.tokens for p in ws.spending.payments("toy-run") if p.charge.purpose == JUDGE) == count * 15


def test_what_is_judged_by_the_same_judge_in_another_run_draws_no_vote(tmp_path: Path) -> None:
    engine = CountedJudge()
    with workspace(tmp_path) as ws:
        with judged_run(ws, engine) as run:
            run_all(run)
        count = len(engine.asked)
        connection = ws.segments.connect()
        before = connection.execute("SELECT completion_id, outcome, value FROM verdicts ORDER BY ALL").fetchall()
        connection.close()
    with workspace(tmp_path, "other") as ws, judged_run(ws, engine, "other", problems=PROBLEMS[:2]) as run:
        run_all(run)
        assert len(engine.asked) == count
        assert payments(ws, "other") == {DRAW: 0, JUDGE: 0}
    assert len(before) == DRAWN


@pytest.mark.parametrize("most", [90, 200, 400, 600])
def test_a_limit_covers_the_judge_and_a_higher_one_goes_on(tmp_path: Path, most: int) -> None:
    """Drawing the rollouts takes part of the limit, judging the rest: together never more; nothing is paid twice."""
    engine, whole = CountedJudge(), CountedJudge()
    with workspace(tmp_path / "whole") as ws, judged_run(ws, whole) as run:
        run_all(run)
        total = ws.spending.paid("toy-run").tokens
        content = sorted((v.id, v.text) for v in votes(ws))
    with workspace(tmp_path / "ws") as ws:
        with judged_run(ws, engine, limit=Limit(tokens=most)) as run:
            results = run_all(run)
        assert results[-1].stopped == "token limit"
        assert ws.spending.counted("toy-run").tokens <= most < total
        with judged_run(ws, engine) as run:
            results = run_all(run)
        assert results[-1].stopped is None
        assert ws.spending.paid("toy-run").tokens == total
        assert sorted((v.id, v.text) for v in votes(ws)) == content
        assert sum(len(call) for call in engine.asked) == len(content)


def test_votes_that_came_before_an_interrupt_are_not_paid_again(tmp_path: Path) -> None:
    engine = CountedJudge()
    engine.dies_after = 5
    with workspace(tmp_path) as ws:
        with judged_run(ws, engine) as run, pytest.raises(KeyboardInterrupt):
            run_all(run)
        kept = {vote.id for vote in votes(ws)}
        assert len(kept) == 5
        engine.dies_after = None
        engine.asked.clear()
        with judged_run(ws, engine) as run:
            run_all(run)
        again = {request.completion_id for call in engine.asked for request in call}
        assert not again & kept
        assert len(again | kept) == VOTES * DRAWN == payments(ws)[JUDGE]


def start(path: Path) -> "subprocess.Popen[bytes]":
    path.mkdir(exist_ok=True)
    command = tied(sys.executable, "-m", "tests.flows.rounds.judging.judge_child", str(path / "ws"), str(path / "log"))
    return subprocess.Popen(command, cwd=CHECKOUT)


def verdicts(path: Path) -> list[tuple[str, str, float]]:
    with workspace(path) as ws:
        connection = ws.segments.connect()
        rows = connection.execute("SELECT completion_id, outcome, value FROM verdicts ORDER BY ALL").fetchall()
        connection.close()
        return rows


@pytest.mark.chaos
def test_killed_again_and_again_a_judge_repays_what_no_spool_had_yet(tmp_path: Path) -> None:
    """Four kills at random moments of judging: the verdicts are those of an undisturbed run; little is lost."""
    assert start(tmp_path / "whole").wait(120) == 0
    chance, killed = random.Random(7), tmp_path / "killed"
    for _ in range(4):
        process = start(killed)
        before = len(calls(killed / "log"))
        until = before + chance.randrange(20, 80)
        while process.poll() is None and len(calls(killed / "log")) < until:
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert start(killed).wait(120) == 0
    assert verdicts(killed / "ws") == verdicts(tmp_path / "whole" / "ws")
    paid = calls(killed / "log")
    assert set(paid) == set(calls(tmp_path / "whole" / "log"))
    assert len(paid) - len(set(paid)) <= 4 * (GROUP + 0.2 / 0.004)
