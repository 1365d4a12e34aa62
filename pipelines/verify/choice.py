"""The verifier `choice`: multiple choice, A to J. The option is named by its letter or by its text.

The answer is looked for where `extract` finds it (`####`, a box, "answer is", the whole short text), then in the last line
as a sentence, then in the first line when it is an option and nothing else. A text that names two options, or one option's
letter with another's text, is not an answer. A letter beyond the problem's options is an answer, and wrong.

Options come from the problem's metadata, or are read from its prompt, where an option begins with `A)`, `(A)`, `A.` or `A:`
(or `a)`, `(a)`) at the start of a line, or with `(A)`, `A)` or `(a)` within one; the letters must run from A without a gap,
and the last such run counts (a worked example may stand before it).

A text names an option by a letter in one of its usual spellings, or by the option's own text, which is the same whatever
its case and the white space in it; a plain number is the same whatever its spelling. "A" and "I" are English words: without
a mark of their own (parentheses, a full stop, "option") they are letters only if nothing, or "because" and its like,
follows. Two letters joined ("A or B") name no option.
"""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.answers.equality import STRICT
from rollmill.pipelines.verify.answers.expressions.quantity import parse_quantity
from rollmill.pipelines.verify.extract import EXTRACTION, WINDOW, FinalAnswer, standing_answer
from rollmill.pipelines.verify.finding import Finding, OneByOne, prompt_text, rule_table, version_of, visible_text
from rollmill.pipelines.verify.statements import chosen

LETTERS = "ABCDEFGHIJ"
META_KEYS = ("options", "choices")
_LINE = re.compile(r"(?m)^[ \t]*(?:[-*•][ \t]+)?(?:\*\*)?(?:\(([A-Ja-j])\)|([A-J])[).:]|([a-j])\))(?:\*\*)?")
_INLINE = re.compile(r"(?<![\w\\])(?:\(([A-Ja-j])\)|([A-J])\))")
_EDGES = string.whitespace + ".,;:*_`$\"'’‘“”[]"

Options = Mapping[str, str]


def options_of(meta: Mapping[str, Any], prompt: str) -> Options:
    """Letter to text; empty if the problem shows no options."""
    for key in META_KEYS:
        if key in meta:
            options = _from_meta(meta[key])
            if options:
                return options
    return options_in(prompt)


@lru_cache(maxsize=16_384)
def options_in(prompt: str) -> Options:
    """The options that a prompt lists, by letter."""
    for marks in (_LINE, _INLINE):
        matches = marks.finditer(prompt)
        run = _last_run([(next(filter(None, match.groups())), match.start(), match.end()) for match in matches])
        if run:
            ends = [start for _, start, _ in run[1:]] + [len(prompt)]
            texts = [prompt[end:stop] for (_, _, end), stop in zip(run, ends, strict=True)]
            texts[-1] = texts[-1].lstrip("\n").split("\n", 1)[0]  # what follows the last option is not part of it
            return {letter.upper(): text.strip().rstrip(",;") for (letter, _, _), text in zip(run, texts, strict=True)}
    return {}


def same_text(text: str) -> str:
    """The form in which an answer's text and an option's text are compared."""
    return " ".join(text.replace("\\text{", " ").replace("}", " ").strip(_EDGES).split()).casefold()


def _from_meta(value: Any) -> Options:
    """A list of texts, a mapping of letters to texts, or Hugging Face's {"label": [...], "text": [...]}."""
    if isinstance(value, Mapping) and {"label", "text"} <= value.keys():
        value = dict(zip(value["label"], value["text"], strict=False))
    if isinstance(value, Mapping):
        pairs = {str(key).strip().upper(): str(text) for key, text in value.items()}
        return pairs if pairs.keys() == set(LETTERS[: len(pairs)]) else {}
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) <= len(LETTERS):
        return {letter: str(text) for letter, text in zip(LETTERS, value, strict=False)}
    return {}


def _last_run(marks: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """The last marks that read A, B, C, ...: at least two."""
    best: list[tuple[str, int, int]] = []
    run: list[tuple[str, int, int]] = []
    for mark in marks:
        if mark[0] in "Aa":
            run = [mark]
        elif run and len(run) < len(LETTERS) and ord(mark[0]) == ord(run[0][0]) + len(run):  # of the same case
            run.append(mark)
        if len(run) >= 2:
            best = run
    return best


_ASCII = str.maketrans("（）［］．：，、。！ＡＢＣＤＥＦＧＨＩＪ", "()[].:,,.!ABCDEFGHIJ")
_UNCHECKED = re.compile(r"(?m)^[ \t]*(?:[-*•][ \t]+)?(?:(?:\[[ _]?\]|☐|□|✗|✘|❌)[^\n]*\n?|\(?[A-J]\)? ?[✗✘❌](?:\n|\Z))")
_CHECKED = re.compile(r"(?m)^[ \t]*(?:[-*•][ \t]+)?(?:\[[xX✓✔]\]|☑|✅|✓|✔|➡\ufe0f?|[=-]>|→|⇒)[ \t]*|(?<=[A-J)]) ?[✓✔✅]$")
_OVER_ANOTHER = re.compile(
    r"\(?([A-J])\)?(?:,? (?:and )?not|,? rather than|,? instead of) \(?(?!\1)[A-J]\)?[.! ]*\Z"
    r"|(?i:not) \(?[A-J]\)?,? but(?: rather)? \(?([A-J])\)?[.! ]*\Z"
)
_LAST_CLAUSE = re.compile(r"(?i)(?:,|;)?\s+(?:but|yet|however|although|though|so|therefore|thus|hence),?\s+|;\s+")
_CONCLUDED = re.compile(
    r"(?i)(?:(?:so|thus|hence|therefore|then|and|clearly)[, ]+)*"
    r"(?:(?:the )?(?:(?:right|correct|best|true|real|actual) (?:one|option|choice|answer|alternative)|it|that|answer)"
    r"(?:['’]s| (?:is|must be|has to be|would be|can only be))(?: actually)?"
    r"|i (?:would )?(?:choose|pick|select|say|go with)) (?:(?:option|choice|letter|alternative|answer) )?"
    r"\(?(?-i:([A-J]))\)?[.! ]*\Z"
    r"|\(?(?-i:([A-J]))\)? (?:is|fits)(?: (?:the )?(?:right|correct|best)[^,;]*)?[.! ]*\Z"
    r"|only \(?(?-i:([A-J]))\)? (?:is|fits|works|holds)\b[^,;]*\Z"
)
# A full stop, comma or colon with a digit behind it is part of a number or a time, and of a name a title's.
_VALUE_OF_SENTENCE = re.compile(
    r"(?:\A|\b(?:is|are|was|were|be)|:)\s+((?:[^.,;:]|[.,:](?=\d)|\.(?=[A-Za-z])|(?<=\b[A-Z])\.|(?<=\b[A-Z][a-z])\."
    r"|(?<=\b[A-Z][a-z]{2})\.){1,80}?)(?:, not [^.,;:]{1,60})?[.! ]*\Z"
)
_CHOSEN_IN_CHINESE = re.compile(
    r"(?:答案|本题|正确答案|故|应|因此|所以|综上)?[,:]?(?:我|应)?(?:选择?|是|为)[: ]*\(?([A-J])\)?[. ]*\Z"
)
_CLEAN = re.compile(r"[*_`$\"“”]|\\(?:text)?color\s*\{\w+\}|\\(?:text|textbf|mathbf|mathrm|boxed|bf)\b|[{}]|\\[()\[\]]")
_NOUN = r"(?:(?i:the|correct|right|best)\s+)*(?:(?i:option|choice|letter|alternative|selected|selection|answer)s?\s*:?\s*)"
_LONGEST_NUMBER = 60
_ITEM = re.compile(r"(?m)^[ \t]*(?:[-*•][ \t]+)?(?:\*\*)?\(?([A-J])[).:]")
_ALONE = re.compile(rf"(?:{_NOUN})?(?:\(([A-Ja-j])\)|\[([A-J])\]|([A-Ja-j])\)|([A-Ja-j]))[\s.:!]*\Z")
_WITH_TEXT = re.compile(
    rf"(?:{_NOUN})?(?:\(([A-J])\)|([A-J])\)|([A-J])[.:](?=\s|\Z)|([A-J])\s+[-–—]\s|([A-J]),|([a-j])\))\s*(.+)\Z", re.DOTALL
)
_BECAUSE = (
    r"(?:\s*,?\s+(?:because|since|porque|pues|ya que|parce qu\w*|car|weil|denn|pois|já que|perché|poiché|ponieważ|gdyż"
    r"|потому что|так как)\b"
    r"|\s*,?\s*(?:因为|由于|なぜなら))"
)
_REASON = re.compile(rf"(?:{_NOUN})?(?:\(([A-J])\)|([A-J]))(?:{_BECAUSE}|\s*,?\s+(?:as|for|due|given|based|is|by)\b)")
_CERTAIN_REASON = re.compile(rf"\)?{_BECAUSE}")
_JOINED = re.compile(
    rf"(?:{_NOUN})?(?:(?i:either|both|neither)\s+)?\(?([A-J])\)?[.)]?\s*(?:,|/|&|;|\bor\b|\band\b|,\s*(?:or|and)\b|\bnor\b)\s*"
    rf"(?:{_NOUN})?\(?([A-J])\)?(?![A-Za-z'’])"
)
_END = r"(?=[\s.,;:!)\]]*\Z)"
_NAMED = re.compile(
    r"(?<![\w\\])(?i:option|choice|letter|alternative)s?\s*:?\s*(?:\(([A-J])\)|([A-J])(?![\w'’]))"
    r"|(?<![\w\\])(?i:answer)s?\s*:?\s*(?:\(([A-J])\)|([B-HJ])(?![\w'’])|([AI])(?=\s*(?:[.,;:!)]|\Z)))"
    r"|(?<![\w\\)])\(([A-J])\)(?!\w)"
    r"|(?i:correct|right|best)\s+(?i:one|option|choice|answer|alternative)\s+"
    r"(?i:is|would be|must be)\s*:?\s*([B-HJ])(?![\w'’])"
    r"|\A([B-HJ])\s+(?i:is)\s+(?i:the\s+)?(?i:correct|right|best|answer)"
    r"|(?i:\b(?:choose|chose|select|pick|go with|it is|it's|it’s))\s+([A-J])" + _END
)
_AT_ONCE = re.compile(r"[\s*$]*\(?([A-J])\)?[\s*$]*(?=[,;(\[])")
_BOLD = re.compile(r"\*\*\(?([A-J])[).:]*\*\*")
_DENIED = re.compile(
    r"(?i)\b(?:asked?|ask for|want(?:s|ed)? me|everyone says|told|instructed|ordered|supposed|"
    r"not|n't|isn't|cannot|can't|wrong|incorrect|except|eliminat\w*|rul\w+ out|neither|nor|false|unlikely|"
    r"least (?:likely|plausible|probable|suitable|appropriate)|worst|tempting|distractor|trap|"
    r"if|suppose|maybe|perhaps|might|could|let's|try|check|consider)\b"
)
_LETTER = r"\(?[A-J]\)?"
# A clause that only rejects an option, and what names the right one behind it: "B is incorrect; choose C."
_REJECTED = re.compile(
    rf"(?:(?i:so|since|as|because|but|and|while)\s+)?(?:{_NOUN})?(?:{_LETTER}\s+(?i:(?:is|was|looks|seems)(?:\s+(?:also|clearly"
    r"|obviously|definitely|simply))?\s+(?:incorrect|wrong|false|out|eliminated|ruled out"
    r"|not (?:correct|right|true|it|the answer))"
    r"|(?:isn['’]t|wasn['’]t|cannot be|can['’]t be)\s+(?:correct|right|true|it|the answer))"
    rf"|(?i:not|eliminate|exclude|reject|discard|rule out)\s+(?:{_NOUN})?{_LETTER})\s*[.;,:]\s*"
)
_CHOSEN = re.compile(
    rf"(?i:(?:so|hence|thus|therefore|then|instead|rather|and|but)[,\s]+)*(?i:(?:i\s+(?:would\s+|will\s+)?)?"
    rf"(?:choose|chose|select|pick|take|go with|it is|it['’]s)\s+)?(?:{_NOUN})?\(?([A-J])\)?" + _END
)


@dataclass(frozen=True, slots=True)
class Choice:
    """The letter that a text names; `clash` says why it names none although it names something."""

    letter: str | None = None
    by: str = "letter"
    clash: str | None = None


def named_in(text: str, options: Options) -> Choice | None:
    """The option that a whole short text names, or None if it names none."""
    cleaned = " ".join(_CLEAN.sub(" ", text.translate(_ASCII)).split()).strip()
    if not cleaned or len(cleaned) > 2_000:  # longer than any option
        return None
    if (alone := _ALONE.match(cleaned)) is not None:
        return _alone(_letter(alone), cleaned, options)
    if (joined := _JOINED.match(cleaned)) is not None and joined[1] != joined[2]:
        return Choice(clash=f"names both {joined[1]} and {joined[2]}")
    if (over := _OVER_ANOTHER.match(cleaned) or _CHOSEN_IN_CHINESE.match(cleaned)) is not None:
        return Choice(_letter(over))
    by_text = _by_text(text, options) or _by_text(cleaned, options)  # an option may itself hold $ or *
    if by_text is not None:
        return by_text
    return _letter_and_text(cleaned, options) or _letter_and_reason(cleaned)


def named_in_sentence(line: str) -> Choice | None:
    """Option named by a concluding sentence, if it is only one; a sentence that denies or supposes names none."""
    cleaned = chosen.plainer(" ".join(_CLEAN.sub(" ", line[-2_000:].translate(_ASCII)).split()))
    if _DENIED.search(cleaned):
        left = chosen.left_letter(cleaned)
        return _chosen_instead(cleaned) if left is None else Choice(left)
    only = _CONCLUDED.match(cleaned)
    if only is not None:
        return Choice(_letter(only))
    letters = sorted({_letter(match) for match in (*_NAMED.finditer(cleaned), *_BOLD.finditer(line[-2_000:]))})
    joined = _joined_in(cleaned)
    if len(letters) > 1 or (letters and joined):
        return Choice(clash=f"names {' and '.join(sorted({*letters, *joined}))}")
    return Choice(letters[0]) if letters else None


def _chosen_instead(sentence: str) -> Choice | None:
    """Option behind clauses that only reject other ones."""
    place = 0
    while (match := _REJECTED.match(sentence, place)) is not None:
        place = match.end()
    chosen = _CHOSEN.match(sentence, place) if place else None
    if chosen is None:
        clauses = _LAST_CLAUSE.split(sentence)
        chosen, place = _CONCLUDED.match(clauses[-1]) if len(clauses) > 1 else None, len(sentence) - len(clauses[-1])
    rejected = set(re.findall(r"(?<![A-Za-z])[A-J](?![A-Za-z])", sentence[:place]))
    return None if chosen is None or _letter(chosen) in rejected else Choice(_letter(chosen))


def lists_options(text: str) -> bool:
    """True if lines of a text begin with the marks of two options; such a line is then an item of a list, no answer."""
    return len({match[1] for match in _ITEM.finditer(text)}) > 1


def is_item(line: str) -> bool:
    """True if a line begins with the mark of an option."""
    return _ITEM.match(line) is not None


def _joined_in(text: str) -> tuple[str, ...]:
    """Two different letters joined by a word anywhere in a sentence."""
    for match in re.finditer(r"(?<![\w'’])\(?([A-J])\)?\s+(?:or|and)\s+\(?([A-J])\)?(?![\w'’])", text):
        if match[1] != match[2]:  # "A or A" names one
            return match[1], match[2]
    return ()


def _alone(letter: str, text: str, options: Options) -> Choice:
    """A letter by itself; where it is the text of another option (C, the language) it could be either."""
    other = _by_text(text, options)
    if other is not None and other.letter != letter:
        return Choice(clash=f"the letter {letter}, or the text of {other.letter or 'several'}")
    return Choice(letter)


def _letter(match: re.Match[str]) -> str:
    groups: tuple[str | None, ...] = match.groups()
    return next(filter(None, groups)).upper()


def _by_text(text: str, options: Options) -> Choice | None:
    wanted = same_text(text)
    letters = [letter for letter, option in options.items() if wanted and same_text(option) == wanted]
    if not letters and (number := _number(text)) is not None:
        letters = [letter for letter, option in options.items() if _number(option) == number]
    if len(letters) > 1:
        return Choice(clash=f"the text of {' and '.join(letters)}")
    return Choice(letters[0], "text") if letters else None


def _number(text: str) -> Fraction | None:
    """The value of a text that is one plain number without a unit: 3/4 is 0.75."""
    if len(text) > _LONGEST_NUMBER or not any(map(str.isdigit, text)):
        return None
    quantity = parse_quantity(text)
    return None if quantity is None or quantity.unit or quantity.scale else quantity.value


def _letter_and_text(text: str, options: Options) -> Choice | None:
    match = _WITH_TEXT.match(text)
    if match is None:
        return None
    letter, rest = _letter(match), match[7]
    if re.match(r"(?:or|and|/|&)\s*\(?[A-J]\b", rest):
        return Choice(clash=f"names {letter} and another")
    other = _by_text(rest, options)
    if other is not None and other.letter not in (None, letter):
        return Choice(clash=f"names {letter} with the text of {other.letter}")
    return (
        None if (match[5] or match[6]) and other is None else Choice(letter)
    )  # "I, too": a word, unless its own text follows


def _letter_and_reason(text: str) -> Choice | None:
    match = _REASON.match(text)
    if match is None:
        return None
    letter = match[1] or match[2]
    because = _CERTAIN_REASON.match(text, match.end(1 if match[1] else 2)) is not None
    if match[2] in ("A", "I") and not because:
        return None
    # "B is not right"; behind "because" another option may be denied.
    return None if letter not in LETTERS or (not because and _DENIED.search(text[:60])) else Choice(letter)


_MARKED = ("hash", "boxed", "tag")
_HEAD_LENGTH = 300  # a first line that is longer is no bare option


class ChoiceVerifier(OneByOne):
    """Compares letters; microseconds a completion, safe from any thread."""

    name = "choice"
    rules, words = rule_table(
        ("reference", "3", "the reference names no option of the problem"),
        *EXTRACTION,
        ("head", "6", "from the first line"),
        ("named", "9", "the options that are named compared"),
        ("none", "7", "the text names no option"),
    )
    version = version_of(rules, numbers=f"{STRICT.name}.{STRICT.version}")

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        options = options_of(problem.meta, prompt_text(problem.prompt))
        wanted = _wanted(problem.reference, tuple(options.items()))
        if wanted is None:
            return Finding("undecided", "reference", "the reference names no option of the problem")
        rule, shown, named = _answer(completion, options)
        if named is None:
            return Finding("unparsed", rule, "no option named", None, shown, None, wanted)
        if named.letter is None:
            return Finding("unparsed", f"{rule}:named", f"ambiguous: {named.clash}", None, shown, None, wanted)
        outcome = "correct" if named.letter == wanted else "incorrect"
        evidence = {"by": named.by}
        return Finding(outcome, f"{rule}:named", None, None, shown, named.letter, wanted, evidence)  # type: ignore[arg-type]


def _answer(completion: Completion, options: Options) -> tuple[str, str | None, Choice | None]:
    """(rule, text it looked at, what that names)."""
    text, cut = chosen.without_fences(visible_text(completion).translate(_ASCII)), completion.finish_reason == "length"
    if _CHECKED.search(text):
        text = _CHECKED.sub("", _UNCHECKED.sub("", text))
    if not cut and len(text) <= _HEAD_LENGTH and _OVER_ANOTHER.match(text.strip()):
        return "head", text.strip(), named_in(text, options)
    final, text = standing_answer(text, cut=cut, values=options.values())
    named = None if final is None else _marked(final, options)
    if final is not None and named is not None:
        return final.rule, final.text, named
    if cut or not text.strip() or (final is not None and final.rule in _MARKED):
        return "none", None if final is None else final.text, None
    last, first = text.rstrip().rpartition("\n")[2].strip(), text.lstrip().partition("\n")[0].strip()
    listing = lists_options(text[-WINDOW:])
    named = None if listing and is_item(last) else named_in(last, options) or named_in_sentence(last)
    if named is None and not listing and not _DENIED.search(last[-WINDOW:]):
        value = _VALUE_OF_SENTENCE.search(last[-_HEAD_LENGTH:])
        named = None if value is None else _by_text(value[1], options)  # The capital is London.
    if named is None:
        letter = chosen.said_letter(text[-WINDOW:]) or (chosen.judged_letter(text[-WINDOW:]) if listing else None)
        named = Choice(letter) if letter else None if listing else named_in_sentence(chosen.last_of(last))
    if named and _is_option(named, options):
        return "tail", last, named
    named = named_in(first, options) if len(first) <= _HEAD_LENGTH and first != last and not listing else None
    if named is not None and (named.by == "text" or named.letter is None or _bare_option(first, named, options)):
        return "head", first, named
    return "none", last, None


def _marked(final: FinalAnswer, options: Options) -> Choice | None:
    """Option named by an extracted answer; a letter that is not an option needs a mark to count as an answer."""
    named = None if final.rule == "tail" else named_in(final.text, options)  # `_answer` reads a last line itself
    if named is None and final.rule == "phrase":
        named, first = named_in_sentence(final.text), _AT_ONCE.match(final.text)
        if named is not None and named.letter is not None and first is not None and first[1] != named.letter:
            named = Choice(clash=f"names {first[1]} and {named.letter}")  # D (B); D, unless it is B
    return named if named is None or final.rule not in ("bare",) or _is_option(named, options) else None


def _is_option(named: Choice, options: Options) -> bool:
    return named.letter is None or not options or named.letter in options


def _bare_option(line: str, named: Choice, options: Options) -> bool:
    """True if a first line holds an option and nothing else: its letter, or its letter with its own text."""
    assert named.letter is not None
    if len(line.strip("*()[].: ")) == 1:
        return _is_option(named, options)
    rest = line.strip("* ").lstrip("([").partition(named.letter)[2].lstrip(")].:*- ")
    other = named_in(rest, options)
    return other is not None and other.by == "text" and other.letter == named.letter


@lru_cache(maxsize=16_384)
def _wanted(reference: str, options: tuple[tuple[str, str], ...]) -> str | None:
    """The letter of the reference, given as a letter or as an option's text."""
    known = dict(options)
    named = named_in(reference, known)
    if named is None or named.letter is None:
        return None
    return named.letter if named.letter in (known or LETTERS) else None  # without known options any letter may be one
