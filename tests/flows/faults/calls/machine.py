"""A place where commands run whose calls are counted, are logged, or fail. Knows no scenario and no check."""

import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.flows.faults.calls.scenarios import SECRET

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
STATE = struct.Struct("<iiq6qqq512si4x")  # struct state of failing.c
BUILD_SERVER = ("CI", "ORT_", "BUILD", "GITHUB", "DVC_NO_ANALYTICS", "DO_NOT_TRACK")


@dataclass(frozen=True)
class Ended:
    """How a command ended. `fired`: the call that failed, "" where none did."""

    status: int | None
    out: str
    err: str
    left: Sequence[str]
    fired: str
    counts: Sequence[int]


def library(folder: Path) -> Path:
    """The preloaded library, compiled; RuntimeError where there is no compiler."""
    if shutil.which("gcc") is None:
        raise RuntimeError("EVERY CALL: NOT RUN, there is no gcc to compile failing.c. Next: apt-get install gcc libc6-dev")
    made = folder / "failing.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", made, HERE / "failing.c", "-ldl", "-lpthread"], check=True)
    return made


@dataclass
class Machine:
    """Runs commands whose calls are counted and fail."""

    place: Path
    server: "subprocess.Popen[str]"

    @property
    def folder(self) -> Path:
        """The workspace of the moment, always at this path."""
        return self.place / "case" / "ws"

    @property
    def log(self) -> Path:
        """The calls of the last command that was told to log them."""
        return self.place / "state.log"

    def run(self, command: Sequence[str], fault: int = -1, call: int = 0, *, log: bool = False) -> Ended:
        """A command in the workspace, of which a call fails, or all are logged."""
        state, said = self.place / "state", self.place / "said"
        state.write_bytes(STATE.pack(fault, 0, call, *([0] * 6), 0, 0, b"", int(log)))
        if log:
            self.log.unlink(missing_ok=True)
        case = self.folder.parent
        (case / "tmp").mkdir(exist_ok=True)
        environment = {
            "TMPDIR": str(case / "tmp"),
            "TOY_CALLS": str(self.place / "calls"),
            "OPENAI_API_KEY": SECRET,
            "DVC_SITE_CACHE_DIR": str(self.place / "dvc"),
        }
        question = {
            "arguments": list(command),
            "cwd": str(self.folder),
            "environment": environment,
            "state": str(state),
            "roots": str(case),
            "said": str(said),
        }
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        print(json.dumps(question), file=self.server.stdin, flush=True)
        answer = json.loads(self.server.stdout.readline())
        _, _, _, *counts, _, _, what, _ = STATE.unpack(state.read_bytes())
        out, err = (said.with_suffix(f".{name}").read_text(errors="replace") for name in ("out", "err"))
        return Ended(answer["status"], out, err, answer["left"], what.partition(b"\0")[0].decode(), counts)

    def begin(self, template: Path) -> None:
        """A fresh copy of a workspace."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)
        shutil.copytree(template, self.folder, symlinks=True)
        (self.place / "calls").unlink(missing_ok=True)

    def calls(self) -> list[str]:
        """The completions that were drawn, each as often as it was."""
        log = self.place / "calls"
        return log.read_text().split() if log.exists() else []


def as_at_home(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables without those of a build server, where tools do not write what they write for people."""
    return {name: value for name, value in environment.items() if not name.startswith(BUILD_SERVER)}


@contextmanager
def machine() -> Iterator[Machine]:
    """A machine with a place of its own."""
    with tempfile.TemporaryDirectory(prefix="every-call-") as name:
        place = Path(name)
        made = library(place)
        command = [sys.executable, "-m", "tests.flows.faults.calls.forking", str(made)]
        environment = {
            **as_at_home(os.environ),
            "LD_PRELOAD": str(made),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(ROOT),
        }
        pipe = subprocess.PIPE
        server = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment)
        assert server.stdin is not None
        assert server.stdout is not None
        assert json.loads(server.stdout.readline()) == "ready"
        try:
            yield Machine(place, server)
        finally:
            server.stdin.close()
            server.wait(30)
            server.stdout.close()
