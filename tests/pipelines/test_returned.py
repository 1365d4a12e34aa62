"""What a user's own object returned is looked at before it is stored, and told with the file and line that returned it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rollmill.flows.recipe.methods import resolve
from rollmill.flows.rounds.judging.decide import check_decisions
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Decision, Problem, Score, Verdict
from rollmill.pipelines.returned import check_named, check_returned, is_users_own, record_fault
from rollmill.pipelines.verify.acceptance import accepted_verdict
from rollmill.pipelines.verify.judging import verdicts_of
from rollmill.pipelines.verify.number import NumberVerifier

PROBLEM = Problem("2 + 2?", "4")
COMPLETION = Completion("c", PROBLEM.prompt_id, "toy", "m", "d", "curate", 0, 7, "4", "stop")
VERDICT = Verdict("c", PROBLEM.id, "mine", "1", "correct", "mine")
DECISION = Decision("r", PROBLEM.id, "c", "mine", "1", True, "kept", "correct", "number", "1")

VERIFIER = """
from rollmill.ground.records import Verdict


class Mine:
    name, version = "mine", "1"

    def verify(self, problem, completion):
        return Verdict(completion.id, problem.id, "mine", "1", OUTCOME, "mine")

    def verify_many(self, items):
        return [self.verify(*item) for item in items]

    def close(self):
        pass
"""


@pytest.mark.parametrize(("outcome", "said"), [("'maybe'", "'maybe'"), ("None", "None"), ("True", "True"), ("[]", r"\[\]")])
def test_an_unknown_outcome_of_a_users_verifier_names_file_and_line(tmp_path: Path, outcome: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(VERIFIER.replace("OUTCOME", outcome))
    verifier = resolve("verifier", "mine.py:Mine", {}, base=tmp_path).build()
    message = (
        rf"mine.py:8 \(Mine.verify\) returned a Verdict with outcome={said}, which is not one of correct, incorrect, "
        r"unparsed, undecided\. Next: correct it and run the same command again; drawn completions are kept"
    )
    with pytest.raises(SetupError, match=message):
        list(verdicts_of(verifier, [(PROBLEM, COMPLETION)]))


def test_known_outcomes_pass_and_shipped_methods_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(VERIFIER.replace("OUTCOME", "'unparsed'"))
    verifier = resolve("verifier", "mine.py:Mine", {}, base=tmp_path).build()
    assert is_users_own(verifier)
    assert [verdict.outcome for verdict in verdicts_of(verifier, [(PROBLEM, COMPLETION)])] == ["unparsed"]
    assert not is_users_own(NumberVerifier())


class Mine:
    def generate(self) -> Iterator[Any]:
        yield None

    def select(self) -> None: ...


def wrong(record: Any, **values: Any) -> Any:
    """A record with values that its type does not allow."""
    return replace(record, **values)


MISFITS: list[tuple[Any, type, str]] = [
    (wrong(COMPLETION, text=None), Completion, "a Completion with text=None, which is not a text"),
    (wrong(COMPLETION, seed="7"), Completion, "a Completion with seed='7', which is not a whole number or None"),
    (wrong(COMPLETION, finish_reason="eos"), Completion, "a Completion with finish_reason='eos', which is not one of "),
    (
        replace(COMPLETION, sample_index=True),
        Completion,
        "a Completion with sample_index=True, which is not a whole number",
    ),
    (wrong(VERDICT, rule=None), Verdict, "a Verdict with rule=None, which is not a text"),
    (wrong(VERDICT, value="1"), Verdict, "a Verdict with value='1', which is not a number or None"),
    (wrong(DECISION, kept="yes"), Decision, "a Decision with kept='yes', which is not true or false"),
    (wrong(Score("c", "p", "s", "1", 0.0), value=None), Score, "a Score with value=None, which is not a number"),
    (None, Verdict, "None, which is not a Verdict"),
    (DECISION, Verdict, "Decision("),
]


@pytest.mark.parametrize(("value", "kind", "said"), MISFITS)
def test_what_does_not_fit_is_named(value: Any, kind: type, said: str) -> None:
    assert str(record_fault(value, kind)).startswith(said)
    with pytest.raises(SetupError, match=r"test_returned.py:\d+ \(Mine.generate\) returned "):
        check_returned(Mine(), "generate", [value], kind)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (COMPLETION, Completion),
        (wrong(COMPLETION, seed=None, tokens_in=np.int64(3)), Completion),
        (wrong(VERDICT, value=np.float32(0.5), seconds=1), Verdict),
        (wrong(DECISION, kept=np.True_), Decision),
        (PROBLEM, Problem),
        (Score("c", "p", "s", "1", np.float64(2.0), steps=(0.5, 1)), Score),
    ],
)
def test_what_fits_passes(value: Any, kind: type) -> None:
    assert record_fault(value, kind) is None


class Lenient:
    name, version, lazy, over = "lenient", "1", False, ()

    def decide(self, verdicts: Any) -> Any:
        return replace(verdicts[0], outcome="fine")


def test_a_policy_that_gives_an_outcome_of_its_own_is_refused() -> None:
    verdict = replace(VERDICT, verifier="number")
    with pytest.raises(SetupError, match=r"test_returned.py:\d+ \(Lenient.decide\) returned a Verdict with outcome='fine'"):
        accepted_verdict(Lenient(), [("number", "1")], {("number", "1"): verdict})


def test_a_reason_that_is_not_declared_is_refused() -> None:
    check_decisions(Mine(), [DECISION])  # type: ignore[arg-type]
    with pytest.raises(
        SetupError, match=r"test_returned.py:\d+ \(Mine.select\) returned the reason 'liked', which is none of dup"
    ):
        check_decisions(Mine(), [DECISION, replace(DECISION, reason="liked")])  # type: ignore[arg-type]
    check_named(NumberVerifier(), "verify", "reason", "liked", ["kept"])
