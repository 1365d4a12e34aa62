"""Two texts compared by words: words only in the first are struck through, words only in the second underlined; inert."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from html import escape
from itertools import groupby

import streamlit as st

from rollmill.dashboards.inert import visible

MOST = 3_000  # words compared of each text
_WORDS = re.compile(r"\s+|[^\W\d_]+|\d+(?:[.,]\d+)*|.", re.DOTALL)
# Orange and blue differ for every eye; strike and underline say it without colour.
_STYLES = {
    "del": "text-decoration:line-through;background:rgba(213,94,0,0.22)",
    "ins": "text-decoration:underline;text-decoration-thickness:2px;background:rgba(0,114,178,0.22)",
}
_BOX = "white-space:pre-wrap;overflow-wrap:anywhere;line-height:1.6"
Piece = tuple[bool, str]
"""Pieces of a text, each with whether the other text contains it."""


def differences(first: str, second: str) -> tuple[list[Piece], list[Piece], bool]:
    """Both texts as pieces that are marked as equal or different; False as the third value if a text was too long and its
    rest was not compared.
    """
    one, other = _WORDS.findall(first), _WORDS.findall(second)
    whole = max(len(one), len(other)) <= MOST
    one, other = one[:MOST], other[:MOST]
    # Words are compared, white space is not: else single blanks would hold whole sentences together.
    left, right = ([at for at, word in enumerate(words) if not word.isspace()] for words in (one, other))
    words = [one[at] for at in left]
    matcher = SequenceMatcher(None, words, [other[at] for at in right])
    same: tuple[set[int], set[int]] = set(), set()
    for block in matcher.get_matching_blocks():
        # A full stop between two differences is no common part of the texts.
        if one != other and not any(map(str.isalnum, words[block.a : block.a + block.size])):
            continue
        same[0].update(left[block.a : block.a + block.size])
        same[1].update(right[block.b : block.b + block.size])
    return list(_pieces(one, same[0])), list(_pieces(other, same[1])), whole


def _pieces(words: list[str], same: set[int]) -> Iterator[Piece]:
    """Words joined to pieces; white space belongs to the word before it."""
    states: list[bool] = []
    for at, word in enumerate(words):
        states.append((states[-1] if states else True) if word.isspace() else at in same)
    numbered = zip(states, words, strict=True)
    for state, group in groupby(numbered, key=lambda pair: pair[0]):
        yield state, "".join(word for _, word in group)


def show_differences(first: str, second: str) -> None:
    """Draw both texts in two columns with a legend of the marks."""
    one, other, whole = differences(first, second)
    st.html(
        f'<p style="opacity:0.75">Marked: {_marked("del", "only on the left")}, {_marked("ins", "only on the right")}.'
        f"{'' if whole else f' The first {MOST:,} words and signs of each text are compared.'}</p>"
    )
    if all(same for same, _ in (*one, *other)):
        st.caption("The two texts are the same." if whole else "Their beginnings are the same.")
    for column, tag, pieces in zip(st.columns(2), ("del", "ins"), (one, other), strict=True):
        shown = (escape(visible(piece)) if same else _marked(tag, piece) for same, piece in pieces)
        column.html(f'<div style="{_BOX}">{"".join(shown)}</div>')


def _marked(tag: str, piece: str) -> str:
    return f'<{tag} style="{_STYLES[tag]}">{escape(visible(piece))}</{tag}>'
