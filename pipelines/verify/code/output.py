"""When what a program printed is what a test expects. Knows texts only.

`lines` (default): line by line; spaces at the end of a line and blank lines at the end of the text do not count, everything
else does. `exact`: every character. `tokens`: only the words between white space. Line ends may be \\n or \\r\\n, except in
`exact`. With a stated tolerance t, words that are decimal numbers may differ by t * max(1, |expected|).
"""

import math
import re
from typing import Literal, get_args

Spacing = Literal["lines", "exact", "tokens"]
SPACINGS: tuple[Spacing, ...] = get_args(Spacing)

_NUMBER = re.compile(r"[-+]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][-+]?\d{1,4})?")


def same_output(expected: str, printed: str, *, spacing: Spacing = "lines", tolerance: float | None = None) -> bool:
    """Whether the printed text is the expected one."""
    if tolerance is not None:
        return _close(expected, printed, tolerance, by_line=spacing != "tokens")
    if spacing == "exact":
        return expected == printed
    if spacing == "tokens":
        return expected.split() == printed.split()
    return lines(expected) == lines(printed)


def lines(text: str) -> list[str]:
    """The lines that count, without the white space at their ends."""
    found = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while found and not found[-1]:
        found.pop()
    return found


def _close(expected: str, printed: str, tolerance: float, *, by_line: bool) -> bool:
    wanted = [line.split() for line in lines(expected)] if by_line else [expected.split()]
    found = [line.split() for line in lines(printed)] if by_line else [printed.split()]
    if [len(words) for words in wanted] != [len(words) for words in found]:
        return False
    pairs = zip((word for words in wanted for word in words), (word for words in found for word in words), strict=True)
    return all(_same_word(one, two, tolerance) for one, two in pairs)


def _same_word(wanted: str, found: str, tolerance: float) -> bool:
    if wanted == found:
        return True
    if not (_NUMBER.fullmatch(wanted) and _NUMBER.fullmatch(found)):
        return False
    expected, got = float(wanted), float(found)
    return math.isfinite(got) and abs(got - expected) <= tolerance * max(1.0, abs(expected))
