"""README and docs/ name commands and make targets that exist. tests/documentation/test_docs.py and .ci/as-a-user run the
commands.
"""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from docs.generate import GENERATED
from rollmill.flows.cli import build

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
MADE = {ROOT / "docs" / place for place in GENERATED}
PAGES = "\n".join([README, *(page.read_text() for page in sorted({*(ROOT / "docs").rglob("*.md")} - MADE))])
SHELL = "\n".join(re.findall(r"^```sh\n(.*?)^```$", PAGES, flags=re.MULTILINE | re.DOTALL))
LINES = [line.split("#")[0].strip() for line in SHELL.splitlines() if re.match(r"(\.venv/bin/)?rollmill ", line)]
COMMANDS = sorted(set(LINES))


def verbs(command: object, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    found = [(path, command)]
    for name, child in getattr(command, "commands", {}).items():
        found += verbs(child, (*path, name))
    return found


VERBS = dict(verbs(get_command(build())))


@pytest.mark.parametrize("line", COMMANDS)
def test_every_readme_command_parses(line: str) -> None:
    words = shlex.split(line)[1:]
    depth = max(n for n in range(1, 4) if tuple(words[:n]) in VERBS)
    command = VERBS[tuple(words[:depth])]
    command.make_context(words[0], words[depth:])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "path", [path for path, command in VERBS.items() if not hasattr(command, "commands")], ids=" ".join
)
def test_every_verb_has_help_with_an_example(path: tuple[str, ...]) -> None:
    command = VERBS[path]
    text = command.get_help(typer.Context(command))  # type: ignore[attr-defined, arg-type]
    assert f"rollmill {' '.join(path)}" in " ".join(text.split())


def test_every_make_target_named_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`?make ([a-z-]+)", README)) - {"help"}
    assert {"run", "test", "check", "dashboard"} <= named <= targets


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 900
