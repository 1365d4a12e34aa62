"""Rounds: plan one, draw and judge it, decide. Free of Prefect; tests, benchmarks and flows call the same functions.

    with RunSpec(...) as spec:
        for r in itertools.count():
            rows = plan_round(ws, spec, r)
            if rows is None:
                break
            run_round(ws, spec, rows)
        report = decide(ws, spec)

It knows the workspace and the roles of the steps, but neither recipes nor which methods exist.
"""

from flows.rounds.decide import DecisionReport, decide
from flows.rounds.plan import plan_round
from flows.rounds.run import RoundResult, run_all, run_round
from flows.rounds.spec import Event, RunSpec
from flows.sampling.control import Limits

__all__ = [
    "DecisionReport",
    "Event",
    "Limits",
    "RoundResult",
    "RunSpec",
    "decide",
    "plan_round",
    "run_all",
    "run_round",
]
