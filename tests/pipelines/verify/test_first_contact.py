"""Real sentences and forms of answers (`first_contact.csv`): each comes out as the table says.

`outcome` is the verdict that is wanted; `not correct` and `not incorrect` leave the others open. ⏎ is a new line.
"""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.choice import ChoiceVerifier
from rollmill.pipelines.verify.exact import ExactVerifier
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.number import NumberVerifier
from rollmill.roles.protocols import Verifier

TABLE = list(csv.DictReader((Path(__file__).parent / "first_contact.csv").read_text(encoding="utf-8").split("\n")))


@pytest.fixture(scope="module")
def verifiers() -> Iterator[Mapping[str, Verifier]]:
    with MathVerifier(workers=1) as math:
        yield {"math": math, "number": NumberVerifier(), "choice": ChoiceVerifier(), "exact": ExactVerifier(answer="final")}


@pytest.mark.parametrize("group", sorted({row["group"] for row in TABLE}))
def test_every_row_of_a_group(group: str, verifiers: Mapping[str, Verifier]) -> None:
    wrong = []
    for row in (row for row in TABLE if row["group"] == group):
        problem = Problem(row["problem"].replace("⏎", "\n") or "Find it.", row["reference"])
        text = row["completion"].replace("⏎", "\n")
        verdict = verifiers[row["verifier"]].verify(
            problem, Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")
        )
        refused = row["outcome"].removeprefix("not ")
        if (verdict.outcome == refused) == row["outcome"].startswith("not "):
            wrong.append((row["outcome"], verdict.outcome, verdict.rule, row["reference"], text))
    assert wrong == []


def test_the_table_has_rows_on_both_sides_of_every_group() -> None:
    for group in {row["group"] for row in TABLE}:
        outcomes = {row["outcome"] for row in TABLE if row["group"] == group}
        assert outcomes & {"correct", "not incorrect"}, group
        assert outcomes & {"incorrect", "not correct", "unparsed", "undecided"}, group
