"""Our own table of pairs (`cases.csv`) under both policies, in both orders, and of completions (`completions.csv`).

In cases.csv `equal` is `always`, `never` or `lenient` (only under that policy); in completions.csv ⏎ stands for a new line.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.number import NumberVerifier

HERE = Path(__file__).parents[1]


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", params=["strict", "lenient"])
def verifier(request: pytest.FixtureRequest) -> Iterator[MathVerifier]:
    with MathVerifier(policy=request.param, workers=1) as chosen:
        yield chosen


def pair(problem: str, reference: str, text: str) -> tuple[Problem, Completion]:
    return Problem(problem or "Find it.", reference), Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")


def test_the_table_is_large_and_says_what_it_covers() -> None:
    table = rows("cases.csv")
    assert len(table) >= 400
    assert len({(row["one"], row["other"], row["problem"]) for row in table}) == len(table)
    assert {row["equal"] for row in table} == {"always", "never", "lenient"}
    assert len({row["group"] for row in table}) >= 20


@pytest.mark.integration
def test_every_pair_in_both_orders(verifier: MathVerifier) -> None:
    right = {"always", "lenient"} if verifier.policy.name == "lenient" else {"always"}
    named, wrong = {name for name, _ in verifier.rules}, []
    for row in rows("cases.csv"):
        for one, other in ((row["one"], row["other"]), (row["other"], row["one"])):
            verdict = verifier.verify(*pair(row["problem"], one, f"\\boxed{{{other}}}"))
            if (verdict.outcome == "correct") != (row["equal"] in right):
                wrong.append((row["group"], one, other, verdict.outcome, verdict.rule))
            assert set(verdict.rule.split(":")) <= named
    assert wrong == []


def test_every_side_equals_itself(verifier: MathVerifier) -> None:
    texts = sorted({row[side] for row in rows("cases.csv") for side in ("one", "other")} - {""})
    items = [pair("", text, f"\\boxed{{{text}}}") for text in texts]
    refused = [p.reference for (p, _), v in zip(items, verifier.verify_many(items), strict=True) if v.outcome != "correct"]
    assert refused == []


@pytest.mark.integration
def test_strict_implies_lenient_and_number_agrees_with_math() -> None:
    """What `number` decides, `math` decides the same; what is equal under `strict` is equal under `lenient`."""
    with MathVerifier(workers=1) as strict, MathVerifier(policy="lenient", workers=1) as lenient:
        for row in rows("cases.csv"):
            item = pair(row["problem"], row["one"], f"\\boxed{{{row['other']}}}")
            found = strict.verify(*item).outcome
            if found == "correct":
                assert lenient.verify(*item).outcome == "correct", row
            for policy, outcome in (("strict", found), ("lenient", lenient.verify(*item).outcome)):
                plain = NumberVerifier(policy=policy).verify(*item).outcome
                if plain in ("correct", "incorrect"):
                    assert plain == outcome, (row, policy)


def test_equal_forms_are_equal_answers() -> None:
    """The canonical text joins nothing that is never equal (answers are clustered by it, without a reference)."""
    with MathVerifier(workers=1) as strict:
        for row in rows("cases.csv"):
            verdict = strict.verify(*pair(row["problem"], row["one"], f"\\boxed{{{row['other']}}}"))
            if row["equal"] == "never":
                assert verdict.normal_form != verdict.reference_form, row


@pytest.mark.parametrize("row", rows("completions.csv"), ids=lambda row: str(row["completion"])[:40])
def test_every_completion(row: dict[str, str]) -> None:
    with MathVerifier(workers=1) as strict:
        verdict = strict.verify(*pair("", row["reference"], row["completion"].replace("⏎", "\n")))
    assert verdict.outcome == row["outcome"], (verdict.extracted, verdict.rule)
