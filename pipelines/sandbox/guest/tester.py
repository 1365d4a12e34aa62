"""The process that runs the dataset's tests. It alone reports results; the program under test is only a descriptor to it.

Knows neither limits (the keeper has them) nor causes beyond its own.
"""

import builtins
import contextlib
import errno
import gc
import marshal
import os
import struct
import sys
import time
from _socket import socket
from typing import Any

from rollmill.pipelines.sandbox.guest import frames, wire
from rollmill.pipelines.sandbox.guest.instrument import FAILED, PASSED, InstrumentedTests, prepare
from rollmill.pipelines.sandbox.guest.remote import ProcessGone, Remote, Unsupported

_DETAIL = 300
_MOST_KNOWN = 64  # prepared tests that are kept
_MOMENT = 0.01  # seconds within which messages are sent together
_CHUNK = 1 << 15  # bytes: half of what a pipe holds, so that a report seldom waits for its reader
AS_BEFORE, CHANGED = b"\x01\x00\x00\x00.", b"\x01\x00\x00\x00!"
"""The last frame of a whole report: the process is unchanged, or the tests may have changed it."""
_known: dict[str, InstrumentedTests] = {}
_FROM_COLLECTIONS = frozenset(("Counter", "OrderedDict", "defaultdict", "deque", "namedtuple"))


class Tester:
    """A run of one dataset's tests against the program at the other end of `channel`."""

    def __init__(self, channel: int, report: int) -> None:
        self.program = Remote(channel)
        self.report = report
        self.outcome: dict[int, tuple[str, str]] = {}
        self.unsaid = bytearray()
        self.flushed_at = time.monotonic()

    def run(self, tests: str, entry_point: str | None) -> bool:
        """Report the plan, each result as soon as it is known, and the end. Whether this process is unchanged."""
        try:
            prepared = _prepared(tests)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            self.say("broken", f"{type(error).__name__}: {error}")
            return False
        ready = self.hello()
        # No test has run, so nothing in this process can have changed.
        if ready is None:
            return True
        count = len(prepared.lines)
        self.say("plan", count)
        try:
            whole: tuple[str, str] | None = self.execute(prepared, entry_point, ready)
        except BaseException as error:
            whole = self.describe(error)
        else:
            # Only tests without an assertion of their own pass as a whole; with some, each is its own result.
            whole = None if count else whole
        self.finish(count, whole)
        return prepared.harmless

    def execute(self, tests: InstrumentedTests, entry_point: str | None, functions: list[str]) -> tuple[str, str]:
        """The tests as a module, then `check` with the function under test, unless the tests call it themselves."""
        candidate = entry_point or (functions[-1] if functions else "")
        space: dict[str, Any] = {"__name__": "tests", PASSED: self.passed, FAILED: self.failed}
        space.update(self.surroundings(tests.names, functions))
        if entry_point is not None:
            space[entry_point] = self.program.proxy(entry_point)
        if tests.check != "uncalled":
            known = {name: name for name in (*functions, candidate)}
            self.program.ask_ahead(tests.ahead, known | {tests.candidate: known.get(tests.called_with, "")})
        exec(tests.code, space)  # noqa: S102 - what this process is for
        check = space.get("check")
        if tests.check == "uncalled" and callable(check):
            if not tests.candidate:
                check()
            else:
                self.program.ask_ahead(tests.ahead, {tests.candidate: candidate})
                check(self.program.proxy(candidate))
        return "passed", ""

    def surroundings(self, used: set[str], functions: list[str]) -> dict[str, Any]:
        """Names that the tests use and do not define. The standard library comes first, and builtins are never replaced."""
        bindings: dict[str, Any] = {}
        for name in used:
            if hasattr(builtins, name):
                continue
            if name in sys.stdlib_module_names and not name.startswith("_"):
                with contextlib.suppress(ImportError):
                    bindings[name] = __import__(name)
            elif name in _FROM_COLLECTIONS:
                bindings[name] = getattr(__import__("collections"), name)
            elif name in functions:
                bindings[name] = self.program.proxy(name)
        return bindings

    def hello(self) -> list[str] | None:
        """The names of the program's functions; None when it did not load, which is reported."""
        try:
            kind, message = self.program.loaded()
        except ProcessGone as error:
            self.say("gone", str(error))
            return None
        if kind == b"r":
            names: list[str] = message
            return names
        name, _, text = message
        self.say("load", "compile" if kind == b"c" else "raised", name, text)
        return None

    def passed(self, index: int) -> None:
        """Called by the instrumented tests."""
        if index not in self.outcome:
            self.outcome[index] = ("passed", "")

    def failed(self, index: int, error: BaseException) -> None:
        """Called by the instrumented tests: the first failure of an assertion counts."""
        if isinstance(error, ProcessGone | Unsupported):
            raise error
        if self.outcome.get(index, ("passed", ""))[0] == "passed":
            self.outcome[index] = self.describe(error)
            self.say("result", index, *self.outcome[index])

    def describe(self, error: BaseException) -> tuple[str, str]:
        """Meaning of an exception in the tests for the program."""
        name = getattr(error, "__rollmill__", None)
        try:
            text = str(error)[:_DETAIL]
        except BaseException:
            text = ""
        if name is not None:
            # mmap has no exception of its own for memory that the system refuses.
            refused = isinstance(error, OSError) and text.startswith(f"[Errno {errno.ENOMEM}]")
            return ("memory" if refused or isinstance(error, MemoryError) else "raised"), f"{name}: {text}"
        if isinstance(error, AssertionError):
            return "failed", text
        return "error", f"{type(error).__name__}: {text}"

    def finish(self, count: int, whole: tuple[str, str] | None) -> None:
        """All outcomes, and what became of the tests as a whole if that is a result of its own."""
        # Passes are told at the end: an assertion in a loop may pass and then fail.
        for index in range(count):
            status, _ = self.outcome.get(index, ("", ""))
            if status == "passed":
                self.say("result", index, "passed", "")
        if self.program.lost is None:
            self.say("end", whole)
        else:
            self.say("gone" if isinstance(self.program.lost, ProcessGone) else "unsupported", str(self.program.lost))

    def say(self, *message: Any) -> None:
        """Send a message to the keeper, together with others of the same moment: it is woken for each."""
        raw = wire.encode(message)
        self.unsaid += len(raw).to_bytes(4, "little") + raw
        if time.monotonic() - self.flushed_at > _MOMENT or len(self.unsaid) > _CHUNK:
            self.flush()

    def flush(self) -> None:
        """Report the remaining results."""
        view = memoryview(bytes(self.unsaid))
        self.unsaid.clear()
        while view:
            view = view[os.write(self.report, view) :]
        self.flushed_at = time.monotonic()


def main(control: socket) -> None:
    """Run the tests of one program after the other, each with the descriptors that come with it. Never returns."""
    gc.enable()
    wire.keep_iterables()
    jobs = frames.FrameReader(control.fileno(), frames.REQUEST_LIMIT)
    while True:
        mark, rights, _, _ = control.recvmsg(1, 64)
        raw = jobs.receive() if mark else None
        if raw is None:
            os._exit(0)
        channel, report = struct.unpack("ii", rights[0][2])
        tests, entry_point = marshal.loads(raw)  # noqa: S302 - from the keeper, which has it from the host
        tester = Tester(channel, report)
        harmless = tester.run(tests, entry_point)
        tester.unsaid += AS_BEFORE if harmless else CHANGED
        tester.flush()
        os.close(channel)
        os.close(report)


def _prepared(tests: str) -> InstrumentedTests:
    """Prepared tests, kept for the next program of the same problem."""
    instrumented = _known.get(tests)
    if instrumented is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        instrumented = _known[tests] = prepare(tests)
    return instrumented
