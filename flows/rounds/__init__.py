"""Rounds: plan one, draw and judge it, decide. Free of Prefect; tests, benchmarks and flows call the same functions.

    with OpenRun(RunSpec(...)) as run:
        for r in itertools.count():
            rows = plan_round(ws, run, r)
            if rows is None:
                break
            run_round(ws, run, rows)
        report = decide(ws, run)

It knows the workspace and the roles of the steps, but neither recipes nor which methods exist. A name is imported on first
use, so that a command that reads runs loads nothing that draws.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.rounds.judging.decide import DecisionReport, decide
    from flows.rounds.judging.score import score_run
    from flows.rounds.open_run import Event, OpenRun
    from flows.rounds.planning.plan import plan_round
    from flows.rounds.run import RoundResult, run_all, run_round
    from flows.rounds.spec import RunSpec
    from flows.sampling.control import QueueLimits

_MODULES = {
    "flows.rounds.judging.decide": "DecisionReport decide",
    "flows.rounds.judging.score": "score_run",
    "flows.rounds.open_run": "Event OpenRun",
    "flows.rounds.planning.plan": "plan_round",
    "flows.rounds.run": "RoundResult run_all run_round",
    "flows.rounds.spec": "RunSpec",
    "flows.sampling.control": "QueueLimits",
}
_PLACES = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    # Later lookups find the name in the module and do not come here.
    globals()[name] = value
    return value


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
