"""Text of servers, files, versions and users' code on a terminal: nothing of it moves the cursor, colours or hides.

Every command runs under a pseudo-terminal, in a workspace whose names and texts are hostile, against a server that is.
"""

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT
from tests.pipelines.generate.http.serving import Serving
from tests.pipelines.generate.http.serving import status as refused

pytestmark = pytest.mark.security

HOSTILE = (
    "\x1b]52;c;ZXZpbA==\x07\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\\x1b[2J\x1b[8mhidden\x1bP+q544e\x1b\\"
    "\x9b31m\x9d0;title\x9c\roverwritten\b\b\u202egnp.exe\u2066x\u2069\u200b\u061c\U000e0041\x7f[link=http://evil.example]x[/link]"
)
OURS = re.compile(rb"\x1b\[[0-9;]*m|\r\x1b\[K|\x1b\[\?25[lh]|\x1b\[[0-9]*[AK]|\r\n?")
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
SERVED = """\
recipe_schema: 1
name: remote
problems: {imported: sums}
generate: {engine: openai, model: toy, batch_size: 4}
budget: {method: fixed, options: {initial: 1}}
select: {method: all_correct}
"""
TOLD = """\
recipe_schema: 1
name: told
problems: {imported: sums}
generate: {engine: imported}
verify: [{method: math}]
budget: {method: fixed, options: {initial: 1}}
select: {method: all_correct}
gate: {min_kept: 1, max_undecided: 1.0}
"""
VERIFIER = "class Own:\n    name = 'own'\n    version = '1'\n    def __init__(self):\n        raise ValueError(%r)\n"


def on_a_terminal(folder: Path, *arguments: str, environment: dict[str, str] | None = None) -> tuple[int, bytes]:
    """The exit status of a command and every byte that its terminal got."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "rollmill.flows.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "400", **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        ready, _, _ = select.select([ours], [], [], 1.0)
        try:
            part = os.read(ours, 1 << 16) if ready else b""
        except OSError:  # the other end is closed
            break
        seen += part
    os.close(ours)
    return process.wait(10), seen


def assert_inert(seen: bytes) -> None:
    """No byte that a terminal obeys but line ends, and, of our own, colours and the rewriting of a line."""
    text = OURS.sub(b"\n", seen).decode("utf-8")
    found = FORBIDDEN.search(text)
    assert found is None, text[max(0, found.start() - 80) : found.end() + 80]
    # SGR 8 hides what follows; ours are bold, dim, bar colours and their ends.
    assert b"\x1b[8m" not in seen
    assert b"\x1b[31m" not in seen


def document(seen: bytes) -> Any:
    """The JSON document that was printed, behind notes on slow work that a terminal gets."""
    return json.loads(seen[seen.index(b"{") :])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with problems, a version and a run whose texts and names are hostile."""
    folder = tmp_path_factory.mktemp("terminal") / "ws"
    Workspace.init(folder).close()
    rows = [
        {
            "id": f"{HOSTILE}{n}",
            "prompt": f"{n} + {n} = ? {HOSTILE}",
            "reference": str(2 * n),
            "source": HOSTILE,
            "level": 1,
        }
        for n in range(4)
    ]
    (folder / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    answers = [
        {"problem_id": f"{HOSTILE}{n}", "text": f"{HOSTILE}\n#### {2 * n}", "model": HOSTILE.replace("/", "")}
        for n in range(4)
    ]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    (folder / "remote.yaml").write_text(SERVED)
    (folder / "bad.yaml").write_text(SERVED.replace("all_correct", json.dumps(HOSTILE)))
    (folder / "odd.yaml").write_text(SERVED + f"{json.dumps(HOSTILE)}: 3\n")
    (folder / f"{HOSTILE.replace('/', '')[:120]}.yaml").write_text("[")
    (folder / "own.py").write_text(VERIFIER % HOSTILE)
    (folder / "own.yaml").write_text(SERVED + "verify: [{method: 'own.py:Own'}]\n")
    (folder / "told.yaml").write_text(TOLD)
    for command in (
        ["import", "problems", "sums.jsonl", "--name", "sums"],
        ["import", "rollouts", "answers.jsonl", "--problems", "sums", "--name", "answers"],
        ["curate", "told.yaml", "--direct"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "rollmill.flows.cli", *command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr
    (folder / "datasets" / "cloned").mkdir(parents=True)
    entry = {"number": 1, "folder": HOSTILE, "content_hash": HOSTILE, "tags": [HOSTILE], "parent": None, "yanked": HOSTILE}
    (folder / "datasets" / "cloned" / "index.json").write_text(json.dumps({"versions": [entry]}))
    (folder / "datasets" / HOSTILE.replace("/", "")[:100]).mkdir()
    return folder


COMMANDS = [
    ["problems", "told"],
    ["show", "ID"],
    ["import", "show", "answers"],
    ["show", HOSTILE],
    ["dataset", "show", "told"],
    ["dataset", "show", "told", "--full"],
    ["recipe", "check", "bad.yaml"],
    ["recipe", "check", "odd.yaml"],
    ["recipe", "check", "own.yaml"],
    ["recipe", "check", HOSTILE.replace("/", "")[:120] + ".yaml"],
    ["recipe", "show", "odd.yaml"],
    ["dataset", "list"],
    ["dataset", "show", "cloned"],
    ["dataset", "show", HOSTILE],
    ["dataset", "verify", "cloned@v1"],
    ["import", "problems", HOSTILE + ".jsonl"],
    ["import", "problems", "sums.jsonl", "--name", HOSTILE],
    ["adopt", "answers.jsonl"],
    [HOSTILE],
    ["runs", "show"],
    ["runs", "show", "--" + HOSTILE],
    ["-C", HOSTILE, "runs", "list"],
    ["doctor", "--quick"],
    ["dataset", "why", "told", HOSTILE],
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command)[:24].encode("unicode_escape").decode())
def test_no_command_prints_a_text_raw(place: Path, command: list[str]) -> None:
    if "ID" in command:
        [row, *_] = document(on_a_terminal(place, "problems", "told", "--json")[1])["problems"]
        command = ["show", row["id"][:12], "--of", "told"]
    _, seen = on_a_terminal(place, *command)
    assert seen.strip()
    assert_inert(seen)


def test_a_server_s_words_and_names_are_printed_as_escapes(place: Path) -> None:
    """Its error, its list of models, its model name, and an answer that is shown."""
    refusal = json.dumps({"error": {"message": HOSTILE, "code": HOSTILE}})
    with Serving(lambda *_: refused(400, refusal), models=["toy"]) as server:
        (place / "p.yaml").write_text(f"servers: [{{url: {server.url}}}]\n")
        status, seen = on_a_terminal(place, "curate", "remote.yaml", "--direct", "--profile", "p.yaml")
        assert status == 2
        assert rb"\x1b]52;c" in seen
        assert_inert(seen)
    with Serving(models=[HOSTILE, HOSTILE + "2"]) as server:
        (place / "p.yaml").write_text(f"servers: [{{url: {server.url}}}]\n")
        for command in (["curate", "remote.yaml", "--direct"], ["doctor", "--quick"]):
            _, seen = on_a_terminal(place, *command, "--profile", "p.yaml")
            assert rb"\x1b]52;c" in seen
            assert_inert(seen)


def test_json_holds_the_data_in_escapes_of_json(place: Path) -> None:
    status, seen = on_a_terminal(place, "problems", "told", "--json")
    assert status == 0
    assert_inert(seen)
    prompts = [row["prompt"] for row in document(seen)["problems"]]
    assert len(prompts) == 4
    assert all(HOSTILE in prompt for prompt in prompts)


def test_a_bug_s_traceback_a_warning_and_a_print_are_escaped_too(place: Path) -> None:
    script = (
        "import sys, warnings, logging\nfrom rollmill.flows.cli import terminal\nterminal.guard()\n"
        f"hostile = {HOSTILE!r}\nwarnings.warn(hostile)\nlogging.warning(hostile)\nprint(hostile)\n"
        "import click; click.echo(hostile.encode()); click.secho(hostile, fg='red')\n"
        "raise RuntimeError(hostile)\n"
    )
    for locale in ({}, {"PYTHONIOENCODING": "ascii:backslashreplace"}):
        ours, theirs = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **locale}
        process = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=theirs, stderr=theirs)
        os.close(theirs)
        seen = b""
        try:
            while part := os.read(ours, 1 << 16):
                seen += part
        except OSError:
            pass
        process.wait(10)
        assert seen.count(rb"\x1b]52;c") >= 5
        assert_inert(seen)
