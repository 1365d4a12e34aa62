"""Execution of programs as SandboxFusion does it: a server, and a verifier that asks it. Written anew, without its code.

    python benchmarks/peers/run_code_server.py     # prints its port, ends with its standard input

It imitates: POST /run_code with `code`, `stdin`, `compile_timeout`, `run_timeout` (10 s) and `memory_limit_MB`; a fresh
folder and a fresh interpreter for each program, started by bash in a session of its own; a megabyte of each output; SIGKILL
to the process group at the end; the statuses Success, Failed and SandboxError; no namespace and no filter of system calls
between programs, which is its isolation `none`. As in its HumanEval, program, tests and the call of `check` are one file,
which is right if it exits with 0. 1,024 MB are the default of verl's client. One bubblewrap around the whole server stands
for its container.

It does not imitate: isolation `lite` (overlay, cgroups, network namespace), other languages (Python has no step that
`compile_timeout` bounds), its other data sets, Jupyter, files in and out, FastAPI.
"""

import contextlib
import json
import os
import selectors
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS, MEMORY_MB, OUTPUT = 10.0, 1_024, 1 << 20
CONTAINER = ("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
             "--ro-bind", str(ROOT), str(ROOT), "--unshare-pid", "--die-with-parent")  # fmt: skip
Reply = dict[str, Any]


def run_code(request: Reply) -> Reply:
    """The reply to a request: its program run once."""
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "main.py"
            path.write_text(request["code"], encoding="utf-8")
            limit = int(request.get("memory_limit_MB", -1))
            bound = f"ulimit -v {limit * 1024} && exec " if limit > 0 else ""
            command = f"{bound}{shlex.quote(os.path.realpath(sys.executable))} {path}"
            with tempfile.TemporaryFile() as stdin:
                stdin.write((request.get("stdin") or "").encode())
                stdin.seek(0)
                ran = _run(command, folder, stdin, float(request.get("run_timeout", SECONDS)))
    except Exception as error:  # whatever it is, the caller gets a status
        return {"status": "SandboxError", "message": f"{type(error).__name__}: {error}"[:200], "run_result": None}
    good = ran["status"] == "Finished" and ran["return_code"] == 0
    return {"status": "Success" if good else "Failed", "message": "", "compile_result": None, "run_result": ran}


def _run(command: str, folder: str, stdin: IO[bytes], seconds: float) -> Reply:
    """A command in a session of its own, until it has ended and closed its output, or the time is over."""
    started, pipe = time.monotonic(), subprocess.PIPE
    shell = ["/bin/bash", "-c", command]
    with subprocess.Popen(shell, stdin=stdin, stdout=pipe, stderr=pipe, cwd=folder, start_new_session=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        kept = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
        try:
            late = not _ended(process, kept, started + seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    texts = [bytes(output).decode("utf-8", "replace") for output in kept.values()]
    status = {"status": "TimeLimitExceeded"} if late else {"status": "Finished", "return_code": process.returncode}
    return {**status, "execution_time": time.monotonic() - started, "stdout": texts[0], "stderr": texts[1]}


def _ended(process: "subprocess.Popen[bytes]", kept: dict[int, bytearray], end: float) -> bool:
    """Whether a process ended in time, and whatever holds its output; the beginning of each output is kept."""
    with selectors.DefaultSelector() as ready:
        for descriptor in kept:
            ready.register(descriptor, selectors.EVENT_READ)
        while ready.get_map():
            events = ready.select(max(0.0, end - time.monotonic()))
            if time.monotonic() >= end:
                return False
            for key, _ in events:
                chunk = os.read(key.fd, 1 << 16)
                kept[key.fd] += chunk[: max(0, OUTPUT - len(kept[key.fd]))]
                if not chunk:
                    ready.unregister(key.fd)
    try:
        process.wait(max(0.0, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


class Handler(BaseHTTPRequestHandler):
    """One program a request."""

    def do_POST(self) -> None:
        """Answer /run_code."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        found = self.path == "/run_code"
        reply = json.dumps(run_code(json.loads(body)) if found else {"detail": "Not Found"}).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Say nothing."""


class RunCodeServer:
    """The server asked by a verifier, one request a program; usable from any thread. Close it."""

    name = "run_code server"
    version = "1"
    suite = "code"

    def __init__(self, seconds: float = SECONDS, *, contained: bool = True) -> None:
        self._seconds, self._lock = seconds, threading.Lock()
        self._command = [*(CONTAINER if contained else ()), sys.executable, __file__]
        self._server = self._started()

    def _started(self) -> "subprocess.Popen[str]":
        server = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        self.address = f"http://127.0.0.1:{int(server.stdout.readline())}/run_code"
        return server

    def verify(self, problem: Any, completion: Any) -> Any:
        """The verdict on one completion: right if program and tests in one file exit with 0."""
        from benchmarks.peers.verdicts import program, verdict_of

        entry_point = str(problem.meta["entry_point"])
        source, whole = program(completion.text, entry_point)
        code = "\n\n".join([source if whole else problem.prompt + source, *problem.tests, f"check({entry_point})\n"])
        reply = self.ask(code)
        right = None if reply["status"] == "SandboxError" else reply["status"] == "Success"
        who = (self.name, self.version)
        return verdict_of(problem, completion, who, "undecided" if right is None else right, reply["status"])

    def ask(self, code: str, stdin: str = "") -> Reply:
        """The server's reply to a program; SandboxError for one that ended the server, which is started again."""
        limits = {"compile_timeout": SECONDS, "run_timeout": self._seconds, "memory_limit_MB": MEMORY_MB}
        body = json.dumps({"code": code, "stdin": stdin, "language": "python", **limits}).encode()
        request = urllib.request.Request(self.address, body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=6 * SECONDS) as answer:
                reply: Reply = json.load(answer)
                return reply
        except OSError as error:
            with self._lock, contextlib.suppress(subprocess.TimeoutExpired):
                self._server.wait(2.0)
                self.close()
                self._server = self._started()
            return {"status": "SandboxError", "message": str(error), "run_result": None}

    def close(self) -> None:
        """End the server."""
        self._server.communicate()


def main() -> None:
    """Serve until the standard input ends."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as served:
        print(served.server_address[1], flush=True)
        threading.Thread(target=served.serve_forever, daemon=True).start()
        sys.stdin.read()


if __name__ == "__main__":
    main()
