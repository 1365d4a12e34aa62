"""A place of segments behind fsspec that is down or refuses: whatever its driver raises is one line with the URL."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.spec import AbstractFileSystem

from storage.errors import SetupError
from storage.segments.place import RemotePlace


class NoCredentialsError(Exception):
    """As botocore's: no OSError and no kin of ours."""


class Down(AbstractFileSystem):
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
