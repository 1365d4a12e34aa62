"""End of a command by a signal or by the death of one of its threads: one line, and an orderly end.

SIGTERM, SIGHUP and SIGQUIT do what Ctrl-C does. A thread that dies may have been what another one waits for, for ever; so
its death ends the command as well.
"""

import errno
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from rollmill.ground.errors import RollmillError, machine_error, refusal

LIKE_CTRL_C = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
GRACE = 60  # seconds of the orderly end after a thread's death; then the kernel ends the process, as kill -9 would
TWICE = 0.5  # seconds in which a signal that comes again is the same one, sent to the process and to its group
_AGAIN = "run the same command again; everything committed before is safe"


class _State:
    """Cause of the command's end; empty until then."""

    at: float = 0.0
    thread: BaseException | None = None
    told = False


_state = _State()


@contextmanager
def in_order() -> Iterator[None]:
    """Let signals and deaths of threads raise KeyboardInterrupt in the main thread; the signals also after the block."""
    _state.at, _state.thread, _state.told = 0.0, None, False
    for number in LIKE_CTRL_C:
        # `nohup` and a shell's background jobs ignore some of them, so that the command goes on.
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    hooks = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = _thread_ended, _thread_not_begun
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = hooks


def told() -> None:
    """Take note that the command has said how it is resumed."""
    _state.told = True


def last_word(status: int) -> tuple[str, int]:
    """Last line of a command with this status, and the status that it ends with."""
    if _state.thread is not None:
        signal.alarm(GRACE)  # for what the interpreter does at its exit
        return "", 2
    if status == 130:
        # An interrupt inside a string that is executed, as a dataclass is made, sets a flag of the interpreter, which
        # then ends by SIGINT whatever was caught (`python -m`); the next string that is executed clears the flag.
        exec("")  # noqa: S102
    if status == 130 and not _state.told:
        return f"interrupted. Next: {_AGAIN}", status
    return "", status


def a_thread_died() -> bool:
    """True if the death of a thread ends the command; the line about that has been printed."""
    return _state.thread is not None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    now = time.monotonic()
    if _state.at and now - _state.at < TWICE:
        return
    _state.at = now
    terminal_gone()
    raise KeyboardInterrupt


def terminal_gone() -> bool:
    """True if the terminal of this command was closed; what is written from then on goes nowhere, instead of failing."""
    gone = False
    for stream in (1, 2):
        try:
            os.write(stream, b"")
        except OSError as error:
            if error.errno == errno.EIO:
                gone = True
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    return gone


def _of_thread(error: BaseException) -> RollmillError:
    known = error if isinstance(error, RollmillError) else refusal(error)
    # The number alone: a thread that cannot begin has no memory for its stack.
    if known is None and isinstance(error, OSError) and error.errno == errno.ENOMEM:
        known = machine_error(errno.ENOMEM, "")
    return known or RollmillError(f"a thread of this command died: {type(error).__name__}: {error}. Next: {_AGAIN}")


def _thread_ended(args: threading.ExceptHookArgs) -> None:
    """Hook for an exception that ended a thread."""
    if isinstance(args.exc_value, OSError) and args.exc_value.errno == errno.EIO and terminal_gone():
        return  # a thread that shows progress; SIGHUP ends the command
    if args.exc_type is not SystemExit:
        _end(args.exc_value or args.exc_type())


def _thread_not_begun(unraisable: Any) -> None:
    """Hook for an exception that nobody can catch. One ends a thread before it runs: whoever starts it waits for it."""
    if "thread" in str(unraisable.err_msg) and unraisable.exc_value is not None:
        _end(unraisable.exc_value)
    else:
        sys.__unraisablehook__(unraisable)


def _end(error: BaseException) -> None:
    """Interrupt the main thread; if it does not end in time, the kernel ends the process."""
    if _state.thread is not None:
        return
    _state.thread = error
    signal.alarm(GRACE)
    with suppress(OSError):
        os.write(2, f"rollmill: {_of_thread(error)}\n".encode())  # now: nothing else may ever be printed
        # A real signal, at the main thread: it wakes a wait for a lock, which a pending flag alone does not. SIGTERM,
        # because a background job ignores SIGINT.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def memory_limited() -> bool:
    """True if the address space of this process has a limit (`ulimit -v`)."""
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY


def in_a_child() -> int | None:
    """None in a new child, which is to do the work; here, the child's exit status once it has ended.

    For a process whose memory is limited. Without memory, libraries in C++ and Rust end the process in many ways (SIGSEGV,
    SIGABRT, status 127) and say nothing that helps; the process that looks on says what it was.
    """
    forwarded = {*LIKE_CTRL_C, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, forwarded)
    parent, child = os.getpid(), os.fork()
    if child == 0:
        from rollmill.pipelines.processes.child import die_with_parent

        die_with_parent(parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, forwarded)
        return None
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return _status_of_child(os.waitstatus_to_exitcode(status))
        told_by = signal.sigwaitinfo(forwarded)
        if told_by.si_signo != signal.SIGCHLD:  # one from the terminal has reached the child too, and counts once there
            with suppress(ProcessLookupError):
                os.kill(child, told_by.si_signo)


def _status_of_child(status: int) -> int:
    if status == 127 or status in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS, -signal.SIGALRM, -signal.SIGILL):
        error = machine_error(errno.ENOMEM, "")
        os.write(2, f"rollmill: {error}\n".encode())
        return 2
    return status if status >= 0 else 128 - status
