"""The program that compiles Coq files inside the sandbox. Only its source goes there; nothing imports it here.

Each call gets texts and compiled files and returns plain data. What a candidate prints goes into files, never to the host.
"""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from typing import IO

_TAIL = 4_000  # bytes of an output that go back
_CUT = b"[the beginning is cut] "  # so that the end of an output is not taken for all of it
_NEARLY = 0.8  # share of the CPU limit from which a killed process had reached it: the kernel counts in ticks
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


def compiled(
    tools: dict[str, str], name: str, text: str, files: tuple[tuple[str, bytes], ...], seconds: float
) -> tuple[str, str, str, float, bytes]:
    """Compile a text beside compiled files, in a new folder.

    Returns (status, standard output, error, CPU seconds, compiled file); the status is `ok`, `error`, `timeout` or
    `memory`.
    """
    folder, work, environment = _prepared(tools, (*files, (name + ".v", text.encode("utf-8", "replace"))))
    command = [tools["compiler"], "-q", "-Q", ".", "W", name + ".v"]
    status, out, error, used = _run(command, work, environment, seconds)
    body = _body(os.path.join(work, name + ".vo")) if status == "ok" else b""  # noqa: PTH118
    if status == "ok" and not body:  # a candidate may change the folder
        status, error = "error", b"Error: no compiled file."
    shutil.rmtree(folder, ignore_errors=True)
    return status, out.decode("utf-8", "replace"), error.decode("utf-8", "replace"), used, body


def rechecked(
    tools: dict[str, str], files: tuple[tuple[str, bytes], ...], seconds: float
) -> tuple[str, str, str, float, bytes]:
    """Check compiled files again by Coq's independent checker; the installed library is taken as it is.

    Returns what `compiled` does, with no compiled file.
    """
    folder, work, environment = _prepared(tools, files)
    modules = [part for name, _ in files for part in ("-norec", "W." + name.removesuffix(".vo"))]
    command = [tools["checker"], "-silent", "-Q", ".", "W", *modules]
    status, out, error, used = _run(command, work, environment, seconds)
    shutil.rmtree(folder, ignore_errors=True)
    return status, out.decode("utf-8", "replace"), error.decode("utf-8", "replace"), used, b""


def _prepared(tools: dict[str, str], files: tuple[tuple[str, bytes], ...]) -> tuple[str, str, dict[str, str]]:
    """A new folder, the folder in it that holds the files, and the environment of Coq."""
    folder = tempfile.mkdtemp()
    conf = os.path.join(folder, "findlib.conf")  # noqa: PTH118
    _write(conf, tools["findlib"].encode())
    work = os.path.join(folder, "w")  # noqa: PTH118
    os.mkdir(work)  # noqa: PTH102
    for file, content in files:
        _write(os.path.join(work, file), content)  # noqa: PTH118
    return folder, work, dict(_ENVIRONMENT, HOME=folder, OCAMLFIND_CONF=conf, OCAMLPATH=tools["packages"])


def _run(command: list[str], work: str, environment: dict[str, str], seconds: float) -> tuple[str, bytes, bytes, float]:
    limit = max(1, int(seconds + 0.999))

    def confine() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit + 1))

    before = _spent()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        process = subprocess.Popen(
            command,
            cwd=work,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=error,
            start_new_session=True,
            preexec_fn=confine,  # noqa: PLW1509 - this process has one thread
        )
        code = process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        used = _spent() - before
        texts = _tail(out), _tail(error)
    if code == 0:
        return "ok", *texts, used
    if code == -signal.SIGXCPU:
        return "timeout", *texts, used
    if code == -signal.SIGKILL:
        return "timeout" if used >= _NEARLY * limit else "memory", *texts, used
    exhausted = texts[1].strip().endswith((b"Error: Out of memory.", b"Fatal error: out of memory."))
    return "memory" if exhausted else "error", *texts, used


def _body(place: str) -> bytes:
    with contextlib.suppress(OSError), open(place, "rb") as file:  # noqa: PTH123
        return file.read()
    return b""


def _spent() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _tail(file: IO[bytes]) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    return (_CUT if size > _TAIL else b"") + file.read()


def _write(place: str, content: bytes) -> None:
    with open(place, "xb") as file:  # noqa: PTH123
        file.write(content)
