"""The tutorials and the page of the Python API are followed as a reader does, and print what they show.

Files that a page names in the first line of a block are written, commands and Python are run in the order of the page. Of
what a page shows of the output every line must come, in its order; digits, ids and bars may differ between machines.
"""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, chdir, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

import rollmill
from tests.documentation.test_docs import PAGES, TUTORIALS, blocks, run
from tests.tied import tied
from tests.waiting import until

NAMED = re.compile(r"# ([\w./-]+\.(?:py|yaml))\n")
MOST_WORDS = 900


class Reader:
    """Follows a page in a folder: what was printed since the last shown output, and the server that the page starts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.printed, self.names = folder, "", dict[str, object]()
        self.running = ExitStack()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def follow(self, page: str) -> None:
        for language, shown in blocks(page):
            block = shown.replace("8123", str(self.port))
            named = NAMED.match(block)
            if language == "text":
                assert missing(block, self.printed) == [], self.printed
                self.printed = ""
            elif language == "sh":
                for command in block.splitlines():
                    self.command(command)
            elif named:
                (self.folder / named[1]).write_text(block)
            elif language == "python":
                with chdir(self.folder), redirect_stdout(StringIO()) as out:
                    exec(compile(block, page, "exec"), self.names)
                assert out.getvalue()

    def command(self, command: str) -> None:
        if command.startswith("cd "):
            self.folder /= command.removeprefix("cd ")
        elif command == "python server.py &":
            server = subprocess.Popen(tied(sys.executable, "server.py"), cwd=self.folder)
            self.running.callback(server.wait)
            self.running.callback(server.kill)
            assert until(lambda: answers(self.port))
        elif command.startswith("python "):
            subprocess.run([sys.executable, *command.split()[1:]], cwd=self.folder, check=True)
        else:
            assert command.startswith("rollmill ")
            self.printed += run(command, self.folder)


def answers(port: int) -> bool:
    """Whether a server listens."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def masked(line: str) -> str:
    """A line without what differs between machines."""
    line = re.sub(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,}\b|[+-]?\d[\d,.]*(?:%|\b)", "#", re.sub("█+", "", line))
    return " ".join(line.split())


def missing(shown: str, printed: str) -> list[str]:
    """The shown lines that were not printed, or not in this order; `...` in a line stands for anything."""
    lines = iter([masked(line) for line in printed.splitlines()])
    patterns = {line: re.compile(re.escape(masked(line)).replace(re.escape("..."), ".*")) for line in shown.splitlines()}
    return [line for line, pattern in patterns.items() if line and not any(pattern.match(real) for real in lines)]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    with reader.running:
        yield reader


@pytest.mark.services
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", TUTORIALS)
def test_a_tutorial_does_what_it_shows(page: str, reader: Reader) -> None:
    reader.follow(page)


@pytest.mark.services
@pytest.mark.timeout(300)
def test_the_examples_of_the_python_api_run_in_a_new_workspace(reader: Reader) -> None:
    run(f"rollmill init {reader.folder}", reader.folder)
    reader.follow("python-api.md")


@pytest.mark.parametrize("page", TUTORIALS)
def test_a_tutorial_takes_a_quarter_of_an_hour(page: str) -> None:
    assert len(PAGES[page].split()) <= MOST_WORDS


def test_the_page_of_the_python_api_has_every_public_name() -> None:
    shown = re.findall(r"^::: rollmill\.(\w+)$", PAGES["python-api.md"], flags=re.MULTILINE)
    assert sorted(shown) == sorted(rollmill.__all__)


def test_a_line_that_was_not_printed_is_missed() -> None:
    printed = "done: v1 (043f31f2) of ws\n  kept   12\n"
    assert missing("done: v1 (6f0d7b8e) ...\n  kept 7\n", printed) == []
    assert missing("kept 7\ndone: v1 (6f0d7b8e) of ws\n", printed) == ["done: v1 (6f0d7b8e) of ws"]
    assert missing("dropped 7\n", printed) == ["dropped 7"]
