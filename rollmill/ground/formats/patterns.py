"""Searches for regular expressions that come from recipes and problems, within a limit of processor time.

The dialect is that of the library `regex` (version 0 behaviour: what `re` takes, and more), because its searches can be
given a time limit inside C code; `re` cannot be stopped.
"""

import warnings
from functools import lru_cache
from importlib.metadata import version
from time import thread_time
from typing import Any

LONGEST_PATTERN = 10_000
CPU_SECONDS = 1.0
"""Limit of one search. The library measures processor time, so a busy machine takes nothing away."""


class BadPatternError(ValueError):
    """Text that is not a regular expression; the message gives the reason."""


class SearchLimitError(RuntimeError):
    """A search took longer than it may."""


def dialect() -> str:
    """The library whose version can change a match."""
    return f"regex-{version('regex')}"


@lru_cache(maxsize=4_096)
def compiled_pattern(pattern: str) -> Any:
    """The compiled pattern; BadPatternError with the reason otherwise."""
    import regex

    if len(pattern) > LONGEST_PATTERN:
        raise BadPatternError(f"longer than {LONGEST_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what a pattern might mean one day is not a verdict
            return regex.compile(pattern)
    except RecursionError:
        raise BadPatternError("nested too deep") from None
    except Exception as error:  # the library raises more than its own error on odd patterns
        raise BadPatternError(f"{error}"[:200]) from None


def last_match(pattern: str, text: str, *, full: bool) -> Any | None:
    """The last match of a pattern in a text, or the match of the whole text (`full`); None when there is none."""
    expression = compiled_pattern(pattern)
    try:
        if full:
            return expression.fullmatch(text, timeout=CPU_SECONDS)
        last, started = None, thread_time()
        for last in expression.finditer(text, timeout=CPU_SECONDS):  # noqa: B007
            if thread_time() - started > CPU_SECONDS:  # the library's limit holds for each match anew
                raise TimeoutError
    except TimeoutError:
        raise SearchLimitError(f"more than {CPU_SECONDS:g} CPU seconds") from None
    return last
