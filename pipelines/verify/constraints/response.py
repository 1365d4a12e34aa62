"""A text by its parts (words, sentences, paragraphs, lines, lists, marks), for the instructions that count them.

- word: a run of letters and digits, inner apostrophes and hyphens included (`don't`, `well-known`); scripts without spaces
  are counted by runs.
- sentence: ends with `.`, `!`, `?`, `…` or their full-width forms before white space or the end, but not after an
  abbreviation (`Dr.`, `e.g.`) or an initial; a blank line ends it too. What holds no letter or digit is none.
- paragraph: what blank lines, or the given separator, part. Line: a line that is not blank.
- bullet: a line that begins with `*`, `-`, `+` or `•`, white space and a text; numbered item: `1.` or `1)` likewise.
- highlight: a span in single or double asterisks within a line; placeholder: a text in square brackets that is no link's.
- code block: a closed fenced block. Number: one in digits, with a sign, thousands separators and decimals.
"""

import re
from dataclasses import dataclass
from functools import cached_property

_WORD = re.compile(r"[^\W_]+(?:['’\-‑][^\W_]+)*")
# Possessive, and only from the first mark of a run: a text of nothing but full stops is read in one pass.
_SENTENCE_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]*_]*+(?=\s|\Z)|[。！？]+|\n[ \t]*\n")
_BEFORE = re.compile(r"([^\W_]+(?:\.[^\W_]+)*)\Z")
_ABBREVIATIONS = frozenset(
    re.findall(
        r"\S+", "mr mrs ms dr prof sr jr st vs no vol fig eq cf al e.g i.e p.s p.p.s u.s u.k a.m p.m approx dept est"
    )
)
_BULLET = re.compile(r"(?m)^[ \t]*[*\-+•][ \t]+(\S.*)$")
_NUMBERED = re.compile(r"(?m)^[ \t]*\d{1,4}[.)][ \t]+(\S.*)$")
_BLANK = re.compile(r"\n[ \t]*\n\s*")
HIGHLIGHT = re.compile(r"(?<![*\w])(\*{1,2})(?=[^\s*])[^*\n]*[^\s*]\1(?!\*)")
PLACEHOLDER = re.compile(r"\[[^\[\]\n]{1,200}\](?!\()")
CODE_BLOCK = re.compile(r"(?ms)^[ \t]*```[^\n`]*\n.*?^[ \t]*```[ \t]*$")
NUMBER = re.compile(r"(?<![\w.])[-+−]?\d++(?:,\d{3}(?!\d)){0,20}+(?:\.\d++)?+(?!\w|\.\d)")


@dataclass(frozen=True)
class Response:
    """Response of a model, by its parts, and its prompt."""

    text: str
    prompt: str = ""

    @cached_property
    def words(self) -> list[str]:
        """The words in order."""
        return words_of(self.text)

    @cached_property
    def sentences(self) -> list[str]:
        """The sentences in order."""
        parts, start, last = [], 0, len(self.text.rstrip()) - 1
        for end in _SENTENCE_END.finditer(self.text):
            # The last full stop of a text ends its sentence even where it belongs to `p.m.`.
            if end[0] == "." and end.start() < last and _abbreviated(self.text, end.start()):
                continue
            parts.append(self.text[start : end.end()].strip())
            start = end.end()
        parts.append(self.text[start:].strip())
        return [sentence for sentence in parts if _WORD.search(sentence)]

    @cached_property
    def lines(self) -> list[str]:
        """The lines that are not blank."""
        return [line.strip() for line in self.text.splitlines() if line.strip()]

    @cached_property
    def bullets(self) -> list[str]:
        """The texts of the bullets."""
        return _BULLET.findall(self.text)

    @cached_property
    def numbered(self) -> list[str]:
        """The texts of the numbered items."""
        return _NUMBERED.findall(self.text)

    def paragraphs(self, separator: str | None = None) -> list[str]:
        """The paragraphs, parted by blank lines or by a separator."""
        parts = _BLANK.split(self.text) if separator is None else self.text.split(separator)
        return [part.strip() for part in parts if part.strip()]


def words_of(text: str) -> list[str]:
    """The words of a text in order."""
    return _WORD.findall(text)


def _abbreviated(text: str, at: int) -> bool:
    """True if the full stop at a place belongs to an abbreviation or to an initial."""
    # No abbreviation is longer, and a search of all the text before each full stop would take quadratic time.
    before = _BEFORE.search(text[max(0, at - 20) : at])
    if before is None:
        return False
    word = before[1]
    # `I` is a word and no initial: `So do I.` ends a sentence.
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper() and word != "I")


def occurrences(text: str, wanted: str, *, whole: bool, case: bool) -> int:
    """Number of occurrences of a literal text; `whole`: between word boundaries, white space matching white space."""
    if not whole:
        return text.count(wanted) if case else text.casefold().count(wanted.casefold())
    words = r"\s+".join(re.escape(part) for part in wanted.split())
    # Not \b, which needs a letter or digit on one side: it would miss `C++` before a space.
    pattern = re.compile(rf"(?<!\w){words}(?!\w)", 0 if case else re.IGNORECASE)
    return sum(1 for _ in pattern.finditer(text))
