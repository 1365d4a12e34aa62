"""Fenced blocks of a Markdown text, by lines. Knows nothing of what is in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_OPEN = re.compile(r"([ \t]*+)(`{3,}+|~{3,}+)")


@dataclass(frozen=True, slots=True)
class Block:
    """The text of one block, its language as written (lower case, first word), and whether its fence was closed."""

    text: str
    language: str
    closed: bool = True


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks in their order; one that is never closed goes to the end of the text."""
    indent, mark, language = "", "", ""
    held: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if not mark:
            found = _OPEN.match(line)
            named = line[found.end() :] if found else ""
            if found and (found[2][0] == "~" or "`" not in named):
                indent, mark = found[1], found[2]
                language = (named.split(None, 1) or [""])[0].strip("{}.").lower()
                held = []
        elif _closes(line, mark):
            yield Block("\n".join(held), language)
            mark = ""
        else:
            held.append(line.removeprefix(indent))
    if mark:
        yield Block("\n".join(held), language, closed=False)


def _closes(line: str, mark: str) -> bool:
    bare = line.strip()
    return len(bare) >= len(mark) and bare == mark[0] * len(bare)
