"""A small sound dataset whose parts a test can spoil: 12 problems on two levels, four rollouts each, the correct kept."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
import pytest

from rollmill.ground.records import Completion, Decision, Problem, Verdict
from rollmill.pipelines.gate import Provenance
from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.schema import to_table

CHAIN = (("number", "1"), ("math", "1+math-verify-0.9.0"))
RUN = "toy-00000000"


@dataclass(frozen=True)
class ToyTables:
    problems: pa.Table
    completions: pa.Table
    verdicts: pa.Table
    decisions: pa.Table
    threads: pa.Table = field(default_factory=lambda: to_table("threads", []))

    def spoiled(self, kind: Kind, row: int, **values: Any) -> "ToyTables":
        """The same tables with some values of one row changed."""
        rows = getattr(self, kind).to_pylist()
        rows[row] = {**rows[row], **values}
        return self.with_rows(kind, rows)

    def with_rows(self, kind: Kind, rows: list[dict[str, Any]]) -> "ToyTables":
        """The same tables with other rows of one kind."""
        return replace(self, **{kind: pa.Table.from_pylist(rows, schema=getattr(self, kind).schema)})


def problem(number: int) -> Problem:
    """Problem `number`: an apple story; even numbers are level 1, odd ones level 2."""
    text = f"Ann has {number} apples and buys {number + 7} more at the market before lunch. How many apples has she now?"
    return Problem(text, str(2 * number + 7), level=1 + number % 2, template=f"apples-{number % 4}", skill="sums")


def completion(owner: Problem, index: int) -> Completion:
    """Completion `index` of a problem; its id says which."""
    cid = f"c-{owner.reference}-{index}"
    text = f"She has {owner.reference} <b>apples</b>."
    return Completion(cid, owner.prompt_id, "embedded", "toy", "digest", "curate", index, index, text, "stop")


def outcome(number: int, index: int) -> str:
    """Even indices are correct; problem 1 gives no answer on the others."""
    return "correct" if index % 2 == 0 else ("unparsed" if number == 1 else "incorrect")


def tables(problems: int = 12) -> ToyTables:
    """The sound dataset."""
    owners = [problem(number) for number in range(problems)]
    drawn = [(number, owner, completion(owner, index)) for number, owner in enumerate(owners) for index in range(4)]
    verdicts, decisions = [], []
    for number, owner, drew in drawn:
        found: Any = outcome(number, drew.sample_index)
        kept = found == "correct"
        verdicts.append(Verdict(drew.id, owner.id, "number", "1", found, "last number"))
        reason = "kept" if kept else "not correct"
        decisions.append(Decision(RUN, owner.id, drew.id, "all_correct", "1", kept, reason, found, "number", "1"))
    return ToyTables(
        to_table("problems", owners),
        to_table("completions", [drew for _, _, drew in drawn]),
        to_table("verdicts", verdicts),
        to_table("decisions", decisions),
    )


@dataclass(frozen=True)
class Toy:
    """What the tests of this folder share: the sound tables, what is expected of them, and how a problem is made."""

    tables: ToyTables
    expected: Callable[..., Provenance]
    problem: Callable[[int], Problem]


@pytest.fixture
def toy() -> Toy:
    return Toy(tables(), expected, problem)


def expected(**changes: Any) -> Provenance:
    """What the sound dataset's maker knows."""
    return Provenance(**{"verifiers": CHAIN, "drawn": 48, "prefix": 4, **changes})
