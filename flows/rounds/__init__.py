"""Rounds: plan one, draw and judge it, decide. Free of Prefect; tests, benchmarks and flows call the same functions.

    with OpenRun(RunSpec(...)) as run:
        for r in itertools.count():
            rows = plan_round(ws, run, r)
            if rows is None:
                break
            run_round(ws, run, rows)
        report = decide(ws, run)

It knows the workspace and the roles of the steps, but neither recipes nor which methods exist.
"""

from flows.rounds.judging.decide import DecisionReport, decide
from flows.rounds.judging.score import score_run
from flows.rounds.open_run import Event, OpenRun
from flows.rounds.planning.plan import plan_round
from flows.rounds.run import RoundResult, run_all, run_round
from flows.rounds.spec import RunSpec
from flows.sampling.control import QueueLimits

__all__ = [
    "DecisionReport",
    "Event",
    "OpenRun",
    "QueueLimits",
    "RoundResult",
    "RunSpec",
    "decide",
    "plan_round",
    "run_all",
    "run_round",
    "score_run",
]
