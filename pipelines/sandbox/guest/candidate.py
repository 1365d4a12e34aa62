"""The process that runs the program under test. It gets a source and calls; it never gets an expected value.

Whatever it says is data that its reader distrusts: the program may do with this process as it likes.
"""

import contextlib
import gc
import marshal
import os
import sys
import types
from typing import Any

from rollmill.pipelines.sandbox.guest import frames, wire

_TEXT = 500  # characters of an exception
_REHEARSALS = 40  # runs after which the interpreter has specialised this code, so that no fork copies pages for it
_VALUE = ord("v")
_SCALARS = frozenset((int, float, str, bool, type(None), bytes, complex))


def main(channel: int) -> None:
    """Wait for the job, run it, end the process."""
    jobs = frames.FrameReader(channel, frames.REQUEST_LIMIT)
    raw = jobs.receive()
    if raw is None:
        os._exit(0)
    kind, source, extra = marshal.loads(raw)  # noqa: S302 - from the keeper, which has it from the host
    wire.keep_iterables()
    gc.enable()
    status = 70
    try:
        if kind == "tested":
            status = _tested(jobs, source)
        else:
            status = (_script if kind == "script" else _calls)(channel, source, extra)
    finally:
        _flush()
        os._exit(status)


def rehearse() -> None:
    """Run what every program will run, so that its code is specialised and its caches are full before the first fork."""
    import _socket

    source = (
        "from typing import List\ndef f(x: List[int], y: str = 'a') -> List[int]:\n    return [i + 1 for i in x if i]\n"
    )
    for _ in range(_REHEARSALS):
        ours, theirs = _socket.socketpair()
        reader = frames.FrameReader(theirs.fileno(), frames.REQUEST_LIMIT)
        request = marshal.dumps(("f", [[1, 2, 3], "b"], {}), 2)
        frames.send(ours.fileno(), marshal.dumps(("tested", source, None)))
        marshal.loads(reader.receive() or b"")  # noqa: S302
        module = _loaded(theirs.fileno(), source)
        frames.send(ours.fileno(), request)
        if module is not None:
            frames.send(theirs.fileno(), _reply(module.__dict__, reader.receive() or b""))
        ours.close()
        theirs.close()
    sys.modules.pop("solution", None)


def _script(channel: int, source: str, extra: tuple[str, int | None]) -> int:
    stdin, seed = extra
    _feed(stdin)
    if seed is not None and "random" in source:  # to import it takes time that most programs need not spend
        import random

        random.seed(seed)
    code = _compiled(channel, source)
    if code is None:
        return 1
    module = _module("__main__")
    try:
        exec(code, module.__dict__)  # noqa: S102 - what this process is for
        status = _finish()
    except SystemExit as error:
        _finish()
        return _exit_status(error)
    except BaseException as error:
        _say(channel, b"e", error)
        sys.excepthook(type(error), error, error.__traceback__)
        _finish()
        return 1
    return status


def _calls(channel: int, source: str, calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]]) -> int:
    module = _loaded(channel, source)
    if module is None:
        return 1
    for name, args, kwargs in calls:
        frames.send(channel, _answer(module.__dict__, name, args, kwargs))
    return 0


def _tested(requests: frames.FrameReader, source: str) -> int:
    """Answer one call after the other. Requests are marshalled: the dataset's tests, which write them, are trusted here."""
    module = _loaded(requests.fd, source)
    if module is None:
        return 1
    space, fd = module.__dict__, requests.fd
    while (raw := requests.receive()) is not None:
        frames.send(fd, _reply(space, raw))
    return 0


def _reply(space: dict[str, Any], raw: bytes) -> bytes:
    name, args, kwargs = request = _request(raw)
    reply = _answer(space, name, args, kwargs)
    # Scalars cannot have been changed in place, so most calls need no second encoding of their arguments.
    if reply[0] == _VALUE and not all(type(item) in _SCALARS for item in (*args, *kwargs.values())):
        reply = _with_changes(reply, request, raw)
    _flush()  # when the last test is over this process is killed
    return reply


def _request(raw: bytes) -> Any:
    return wire.decode(raw[1:], frames.REQUEST_LIMIT) if raw[0] == wire.MARK else marshal.loads(raw)  # noqa: S302


def _with_changes(reply: bytes, request: tuple[Any, ...], raw: bytes) -> bytes:
    """The reply, and the arguments after the call if it changed them."""
    try:
        # Version 2: from 3 on the bytes depend on reference counts, and unchanged arguments would look changed.
        again = marshal.dumps(request, 2) if raw[0] != wire.MARK else b""
    except ValueError:
        again = b""
    if again == raw:
        return reply
    try:
        return b"m" + wire.encode(request[1:]) + reply[1:]
    except wire.WireError:
        return b"x"
    except BaseException as error:
        return _exception(b"e", error)


def _answer(space: dict[str, Any], name: str, args: Any, kwargs: dict[str, Any]) -> bytes:
    """The reply to one call: v and a value, e and an exception, or x when the value is too large."""
    try:
        return b"v" + wire.encode(space[name](*args, **kwargs))
    except wire.WireError:
        return b"x"
    except BaseException as error:
        return _exception(b"e", error)


def _loaded(channel: int, source: str) -> types.ModuleType | None:
    """The program as a module, its functions announced; None when it does not load."""
    code = _compiled(channel, source)
    if code is None:
        return None
    module = _module("solution")
    try:
        exec(code, module.__dict__)  # noqa: S102 - what this process is for
    except BaseException as error:
        _say(channel, b"e", error)
        return None
    names = [name for name, value in module.__dict__.items() if callable(value) and type(name) is str]
    frames.send(channel, b"r" + wire.encode(names[:1000]))
    return module


def _compiled(channel: int, source: str) -> types.CodeType | None:
    try:
        return compile(source, "<program>", "exec", dont_inherit=True)
    except BaseException as error:
        _say(channel, b"c", error)
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return None


def _module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module
    return module


def _say(channel: int, what: bytes, error: BaseException) -> None:
    with contextlib.suppress(OSError):  # the program may have closed the channel
        frames.send(channel, _exception(what, error))


def _exception(what: bytes, error: BaseException) -> bytes:
    """An exception as the names of its class and of its bases, nearest first, and its text."""
    try:
        text = str(error)[:_TEXT]
    except BaseException:
        text = ""
    names = [kind.__name__ for kind in type(error).__mro__ if isinstance(kind.__name__, str)][:20]
    return what + wire.encode((names[0], names, text))


def _exit_status(error: SystemExit) -> int:
    """As the interpreter does it."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    sys.stderr.write(f"{error.code}\n")
    return 1


def _finish() -> int:
    """Finish like a whole interpreter at the end of a program: other threads, then exit functions."""
    threading = sys.modules.get("threading")
    if threading is not None:
        threading._shutdown()
    atexit = sys.modules.get("atexit")
    if atexit is not None:
        atexit._run_exitfuncs()
    return 0


def _feed(text: str) -> None:
    """Make a text the standard input, as an unlinked file in the scratch folder."""
    if not text:
        return
    name = "stdin"
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(name)  # noqa: PTH108 - pathlib is not loaded here
    data = memoryview(text.encode("utf-8", "surrogatepass"))
    while data:
        data = data[os.write(fd, data) :]
    os.lseek(fd, 0, os.SEEK_SET)
    os.dup2(fd, 0)
    os.close(fd)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(BaseException):  # the program may have put anything there
            stream.flush()
