"""The decisions of the verifier `math` that need no worker: spelling, numbers, options, values by exact arithmetic.

What may be right and cannot be compared here is `undecided` with its cause, or None: a worker may know more.
"""

import re
from dataclasses import dataclass, replace

from rollmill.ground.records import Outcome
from rollmill.pipelines.verify.answers.answer_values import Assignments, Collection, NamedValue, Value, Words
from rollmill.pipelines.verify.answers.equality import EqualityContext, same_converted, same_quantity, same_when_rounded
from rollmill.pipelines.verify.answers.expressions.quantity import Quantity
from rollmill.pipelines.verify.answers.questions.labels import asked_value
from rollmill.pipelines.verify.answers.reading import Reading, is_spaced_list, read, strip_dollars, ungrouped
from rollmill.pipelines.verify.answers.same import Judge
from rollmill.pipelines.verify.number import ROUNDED, THOUSANDS, UNIT, may_be_thousands

# an answer that our grammar does not cover goes to the library only where it has one of these; else it is wrong at once
_LIBRARY_READS = re.compile(
    r"\\(?:sum|int|iint|oint|prod|lim|log|partial|nabla|begin|cap|cup|setminus|subset|in|notin|mathbb|overline|vec|hat|bmod|pmod|mod"
    r"|operatorname|limits|det|binom|dbinom|tbinom|choose|to|infty|left|times|cdot|frac|sqrt)(?![A-Za-z])"
)
# what the library drops, or takes for a product of letters: such an answer is not worth its opinion
_LIBRARY_LOSES = re.compile(r"\\(?:text|mathrm|mbox|[lc]?dots)|\.\.\.|(?<![A-Za-z\\])[A-Za-z]{4,}(?![A-Za-z}])")
_TEX_TEXT = re.compile(r"\\(?:text|mathrm|mbox)\s*\{|[{}]|\\[,;: ]|~")
_TIME = re.compile(r"(\d{1,2})(?::([0-5]\d))?(?:\s*([ap])\.?\s?m\.?)?\Z")
_HALF_DAY = re.compile(r"(?i)[ap]\.?\s?m\b|noon|midnight")
_NOON = 13  # from one o'clock on in 24 hours, a time needs no am or pm
_DECIMAL = re.compile(r"\d?\.\d")
_PROSE = re.compile(r"(?<![\\A-Za-z])[^\W\d_]{2,}")
_FOREIGN = re.compile(r"(?![零〇一二两三四五六七八九十百千万亿分之半点]+\Z)[^\W\d_a-zA-Z\u0370-\u03ff\u2100-\u214f]{2,}")
_MARKED_AS_TEXT = re.compile(r"[\s$]*\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{\s*\(?[A-Ja-j][).:]")
_SAYS = re.compile(
    r"(?i)[\s$*({]*(?:\\(?:text|textbf|mathrm)\s*\{\s*)?"
    r"(?:(?:(?:so|thus|therefore),? )?(?:the (?:statement|claim|assertion|answer)"
    r"|it|this|that) is (?:therefore |thus )?)?(yes|no|true|false)(?=\s*[.,;:!})*$—–-]|\W*\Z)"
)
_SHORT = 24  # characters of a reference that may be yes or no
_SPELLED = re.compile(
    r"(?i)\b(?:half|thirds?|quarters?|fourths?|fifths?|tenths?|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen"
    r"|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|dozen)\b"
)
_NAMED = re.compile(r"[A-Za-z]{3,}(?![A-Za-z(=])")
_SPACED_MARK = re.compile(r"[\s$]*\(?[A-Ja-j][).]\s+\S")
_CLASS_ASKED = re.compile(r"(?i)remainder|\bp?mod|congruen|residue|divided by|\brest[eo]?\b|остат|余|あまり|나머지|reszt")
_REDUCED = re.compile(r"[\s$({]*\d[^a-zA-Z=≡]*(?:\\equiv|≡|=)")  # 17 ≡ 3 (mod 7) is about one number
_IMAGINARY = re.compile(r"(?<![A-Za-z\\])[jI](?![A-Za-z])")
_PLAIN_I = re.compile(r"(?<![A-Za-z\\])i(?![A-Za-z])")
_COMPLEX = re.compile(r"(?i)complex|imaginary")
_REAL_PART = re.compile(r"[\s$({-]*\d[\d./]*\s*[-+]")
_LONGEST_REFERENCE = 8_000
_MOST_PARTS = 4  # under the policy `incomplete`
LONGEST_ANSWER = 2_000  # characters; a longer one is no answer, unless its reference is long too


@dataclass(frozen=True, slots=True)
class EqualityDecision:
    """Conclusion, the deciding rule, and the cause unless it is a plain yes or no."""

    outcome: Outcome
    rule: str
    cause: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class MathQuestion:
    """All inputs of a decision."""

    reference: str
    answer: str
    rule: str
    context: EqualityContext

    def key(self) -> tuple[object, ...]:
        """Equal keys have equal decisions."""
        return self.reference, self.answer, self.rule, *self.context.key()


def decide_exactly(question: MathQuestion) -> EqualityDecision | None:
    """Decision of the exact layers, or None if only a worker can decide."""
    rule = question.rule
    if question.reference == question.answer and question.answer:
        return EqualityDecision("correct", f"{rule}:identical")
    if len(question.answer) > max(LONGEST_ANSWER, 4 * len(question.reference)):
        return EqualityDecision("incorrect", f"{rule}:too-long")
    if len(question.reference) > _LONGEST_REFERENCE:
        return EqualityDecision("undecided", f"{rule}:too-long", "the reference is too long")
    reference, answer = read(question.reference), read(question.answer)
    if (reference.quantity is None) != (answer.quantity is None):
        reference, answer = ungrouped(reference), ungrouped(answer)
    if reference.quantity is not None and answer.quantity is not None:
        return _by_quantity(reference.quantity, answer.quantity, question)
    times = _time(question.reference), _time(question.answer)
    if None not in times and any(_HALF_DAY.search(text) for text in (question.reference, question.answer)):
        return _decision(times[0] == times[1], f"{rule}:exact")
    if reference.normal == answer.normal and answer.normal:
        return EqualityDecision("correct", f"{rule}:identical")
    agreed = _yes_or_no(question) if len(question.reference) <= _SHORT else None
    return agreed or _by_choice(reference, answer, question) or _by_value(reference, answer, question)


def _yes_or_no(question: MathQuestion) -> EqualityDecision | None:
    """Decision where the reference is yes, no, true or false, and the answer begins with one of them."""
    wanted, given = _SAYS.match(question.reference), _SAYS.match(question.answer)
    if wanted is None or given is None or question.reference[wanted.end() :].strip(" .$}"):
        return None
    return _decision(wanted[1].lower() == given[1].lower(), f"{question.rule}:words")


def _by_value(reference: Reading, answer: Reading, question: MathQuestion) -> EqualityDecision | None:
    if reference.quantity is not None and answer.quantity is not None:
        return _by_quantity(reference.quantity, answer.quantity, question)
    if reference.value is None or answer.value is None:
        return _asked(reference, question) or _unreadable(reference, answer, question)
    same = _same_values(reference, answer, question)
    several = _is_class(answer.value) and not _is_class(reference.value) and not _REDUCED.match(question.answer)
    if same and several and not _CLASS_ASKED.search(question.context.prompt):
        return EqualityDecision("undecided", f"{question.rule}:exact", "all numbers of a residue class, for one number")
    return _decision(same, f"{question.rule}:exact") if same is not False else _unequal(reference, answer, question)


def _is_class(value: Value | None) -> bool:
    """True for x ≡ 7 (mod 9)."""
    return isinstance(value, NamedValue) and value.name.startswith("mod ")


def _by_quantity(reference: Quantity, answer: Quantity, question: MathQuestion) -> EqualityDecision:
    context, rule = question.context, question.rule
    same: bool | None = same_quantity(reference, answer, context)
    if not same and (reference.unit or answer.unit):
        same = same_converted(reference, answer, context)
        if same is None:
            return EqualityDecision("undecided", f"{rule}:rounded", UNIT)
    if not same and same_when_rounded(reference, answer, context):
        return EqualityDecision("undecided", f"{rule}:rounded", ROUNDED)
    if not same and may_be_thousands(reference, answer, question.answer):
        return EqualityDecision("undecided", f"{rule}:rounded", THOUSANDS)
    return EqualityDecision("correct" if same else "incorrect", f"{rule}:number")


def _unequal(reference: Reading, answer: Reading, question: MathQuestion) -> EqualityDecision:
    """Decision on unequal answers, which may still be right: rounded, a part of the reference, or words without value."""
    wanted, given, context, rule = reference.value, answer.value, question.context, question.rule
    assert wanted is not None
    assert given is not None
    if context.policy.parts_accepted and _is_part(wanted, given, context):
        return EqualityDecision("correct", f"{rule}:incomplete")
    asked = _asked(reference, question) or _imaginary(question)
    if asked is not None:
        return asked
    if _DECIMAL.search(question.reference):
        rounding = context.rounding()
        if rounding is not None and Judge(rounding).same(wanted, given):
            return EqualityDecision("undecided", f"{rule}:rounded", ROUNDED)
    if (
        isinstance(wanted, Words)
        and isinstance(given, Words)
        and (_is_prose(question.reference) or _is_prose(question.answer))
    ):
        return EqualityDecision("undecided", f"{rule}:words", "sentences are not compared")
    if isinstance(given, Words) and rule in ("bare", "phrase", "tail") and _SPELLED.search(question.answer):
        return EqualityDecision("undecided", f"{rule}:words", "a number in words that is not read")
    if isinstance(given, Words) and not question.answer.isascii() and _FOREIGN.search(question.answer):
        return EqualityDecision("undecided", f"{rule}:words", "words of a language that is not read")
    return EqualityDecision("incorrect", f"{rule}:exact")


def _asked(reference: Reading, question: MathQuestion) -> EqualityDecision | None:
    """The value of a + b = 7 where the problem asks for a + b."""
    if "=" not in question.answer or "=" in question.reference or reference.value is None:
        return None
    value = asked_value(question.answer, question.context.prompt)
    if value is None or read(value).value is None:
        return None
    same = _same_values(reference, read(value), question)
    return EqualityDecision("correct", f"{question.rule}:exact") if same else None


def _imaginary(question: MathQuestion) -> EqualityDecision | None:
    """3+4j for 3+4i; without a real part, undecided unless the problem speaks of complex numbers: j may be a vector."""
    reference, answer = question.reference, question.answer
    if _PLAIN_I.search(answer):
        reference, answer = answer, reference
    if not _PLAIN_I.search(reference) or _PLAIN_I.search(answer) or len({*_IMAGINARY.findall(answer)}) != 1:
        return None
    left, right = read(reference), read(_IMAGINARY.sub("i", answer))
    if left.value is None or right.value is None or not Judge(question.context).same(left.value, right.value):
        return None
    if _REAL_PART.match(reference) or _COMPLEX.search(question.context.prompt):
        return EqualityDecision("correct", f"{question.rule}:exact")
    return EqualityDecision("undecided", f"{question.rule}:exact", "j may be the imaginary unit or a vector")


def _time(text: str) -> int | None:
    """Minutes since midnight of a time of day; None for any other text, and for one that may be meant twice a day."""
    text = _TEX_TEXT.sub(" ", text.replace("{:}", ":")).strip(" .$").lower()
    clock = _TIME.match({"noon": "12 pm", "midnight": "12 am"}.get(text, text))
    if clock is None or (not clock[3] and int(clock[1]) < _NOON):
        return None
    return (int(clock[1]) % 12 + 12 * (clock[3] == "p") if clock[3] else int(clock[1])) * 60 + int(clock[2] or 0)


def _is_prose(text: str) -> bool:
    return len(_PROSE.findall(text)) > 1


def _is_part(reference: Value, answer: Value, context: EqualityContext) -> bool:
    """True if the reference is exactly one of the few values that the answer gives: 20 of `20, 35`."""
    values = answer.values if isinstance(answer, Assignments) else answer.items if isinstance(answer, Collection) else ()
    if isinstance(reference, (Assignments, Collection)) or not 2 <= len(values) <= _MOST_PARTS:
        return False
    return [Judge(context).same(reference, value) for value in values].count(True) == 1


def _by_choice(reference: Reading, answer: Reading, question: MathQuestion) -> EqualityDecision | None:
    """Multiple choice: letter against letter; an option's value against a value; a letter's option under `lenient`."""
    rule, context = f"{question.rule}:choice", question.context
    wanted, chosen = _option(reference, context), _option(answer, context)
    if wanted is None and chosen is None:
        return None
    if wanted is not None and chosen is not None:
        return _both_lettered(wanted, chosen, (reference, answer), question)
    lettered, other = (wanted, answer) if wanted is not None else (chosen, reference)
    assert lettered is not None
    value = lettered[1]
    if not value and context.policy.options_resolved:
        value = dict(context.options).get(lettered[0], "")
    decision = _by_value(read(value), other, question) if value else None
    return decision if decision is None else replace(decision, rule=rule)


def _option(side: Reading, context: EqualityContext) -> tuple[str, str] | None:
    """(letter, rest) where an answer names an option. `(a)^2` and `a:b` do not, unless the problem lists options."""
    choice = side.choice
    if choice is None or not choice[1] or context.options or _MARKED_AS_TEXT.match(side.text):
        return choice
    named = _NAMED.match(choice[1]) or (choice[1][0].isdigit() and read(choice[1]).quantity is not None)
    return choice if named and _SPACED_MARK.match(side.text) else None


def _both_lettered(
    wanted: tuple[str, str], chosen: tuple[str, str], sides: tuple[Reading, Reading], question: MathQuestion
) -> EqualityDecision | None:
    """Two letters name options where the problem lists some, or one is marked; `b` and `B` are two variables."""
    rule, listed = f"{question.rule}:choice", bool(question.context.options)
    if not listed and all(len(strip_dollars(side.text).strip(" .")) == 1 for side in sides):
        return None
    if wanted[0] != chosen[0] or listed or not (wanted[1] and chosen[1]):
        return _decision(wanted[0] == chosen[0], rule)
    decision = _by_value(read(wanted[1]), read(chosen[1]), question)
    return decision if decision is None else replace(decision, rule=rule)


def _same_values(reference: Reading, answer: Reading, question: MathQuestion) -> bool | None:
    """Exact comparison; what may be a number with thousands or a list, such as 1,234, is also tried as a list."""
    assert reference.value is not None
    assert answer.value is not None
    judge = Judge(question.context)
    same = judge.same(reference.value, answer.value)
    wanted, given = reference.value, answer.value
    if (
        same is False
        and isinstance(wanted, Collection)
        and isinstance(given, Collection)
        and "ratio" not in (wanted.kind, given.kind)
    ):
        if is_spaced_list(reference.text):  # numbers side by side are a vector, whichever brackets the other side has
            return judge.same(replace(wanted, kind=given.kind), given)
        if is_spaced_list(answer.text):
            return judge.same(wanted, replace(given, kind=wanted.kind))
    if same is False and "," in question.answer and "," in question.reference:
        left, right = read(question.reference, grouping=False).value, read(question.answer, grouping=False).value
        for first, second in ((left, given), (wanted, right)):
            if first is not None and second is not None and judge.same(first, second):
                return True
    return same


def _unreadable(reference: Reading, answer: Reading, question: MathQuestion) -> EqualityDecision | None:
    """Decision on an answer that cannot be read; None for one that the library, in a worker, may read."""
    rule = f"{question.rule}:unreadable"
    if answer.normal == "":
        return EqualityDecision("incorrect", rule)
    beyond = answer.why.startswith("too ") or not _LIBRARY_READS.search(answer.text) or _LIBRARY_LOSES.search(answer.text)
    if reference.value is not None and answer.value is None and beyond:
        return EqualityDecision("undecided", rule, f"the answer is not readable: {answer.why}")
    return None


def _decision(same: bool | None, rule: str) -> EqualityDecision | None:
    return None if same is None else EqualityDecision("correct" if same else "incorrect", rule)
