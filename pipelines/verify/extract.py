"""Finds the final answer in what a model wrote. Knows marks and lines, nothing of mathematics.

The order, first that applies:
1. `####` on the last non-empty line: what follows it (GSM8K's form);
2. the last `\\boxed{...}` or `\\fbox{...}` with balanced braces; boxes joined by "and", "or" or a comma are one list;
3. the last "answer is", "answer:", or a line that begins with "A:": the rest of that line, or the next line if it is empty;
4. bare: the whole text, when it is one short line that is no sentence;
5. tail: the last non-empty line, from which each verifier takes what it may.
A text that was cut off (finish reason `length`) has no bare or tail answer, and none that touches its end unclosed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from storage.records import Completion

Rule = Literal["hash", "boxed", "phrase", "bare", "tail"]

WINDOW = 20_000
"""Marks are looked for in this many last characters; a final answer further from the end is none."""
BARE_LENGTH = 200
_BARE_WORDS = 6
_GAP = 40

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
_JOINED = re.compile(
    r"(?:[\s$]|\\[()\[\]])*(?:,|;|and|or|,\s*and|\\text\{\s*(?:and|or)\s*\}|\\quad)(?:[\s$]|\\[()\[\]])*\Z"
)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_PHRASE = re.compile(
    r"(?:(?i:answers?)\s*(?:(?i:is|are|was|equals?|would be|will be)\b\s*:?|[:=]|\*\*\s*:?|:\s*\*\*)"
    r"|(?:^|\n)[ \t]*A[ \t]*:)\s*"
)
_SENTENCE_END = re.compile(r"\.(?=\s+[A-Z]|\s*\Z)|(?i:\s*I hope)")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class Extracted:
    """An answer's text as written, and the rule that found it."""

    text: str
    rule: Rule


def judged_text(completion: Completion) -> str:
    """The text that holds the answer: the last turn when there are turns (empty unless it is text), else the text."""
    if not completion.messages:
        return completion.text
    last = completion.messages[-1]
    return last.content if last.kind == "text" else ""


def final_answer(text: str, *, cut: bool = False) -> Extracted | None:
    """The final answer of a text, or None when it gives none. `cut` says that generation stopped at its length limit."""
    text = text[-WINDOW:].rstrip()
    if not text:
        return None
    return _hash(text, cut) or _boxed(text) or _phrase(text, cut) or (None if cut else _unmarked(text))


def _hash(text: str, cut: bool) -> Extracted | None:
    mark = text.rfind("####")
    if mark < 0 or cut:
        return None
    tail = text[mark + 4 :].strip()
    return Extracted(tail, "hash") if tail and "\n" not in tail else None


def _boxed(text: str) -> Extracted | None:
    """The last closed box, with the boxes joined to it on its left."""
    opened = {match.end(): match.start() for match in _BOX.finditer(text)}
    if not opened:
        return None
    found = [(opened[brace], end, text[brace + 1 : end - 1].strip()) for brace, end in _closed(text) if brace in opened]
    found.sort()
    if not found:
        return None
    start, _, last = found[-1]
    joined = last
    for left, end, content in reversed(found[:-1]):
        gap = text[end:start]
        if end > start or len(gap) > _GAP or not gap.strip() or not _JOINED.match(gap) or content == last:
            break
        joined = f"{content} {'or' if 'or' in gap else ','} {joined}"
        start = left
    return Extracted(joined, "boxed") if joined.strip() else None


def _closed(text: str) -> Iterator[tuple[int, int]]:
    """(index of an opening brace, index after its closing one), in one pass: depth and number are the model's to choose."""
    stack: list[int] = []
    for match in _BRACES.finditer(text):
        if match[0] == "{":
            stack.append(match.start())
        elif match[0] == "}" and stack:
            yield stack.pop(), match.end()


def _phrase(text: str, cut: bool) -> Extracted | None:
    last = None
    for last in _PHRASE.finditer(text):  # noqa: B007
        pass
    if last is None:
        return None
    line, _, rest = text[last.end() :].partition("\n")
    if cut and not rest:
        return None
    if line.strip() in ("\\[", "$$", "\\("):
        line = rest.split("\n\n", 1)[0]
    end = _SENTENCE_END.search(line)
    content = (line[: end.start()] if end else line).strip().strip("*").strip()
    return Extracted(content, "phrase") if content else None


def _unmarked(text: str) -> Extracted | None:
    if "\n" not in text.strip() and len(text) <= BARE_LENGTH and len(_WORD.findall(text)) <= _BARE_WORDS:
        return Extracted(text.strip(), "bare")
    return Extracted(text[text.rfind("\n") + 1 :].strip(), "tail")
