"""Tokens of a text for comparison: words, numbers, signs, runs of eight. For every search for copies.

Numbers and signs are compared separately from words, because a comparison without them merges different problems: equal
words with another number, or a plus for a minus, pose another question.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from rollmill.pipelines.any_script import tokens_of

Gram = tuple[str, ...]
RUN = 8  # tokens of a run
# A star is a sign before a number or a letter (two stars are bold type), a minus where no word ends before a number.
_BESIDE = r"\d+(?:[.,]\d+)*|[+/^=<>×÷]|(?<!\*)\*(?=\s?[-\da-z(])|(?<!\w)[-−](?=\d)"
_TOKEN = re.compile(rf"[^\W\d_]+|{_BESIDE}")
SIGNS = frozenset("+/^=<>×÷*-−")
_UNITS = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
# "one" is left out: it is a pronoun and an article too.
_SPELLED = {word: str(number) for number, word in enumerate(f"{_UNITS} nineteen".split(), 2)}
_SPELLED_TENS = {word: 10 * number for number, word in enumerate(_TENS.split(), 2)}


def tokens(text: str) -> list[str]:
    """Lower-case words, numbers and signs of arithmetic; runs of letters where a script has no spaces. Numbers have one
    spelling: "1,000", "2.50" and "thirty-two" are "1000", "2.5" and "32".
    """
    words = tokens_of(text.lower(), _TOKEN, _BESIDE)
    if not _SPELLED_TENS.keys().isdisjoint(words):
        words = _compounds(words)
    return [_number(word) if word[0].isdigit() else _SPELLED.get(word, word) for word in words]


def is_hard(word: str) -> bool:
    """True if a token is a number or a sign: what two texts of one problem have in common."""
    return word[0].isdigit() or word in SIGNS


def hard(words: Iterable[str]) -> Gram:
    """The numbers and signs of a text as they come."""
    return tuple(word for word in words if is_hard(word))


def numbers(words: Iterable[str]) -> Gram:
    """The numbers of a text, sorted."""
    return tuple(sorted(word for word in words if word[0].isdigit()))


def blind(words: Iterable[str]) -> list[str]:
    """The words with every number made the same."""
    return ["#" if word[0].isdigit() else word for word in words]


def grams(words: Sequence[str], length: int = RUN) -> set[Gram]:
    """Runs of so many tokens; a shorter text is one run."""
    if len(words) < length:
        return {tuple(words)} if words else set()
    return set(zip(*(words[start:] for start in range(length)), strict=False))


def prompt_text(prompt: Any) -> str:
    """Text of a prompt's JSON form; a system turn is an instruction, and no part of the problem."""
    if isinstance(prompt, str):
        return prompt
    turns = [turn["content"] for turn in prompt if turn["role"] not in ("system", "developer")]
    return "\n".join(turns or [turn["content"] for turn in prompt])


def plain(text: str) -> str:
    """A text without differences of case and white space."""
    return " ".join(text.casefold().split())


def _number(word: str) -> str:
    """Canonical digits of a number in any script."""
    if not word.isascii():
        word = "".join(str(int(letter)) if letter.isdigit() else letter for letter in word)
    if word.isdigit():
        return word
    word = word.replace(",", "")
    return word.rstrip("0").rstrip(".") if word.count(".") == 1 else word


def _compounds(words: Sequence[str]) -> list[str]:
    """Spelled numbers from 20 to 99 in digits."""
    joined: list[str] = []
    tens = 0
    for word in words:
        unit = int(_SPELLED.get(word, "1" if word == "one" else "0"))
        if tens and 0 < unit < 10:
            joined[-1] = str(tens + unit)
            tens = 0
            continue
        tens = _SPELLED_TENS.get(word, 0)
        joined.append(str(tens) if tens else word)
    return joined
