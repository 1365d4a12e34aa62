"""Rounds: plan one, draw and judge it, decide. Free of Prefect; tests, benchmarks and flows call the same functions.

    with OpenRun(session, RunSpec(...), "run-id") as run:
        for r in itertools.count():
            rows = plan_round(run, r)
            if rows is None:
                break
            run_round(run, rows)
        report = decide(run)

It knows the workspace and the roles of the steps, but not which methods exist. A name is imported on first use, so that a
command that reads runs loads nothing that draws.
"""

from typing import TYPE_CHECKING

from rollmill.ground.by_name import first_use

if TYPE_CHECKING:
    from rollmill.flows.rounds.counts import RoundResult
    from rollmill.flows.rounds.judging.decide import DecisionReport, decide
    from rollmill.flows.rounds.judging.score import score_run
    from rollmill.flows.rounds.open_run import OpenRun
    from rollmill.flows.rounds.planning.plan import plan_round
    from rollmill.flows.rounds.run import round_parts, run_all, run_round
    from rollmill.flows.rounds.spec import RunSpec
    from rollmill.flows.sampling.control import QueueLimits

_MODULES = {
    "rollmill.flows.rounds.counts": "RoundResult",
    "rollmill.flows.rounds.judging.decide": "DecisionReport decide",
    "rollmill.flows.rounds.judging.score": "score_run",
    "rollmill.flows.rounds.open_run": "OpenRun",
    "rollmill.flows.rounds.planning.plan": "plan_round",
    "rollmill.flows.rounds.run": "round_parts run_all run_round",
    "rollmill.flows.rounds.spec": "RunSpec",
    "rollmill.flows.sampling.control": "QueueLimits",
}
__getattr__ = first_use(__name__, _MODULES)


__all__ = [
    "DecisionReport",
    "OpenRun",
    "QueueLimits",
    "RoundResult",
    "RunSpec",
    "decide",
    "plan_round",
    "round_parts",
    "run_all",
    "run_round",
    "score_run",
]
