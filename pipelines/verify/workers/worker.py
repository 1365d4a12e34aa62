"""A worker process: answers questions on its standard input until that closes. Knows its job by name and nothing of it.

Started as `python -m pipelines.verify.workers.worker JOB CPU_SECONDS MEMORY_BYTES`. A message is four bytes of length
and JSON, both ways; never pickle, for the job reads hostile text. Each question has its own limit of CPU seconds, set
with a profiling timer whose signal kills the process even inside C code; waiting costs nothing. RLIMIT_AS bounds memory.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

_RETIRE_KIB = 700 * 1024
_HEADER = 4


def main(arguments: list[str]) -> None:
    """Serve until end of input."""
    job_name, cpu_seconds, memory = arguments[0], float(arguments[1]), int(arguments[2])
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    with open(os.devnull, "r+b") as null:  # noqa: PTH123 - nothing the job prints may reach the replies
        os.dup2(null.fileno(), 1)
        os.dup2(null.fileno(), 2)
    _limit(memory)
    job = load(job_name)
    while (question := read_message(sys.stdin.buffer.read)) is not None:
        reply = _answer(job, question, cpu_seconds)
        reply["retire"] = _resident_kib() > _RETIRE_KIB or "failed" in reply
        write_message(replies.write, reply)
        if reply["retire"]:
            return


def load(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The job `module:function`; the module's `warm_up`, if any, runs before the first question."""
    module_name, _, function = name.partition(":")
    module = import_module(module_name)
    warm_up = getattr(module, "warm_up", None)
    if warm_up is not None:
        warm_up()
    job: Callable[[dict[str, Any]], dict[str, Any]] = getattr(module, function)
    return job


def read_message(read: Callable[[int], bytes]) -> dict[str, Any] | None:
    """The next message of an unbuffered pipe, or None at the end of input, also in mid-message."""
    header = _exactly(read, _HEADER)
    body = None if header is None else _exactly(read, int.from_bytes(header, "big"))
    if body is None:
        return None
    message: dict[str, Any] = json.loads(body)
    return message


def write_message(write: Callable[[memoryview], int | None], message: dict[str, Any]) -> None:
    """Send one message whole to an unbuffered pipe."""
    body = json.dumps(message).encode("ascii")
    data = memoryview(len(body).to_bytes(_HEADER, "big") + body)
    while data:
        data = data[write(data) or 0 :]


def _exactly(read: Callable[[int], bytes], count: int) -> bytes | None:
    parts = b""
    while len(parts) < count:
        part = read(count - len(parts))
        if not part:
            return None
        parts += part
    return parts


def _resident_kib() -> int:
    """Memory in use now. Not ru_maxrss: on Linux a process inherits that from the parent that started it."""
    try:
        with open("/proc/self/statm") as statm:  # noqa: PTH123 - this start must stay light
            return int(statm.read().split()[1]) * (resource.getpagesize() // 1024)
    except OSError:
        return 0


def _limit(memory: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupted parent closes the pipe instead
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _answer(
    job: Callable[[dict[str, Any]], dict[str, Any]], question: dict[str, Any], cpu_seconds: float
) -> dict[str, Any]:
    started = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        reply = dict(job(question))
    except MemoryError:
        reply = {"failed": "memory_limit"}
    except RecursionError:
        reply = {"failed": "recursion_limit"}
    except Exception as error:
        reply = {"failed": f"crash: {type(error).__name__}"}
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    reply["cpu"] = time.process_time() - started
    return reply


if __name__ == "__main__":
    main(sys.argv[1:])
