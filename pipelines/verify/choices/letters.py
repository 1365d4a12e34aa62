"""Which option a short text names: a letter in one of its usual spellings, or the option's own text. Knows no completion.

An option's text is the same whatever its case and the white space in it; a plain number is the same whatever its spelling.

"A" and "I" are English words: without a mark of their own (parentheses, a full stop, "option") they are letters only where
nothing, or "because" and its like, follows. Two letters joined ("A or B") name no option.
"""

import re
from dataclasses import dataclass
from fractions import Fraction

from pipelines.verify.answers.quantity import parse_quantity
from pipelines.verify.choices.options import LETTERS, Options, same_text

_CLEAN = re.compile(r"[*_`$\"“”]|\\(?:text|textbf|mathbf|mathrm|boxed|bf)\b|[{}]|\\[()\[\]]")
_NOUN = r"(?:(?i:the|correct|right|best)\s+)*(?:(?i:option|choice|letter|alternative|answer)s?\s*:?\s*)"
_LONGEST_NUMBER = 60
_ITEM = re.compile(r"(?m)^[ \t]*(?:[-*•][ \t]+)?(?:\*\*)?\(?([A-J])[).:]")
_ALONE = re.compile(rf"(?:{_NOUN})?(?:\(([A-Ja-j])\)|\[([A-J])\]|([A-Ja-j])\)|([A-Ja-j]))[\s.:!]*\Z")
_WITH_TEXT = re.compile(
    rf"(?:{_NOUN})?(?:\(([A-J])\)|([A-J])\)|([A-J])[.:](?=\s|\Z)|([A-J])\s+[-–—]\s|([A-J]),)\s*(.+)\Z", re.DOTALL
)
_REASON = re.compile(rf"(?:{_NOUN})?(?:\(([A-J])\)|([A-J]))\s*,?\s+(?:because|since|as|for|due|given|based|is|by)\b")
_CERTAIN_REASON = re.compile(r"\s*,?\s+(?:because|since)\b")
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
_BOLD = re.compile(r"\*\*\(?([A-J])[).:]*\*\*")
_DENIED = re.compile(
    r"(?i)\b(?:not|n't|isn't|cannot|can't|wrong|incorrect|except|eliminat\w*|rul\w+ out|neither|nor|false|unlikely|"
    r"if|suppose|maybe|perhaps|might|could|let's|try|check|consider)\b"
)


@dataclass(frozen=True, slots=True)
class Named:
    """The letter that a text names; `clash` says why it names none although it names something."""

    letter: str | None = None
    by: str = "letter"
    clash: str | None = None


def named_in(text: str, options: Options) -> Named | None:
    """The option that a whole short text names, or None where it names none."""
    cleaned = " ".join(_CLEAN.sub(" ", text).split()).strip()
    if not cleaned or len(cleaned) > 2_000:
        return None
    if (alone := _ALONE.match(cleaned)) is not None:
        return _alone(_letter(alone), cleaned, options)
    if (joined := _JOINED.match(cleaned)) is not None and joined[1] != joined[2]:
        return Named(clash=f"names both {joined[1]} and {joined[2]}")
    by_text = _by_text(text, options) or _by_text(cleaned, options)
    if by_text is not None:
        return by_text
    return _letter_and_text(cleaned, options) or _letter_and_reason(cleaned)


def named_in_sentence(line: str) -> Named | None:
    """The one option that a concluding sentence names; a sentence that denies or supposes names none."""
    cleaned = " ".join(_CLEAN.sub(" ", line[-2_000:]).split())
    if _DENIED.search(cleaned):
        return None
    letters = sorted({_letter(match) for match in (*_NAMED.finditer(cleaned), *_BOLD.finditer(line[-2_000:]))})
    joined = _joined_in(cleaned)
    if len(letters) > 1 or (letters and joined):
        return Named(clash=f"names {' and '.join(sorted({*letters, *joined}))}")
    return Named(letters[0]) if letters else None


def lists_options(text: str) -> bool:
    """Whether lines of a text begin with the marks of two options: then such a line is an item of a list, no answer."""
    return len({match[1] for match in _ITEM.finditer(text)}) > 1


def is_item(line: str) -> bool:
    """Whether a line begins with the mark of an option."""
    return _ITEM.match(line) is not None


def _joined_in(text: str) -> tuple[str, ...]:
    """Two different letters joined by a word anywhere in a sentence."""
    for match in re.finditer(r"(?<![\w'’])\(?([A-J])\)?\s+(?:or|and)\s+\(?([A-J])\)?(?![\w'’])", text):
        if match[1] != match[2]:
            return match[1], match[2]
    return ()


def _alone(letter: str, text: str, options: Options) -> Named:
    """A letter by itself; where it is the text of another option (C, the language) it could be either."""
    other = _by_text(text, options)
    if other is not None and other.letter != letter:
        return Named(clash=f"the letter {letter}, or the text of {other.letter or 'several'}")
    return Named(letter)


def _letter(match: re.Match[str]) -> str:
    groups: tuple[str | None, ...] = match.groups()
    return next(filter(None, groups)).upper()


def _by_text(text: str, options: Options) -> Named | None:
    wanted = same_text(text)
    letters = [letter for letter, option in options.items() if wanted and same_text(option) == wanted]
    if not letters and (number := _number(text)) is not None:
        letters = [letter for letter, option in options.items() if _number(option) == number]
    if len(letters) > 1:
        return Named(clash=f"the text of {' and '.join(letters)}")
    return Named(letters[0], "text") if letters else None


def _number(text: str) -> Fraction | None:
    """The value of a text that is one plain number without a unit: 3/4 is 0.75."""
    if len(text) > _LONGEST_NUMBER or not any(map(str.isdigit, text)):
        return None
    quantity = parse_quantity(text)
    return None if quantity is None or quantity.unit or quantity.scale else quantity.value


def _letter_and_text(text: str, options: Options) -> Named | None:
    match = _WITH_TEXT.match(text)
    if match is None:
        return None
    letter, rest = next(filter(None, match.groups()[:5])), match[6]
    if re.match(r"(?:or|and|/|&)\s*\(?[A-J]\b", rest):
        return Named(clash=f"names {letter} and another")
    other = _by_text(rest, options)
    if other is not None and other.letter not in (None, letter):
        return Named(clash=f"names {letter} with the text of {other.letter}")
    return None if match[5] and other is None else Named(letter)


def _letter_and_reason(text: str) -> Named | None:
    match = _REASON.match(text)
    if match is None:
        return None
    letter = match[1] or match[2]
    if match[2] in ("A", "I") and not _CERTAIN_REASON.match(text, match.end(2)):
        return None
    return None if letter not in LETTERS or _DENIED.search(text[:60]) else Named(letter)
