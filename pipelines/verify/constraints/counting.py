"""Instructions that count something and compare the count with bounds. Each gives the count that it saw.

An instruction is a function of the text and, where it takes any, of its checked arguments.
"""

import re
from typing import Any

from pipelines.verify.constraints.said import Said, words_of

Given = dict[str, Any]
_HIGHLIGHT = re.compile(r"(?<![*\w])(\*{1,2})(?=[^\s*])[^*\n]*[^\s*]\1(?!\*)")
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]{1,200}\](?!\()")
_FENCED = re.compile(r"(?ms)^[ \t]*```[^\n`]*\n.*?^[ \t]*```[ \t]*$")


def words(said: Said) -> int:
    """Words."""
    return len(said.words)


def distinct_words(said: Said) -> int:
    """Different words, whatever their case."""
    return len({word.casefold() for word in said.words})


def sentences(said: Said) -> int:
    """Sentences."""
    return len(said.sentences)


def paragraphs(said: Said, given: Given) -> int:
    """Paragraphs, parted by blank lines or by `separator`."""
    return len(said.paragraphs(given["separator"]))


def lines(said: Said) -> int:
    """Lines that are not blank."""
    return len(said.lines)


def characters(said: Said) -> int:
    """Characters, without white space around the text."""
    return len(said.text.strip())


def bullets(said: Said) -> int:
    """Bullets."""
    return len(said.bullets)


def numbered_items(said: Said) -> int:
    """Numbered items."""
    return len(said.numbered)


def highlights(said: Said) -> int:
    """Spans in single or double asterisks within a line."""
    return len(_HIGHLIGHT.findall(said.text))


def placeholders(said: Said) -> int:
    """Placeholders in square brackets; a link's text is none."""
    return len(_PLACEHOLDER.findall(said.text))


def capital_words(said: Said, given: Given) -> int:
    """Words of at least `letters` letters that are all capitals."""
    return sum(word.isupper() and sum(map(str.isalpha, word)) >= given["letters"] for word in said.words)


def letter(said: Said, given: Given) -> int:
    """Occurrences of a letter or another character, whatever its case."""
    return said.text.casefold().count(given["letter"].casefold())


def keyword(said: Said, given: Given) -> int:
    """Occurrences of a word or phrase."""
    return occurrences(said.text, given["keyword"], whole=given["match"] == "word", case=given["case"])


def sections(said: Said, given: Given) -> int:
    """Lines that begin with the marker and a number (`Section 1`, `## SECTION 2:`), each number once."""
    marker = re.escape(given["marker"].strip())
    pattern = re.compile(rf"(?mi)^[ \t#*]*{marker}(?:\s?(?:\d{{1,4}})|\s(?-i:[A-Z]))\b")
    return len({found[0].strip(" \t#*").casefold() for found in pattern.finditer(said.text)})


def code_blocks(said: Said) -> int:
    """Closed fenced blocks."""
    return len(_FENCED.findall(said.text))


def numbers(said: Said) -> int:
    """Numbers in digits."""
    return len(NUMBER.findall(said.text))


NUMBER = re.compile(r"(?<![\w.])[-+−]?\d++(?:,\d{3}(?!\d)){0,20}+(?:\.\d++)?+(?!\w|\.\d)")


def occurrences(text: str, wanted: str, *, whole: bool, case: bool) -> int:
    """How often a literal text occurs; `whole`: between word boundaries, white space matching white space."""
    if not whole:
        return text.count(wanted) if case else text.casefold().count(wanted.casefold())
    words = r"\s+".join(re.escape(part) for part in wanted.split())
    pattern = re.compile(rf"(?<!\w){words}(?!\w)", 0 if case else re.IGNORECASE)
    return sum(1 for _ in pattern.finditer(text))


def each_sentence(said: Said) -> list[int]:
    """Words of every sentence."""
    return [len(words_of(sentence)) for sentence in said.sentences]


def each_paragraph(said: Said) -> list[int]:
    """Words of every paragraph."""
    return [len(words_of(paragraph)) for paragraph in said.paragraphs()]


def each_word(said: Said) -> list[int]:
    """Letters and digits of every word."""
    return [sum(map(str.isalnum, word)) for word in said.words]
