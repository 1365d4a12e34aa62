"""A text by its parts (words, sentences, paragraphs, lines), and the instructions that count them and compare with bounds.

- word: a run of letters and digits, inner apostrophes and hyphens included (`don't`, `well-known`); scripts without spaces
  are counted by runs.
- sentence: ends with `.`, `!`, `?`, `…` or their full-width forms before white space or the end, but not after an
  abbreviation (`Dr.`, `e.g.`) or an initial; a blank line ends it too. What holds no letter or digit is none.
- paragraph: what blank lines, or the given separator, part. Line: a line that is not blank.
- bullet: a line that begins with `*`, `-`, `+` or `•`, white space and a text; numbered item: `1.` or `1)` likewise.

An instruction is a function of the text and, where it takes any, of its checked arguments; it gives the count that it saw.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_WORD = re.compile(r"[^\W_]+(?:['’\-‑][^\W_]+)*")
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


@dataclass(frozen=True)
class Response:
    """What a model wrote, by its parts, and the prompt that it answers."""

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
    """Whether the full stop at a place belongs to an abbreviation or to an initial."""
    before = _BEFORE.search(text[max(0, at - 20) : at])
    if before is None:
        return False
    word = before[1]
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper() and word != "I")


Arguments = dict[str, Any]
_HIGHLIGHT = re.compile(r"(?<![*\w])(\*{1,2})(?=[^\s*])[^*\n]*[^\s*]\1(?!\*)")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]{1,200}\](?!\()")
_FENCED = re.compile(r"(?ms)^[ \t]*```[^\n`]*\n.*?^[ \t]*```[ \t]*$")


def words(response: Response) -> int:
    """Words."""
    return len(response.words)


def distinct_words(response: Response) -> int:
    """Different words, whatever their case."""
    return len({word.casefold() for word in response.words})


def sentences(response: Response) -> int:
    """Sentences."""
    return len(response.sentences)


def paragraphs(response: Response, arguments: Arguments) -> int:
    """Paragraphs, parted by blank lines or by `separator`."""
    return len(response.paragraphs(arguments["separator"]))


def lines(response: Response) -> int:
    """Lines that are not blank."""
    return len(response.lines)


def characters(response: Response) -> int:
    """Characters, without white space around the text."""
    return len(response.text.strip())


def bullets(response: Response) -> int:
    """Bullets."""
    return len(response.bullets)


def numbered_items(response: Response) -> int:
    """Numbered items."""
    return len(response.numbered)


def highlights(response: Response) -> int:
    """Spans in single or double asterisks within a line."""
    return len(_HIGHLIGHT.findall(response.text))


def placeholders(response: Response) -> int:
    """Placeholders in square brackets; a link's text is none."""
    return len(_PLACEHOLDER.findall(response.text))


def capital_words(response: Response, arguments: Arguments) -> int:
    """Words of at least `letters` letters that are all capitals."""
    return sum(word.isupper() and sum(map(str.isalpha, word)) >= arguments["letters"] for word in response.words)


def letter(response: Response, arguments: Arguments) -> int:
    """Occurrences of a letter or another character, whatever its case."""
    return response.text.casefold().count(arguments["letter"].casefold())


def keyword(response: Response, arguments: Arguments) -> int:
    """Occurrences of a word or phrase."""
    return occurrences(response.text, arguments["keyword"], whole=arguments["match"] == "word", case=arguments["case"])


def sections(response: Response, arguments: Arguments) -> int:
    """Lines that begin with the marker and a number (`Section 1`, `## SECTION 2:`), each number once."""
    marker = re.escape(arguments["marker"].strip())
    pattern = re.compile(rf"(?mi)^[ \t#*]*{marker}(?:\s?(?:\d{{1,4}})|\s(?-i:[A-Z]))\b")
    return len({heading[0].strip(" \t#*").casefold() for heading in pattern.finditer(response.text)})


def code_blocks(response: Response) -> int:
    """Closed fenced blocks."""
    return len(_FENCED.findall(response.text))


def numbers(response: Response) -> int:
    """Numbers in digits."""
    return len(NUMBER.findall(response.text))


NUMBER = re.compile(r"(?<![\w.])[-+−]?\d++(?:,\d{3}(?!\d)){0,20}+(?:\.\d++)?+(?!\w|\.\d)")


def occurrences(text: str, wanted: str, *, whole: bool, case: bool) -> int:
    """How often a literal text occurs; `whole`: between word boundaries, white space matching white space."""
    if not whole:
        return text.count(wanted) if case else text.casefold().count(wanted.casefold())
    words = r"\s+".join(re.escape(part) for part in wanted.split())
    pattern = re.compile(rf"(?<!\w){words}(?!\w)", 0 if case else re.IGNORECASE)
    return sum(1 for _ in pattern.finditer(text))


def each_sentence(response: Response) -> list[int]:
    """Words of every sentence."""
    return [len(words_of(sentence)) for sentence in response.sentences]


def each_paragraph(response: Response) -> list[int]:
    """Words of every paragraph."""
    return [len(words_of(paragraph)) for paragraph in response.paragraphs()]


def each_word(response: Response) -> list[int]:
    """Letters and digits of every word."""
    return [sum(map(str.isalnum, word)) for word in response.words]
