"""Jobs for worker processes in tests: each does one thing that can go wrong. Imported by workers, by name."""

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

Question = dict[str, Any]


def echo(question: Question) -> Question:
    return {"echo": question["text"], "pid": os.getpid()}


def burn(question: Question) -> Question:
    """One C call that no signal handler of Python could interrupt."""
    if question.get("spare"):
        return {"echo": "spared"}
    return {"size": 7 ** (10**9)}


def leave(question: Question) -> Question:
    os._exit(3)


def segfault(question: Question) -> Question:
    return {"text": ctypes.string_at(0)}


def hoard(question: Question) -> Question:
    return {"size": len(bytearray(8 << 30))}


def sleep_forever(question: Question) -> Question:
    time.sleep(3600)
    return {}


def nap(question: Question) -> Question:
    time.sleep(0.05)
    return {"echo": question["text"]}


def fail(question: Question) -> Question:
    raise KeyError(question["text"])


def print_noise(question: Question) -> Question:
    sys.stdout.write("noise on standard output")
    sys.stdout.flush()
    os.write(1, b"raw noise")
    return {"echo": question["text"]}


def die_once(question: Question) -> Question:
    """Dies on the first question with a marker file, answers once that exists."""
    if "marker" not in question:
        return nap(question)
    marker = Path(question["marker"])
    if marker.exists():
        return {"outcome": "correct", "rule": "second", "pid": os.getpid()}
    marker.touch()
    os._exit(4)


def burn_and_tell(question: Question) -> Question:
    _tell(question)
    return burn(question)


def burn_or_nap(question: Question) -> Question:
    time.sleep(question.get("seconds", 0))
    return {"echo": "slept"} if "seconds" in question else burn(question)


def nap_and_tell(question: Question) -> Question:
    _tell(question)
    time.sleep(question.get("seconds", 0))
    return {"echo": "slept"}


def nap_long(question: Question) -> Question:
    time.sleep(0.3)
    return {"echo": question["text"]}


def kill_itself(question: Question) -> Question:
    _tell(question)
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def _tell(question: Question) -> None:
    with Path(question["log"]).open("a") as log:
        log.write("asked\n")
