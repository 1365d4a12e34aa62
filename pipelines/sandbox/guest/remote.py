"""The program under test as the tests' process sees it: a descriptor that takes calls and gives plain data back.

What comes over it is decoded within bounds and by exact shape; nothing of it is ever executed or looked up as code, but for
the names of builtin exceptions. What the program did to its copies of mutable arguments is repeated on the tests' own.
"""

import builtins
import contextlib
import marshal
import os
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from rollmill.pipelines.sandbox.guest import frames, wire
from rollmill.pipelines.sandbox.guest.instrument import KnownCall


def update(old: Any, new: Any) -> bool:
    """Make a list, dict, set or bytearray equal to `new` in place, keeping the identity of parts; False if it cannot."""
    kind = type(old)
    if kind is not type(new):
        return False
    if kind is list:
        kept = [_merged(a, b) for a, b in zip(old, new, strict=False)]
        old[:] = kept + new[len(kept) :]
    elif kind is dict:
        merged = {key: _merged(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(merged)
    elif kind is set:
        old.clear()
        old.update(new)
    elif kind is bytearray:
        old[:] = new
    elif kind is tuple and len(old) == len(new):
        return all(update(a, b) or a is b or a == b for a, b in zip(old, new, strict=True))
    else:
        return False
    return True


def _merged(old: Any, new: Any) -> Any:
    """The old object made equal to the new one, or the new one."""
    if type(old) in (list, dict, set, bytearray, tuple) and update(old, new):
        return old
    return new


_MOST_AHEAD = 1 << 16  # bytes of calls sent together: less than a socket takes before anybody reads


_ENDS_ITERATION = frozenset(("StopIteration", "StopAsyncIteration", "GeneratorExit"))
"""Raised inside `all(map(f, xs))` of the tests these would end it as if all were well: they arrive as a RuntimeError."""


class ProcessGone(BaseException):
    """The program's process no longer answers, or answered with an invalid message."""


class Unsupported(BaseException):
    """The tests pass a value that cannot cross to another process."""


class OpaqueArgument(TypeError):  # noqa: N818 - not an error of ours
    """The tests return a value to the program that came from it and is not plain data."""


class RaisedByProgram(Exception):  # noqa: N818 - not an error of ours
    """An exception of a class that only the program knows."""


class Remote:
    """The program at the other end of `channel`. `lost`: why it can be asked no more, once that is so."""

    def __init__(self, channel: int) -> None:
        self.reader = frames.FrameReader(channel, 2 * wire.MAX_BYTES)
        self.lost: ProcessGone | Unsupported | None = None
        self.ahead: deque[bytes] = deque()

    def loaded(self) -> tuple[bytes, Any]:
        """First message of the program: r and its functions' names, or c or e and why it did not load. Gone if it is
        neither.
        """
        kind, raw = self.receive()
        message = self.decoded(raw)
        if kind == b"r" and type(message) is list:
            return kind, [name for name in message if type(name) is str]
        if kind not in (b"c", b"e"):
            raise ProcessGone("malformed")
        return kind, _exception_parts(message)

    def proxy(self, name: str) -> Callable[..., Any]:
        """A function that asks the program's process."""

        def call(*args: Any, **kwargs: Any) -> Any:
            return self.ask(name, list(args), kwargs)

        call.__name__ = call.__qualname__ = name
        return call

    def ask(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
        """Make a call: return its value, or raise its exception here. A failure of ours is not taken for the program's."""
        try:
            kind, value = self.exchange(name, args, kwargs)
        except (ProcessGone, Unsupported) as error:
            self.lost = self.lost or error  # tests that catch everything do not make it undone
            raise
        except OpaqueArgument:
            raise
        except MemoryError:  # the replies of the program fill this process: its doing, not the tests'
            self.lost = ProcessGone("oversized")
            raise self.lost from None
        except BaseException as error:
            self.lost = Unsupported(f"{type(error).__name__} between the processes: {error}")
            raise self.lost from error
        if kind == b"e":
            raise value
        return value

    def exchange(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> tuple[bytes, Any]:
        """Send a request and receive its reply: v and a value, or e and an exception."""
        request = _request(name, args, kwargs)
        if self.ahead and self.ahead[0] == request:
            self.ahead.popleft()
        else:
            while self.ahead:  # the tests took another way: what was asked for nothing is answered all the same
                self.ahead.popleft()
                self.receive()
            self.post(len(request).to_bytes(4, "little") + request)
        kind, raw = self.receive()
        if kind == b"v":
            return kind, self.decoded(raw)
        if kind == b"m":
            changes, value = self.decoded(raw, wire.decode_pair)
            if type(changes) is not tuple or len(changes) != 2:
                raise ProcessGone("malformed")
            update(args, changes[0])
            update(kwargs, changes[1])
            return b"v", value
        if kind == b"e":
            return kind, self.exception(*_exception_parts(self.decoded(raw))[1:])
        raise ProcessGone("oversized" if kind == b"x" else "malformed")

    def ask_ahead(self, calls: tuple[KnownCall, ...], functions: dict[str, str]) -> None:
        """Send the calls that will certainly come, as far as they are the program's, and record them."""
        self.ahead.clear()
        for function, args, kwargs in calls:
            name = functions.get(function)
            if not name:
                break
            with contextlib.suppress(Unsupported):
                self.ahead.append(_request(name, args, kwargs))
                continue
            break
        size = sum(map(len, self.ahead))
        if len(self.ahead) < 2 or size > _MOST_AHEAD:
            self.ahead.clear()
            return
        self.post(b"".join(len(raw).to_bytes(4, "little") + raw for raw in self.ahead))

    def post(self, data: bytes) -> None:
        """Write to the program's process. One that is gone is noticed when its answer is missing."""
        with contextlib.suppress(OSError):
            view = memoryview(data)
            while view:
                view = view[os.write(self.reader.fd, view) :]

    def receive(self) -> tuple[bytes, bytes]:
        """Receive a message of the program's process: its kind and its body."""
        try:
            raw = self.reader.receive()
        except OSError:
            raw = None
        except ValueError:
            raise ProcessGone("oversized") from None
        if raw is None:
            raise ProcessGone("closed")
        return raw[:1], raw[1:]

    def decoded(self, raw: bytes, decode: Callable[[bytes], Any] = wire.decode) -> Any:
        """A body as plain data."""
        try:
            return decode(raw)
        except wire.WireError:
            raise ProcessGone("malformed") from None

    def exception(self, names: Iterable[Any], text: str) -> BaseException:
        """The nearest builtin exception among the names, marked as the program's."""
        for name in names:
            if name in _ENDS_ITERATION:
                error: BaseException = RuntimeError(f"{name}: {text}")
                break
            kind = getattr(builtins, name, None) if type(name) is str else None
            if isinstance(kind, type) and issubclass(kind, BaseException) and not issubclass(kind, BaseExceptionGroup):
                try:
                    error = kind(text)
                except TypeError:  # UnicodeDecodeError and its like want more
                    error = RaisedByProgram(f"{name}: {text}")
                break
        else:
            error = RaisedByProgram(text)
        first = next(iter(names), None)
        error.__rollmill__ = first[:80] if type(first) is str else "Exception"  # type: ignore[attr-defined]
        return error


def _request(name: str, args: list[Any], kwargs: dict[str, Any]) -> bytes:
    """A call as bytes: marshalled if that is exact. Unsupported for a value that cannot cross to another process."""
    if not any(type(item) is bytearray for item in args):
        try:
            exact: bytes = marshal.dumps((name, args, kwargs), 2)
            return exact
        except ValueError:
            pass
    _check_plain([args, kwargs])
    try:
        return bytes((wire.MARK,)) + wire.encode((name, args, kwargs), frames.REQUEST_LIMIT)
    except wire.WireError:
        raise Unsupported("arguments too large") from None


def _exception_parts(message: Any) -> tuple[str, list[Any], str]:
    match message:
        case (str() as name, list() as names, str() as text):
            return name, names, text
    raise ProcessGone("malformed")


def _check_plain(value: Any, depth: int = 0) -> None:
    """Unsupported for a value that would not arrive unchanged."""
    if depth > wire.MAX_DEPTH - 2:
        raise Unsupported("arguments nested too deeply")
    if type(value) is dict:
        value = [*value, *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        for item in value:
            _check_plain(item, depth + 1)
    elif isinstance(value, wire.Opaque):
        raise OpaqueArgument(f"an argument is a {value.kind} of the program, which is not plain data")
    elif type(value) not in wire.ITERABLES and not isinstance(
        value, int | float | str | bytes | bytearray | complex | type(None)
    ):
        raise Unsupported(f"an argument of type {type(value).__name__} cannot cross to another process")
