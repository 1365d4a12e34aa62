"""An export format of a person's own file, and of an installed package, beside those of the product."""

import json
from pathlib import Path

import pytest

from rollmill.ground.ids import sha256_text
from rollmill.pipelines.own_code import is_own
from tests.flows.conftest import Curated, Run
from tests.installed import Install

pytestmark = pytest.mark.integration
FORMAT = '''
"""The export `lengths`: how long each kept answer is."""

import pyarrow as pa

from rollmill.methods import PromptCompletion, Row


class Lengths(PromptCompletion):
    """The characters of each kept answer. `shortest`: characters of the shortest one that is written."""

    def __init__(self, *, shortest: int = 0) -> None:
        super().__init__()
        self.shortest = shortest

    @property
    def schema(self):
        return pa.schema([("completion_id", pa.string()), ("length", pa.int64())])

    def rows(self, connection):
        for rollout in self.kept(connection):
            length = len(rollout["text"])
            self.left_out["short answers"] += length < self.shortest
            if length >= self.shortest:
                yield Row(completion_id=rollout["completion_id"], length=length)
'''
NONE = """
class Bare:
    def rows(self, connection):
        return iter(())


class Empty:
    pass
"""


@pytest.fixture
def published(toy: Path, curated: Curated) -> Path:
    """A workspace with a version and a file with a format."""
    curated("toy.yaml")
    (toy / "mine.py").write_text(FORMAT)
    return toy


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_class_of_a_file_here_writes_a_version(published: Path, rollmill: Run) -> None:
    made = rollmill("dataset", "export", "toy", "--format", "mine.py:Lengths", "--out", "all.jsonl")
    assert made.status == 0, made.err
    every = rows_of(published / "all.jsonl")
    assert len(every) > 5
    assert set(every[0]) == {"completion_id", "length"}
    assert is_own(sha256_text(FORMAT))  # its file is the person's own code from now on
    long = ["--set", "shortest=2", "--json"]
    some = rollmill("dataset", "export", "toy", "--format", "mine.py:Lengths", "--out", "some.jsonl", *long)
    assert some.status == 0, some.err
    assert rows_of(published / "some.jsonl") == [row for row in every if int(str(row["length"])) >= 2]
    split = ["--validation", "held.jsonl"]
    refused = rollmill("dataset", "export", "toy", "--format", "mine.py:Lengths", "--out", "all.jsonl", *split)
    assert (refused.status, "name no `problem_id`" in refused.err) == (2, True)
    shown = json.loads(rollmill("dataset", "formats", "mine.py:Lengths", "--json").out)
    assert [(row["option"], row["default"]) for row in shown] == [("shortest", 0)]


@pytest.mark.parametrize(
    ("fmt", "sets", "told"),
    [
        ("mine.py:Length", [], "unknown class in mine.py 'Length'. Did you mean 'Lengths'"),
        ("other.py:Lengths", [], "no file other.py"),
        ("lengths", [], "unknown export format 'lengths'"),
        ("mine.py:Lengths", ["--set", "shortist=2"], "Did you mean 'shortest'"),
        ("mine.py:Lengths", ["--set", "shortest=few"], "shortest is 'few', and must be a whole number."),
        ("none.py:Empty", [], "export 'none.py:Empty' has no 'rows'"),
        ("none.py:Bare", [], "export 'none.py:Bare' has no 'schema'"),
    ],
)
def test_what_is_no_format_is_named(published: Path, rollmill: Run, fmt: str, sets: list[str], told: str) -> None:
    (published / "none.py").write_text(NONE)
    refused = rollmill("dataset", "export", "toy", "--format", fmt, "--out", "rows.jsonl", *sets)
    assert refused.status == 2
    assert told in refused.err
    assert not (published / "rows.jsonl").exists()


def test_a_package_brings_a_format(published: Path, install: Install, rollmill: Run) -> None:
    install("rollmill-lengths", points={"exports": "lengths = lengths_module:Lengths"}, modules={"lengths_module": FORMAT})
    made = rollmill("dataset", "export", "toy", "--format", "lengths", "--out", "rows.jsonl")
    assert made.status == 0, made.err
    assert len(rows_of(published / "rows.jsonl")) > 5
    assert "lengths" in rollmill("dataset", "formats").out
    listed = json.loads(rollmill("methods", "exports", "--json").out)
    assert listed[-1]["source"] == "rollmill-lengths 1.0"
    assert {row["source"] for row in listed[:-1]} == {"rollmill"}
