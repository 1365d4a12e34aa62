"""One scheduled run: the flow of a schedule with the parameters that the workspace's file of schedules has for it.

Run by the runner of `rollmill up` as `python -m rollmill.flows.prefect.scheduled STATE SCHEDULE`, with the id of Prefect's
run in its environment. It does what `python -m prefect.engine` does, except that it takes no code, no parameter and no
result from Prefect's database.
"""

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from rollmill.flows.driver import Outcome
from rollmill.flows.job import Job
from rollmill.flows.prefect.attempts import attempts
from rollmill.flows.prefect.firing import end_with_supervisor, fire
from rollmill.ground.errors import SetupError
from rollmill.storage.schedules import Schedule, Schedules

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

ASKED = ("keep_going", "max_tokens", "max_cost")  # of *Custom run*: what can run no other code


def main(arguments: list[str]) -> None:
    """Run the schedule; the exit status says to the runner whether the run crashed."""
    end_with_supervisor()
    state, name, run_id = Path(arguments[0]), arguments[1], UUID(os.environ["PREFECT__FLOW_RUN_ID"])
    try:
        item = Schedules(state).get_own(name)
    except SetupError as error:  # removed after its run fell due, or not own any more
        sys.exit(f"rollmill: {error}")
    from prefect._internal.control_listener import configure_from_env
    from prefect.engine import handle_engine_signals
    from prefect.flow_engine import load_flow_run, run_flow
    from prefect.logging.loggers import flow_run_logger

    from rollmill.flows.prefect.flows.carrying import carried_out_by, flow_of, parameters_of_schedule
    from rollmill.flows.prefect.untrusted import refuse_stored_results

    refuse_stored_results()
    configure_from_env()  # through which the runner says that the run is cancelled
    with handle_engine_signals(run_id):
        run = load_flow_run(run_id)
        parameters = parameters_of_schedule(item, state.parent)
        options = run.parameters.get("options")
        if isinstance(options, dict):
            parameters["options"] |= {name: options[name] for name in ASKED if name in options}
        logger: Any = flow_run_logger(run)
        with carried_out_by(partial(_fire, item, run)):
            run_flow(flow_of(item.verb), flow_run=run, parameters=parameters, error_logger=logger)


def _fire(item: Schedule, run: "FlowRun", job: Job) -> Outcome:
    """The outcome of a flow run as a firing of its schedule."""
    from rollmill.flows.prefect.flows.tasks import Tasks

    key = str(run.id)
    once = partial(fire, item.name, item.fresh, job, Tasks(), key)
    return attempts(item.name, job, once, key)


if __name__ == "__main__":
    main(sys.argv[1:])
