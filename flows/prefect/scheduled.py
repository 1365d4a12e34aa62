"""One scheduled run: the flow of a schedule with the parameters that the workspace's file of schedules has for it.

Run by the runner of `rollmill up` as `python -m flows.prefect.scheduled STATE SCHEDULE`, with the id of Prefect's run in
its environment. It does what `python -m prefect.engine` does, except that it takes no code, no parameter and no result
from Prefect's database.
"""

import os
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from flows.prefect.firing import end_with_supervisor
from storage.ground.errors import SetupError
from storage.schedules import Schedules


def main(arguments: list[str]) -> None:
    """Run the schedule; the exit status says to the runner whether the run crashed."""
    end_with_supervisor(scheduled=True)
    state, name, run_id = Path(arguments[0]), arguments[1], UUID(os.environ["PREFECT__FLOW_RUN_ID"])
    try:
        item = Schedules(state).get_own(name)
    except SetupError as error:  # removed after its run fell due, or not own any more
        sys.exit(f"rollmill: {error}")
    from prefect._internal.control_listener import configure_from_env
    from prefect.engine import handle_engine_signals
    from prefect.flow_engine import load_flow_run, run_flow
    from prefect.logging.loggers import flow_run_logger

    from flows.prefect.job_flows import FLOWS, parameters_of_schedule
    from flows.prefect.untrusted import refuse_stored_results

    refuse_stored_results()
    configure_from_env()  # through which the runner says that the run is cancelled
    with handle_engine_signals(run_id):
        run = load_flow_run(run_id)
        parameters = parameters_of_schedule(item, state.parent)
        logger: Any = flow_run_logger(run)
        run_flow(FLOWS[item.verb], flow_run=run, parameters=parameters, error_logger=logger)


if __name__ == "__main__":
    main(sys.argv[1:])
