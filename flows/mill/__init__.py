"""The mill: plan a round, draw and judge it, decide. Free of Prefect; tests, benchmarks and flows call the same functions.

    with MillSpec(...) as spec:
        for r in itertools.count():
            rows = plan_round(ws, spec, r)
            if rows is None:
                break
            run_round(ws, spec, rows)
        report = decide(ws, spec)

It knows the workspace and the roles of the steps, but neither recipes nor which methods exist.
"""

from flows.mill.decide import DecisionReport, decide
from flows.mill.funnel import Funnel
from flows.mill.plan import plan_round
from flows.mill.run import RoundResult, run_all, run_round
from flows.mill.spec import Event, Limits, MillSpec

__all__ = [
    "DecisionReport",
    "Event",
    "Funnel",
    "Limits",
    "MillSpec",
    "RoundResult",
    "decide",
    "plan_round",
    "run_all",
    "run_round",
]
