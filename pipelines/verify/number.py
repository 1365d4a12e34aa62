"""The verifier `number`: one plain number against another, as exact rationals.

An answer that is not a plain number but might equal one (a formula) is `undecided` and goes to the next verifier.
"""

import re
from functools import lru_cache
from time import perf_counter

from rollmill.ground.records import Completion, Outcome, Problem, Verdict
from rollmill.pipelines.verify.answers.conclusion import NUMBER, concluding_number, equates
from rollmill.pipelines.verify.answers.equality import (
    STRICT,
    EqualityContext,
    policy_named,
    same_converted,
    same_quantity,
    same_when_rounded,
    versioned,
)
from rollmill.pipelines.verify.answers.expressions.quantity import Quantity, parse_quantity
from rollmill.pipelines.verify.answers.questions.asked import asked_number
from rollmill.pipelines.verify.answers.questions.unevaluated import asks_rewriting, is_unevaluated
from rollmill.pipelines.verify.extract import (
    BARE_LENGTH,
    EXTRACTION,
    FinalAnswer,
    final_answer,
    judged_text,
    with_single_backslashes,
)
from rollmill.pipelines.verify.finding import OneByOne, prompt_text, rule_table
from rollmill.pipelines.verify.statements.answering import cut_in
from rollmill.pipelines.verify.statements.inexact import NOT_EXACT, is_inexact

ROUNDED = "the reference may be the answer, rounded"
UNIT = "the same in another unit than the problem asks for"
THOUSANDS = "the point may separate thousands"
SEVERAL = "several numbers, of which the question's words choose none"
_WRITTEN_OTHERWISE = re.compile(r"[/.\\]")
_NAME = re.compile(r"\s*(?:\\?[A-Za-z][A-Za-z_' ]{0,60}|\\text\{[^{}]*\})(?:\([A-Za-z]\))?\s*\Z")
# what might still be a number for a reader of formulas: such an answer is undecided here, not wrong
_FORMULA = re.compile(r"[\d\\^∞√π]|[^\x00-\x7f]|[A-Za-z]_|__")
# two words, then a verb: "Of 40 apples 17 are red"
_SENTENCE = re.compile(
    r"\b[A-Za-z]{2,}[^A-Za-z]+[A-Za-z]{2,}\b.*\b(?:is|are|was|equals?|has|have|gets?|gives?|leaves?|reads?|[a-z]{3,}s)\b[^=<>]*\Z"
)
_POINTS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}\.\d{3}(?![\d.,]*\d)")
_MARKED = re.compile(r"\$|\\[(\[]")
_CHANCE = re.compile(r"(?i)(\b(?:probability|chance|odds|likelihood)\b[^.\d]*)(\d+) (?:in|out of) (\d+)(?![\d.,/]*\d)")
_AT_ONCE = re.compile(rf"[\s*$(]*({NUMBER.pattern})[\s*$)]*[,;]\s+[A-Za-z]")


class NumberVerifier(OneByOne):
    """Exact comparison of the final number under a named policy; microseconds a pair, safe from any thread."""

    name = "number"
    rules, words = rule_table(
        *EXTRACTION,
        ("no-answer", "7", "the text gives no number as its answer"),
        ("no-number", "8", "no plain number to compare"),
        ("equal", "12", "numbers compared exactly"),
        ("unevaluated", "1", "a fraction or decimal of the problem, unchanged"),
        ("inexact", "1", "given as near, as a bound, as possible or for another case"),
        ("rounded", "2", "equal after rounding only, or with a point between thousands"),
        ("unequal", "12", "numbers compared exactly"),
    )
    version = versioned("2", rules, STRICT.label)

    def __init__(self, *, policy: str = "strict") -> None:
        """Take the options of a recipe.

        Args:
            policy: Named equality policy, for percent, units and rounding.
        """
        self.policy = policy_named(policy)
        if self.policy is not STRICT:
            self.version = versioned("2", self.rules, self.policy.label)

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        started = perf_counter()
        reference = _reference(problem.reference)
        text = judged_text(completion)
        final = final_answer(text, cut=completion.finish_reason == "length")
        prompt = prompt_text(problem.prompt)
        value = plain_text(final, prompt) if final else None
        answer = None if value is None else parse_quantity(value)
        outcome, rule, cause = _decide(EqualityContext(prompt, self.policy), problem.reference, reference, final, answer)
        if outcome == "correct" and final and value and is_inexact(text, final, value, (prompt, problem.reference)):
            outcome, rule, cause = "undecided", f"{final.rule}:inexact", NOT_EXACT
        return Verdict(
            completion.id,
            problem.id,
            self.name,
            self.version,
            outcome,
            rule,
            cause or cut_in(text),
            None,
            final.text[:1000] if final else None,
            _form(answer),
            _reference_form(problem.reference),
            perf_counter() - started,
        )


def plain_number(final: FinalAnswer, prompt: str = "") -> Quantity | None:
    """Plain number of an extracted answer, if it is only one."""
    text = plain_text(final, prompt)
    return None if text is None else parse_quantity(text)


def plain_text(final: FinalAnswer, prompt: str = "") -> str | None:
    """The part of an extracted answer that is one plain number with its unit, as written; None when there is none."""
    if final.rule == "tail":
        return _concluding(final.text, prompt)
    if parse_quantity(final.text) is not None:
        return final.text
    # The left side must be a bare name: of `2x = 17` the answer is not 17.
    name, equals, value = final.text.rpartition("=")
    if equals and _NAME.match(name) and equates(name) and parse_quantity(value) is not None:
        return value.strip()
    if final.rule in ("phrase", "bare") and (
        len(NUMBER.findall(value)) == 1 or _is_sentence(final.text) or not any(map(str.isdigit, final.text))
    ):
        number = _concluding(final.text, prompt)
        return None if number is None or _begins_with_another(final.text, number) else number
    return None


def _concluding(text: str, prompt: str) -> str | None:
    """The number that a sentence gives for what is asked, else the one that it ends with; None in doubt."""
    if " in " in text or " out of " in text:
        text = _CHANCE.sub(r"\1\2/\3", text)
    asked = asked_number(text, prompt)
    return concluding_number(text) if asked is None else asked or None


def _begins_with_another(text: str, number: str) -> bool:
    """True if another number comes first and ends there: 4, unless it is 3; 4; it took 3 days."""
    first = _AT_ONCE.match(text)
    if first is None:
        return False
    first_number, concluded = parse_quantity(first[1]), parse_quantity(number)
    return first_number is not None and concluded is not None and first_number.value != concluded.value


def _is_sentence(text: str) -> bool:
    """True if a short text has words and a verb before its last number, so that it may name other numbers too."""
    return len(text) <= BARE_LENGTH and _SENTENCE.search(text) is not None


@lru_cache(maxsize=65_536)
def _reference(text: str) -> Quantity | None:
    text = with_single_backslashes(text)
    # A reference may be a whole worked solution in the form of GSM8K.
    return parse_quantity(text) or (parse_quantity(text.rsplit("####", 1)[1]) if "####" in text else None)


def _decide(
    context: EqualityContext, wanted: str, reference: Quantity | None, final: FinalAnswer | None, answer: Quantity | None
) -> tuple[Outcome, str, str | None]:
    """(outcome, rule, cause)."""
    # First: a text without an answer is unparsed whatever the reference is.
    if final is None:
        return "unparsed", "no-answer", "no final answer found"
    if reference is None:
        return "undecided", "no-number", "the reference is not a plain number"
    if answer is None:
        # A last line is prose, and its digits are no formula unless TeX marks one.
        if _FORMULA.search(final.text) and (final.rule != "tail" or _MARKED.search(final.text)):
            return "undecided", "no-number", "the answer is not a plain number"
        if final.rule == "tail" and asked_number(final.text, context.prompt) == "":
            return "undecided", f"{final.rule}:no-number", SEVERAL
        if final.rule in ("bare", "tail"):
            return "unparsed", "no-answer", "no number in the answer"
        return "incorrect", f"{final.rule}:no-number", None
    if same_quantity(reference, answer, context):
        # A plain number leaves no arithmetic, but may be the one that is to be written in another way.
        if (
            not final.text.isdigit()
            and _WRITTEN_OTHERWISE.search(final.text)
            and asks_rewriting(context.prompt)
            and is_unevaluated(wanted, final.text, context.prompt)
        ):
            return "incorrect", f"{final.rule}:unevaluated", None
        return "correct", f"{final.rule}:equal", None
    converted = same_converted(reference, answer, context) if reference.unit or answer.unit else False
    if converted:
        return "correct", f"{final.rule}:equal", None
    cause = UNIT if converted is None else ROUNDED if same_when_rounded(reference, answer, context) else None
    cause = cause or (THOUSANDS if may_be_thousands(reference, answer, final.text) else None)
    return ("undecided", f"{final.rule}:rounded", cause) if cause else ("incorrect", f"{final.rule}:unequal", None)


def may_be_thousands(reference: Quantity, answer: Quantity, text: str) -> bool:
    """True for 1.200 where the reference is 1200: many languages separate thousands by a point."""
    grouped = _POINTS.search(text)
    return grouped is not None and reference.value == answer.value * 1000 and reference.scale == answer.scale


@lru_cache(maxsize=65_536)
def _reference_form(text: str) -> str | None:
    return _form(_reference(text))


def _form(quantity: Quantity | None) -> str | None:
    if quantity is None:
        return None
    if not (quantity.scale or quantity.unit):
        return str(quantity.value)
    return " ".join(part for part in (str(quantity.value), quantity.scale, quantity.unit) if part)
