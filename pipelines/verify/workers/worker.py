"""A worker process: answers questions on its standard input until that closes. Knows its job by name and nothing of it.

Started as `python -m rollmill.pipelines.verify.workers.worker JOB CPU_SECONDS MEMORY_BYTES`. Each question has its own
limit of CPU seconds, whose signal kills the process even inside C code; waiting costs nothing.
"""

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from rollmill.pipelines.processes.child import cpu_limit, ignore_terminal, limit_memory, resident_bytes, take_pipes
from rollmill.pipelines.processes.frames import receive, send

_RETIRE_BYTES = 700 << 20  # a worker that has grown so far (caches of sympy) is replaced before a question meets the limit


def main(arguments: list[str]) -> None:
    """Serve until end of input."""
    job_name, cpu_seconds, memory = arguments[0], float(arguments[1]), int(arguments[2])
    questions, replies = take_pipes()
    ignore_terminal()  # an interrupted parent closes the pipe instead
    limit_memory(memory)
    job = load(job_name)
    while (question := receive(questions)) is not None:
        reply = _answer(job, question, cpu_seconds)
        # after a failure nothing is known of the state that libraries are in
        # Resident memory, not ru_maxrss: on Linux a process inherits that from a large parent.
        reply["retire"] = resident_bytes() > _RETIRE_BYTES or "failed" in reply
        # A model may write 1e999, which JSON reads as infinity.
        send(replies, reply, finite=False)
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


def _answer(
    job: Callable[[dict[str, Any]], dict[str, Any]], question: dict[str, Any], cpu_seconds: float
) -> dict[str, Any]:
    started = time.process_time()
    try:
        with cpu_limit(cpu_seconds):
            reply = dict(job(question))
    except MemoryError:
        reply = {"failed": "memory_limit"}
    except RecursionError:
        reply = {"failed": "recursion_limit"}
    except Exception as error:
        reply = {"failed": f"crash: {type(error).__name__}"}
    reply["cpu"] = time.process_time() - started
    return reply


if __name__ == "__main__":
    main(sys.argv[1:])
