"""A place of segments behind fsspec that is down or refuses: whatever its driver raises is one line with the URL."""

import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.spec import AbstractFileSystem

from rollmill.ground.errors import SetupError
from rollmill.storage.segments.place import RemotePlace, passes


class NoCredentialsError(Exception):
    """As botocore's: no OSError and no kin of ours."""


class Down(AbstractFileSystem):  # type: ignore[misc]
    """A file system of which every question fails."""

    protocol = "down"
    error: Exception = NoCredentialsError("Unable to locate\ncredentials")

    def info(self, *_: Any, **__: Any) -> Any:
        raise self.error

    ls = makedirs = put_file = rm_file = cat_file = pipe_file = modified = open = info


@pytest.fixture
def place(tmp_path: Path) -> Iterator[RemotePlace]:
    """Segments under down://bucket."""
    fsspec.register_implementation("down", Down, clobber=True)
    yield RemotePlace("down://bucket/prefix", tmp_path)
    Down.error = NoCredentialsError("Unable to locate\ncredentials")


@pytest.mark.parametrize(
    "ask",
    [
        lambda place: place.own("ledger"),
        lambda place: place.open("completions", "a" * 44),
        lambda place: place.digest("completions", "a" * 44),
        lambda place: place.put("completions", "a" * 44, lambda path: path.write_bytes(b"x")),
        lambda place: place.discard("down://bucket/prefix/x"),
        lambda place: place.modified("down://bucket/prefix/x"),
    ],
    ids=["own", "open", "digest", "put", "discard", "modified"],
)
def test_whatever_a_driver_raises_is_one_line(place: RemotePlace, ask: Any) -> None:
    for error in (NoCredentialsError("Unable to locate\ncredentials"), PermissionError("Access Denied"), ConnectionError()):
        Down.error = error
        with pytest.raises(SetupError, match="the place of segments down://bucket/prefix does not answer: ") as caught:
            ask(place)
        assert "\n" not in str(caught.value)
        assert type(error).__name__ in str(caught.value)
    assert list(place.scratch.iterdir()) == []


class Silent(Down):
    """A server that is asked whether a bucket exists while it fails: s3fs says no."""

    protocol = "silent"

    def exists(self, *_: Any, **__: Any) -> bool:
        return False


def test_a_place_that_does_not_answer_is_not_an_empty_one(tmp_path: Path) -> None:
    """Else every segment would be missing, and unregistered."""
    fsspec.register_implementation("silent", Silent, clobber=True)
    place = RemotePlace("silent://bucket", tmp_path)
    with pytest.raises(SetupError, match="the place of segments silent://bucket does not answer"):
        place.sizes([("completions", "a" * 44)])


def test_what_passes_by_itself_is_tried_again_and_what_does_not_is_not() -> None:
    from aiohttp import ClientPayloadError
    from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, ReadTimeoutError

    def refused(status: int) -> Exception:
        error: Exception = ClientError({"Error": {}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")
        return error

    again = [*map(refused, (429, 500, 503)), EndpointConnectionError(endpoint_url="x"), ReadTimeoutError(endpoint_url="x")]
    assert all(map(passes, [*again, ClientPayloadError()]))
    assert not any(
        map(passes, [*map(refused, (301, 400, 403, 404)), NoCredentialsError(), PermissionError(), ValueError()])
    )


@pytest.mark.parametrize(
    ("minutes", "said"), [(40, "40 minutes ahead of the store's"), (-40, "40 minutes behind the store's")]
)
def test_a_refusal_of_this_machines_clock_is_named(place: RemotePlace, minutes: int, said: str) -> None:
    from botocore.exceptions import ClientError

    date = formatdate(time.time() - 60 * minutes, usegmt=True)
    reply = {"Error": {"Code": "403"}, "ResponseMetadata": {"HTTPStatusCode": 403, "HTTPHeaders": {"date": date}}}
    Down.error = PermissionError("Forbidden")
    Down.error.__cause__ = ClientError(reply, "HeadObject")  # as s3fs gives it
    with pytest.raises(SetupError, match=f"Forbidden .*The clock of this machine is {said}, and S3 .*Next: set the clock"):
        place.own("ledger")
