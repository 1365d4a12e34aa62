"""Submission of a firing while the server is busy, unreachable, ignorant of the schedule, or refusing."""

from collections.abc import Callable

import httpx
import pytest
from prefect.exceptions import ObjectNotFound

from rollmill.flows.prefect.submission import retried_submission
from rollmill.ground.errors import RollmillError, SetupError

REQUEST = httpx.Request("POST", "http://127.0.0.1:4200/api/deployments/1/create_flow_run")


def answered(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError(str(status), request=REQUEST, response=httpx.Response(status, request=REQUEST))


def server(*failures: Exception) -> Callable[[], str]:
    """A submission that fails so many times, in this order, and is then taken."""
    left = list(failures)

    def submit() -> str:
        if left:
            raise left.pop(0)
        return "run-1"

    return submit


@pytest.mark.integration
def test_a_busy_server_is_asked_again() -> None:
    busy = server(answered(503), httpx.ReadTimeout("slow", request=REQUEST), ObjectNotFound(KeyError("nightly")))
    assert retried_submission("nightly", busy) == "run-1"


def test_a_refusal_is_told_at_once() -> None:
    with pytest.raises(RollmillError, match="did not take it: HTTPStatusError\\('422'\\)"):
        retried_submission("nightly", server(answered(422)))


@pytest.mark.parametrize(
    ("failure", "error", "text"),
    [
        (answered(503), RollmillError, "did not take it"),
        (httpx.ConnectError("refused", request=REQUEST), RollmillError, "did not take it"),
        (ObjectNotFound(KeyError("nightly")), SetupError, "does not know 'nightly' yet"),
    ],
)
def test_patience_ends(failure: Exception, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        retried_submission("nightly", server(failure), patience=-1)
