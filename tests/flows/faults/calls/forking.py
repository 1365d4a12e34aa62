"""Real commands in processes that are forked from one that has the program imported: python -m ...calls.forking LIBRARY.

Each line of input is a command as a JSON object (`arguments`, `cwd`, `environment`, `state`, `roots`, `said`: the file for
what it prints, with `.out` and `.err`); each line of output says how it ended and what it left running. Started with
failing.c preloaded, which a forked command attaches to its state file. Imports the program; knows no scenario and no check.
"""

# ruff: noqa: T201 (a program that prints its answers)

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import psutil

_SUBREAPER = 36
SECONDS = 90.0  # until a command hangs
GRACE = 5.0  # in which what it started has to end after it
HEAVY = ("pandas", "pyarrow.dataset", "alembic.command", "sqlalchemy.dialects.sqlite", "great_expectations", "scipy.stats")


def preload() -> None:
    """Import the program: a fresh Python takes two seconds for it."""

    from rollmill import flows, pipelines, storage

    for package in (storage, pipelines, flows):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in module.name for part in ("__main__", "migrations", ".vllm", "torch", "train", "ray")):
                importlib.import_module(module.name)
    for name in HEAVY:
        importlib.import_module(name)


def serve(library: str) -> dict[str, Any] | None:
    """Answer commands until the input ends (None); in a forked process give the command that it is to be."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        command: dict[str, Any] = json.loads(line)
        begun = time.monotonic()
        pid = os.fork()
        if pid == 0:
            become(command, library)
            return command
        status = wait(pid)
        found = {"status": status, "left": left(), "seconds": round(time.monotonic() - begun, 3)}
        print(json.dumps(found), file=answers, flush=True)
    return None


def become(command: dict[str, Any], library: str) -> None:
    """Take the command's folder, environment and outputs, and let its calls be counted from now on."""
    os.setsid()
    os.chdir(command["cwd"])
    os.environ.update(command["environment"], FAILING_STATE=command["state"], FAILING_ROOTS=command["roots"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(f"{command['said']}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, number)
        os.close(file)
    ctypes.CDLL(library).failing_attach(command["state"].encode(), command["roots"].encode())


def wait(pid: int) -> int | None:
    """The exit status of a command, negative for a signal; None where it hangs, and is killed."""
    end = time.monotonic() + SECONDS
    pause = 0.002
    while time.monotonic() < end:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(pause)
        pause = min(0.02, pause * 1.5)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def left() -> list[str]:
    """What processes live on some seconds after the command that started them; they are killed."""
    end = time.monotonic() + GRACE
    while children := _children():
        if time.monotonic() > end:
            names = [" ".join(child.cmdline())[:200] for child in children]
            for child in children:
                child.kill()
            return names
        time.sleep(0.02)
    return []


def run(arguments: list[str]) -> None:
    """Run the command and end as Python does, but for taking its modules apart, which takes half a second."""
    from rollmill.flows import cli

    status: Any = 1
    try:
        if arguments[0] == "firing":
            status = firing(arguments[1])
        else:
            cli.main(arguments)
    except SystemExit as error:
        status = error.code
    except BaseException:
        traceback.print_exc()
    for end in (threading._shutdown, atexit._run_exitfuncs, sys.stdout.flush, sys.stderr.flush):  # type: ignore[attr-defined]
        end()
    os._exit(status or 0)


def firing(recipe: str) -> int:
    """A firing of a schedule without Prefect, which would show an error in its own log."""
    from rollmill.flows.driver import DIRECT
    from rollmill.flows.job import Job
    from rollmill.flows.prefect.firing import fire
    from rollmill.ground.errors import RollmillError, refusal

    try:
        fire("nightly", None, Job(str(Path.cwd()), str(Path(recipe).resolve())), DIRECT)
    except Exception as error:
        if refusal(error) is None and not isinstance(error, RollmillError):
            raise
        print(error, file=sys.stderr)
        return 2
    return 0


def _children() -> list[psutil.Process]:
    """The living processes below this one; those that ended are waited for."""
    living = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if child.status() != psutil.STATUS_ZOMBIE:
                living.append(child)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    return living


if __name__ == "__main__":
    preload()
    gc.freeze()
    print(json.dumps("ready"), flush=True)
    todo = serve(sys.argv[1])
    if todo is not None:
        run(todo["arguments"])
    os._exit(0)
