"""A confined `coqtop` process: sentences in, answers out.

The sentences may be texts of models. The process runs in bubblewrap and sees the distribution's files, no process and no
network; its answers are bounded in bytes and seconds. A secret name, about which Coq prints a message, marks the end of an
answer.
"""

import os
import re
import secrets
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence

from rollmill.methods import bubblewrap, spawn
from rollmill_proofs.coq.installation import Installation

PROMPT = re.compile(r"<prompt>[^<]*< (\d+) \|[^|]*\| \d+ < </prompt>")
ERROR = re.compile(r"^(?:Toplevel input.*\n(?:>.*\n)*)?(?:Error:|Syntax error|Anomaly\b)", re.M)
_OUTPUT = re.compile(r"<infomsg>.*?</infomsg>|<prompt>.*?</prompt>", re.S)
_CHUNK = 1 << 16
_OVERLAP = 1_000  # bytes that may hold the beginning of the end of an answer
_LONGEST = 4 << 20  # bytes of an answer
_SHOWN = 1_000  # characters of an error that are kept
_MEMORY = 4 << 30  # bytes of address space
_INSIDE = "/tmp"  # noqa: S108 - of the process alone


class CoqEndedError(Exception):
    """The process ended, did not answer in time or answered too much."""


class CoqProcess:
    """A running Coq with its imports loaded. Not thread-safe.

    `at`: number of the state after the last answer. `base`: number of the state after the imports. `refused`: Coq's error
    about the imports.
    """

    def __init__(self, coq: Installation, imports: str, seconds: float) -> None:
        """Start the process.

        Args:
            imports: Sentences for a start.
            seconds: By the clock, for one answer.

        Raises:
            CoqEndedError: It does not start.
        """
        self.seconds = seconds
        self._nonce = secrets.token_hex(8)
        self._buffer, self._pending = bytearray(), bytearray()
        self._sent = self._got = self.at = 0
        self._process = spawn(
            _confined(coq.toplevel, "-q", "-emacs"),
            {"PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            cwd="/",
        )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        try:
            answer = self.say(f"Set Printing Width 1000.\nSet Silent.\n{imports}")
        except BaseException:
            self.close()
            raise
        self.base = self.at
        self.refused = error_in(answer)

    @property
    def pid(self) -> int:
        """Process number of the sandbox around Coq."""
        return self._process.pid

    def say(self, text: str) -> str:
        """Coq's answer to some sentences, with prompts."""
        [answer] = self.say_all([text])
        return answer

    def say_all(self, texts: Sequence[str]) -> Iterator[str]:
        """The answer to each text. All are sent at once; answers that nobody waits for are dropped later."""
        first = self._sent
        for text in texts:
            self._pending += f"{text}\nAbout {self._mark(self._sent)}.\n".encode("utf-8", "replace")
            self._sent += 1
        for number in range(first, self._sent):
            answer = self._next()
            while self._got <= number:
                answer = self._next()
            yield answer

    def close(self) -> None:
        """End the process; safe to call twice."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _mark(self, number: int) -> str:
        return f"m{self._nonce}_{number}_"

    def _next(self) -> str:
        """The next answer in order."""
        end = re.compile(rf"(?:Error: )?{self._mark(self._got)} not a defined object.*?</prompt>".encode(), re.S)
        deadline, start = time.monotonic() + self.seconds, 0
        while (ended := end.search(self._buffer, start)) is None:
            start = max(0, len(self._buffer) - _OVERLAP)
            if len(self._buffer) > _LONGEST:
                raise CoqEndedError(f"an answer of more than {_LONGEST} bytes")
            self._exchange(deadline)
        answer = self._buffer[: ended.start()].decode("utf-8", "replace")
        del self._buffer[: ended.end()]
        self._got += 1
        before = PROMPT.findall(answer)
        if before:
            self.at = int(before[-1])
        return answer

    def _exchange(self, deadline: float) -> None:
        """Write input and read output together: a process whose output is not read takes no input."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        left = deadline - time.monotonic()
        readable, writable, _ = select.select([process.stdout], [process.stdin] * bool(self._pending), [], max(0.0, left))
        if left <= 0 or not (readable or writable):
            raise CoqEndedError(f"no answer in {self.seconds:g} s")
        try:
            if writable:
                del self._pending[: os.write(process.stdin.fileno(), self._pending[:_CHUNK])]
            if readable:
                chunk = os.read(process.stdout.fileno(), _CHUNK)
                if not chunk:
                    raise CoqEndedError("Coq ended")
                self._buffer += chunk
        except OSError:
            raise CoqEndedError("Coq ended") from None


def error_in(answer: str) -> str | None:
    """Coq's first error in an answer, without prompts and the echo of the input."""
    error = ERROR.search(answer)
    if error is None:
        return None
    lines = _OUTPUT.sub("", answer[error.start() :]).strip().splitlines()
    shown = "\n".join(line for line in lines if not line.startswith((">", "Toplevel input"))).strip()
    return shown.split("\n\n")[0][:_SHOWN]  # a goal may follow the error


def _confined(*command: str) -> tuple[str, ...]:
    """A command in bubblewrap that sees the distribution's programs and libraries, with bounded address space."""
    prlimit = shutil.which("prlimit")
    limited = (prlimit, f"--as={_MEMORY}", "--") if prlimit else ()
    links = [part for top in ("lib", "lib64", "bin") for part in ("--symlink", f"usr/{top}", f"/{top}")]
    return (
        *limited,
        *(bubblewrap(), "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--ro-bind", "/usr", "/usr"),
        *(*links, "--ro-bind-try", "/etc/ocamlfind.conf", "/etc/ocamlfind.conf", "--dev", "/dev", "--tmpfs", _INSIDE),
        *("--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LC_ALL", "C.UTF-8", "--setenv", "HOME", _INSIDE),
        *("--chdir", _INSIDE, *command),
    )  # fmt: skip
