"""Edited copies of a problem, as training data might contain them. For the certificate of a contamination check.

Each edit is a pure function of a text and a source of chance; None if it changes nothing (no name to replace, one
sentence to reorder). All but `renumbered` keep the problem's numbers, so their copies leak its answer.
"""

import random
import re
import textwrap
from collections.abc import Callable, Mapping

Edit = Callable[[str, random.Random], str | None]
RENUMBERED = "renumbered"

_SENTENCE = re.compile(r"(?<=[.!?؟।])\s+|(?<=[。！？])\s*(?!\Z)")
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+\b|(?<=[a-z,;] )[A-Z]{2,}\b")
_NUMBER = re.compile(r"(?<![\w.,])\d+(?:,\d{3})*(?:\.\d+)?(?![\w])")
_ALONE = re.compile(r"(?<!\S)\d+(?:,\d{3})*(?:\.\d+)?(?=[.,?!;:]?(?:\s|$))")  # in a formula numbers stay digits
_WORD = re.compile(r"[^\W\d_]{4,}")
_NAMES = (
    "Amara Bruno Chidi Dalia Emeka Farid Gwen Hiro Ines Jonas Kavya Luca Mateo Nadia Oskar Priya Quinn Rosa Stefan Tariq"
)
_SMALL = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_PHRASES: Mapping[str, str] = {
    "how many": "what number of",
    "how much": "what amount of",
    "in all": "altogether",
    "in total": "altogether",
    "altogether": "in total",
    "each": "apiece",
    "buys": "purchases",
    "bought": "purchased",
    "has": "owns",
    "have": "own",
    "gets": "receives",
    "gives": "hands",
    "makes": "produces",
    "needs": "requires",
    "starts with": "begins with",
    "then": "after that",
    "does": "will",
    "there are": "we count",
    "per": "every",
    "every": "each",
    "find": "determine",
    "what is": "determine",
    "left": "remaining",
    "children": "kids",
    "hours": "hrs",
    "minutes": "mins",
    "also": "in addition",
    "if": "suppose",
    "spends": "uses",
    "costs": "is priced at",
    "takes": "requires",
    "people": "persons",
    "friends": "pals",
    "money": "cash",
    "the number": "the count",
    "she": "the woman",
    "he": "the man",
    "they": "the group",
    "his": "the man's",
    "her": "the woman's",
}
# The longest first, as an alternation takes the first that fits.
_PHRASE = re.compile(rf"\b(?:{'|'.join(sorted(_PHRASES, key=len, reverse=True))})\b", re.IGNORECASE)


def exact(text: str, rng: random.Random) -> str | None:  # noqa: ARG001 (every edit has these two)
    """The text unchanged."""
    return text


def rewrapped(text: str, rng: random.Random) -> str | None:
    """Broken into lines of another width, perhaps numbered, between an instruction and a request."""
    before = rng.choice(("Solve this problem.", "### Question", "Q:", "Please answer the following:"))
    after = rng.choice(("Show your work.", "### Answer", "Let's think step by step.", "Give the final result only."))
    before = rng.choice((before, f"Problem {rng.randrange(1, 400)}. {before}"))
    width = rng.randrange(24, 60)
    lines = textwrap.fill(text, width, break_long_words=False)
    if text.count(" ") * width < len(text):  # scripts without spaces break lines between any two letters
        lines = re.sub(rf"(.{{1,{width}}})(?!\d|\Z)", r"\1\n", text)
    return f"{before}\n\n{lines}\n\n{after}"


def respaced(text: str, rng: random.Random) -> str | None:
    """Other case, other white space, other quotation marks and dashes."""
    text = text.replace("'", "’").replace(" - ", " – ")
    text = rng.choice((str.upper, str.lower, str.title))(text)
    return re.sub(r" ", lambda _: rng.choice((" ", "  ", "\n")), text)


def renamed(text: str, rng: random.Random) -> str | None:
    """Every name inside a sentence replaced, at all its occurrences."""
    names = sorted(set(_NAME.findall(text)))
    fresh = [name for name in _NAMES.split() if name not in text]
    if not names or len(names) > len(fresh):
        return None
    new = dict(zip(names, rng.sample(fresh, len(names)), strict=True))
    return re.sub(rf"\b(?:{'|'.join(names)})\b", lambda match: new[match[0]], text)


def reordered(text: str, rng: random.Random) -> str | None:
    """Sentences of the text in another order, including the question."""
    sentences = _SENTENCE.split(text.strip())
    if len(set(sentences)) < 2:
        return None
    other = sentences
    while other == sentences:
        other = rng.sample(sentences, len(sentences))
    return ("" if sentences[0].endswith(("。", "！", "？")) else " ").join(other)


def misspelt(text: str, rng: random.Random) -> str | None:
    """A slip in every tenth word: two letters swapped, one left out or doubled."""
    places = [match.span() for match in _WORD.finditer(text)]
    if not places:
        return None
    slips = max(1, len(text.split()) // 10, len(text) // 90) if len(places) > 1 else 1
    # From the last word to the first, so that no place moves.
    for start, end in sorted(rng.sample(places, min(slips, len(places))), reverse=True):
        at = rng.randrange(start + 1, end - 1)
        slip = rng.choice((text[at + 1] + text[at], text[at + 1], text[at] + text[at : at + 2]))
        text = text[:at] + slip + text[at + 2 :]
    return text


def paraphrased(text: str, rng: random.Random) -> str | None:  # noqa: ARG001
    """Common words and phrases replaced by others of the same meaning, every one that a small table knows."""
    other = _PHRASE.sub(lambda match: _cased(_PHRASES[match[0].lower()], match[0]), text)
    return other if other != text else None


def respelled(text: str, rng: random.Random) -> str | None:  # noqa: ARG001
    """Text with its numbers written in another way: up to twelve as words, thousands with or without a comma."""
    other = _ALONE.sub(lambda match: _other_spelling(match[0]), text)
    return other if other != text else None


def renumbered(text: str, rng: random.Random) -> str | None:
    """Other numbers of the same size, the same ones at every place of one number: another problem in the same words."""
    written = sorted(set(_NUMBER.findall(text)))
    if not written:
        return None
    new: dict[str, str] = {}
    for number in written:
        new[number] = _other_number(number, {*written, *new.values()}, rng)
    return _NUMBER.sub(lambda match: new[match[0]], text)


EDITS: Mapping[str, Edit] = {
    "exact": exact,
    "rewrapped": rewrapped,
    "respaced": respaced,
    "renamed": renamed,
    "reordered": reordered,
    "misspelt": misspelt,
    "paraphrased": paraphrased,
    "respelled": respelled,
    RENUMBERED: renumbered,
}


def _cased(phrase: str, like: str) -> str:
    return phrase.capitalize() if like[0].isupper() else phrase


def _other_spelling(number: str) -> str:
    if number.isdigit() and 2 <= int(number) < len(_SMALL):
        return _SMALL[int(number)]
    if number.isdigit() and len(number) > 3:
        return f"{int(number):,}"
    return number.replace(",", "")


def _other_number(number: str, taken: set[str], rng: random.Random) -> str:
    """A number of about the same size, with as many decimals; numbers of the text are never drawn."""
    whole, point, decimals = number.replace(",", "").partition(".")
    value, width = int(whole), 9
    while True:
        drawn = str(rng.randint(max(2, value // 2), 2 * value + width)) + point + decimals
        if drawn not in taken and drawn != number:
            return drawn
        width += 1  # a text may hold every number of that size
