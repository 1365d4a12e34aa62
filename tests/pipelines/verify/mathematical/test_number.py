"""The verifier `number`: outcomes, rules and evidence."""

import pytest

from rollmill.ground.records import Completion, FinishReason, Problem, Verdict
from rollmill.pipelines.verify.number import NumberVerifier


def judge(reference: str, text: str, *, prompt: str = "How many?", finish: FinishReason = "stop") -> Verdict:
    problem = Problem(prompt, reference)
    return NumberVerifier().verify(problem, Completion("c", "p", "e", "m", "", "curate", 0, None, text, finish))


@pytest.mark.parametrize(
    ("reference", "text", "outcome", "rule"),
    [
        ("19", "12 + 7 = 19\n#### 19", "correct", "hash:equal"),
        ("19", "12 + 7 = 20\n#### 20", "incorrect", "hash:unequal"),
        ("70000", "A: 70,000", "correct", "phrase:equal"),
        ("18", "She sells 9 eggs.\nSo she makes $18 every day.", "correct", "tail:equal"),
        ("18", "She sells 9 eggs.\nLet's see if 18 is right.", "unparsed", "no-answer"),
        ("5", "x = 5", "correct", "bare:equal"),
        ("18", "So she makes $18 every day.", "correct", "bare:equal"),
        ("12", "18 nickels and 12 dimes", "undecided", "no-number"),
        ("12", "The answer is 18 nickels and 12 dimes.", "undecided", "no-number"),
        ("12", "So.\nShe has 18 nickels and 12 dimes.", "unparsed", "no-answer"),
        ("20", "The answer is 18 or 20.", "undecided", "no-number"),
        ("5", "The answer is 5 hundredths.", "incorrect", "phrase:unequal"),
        ("0.05", "The answer is 5 hundredths.", "correct", "phrase:equal"),
        ("5", "The answer is 5 halves.", "undecided", "no-number"),
        ("5", "The answer is 5x.", "undecided", "no-number"),
        ("5", "The answer is not 5.", "unparsed", "no-answer"),
        ("5", "The answer cannot be 5.", "unparsed", "no-answer"),
        ("-5", "So it's -5.", "correct", "bare:equal"),
        ("5", "{\\bf 5}", "correct", "bare:equal"),
        ("20", "So.\nThis is 20 percent of it.", "incorrect", "tail:unequal"),
        ("5", "2x = 5", "undecided", "no-number"),
        ("7", "The answer is 3 + 4 = 7 eggs.", "correct", "phrase:equal"),
        ("7", "The answer is that she has 7 eggs in all.", "correct", "phrase:equal"),
        ("18", "\\boxed{18 nickels and 12 dimes}", "undecided", "no-number"),
        ("4", "\\boxed{2^2}", "undecided", "no-number"),
        ("x+1", "\\boxed{4}", "undecided", "no-number"),
        ("4", "", "unparsed", "no-answer"),
        ("4", "None", "unparsed", "no-answer"),
        ("4", "\\boxed{no solution}", "incorrect", "boxed:no-number"),
        ("The sum is 9.\n#### 9", "#### 9", "correct", "hash:equal"),
    ],
)
def test_outcomes(reference: str, text: str, outcome: str, rule: str) -> None:
    verdict = judge(reference, text)
    assert (verdict.outcome, verdict.rule) == (outcome, rule)


def test_evidence_is_recorded() -> None:
    verdict = judge("1/2", "\\boxed{0.50 m}")
    assert (verdict.extracted, verdict.normal_form, verdict.reference_form) == ("0.50 m", "1/2 m", "1/2")
    assert (verdict.verifier, verdict.completion_id) == ("number", "c")
    assert verdict.version.startswith("2+rules.")
    assert verdict.seconds is not None


def test_undecided_names_its_cause() -> None:
    assert judge("4", "\\boxed{2^2}").cause == "the answer is not a plain number"
    assert judge("x", "\\boxed{2}").cause == "the reference is not a plain number"


def test_a_text_cut_at_its_limit_gives_no_answer() -> None:
    assert judge("1", "12 + 7 = 19\n#### 1", finish="length").outcome == "unparsed"


def test_the_prompt_decides_what_percent_means() -> None:
    assert judge("50", "\\boxed{50\\%}").outcome == "incorrect"
    assert judge("50", "\\boxed{50\\%}", prompt="What percent?").outcome == "correct"
