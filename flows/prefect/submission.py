"""Submission of a schedule's firing to the standing Prefect server, which may still be learning it or be busy."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

from rollmill.flows.prefect.server import ONE_SHOT, apply, environment, user_prefect_environment, user_prefect_url
from rollmill.ground.errors import RollmillError, SetupError

if TYPE_CHECKING:
    from rollmill.storage.schedules import Schedule
    from rollmill.storage.standing import Standing

PATIENCE = 30.0  # seconds; the server looks for new schedules every two, and answers 503 while its database is locked
_BUSY = frozenset({408, 429, 502, 503, 504})


def submit_firing(item: "Schedule", standing: "Standing") -> str:
    """Id of the flow run that Prefect's server creates to run this schedule now.

    `standing`: the state file of the running `rollmill up`. Raises `SetupError` if the server does not know the schedule,
    or if PREFECT_API_URL names another server than `rollmill up` uses; `RollmillError` if the server refuses the request or
    stays busy.
    """
    if standing.url and standing.url != user_prefect_url():
        raise SetupError(
            "this workspace is up with a Prefect server of yours.", next_command=f"export PREFECT_API_URL={standing.url}"
        )
    ours = environment(standing.home, standing.port, standing.secret, **ONE_SHOT)
    apply(user_prefect_environment(**ONE_SHOT) if standing.url else ours)
    from prefect.deployments import run_deployment

    from rollmill.flows.prefect.triggers import deployment_name

    key = uuid4().hex  # a repeated request creates no second run

    def submit() -> str:
        run = run_deployment(deployment_name(item), timeout=0, as_subflow=False, idempotency_key=key)
        return str(getattr(run, "id", run))

    return retried_submission(item.name, submit)


def retried_submission(name: str, submit: Callable[[], str], patience: float = PATIENCE) -> str:
    """Result of `submit`, repeated each second while the server is busy, away, or does not know the schedule yet."""
    import httpx
    from prefect.exceptions import ObjectNotFound

    deadline = time.monotonic() + patience
    while True:
        late = time.monotonic() > deadline
        try:
            return submit()
        except ObjectNotFound:
            if late:
                again = f"rollmill schedule run-now {name}"
                raise SetupError(f"the standing server does not know {name!r} yet.", next_command=again) from None
        except httpx.HTTPError as error:
            refused = isinstance(error, httpx.HTTPStatusError) and error.response.status_code not in _BUSY
            if late or refused:
                text = f"the standing server did not take it: {error!r}. Next: rollmill schedule list"
                raise RollmillError(text) from None
        time.sleep(1)
