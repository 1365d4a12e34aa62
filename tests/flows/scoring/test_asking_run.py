"""What scorers ask a model within a run: stored once, charged with its purpose, kept within the limit, never paid again."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rollmill.flows.rounds import run_all, score_run
from rollmill.flows.sampling.replies import GROUP
from rollmill.flows.sampling.sample import SpendLimitReached
from rollmill.ground.errors import FoundWanting
from rollmill.places import CHECKOUT
from rollmill.storage.scores import run_scores
from rollmill.storage.spending import DRAW, SCORE, Limit
from rollmill.storage.workspace import Workspace
from tests.flows.rounds.toy import calls, workspace
from tests.flows.scoring.asking_run import TOKENS, ScoringToy, scored_run
from tests.tied import tied

pytestmark = pytest.mark.integration


def drawn(ws: Workspace) -> None:
    with scored_run(ws, ScoringToy()) as run:
        run_all(run)


def paid(ws: Workspace) -> dict[str, tuple[int, int]]:
    """Completions and tokens paid for, by purpose."""
    sums = {DRAW: (0, 0), SCORE: (0, 0)}
    for payment in ws.spending.payments("toy-run"):
        completions, tokens = sums[payment.charge.purpose]
        sums[payment.charge.purpose] = (
            completions + payment.charge.sums.completions,
            tokens + payment.charge.sums.tokens,
        )
    return sums


def scores(ws: Workspace) -> list[float]:
    return [float(score) for score in run_scores(ws, ws.runs.get("toy-run"))["likelihood"]]


def test_what_a_scorer_asks_is_stored_and_charged_and_asked_once(tmp_path: Path) -> None:
    engine = ScoringToy()
    with workspace(tmp_path) as ws:
        drawn(ws)
        with scored_run(ws, engine) as run:
            [counts] = score_run(run)
        assert (counts.made, counts.stored, counts.unscored) == (64, 0, 0)
        distinct = engine.made
        assert paid(ws)[SCORE] == (distinct, TOKENS * distinct)
        texts = dict(zip(*(ws.segments.read("completions")[name].to_pylist() for name in ("id", "text")), strict=True))
        plan = [row for part in ws.runs.plans("toy-run") for row in part]
        assert scores(ws) == [-float(len(texts[row.completion_id])) for row in plan]
        with scored_run(ws, engine) as run:
            [again] = score_run(run)
            assert (again.made, again.stored, score_run(run)) == (0, 64, [])
        assert engine.made == distinct
        stored = ws.segments.read("scores").to_pylist()
        assert all(row["seconds"] is not None and row["version"].startswith("2 engine=toy model=toy-1") for row in stored)


def test_deciding_scores_what_no_stage_has(tmp_path: Path) -> None:
    from rollmill.flows.rounds import decide

    with workspace(tmp_path) as ws:
        drawn(ws)
        with scored_run(ws, ScoringToy()) as run:
            report = decide(run)
            assert len(report.scores) == 64


@pytest.mark.integration
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_limit_holds_for_scorers_and_a_higher_one_goes_on(tmp_path: Path, share: float) -> None:
    engine, whole = ScoringToy(), ScoringToy()
    with workspace(tmp_path / "whole") as ws:
        drawn(ws)
        before = paid(ws)[DRAW][1]
        with scored_run(ws, whole) as run:
            score_run(run)
        expected, total = scores(ws), paid(ws)[SCORE][1]
    with workspace(tmp_path / "ws") as ws:
        drawn(ws)
        most = before + int(share * total)
        with scored_run(ws, engine, limit=Limit(tokens=most)) as run, pytest.raises(SpendLimitReached, match="token limit"):
            score_run(run)
        assert ws.spending.counted("toy-run").tokens <= most
        with scored_run(ws, engine) as run:
            score_run(run)
        assert (scores(ws), paid(ws)[SCORE][1], engine.made) == (expected, total, whole.made)


def test_an_engine_that_fails_half_way_loses_nothing_that_came(tmp_path: Path) -> None:
    engine = ScoringToy(fail_after=9, spooled=True)
    with workspace(tmp_path) as ws:
        drawn(ws)
        with scored_run(ws, engine) as run, pytest.raises(FoundWanting, match="out of order"):
            score_run(run)
        assert paid(ws)[SCORE][0] == 9
        engine.fail_after = None
        with scored_run(ws, engine) as run:
            score_run(run)
        assert paid(ws)[SCORE][0] == engine.made


@pytest.mark.chaos
def test_killed_again_and_again_scoring_repays_what_no_spool_had_yet(tmp_path: Path) -> None:
    """Four kills at random moments: the scores are those of an undisturbed run; little is asked twice."""

    def start(path: Path) -> "subprocess.Popen[bytes]":
        path.mkdir(exist_ok=True)
        command = tied(sys.executable, "-m", "tests.flows.scoring.asking_run", str(path / "ws"), str(path / "log"))
        return subprocess.Popen(command, cwd=CHECKOUT)

    assert start(tmp_path / "whole").wait(120) == 0
    chance, killed = random.Random(7), tmp_path / "killed"
    for _ in range(4):
        process = start(killed)
        until = len(calls(killed / "log")) + chance.randrange(5, 12)
        while process.poll() is None and len(calls(killed / "log")) < until:
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert start(killed).wait(120) == 0
    with workspace(killed / "ws") as ws, workspace(tmp_path / "whole" / "ws") as whole:
        assert scores(ws) == scores(whole)
    count = calls(killed / "log")
    assert set(count) == set(calls(tmp_path / "whole" / "log"))
    assert len(count) - len(set(count)) <= 4 * (GROUP + 0.2 / 0.004)
