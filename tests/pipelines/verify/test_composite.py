"""`all_of` and `any_of`: the table of outcomes, every part asked, versions, nesting, crashes and closing."""

import json
from collections.abc import Iterable, Iterator
from itertools import permutations, product

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import OUTCOMES, Completion, Outcome, Problem, Verdict
from rollmill.pipelines.verify.composite import AllOfVerifier, AnyOfVerifier, Composite
from rollmill.pipelines.verify.exact import ExactVerifier

PROBLEM = Problem("How many?", "7")


class Says:
    """A verifier that always concludes the same, and counts."""

    name = "says"

    def __init__(self, outcome: Outcome, version: str = "1") -> None:
        self.outcome, self.version = outcome, version
        self.asked = self.closed = 0

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        self.asked += 1
        cause = "cpu_limit" if self.outcome == "undecided" else None
        return Verdict(completion.id, problem.id, self.name, self.version, self.outcome, "fixed", cause)

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        return (self.verify(*item) for item in items)

    def close(self) -> None:
        self.closed += 1


class Breaks(Says):
    """A verifier that raises."""

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        raise ZeroDivisionError(f"broken{completion.text[:0]}{problem.kind[:0]}")


def said(text: str = "7", name: str = "c") -> Completion:
    return Completion(name, "p", "e", "m", "", "curate", 0, None, text, "stop")


def outcome(cls: type[Composite], *outcomes: Outcome) -> Outcome:
    return cls(verifiers=[Says(one) for one in outcomes]).verify(PROBLEM, said()).outcome


@pytest.mark.parametrize(
    ("outcomes", "all_of", "any_of"),
    [
        (("correct", "correct"), "correct", "correct"),
        (("correct", "incorrect"), "incorrect", "correct"),
        (("correct", "unparsed"), "unparsed", "correct"),
        (("correct", "undecided"), "undecided", "correct"),
        (("incorrect", "undecided"), "incorrect", "undecided"),
        (("unparsed", "undecided"), "unparsed", "undecided"),
        (("incorrect", "unparsed"), "incorrect", "incorrect"),
        (("unparsed", "unparsed"), "unparsed", "unparsed"),
        (("undecided", "undecided"), "undecided", "undecided"),
        (("incorrect", "undecided", "correct"), "incorrect", "correct"),
    ],
)
def test_the_outcome_in_any_order_of_the_parts(outcomes: tuple[Outcome, ...], all_of: str, any_of: str) -> None:
    for order in permutations(outcomes):
        assert (outcome(AllOfVerifier, *order), outcome(AnyOfVerifier, *order)) == (all_of, any_of)


def test_one_is_the_dual_of_the_other() -> None:
    """Exchanging yes and no in every part exchanges them in the whole; undecided stays undecided."""
    other: dict[Outcome, Outcome] = {"correct": "incorrect", "incorrect": "correct", "undecided": "undecided"}
    for outcomes in product(other, repeat=3):
        assert outcome(AnyOfVerifier, *outcomes) == other[outcome(AllOfVerifier, *(other[one] for one in outcomes))]


def test_every_part_is_asked_whatever_the_others_say() -> None:
    for cls, outcomes in product((AllOfVerifier, AnyOfVerifier), product(OUTCOMES, repeat=2)):
        parts = [Says(one) for one in outcomes]
        composite = cls(verifiers=parts)
        verdict = composite.verify(PROBLEM, said())
        assert list(composite.verify_many([(PROBLEM, said())])) != []
        assert [part.asked for part in parts] == [2, 2]
        assert [row["outcome"] for row in json.loads(verdict.evidence or "")] == list(outcomes)


def test_the_verdict_names_the_part_that_decided() -> None:
    verdict = AllOfVerifier(verifiers=[{"method": "exact"}, {"method": "number"}]).verify(PROBLEM, said("8"))
    assert (verdict.outcome, verdict.rule, verdict.value, verdict.extracted) == ("incorrect", "all_of:exact", 0.0, "8")
    rows = json.loads(verdict.evidence or "")
    assert [(row["verifier"], row["rule"]) for row in rows] == [("exact", "equal"), ("number", "bare:unequal")]


def test_the_share_of_parts_is_the_value() -> None:
    assert AllOfVerifier(verifiers=[Says("correct"), Says("incorrect"), Says("correct"), Says("correct")]).verify(
        PROBLEM, said()
    ).value == pytest.approx(0.75)


def test_the_cause_of_an_undecided_part_is_passed_on() -> None:
    assert AllOfVerifier(verifiers=[Says("correct"), Says("undecided")]).verify(PROBLEM, said()).cause == "cpu_limit"


def test_a_part_that_raises_is_undecided_and_the_others_count() -> None:
    for composite in (
        AnyOfVerifier(verifiers=[Breaks("correct"), Says("correct")]),
        AllOfVerifier(verifiers=[Breaks("correct")]),
    ):
        one = composite.verify(PROBLEM, said())
        many = next(iter(composite.verify_many([(PROBLEM, said())])))
        assert one.outcome == many.outcome == ("correct" if composite.name == "any_of" else "undecided")
        assert json.loads(one.evidence or "")[0]["cause"] == "verifier crash: ZeroDivisionError: broken"
        assert one.evidence == many.evidence


def test_the_version_follows_the_parts() -> None:
    versions = {
        AllOfVerifier(verifiers=parts).version
        for parts in (
            [Says("correct", "1")],
            [Says("correct", "2")],
            [Says("correct", "1"), Says("correct", "1")],
            [{"method": "exact"}],
            [{"method": "exact", "options": {"case": "fold"}}],
            [{"method": "all_of", "options": {"verifiers": [{"method": "exact"}]}}],
            [{"method": "all_of", "options": {"verifiers": [{"method": "exact", "options": {"case": "fold"}}]}}],
        )
    }
    assert len(versions) == 7
    assert AllOfVerifier(verifiers=[Says("correct")]).rules != AllOfVerifier(verifiers=[Says("correct", "2")]).rules


def test_composites_nest() -> None:
    inner = {"method": "any_of", "options": {"verifiers": [{"method": "exact"}, {"method": "number"}]}}
    outer = AllOfVerifier(verifiers=[inner, {"method": "regex", "options": {"pattern": r"\d", "match": "search"}}])
    with outer:
        assert [outer.verify(PROBLEM, said(text)).outcome for text in ("7.0", "8", "seven")] == [
            "correct",
            "incorrect",
            "incorrect",
        ]


def test_closing_closes_every_part_even_when_one_fails_to() -> None:
    class Stuck(Says):
        def close(self) -> None:
            super().close()
            raise OSError("stuck")

    parts = [Says("correct"), Stuck("correct"), Says("correct")]
    with pytest.raises(OSError, match="stuck"):
        AllOfVerifier(verifiers=parts).close()
    assert [part.closed for part in parts] == [1, 1, 1]


def test_many_and_one_agree() -> None:
    composite = AnyOfVerifier(verifiers=[ExactVerifier(), {"method": "math"}])
    items = [(PROBLEM, said(text, str(i))) for i, text in enumerate(["7", "8", "", "\\boxed{7.0}"] * 90)]
    with composite:
        many = list(composite.verify_many(iter(items)))
        assert [verdict.completion_id for verdict in many] == [str(i) for i in range(360)]
        assert [(v.outcome, v.rule, v.evidence) for v in many[:4]] == [
            (v.outcome, v.rule, v.evidence) for v in (composite.verify(*item) for item in items[:4])
        ]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([], "has no parts"),
        ([{"method": "mth"}], "Did you mean 'math'"),
        ([{"metod": "math"}], "Did you mean 'method'"),
        ([{"method": "exact", "options": {"cas": "fold"}}], "unexpected keyword argument 'cas'"),
        ([7], "neither a verifier nor a method"),
    ],
)
def test_mistakes_are_named(parts: list[object], said: str) -> None:
    with pytest.raises(SetupError, match=said):
        AllOfVerifier(verifiers=parts)  # type: ignore[arg-type]
