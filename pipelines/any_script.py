"""Words of texts in any script, for comparison. For every search for copies.

Chinese, Japanese, Thai, Lao, Khmer and Burmese put no space between words: there, each run of so many letters stands for a
word, and the runs overlap. A vowel sign belongs to its word, as in Hindi; Python's `\\w` knows none.
"""

import re
from functools import cache
from typing import Any

# What is not written in Latin, Greek or Cyrillic letters, or has marks of its own upon them.
_OTHER_SCRIPT = re.compile("[\u0300-\u036f\u0590-\u10ff\u1100-\u1dff\u2c80-\ud7ff\uf900-\ufdff\ufe70-\ufeff\uff66-\uffdc]")
_UNSPACED = {
    "words_of_two": (2, r"\p{Han}\p{Hiragana}\p{Katakana}ー"),
    "words_of_four": (4, r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"),
}
"""By the name of a group: letters of a run, and the scripts."""


def tokens_of(text: str, latin: re.Pattern[str], beside: str) -> list[str]:
    """The tokens of a text: matches of `latin`; with other scripts in it words, runs of letters, matches of `beside`."""
    if text.isascii() or not _OTHER_SCRIPT.search(text):
        return latin.findall(text)
    tokens: list[str] = []
    pattern, broken = _any_script(beside)
    for match in pattern.finditer(broken.sub("", text)):
        length, token = _UNSPACED[match.lastgroup][0] if match.lastgroup else 0, match[0]
        tokens += [token[at : at + length] for at in range(max(1, len(token) - length + 1))] if length else [token]
    return tokens


@cache
def _any_script(beside: str) -> tuple[Any, Any]:
    """The pattern of a token, and that of the white space between two letters of such a script, as at the end of a line."""
    import regex  # takes some milliseconds, which English texts do not need

    unspaced = "|".join(rf"(?P<{name}>[[{scripts}\p{{M}}]--\p{{N}}]+)" for name, (_, scripts) in _UNSPACED.items())
    every = "".join(scripts for _, scripts in _UNSPACED.values())
    token = rf"(?:(?=[{every}])(?:{unspaced}))|[\p{{L}}\p{{M}}--[{every}]]+|{beside}"
    return regex.compile(token, regex.V1), regex.compile(rf"(?<=[{every}])\s+(?=[{every}])", regex.V1)
