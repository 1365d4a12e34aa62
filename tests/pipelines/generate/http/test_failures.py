"""Failures are sorted by what is to be done, from statuses, bodies and headers of any form."""

import math
import random
from email.utils import formatdate

import pytest

from rollmill.ground.errors import SetupError, Unavailable
from rollmill.pipelines.generate.http.dispatch import pause
from rollmill.pipelines.generate.http.failures import ErrorMessages, Failure, error_of, of_status, retry_after
from rollmill.pipelines.generate.http.http_settings import Secrets, Server
from rollmill.pipelines.generate.http.replicas import Replica


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None), ("7", 7.0), ("0.5", 0.5), ("-3", None), ("nan", None), ("inf", math.inf), ("soon", None), ("", None),
        (formatdate(1_000_030, usegmt=True), 30.0), (formatdate(999_000, usegmt=True), None),
        ("Wed, 99 Foo 2026 99:99:99 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_in_seconds_and_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 1_000_000) == seconds


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_these_may_pass(status: int) -> None:
    failure = of_status(status, {"Retry-After": "2"}, b"busy")
    assert (failure.kind, failure.again, failure.after, failure.detail) == (f"http_{status}", True, 2.0, "busy")
    assert failure.congested == (status in (429, 503, 529))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 422])
def test_these_will_not(status: int) -> None:
    assert not of_status(status, {}, b"").again


def test_spent_money_is_no_rate_limit() -> None:
    body = b'{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    failure = of_status(429, {"Retry-After": "1"}, body)
    assert (failure.again, failure.congested, failure.after) == (False, False, None)
    assert failure.detail == "You exceeded your current quota"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"error": {"message": "m", "code": "c"}}', ("c", "m")),
        (b'{"error": {"message": "m", "code": 404, "type": "t"}}', ("t", "m")),
        (b'{"object": "error", "message": "m", "type": "BadRequestError"}', ("BadRequestError", "m")),
        (b'{"detail": "Not Found"}', (None, "Not Found")),
        (b'{"error": "model not loaded"}', (None, "model not loaded")),
        (b"<html>502 Bad Gateway</html>", (None, "<html>502 Bad Gateway</html>")),
        (b"[" * 100_000, (None, "[" * 4096)),
        (b"\xff\xfe", (None, "\ufffd\ufffd")),
        (b"[1]", (None, "[1]")),
        (b"", (None, "")),
    ],
)
def test_errors_of_every_form_are_read(body: bytes, found: tuple[str | None, str]) -> None:
    assert error_of(body) == found


def test_pauses_are_uniform_up_to_a_doubling_bound_and_never_sooner_than_asked() -> None:
    rng = random.Random(1)
    for tried, bound in ((1, 1.0), (2, 2.0), (5, 16.0), (9, 60.0), (100_000, 60.0)):
        drawn = [pause(tried, None, rng, base=1.0, most=60.0) for _ in range(2000)]
        assert 0.0 <= min(drawn) < 0.02 * bound
        assert 0.98 * bound < max(drawn) <= bound
        assert abs(sum(drawn) / 2000 - bound / 2) < 0.03 * bound
    assert all(5.0 <= pause(9, 5.0, rng, base=1.0, most=60.0) <= 6.0 for _ in range(100))


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure("no_connection", down=True), Unavailable),
        (Failure("timeout", congested=True), Unavailable),
        (of_status(500, {}, b""), Unavailable),
        (of_status(429, {"Retry-After": "9000"}, b""), Unavailable),
        (of_status(401, {}, b""), SetupError),
        (of_status(404, {}, b""), SetupError),
        (of_status(422, {}, b""), SetupError),
        (Failure("tls", again=False), SetupError),
    ],
)
def test_what_may_pass_is_no_mistake(failure: Failure, kind: type[SetupError]) -> None:
    server = Server(url="http://127.0.0.1:1/v1")
    replica = Replica(server, None)
    assert type(ErrorMessages("toy", Secrets()).about(replica, failure, 3)) is kind
    assert type(ErrorMessages("toy", Secrets()).dark([replica], 3.0)) is Unavailable
