"""Certification of a verifier for `rollmill certify`: runs a suite over it in a separate process.

A canary shows whether anything of a row ran: a fresh folder holds one path per row; a listener on 127.0.0.1 notes who
connects, by the token that a row's payload sends, or else as the row that is being judged. What an attack leaves behind has
a moment to show itself at the end.

After every hostile row two plain questions are asked, one right and one wrong: an attack may have left the verifier
accepting everything, refusing everything, or dead.
"""

import secrets
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rollmill.pipelines.certify.certificate import Certificate, CertificationResult
from rollmill.pipelines.certify.suite_rows import HOSTILE, MARKS, Suite, SuiteRow
from rollmill.pipelines.certify.verifier_process import (
    ProcessLimits,
    VerifierObservation,
    VerifierProcess,
    VerifierUnderTest,
)

_READ_SECONDS = 0.5  # what a payload sends after its connection is there by then, or never


class Canary:
    """A folder, a listener and a secret for one run; use it in a `with`. `work` is where the verifier may leave files."""

    def __init__(self) -> None:
        self.secret = secrets.token_hex(12)
        # Hex letters and digits only: normalisers that drop spaces, underscores or capitals leave this path whole.
        self.folder = Path(tempfile.gettempdir()) / f"rm{secrets.token_hex(6)}"
        self.work = self.folder / "work"
        self.current = -1
        self._connected: set[int] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._thread = threading.Thread(target=self._listen, name="rollmill-canary", daemon=True)

    def __enter__(self) -> "Canary":
        self.folder.mkdir(mode=0o700)
        self.work.mkdir()
        (self.folder / "secret").write_text(self.secret)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._listener.close()
        with socket.socket() as knock:  # wakes the blocked accept
            knock.settimeout(_READ_SECONDS)
            knock.connect_ex(("127.0.0.1", self.port))
        self._thread.join(timeout=5)
        shutil.rmtree(self.folder, ignore_errors=True)

    def marks(self, index: int) -> dict[str, str]:
        """Replacements of the marks in row `index`, which from now on is the one being judged."""
        self.current = index
        return {
            "@FILE@": str(self.folder / f"c{index}"),
            "@PORT@": str(self.port),
            "@TOKEN@": f"t{index}t",
            "@SECRET@": self.secret,
        }

    def triggered(self, index: int) -> tuple[str, ...]:
        """Payloads of a row that have run so far: "file", "connection"."""
        file = (self.folder / f"c{index}").exists()
        return (*(("file",) if file else ()), *(("connection",) if index in self._connected else ()))

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._connected.add(self._sender(connection))

    def _sender(self, connection: socket.socket) -> int:
        """The row whose token was sent; a payload without one belongs to the current row."""
        connection.settimeout(_READ_SECONDS)
        try:
            received = connection.recv(1_000).decode("ascii", "replace")
        except OSError:
            received = ""
        words = received.replace("/", " ").split()
        tokens = [word for word in words if word[:1] == word[-1:] == "t" and word[1:-1].isdigit()]
        return int(tokens[0][1:-1]) if tokens else self.current


def certify(
    subject: VerifierUnderTest,
    suite: Callable[[str | None], Suite],
    *,
    limits: ProcessLimits | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Certificate:
    """Every row of a suite put to a verifier. `suite` gets the suite's name that the verifier declares, if any."""
    limits = limits or ProcessLimits()
    with Canary() as canary:
        process = VerifierProcess(subject, limits, canary.work, canary.secret)
        try:
            selected = suite(process.introduction.get("suite"))
            results = []
            for index in range(len(selected.rows)):
                results.append(_result(process, canary, selected, index))
                if progress is not None:
                    progress(index + 1, len(selected.rows))
            if any(row.section in HOSTILE for row in selected.rows):
                time.sleep(limits.late_seconds)  # a daemon left behind may yet show itself
            results = [replace(r, ran=_executed(r.row, r.observation, canary, index)) for index, r in enumerate(results)]
        finally:
            process.close()
    name, version = (str(process.introduction[key]) for key in ("name", "version"))
    return Certificate(name, version, selected.name, tuple(results))


def _result(process: VerifierProcess, canary: Canary, suite: Suite, index: int) -> CertificationResult:
    row = suite.rows[index]
    observation = process.ask(_message(row, index, canary.marks(index)))
    poisoned = _poisoned(process, suite, observation) if row.section in HOSTILE else ""
    return CertificationResult(row, observation, _executed(row, observation, canary, index), poisoned)


def _executed(row: SuiteRow, observation: VerifierObservation, canary: Canary, index: int) -> tuple[str, ...]:
    """Payloads of a row that ran where they must not: in the verifier's process, on this machine's files or its network.

    A program that is right only if it knows the secret, and is called correct, has read what is not its own.
    """
    leaked = ("secret",) if observation.outcome == "correct" and any("@SECRET@" in test for test in row.tests) else ()
    return (*canary.triggered(index), *(("environment",) if observation.changed else ()), *leaked)


def _poisoned(process: VerifierProcess, suite: Suite, observation: VerifierObservation) -> str:
    """Failure of a plain question after this row; the row's own crash or hang is not reported twice."""
    for probe in suite.probes:
        after = process.ask(_message(probe, -1, {}))
        wanted = ("correct",) if probe.expected == "correct" else ("incorrect", "unparsed")
        if observation.state == "judged" and after.outcome not in wanted:
            return f"a plain {'right' if probe.expected == 'correct' else 'wrong'} answer: {after.outcome or after.detail}"
    return ""


def _message(row: SuiteRow, index: int, marks: Mapping[str, str]) -> dict[str, Any]:
    """A row as plain data with its marks replaced."""
    fields: dict[str, Any] = {
        "number": index,
        "prompt": row.prompt,
        "reference": row.reference,
        "text": row.text,
        "kind": row.kind,
        "tests": list(row.tests),
        "meta": dict(row.meta),
        "threads": row.threads,
    }
    if not any(mark in part for part in (row.text, *row.tests) for mark in MARKS):
        return fields
    return {name: _filled(value, marks) for name, value in fields.items()}


def _filled(value: Any, marks: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for mark, real in marks.items():
            value = value.replace(mark, real)
        return value
    if isinstance(value, list):
        return [_filled(item, marks) for item in value]
    return {key: _filled(item, marks) for key, item in value.items()} if isinstance(value, dict) else value
