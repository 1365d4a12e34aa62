"""Finds the final answer in what a model wrote. Knows marks and lines, nothing of mathematics.

The order, first that applies:
1. `####` on the last non-empty line: what follows it (GSM8K's form);
2. the last `\\boxed{...}` or `\\fbox{...}` with balanced braces; boxes joined by "and", "or" or a comma are one list;
3. the last `<answer>...</answer>`;
4. the last "answer is", "answer:", or a line that begins with "A:": the rest of that line, or the next line if it is empty;
5. bare: the whole text, when it is one short line that is no sentence;
6. tail: the last non-empty line (or the last displayed formula), from which each verifier takes what it may.
What stands before the last `</think>` is thought, not answer; so is what stands behind a `<think>` that was never closed.
Emoji at the end of an answer are no part of it.
A box that was never closed, or is empty, is no answer.
A text that was cut off (finish reason `length`) has no bare or tail answer, and none that touches its end unclosed.
A box or `####` that lies before the last WINDOW characters is no answer, but then an unmarked last line is none either.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from storage.records import Completion

Rule = Literal["hash", "boxed", "tag", "phrase", "bare", "tail"]
RULES: tuple[tuple[Rule, str], ...] = (
    ("hash", "2"), ("boxed", "2"), ("tag", "2"), ("phrase", "2"), ("bare", "2"), ("tail", "4"),
)  # fmt: skip
"""The rules in the order in which they are tried, each with its version."""

WINDOW = 20_000
"""Marks are looked for in this many last characters; a final answer further from the end is none."""
THOUGHT_BEGIN, THOUGHT_END = "<think>", "</think>"
BARE_LENGTH = 200
_BARE_WORDS = 6
_GAP = 40

_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
_JOINED = re.compile(
    r"(?:[\s$]|\\[()\[\],;]|\\q?quad)*(?:,|;|and|or|,\s*and|\\text\{\s*,?\s*(?:and|or)\s*\}|\\q?quad)"
    r"(?:[\s$]|\\[()\[\],;]|\\q?quad)*"
    r"(?:[A-Za-z](?:_\d)?\s*=\s*)?\Z"
)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_PHRASE = re.compile(r"(?i)answers?\s*+(?:(?:is|are|was|equals?|would be|will be)\b\s*:?|[:=]|\*\*\s*:?|:\s*\*\*)\s*")
_LOWER_ANSWER = re.compile(r"(?i)answer")
_LINE_A = re.compile(r"(?:\A|\n)[ \t]*A[ \t]*:\s*")
_DISPLAYS = {"\\]": "\\[", "$$": "$$", "\\)": "\\("}
_SENTENCE_END = re.compile(r"\.(?=\s+[A-Z]|\s*\Z)|(?i:\s*I hope)")
_EMOJI = re.compile("[\\s\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f\u200d\u20e3]+\\Z")
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
    opened = text.rfind(THOUGHT_BEGIN)
    if opened > text.rfind(THOUGHT_END):
        text = text[:opened]
    before, text = text[:-WINDOW], text[-WINDOW:].rstrip()
    thought = text.rfind(THOUGHT_END)
    if thought >= 0:
        before, text = "", text[thought + 8 :].lstrip()
    if not text:
        return None
    found = _hash(text, cut) or _boxed(text) or _tagged(text) or _phrase(text, cut)
    found = found or (None if cut or "####" in before or "boxed{" in before else _unmarked(_undecorated(text)))
    if found is not None and not found.text[-1].isascii():
        found = Extracted(_undecorated(found.text), found.rule)
    if found is not None and found.rule in ("phrase", "bare", "tail") and _BOX.search(found.text):
        return _mended(found.text)
    return found


def _undecorated(text: str) -> str:
    """The text without emoji at its end, unless it holds nothing else."""
    return text if text.isascii() else _EMOJI.sub("", text) or text


def _hash(text: str, cut: bool) -> Extracted | None:
    mark = text.rfind("####")
    if mark < 0 or cut:
        return None
    tail = text[mark + 4 :].strip()
    return Extracted(tail, "hash") if tail and "\n" not in tail else None


def _boxed(text: str) -> Extracted | None:
    """The last closed box, with the boxes joined to it on its left."""
    first = text.find("box")
    if first < 0:
        return None
    opened = {match.end(): match.start() for match in _BOX.finditer(text, max(0, first - 2))}
    if not opened:
        return None
    closed = _closed(text, min(opened))
    found = [(opened[brace], end, text[brace + 1 : end - 1].strip()) for brace, end in closed if brace in opened]
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


def _mended(text: str) -> Extracted | None:
    """A text with a box left open is no answer, unless it is the inside of two boxes, torn at its ends."""
    whole = f"\\boxed{{{text}}}"
    depth = 0
    for match in _BRACES.finditer(whole):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth < 0:
            return None
    return _boxed(whole) if depth == 0 else None


def _closed(text: str, start: int) -> Iterator[tuple[int, int]]:
    """(index of an opening brace, index after its closing one), in one pass: depth and number are the model's to choose."""
    stack: list[int] = []
    for match in _BRACES.finditer(text, start):
        if match[0] == "{":
            stack.append(match.start())
        elif match[0] == "}" and stack:
            yield stack.pop(), match.end()


def _tagged(text: str) -> Extracted | None:
    end = text.rfind("</answer>")
    start = text.rfind("<answer>", 0, end) if end >= 0 else -1
    content = text[start + 8 : end].strip() if start >= 0 else ""
    return Extracted(content, "tag") if content else None


def _phrase(text: str, cut: bool) -> Extracted | None:
    start = max(_last_said(text), _last_line_a(text))
    if start < 0:
        return None
    line, _, rest = text[start:].partition("\n")
    if cut and not rest:
        return None
    if line.strip() in ("\\[", "$$", "\\("):
        line = rest.split("\n\n", 1)[0]
    end = _SENTENCE_END.search(line)
    content = (line[: end.start()] if end else line).strip().strip("*").strip()
    return Extracted(content, "phrase") if content else None


def _last_said(text: str) -> int:
    """Where the last "answer is" or "answer:" ends, or -1; searched from the end, for it stands there."""
    low = text.lower() if text.isascii() else _LOWER_ANSWER.sub("answer", text)
    position = low.rfind("answer")
    while position >= 0:
        match = _PHRASE.match(text, position)
        if match is not None:
            return match.end()
        position = low.rfind("answer", 0, position)
    return -1


def _last_line_a(text: str) -> int:
    last = -1
    for match in _LINE_A.finditer(text):
        last = match.end()
    return last


def _unmarked(text: str) -> Extracted | None:
    if "\n" not in text.strip() and len(text) <= BARE_LENGTH and len(_WORD.findall(text)) <= _BARE_WORDS:
        return Extracted(text.strip(), "bare")
    last = text[text.rfind("\n") + 1 :].strip()
    opening = _DISPLAYS.get(last)
    if opening is not None:
        start = text.rfind(opening, 0, len(text) - len(last))
        if start >= 0 and len(text) - start <= BARE_LENGTH:
            return Extracted(" ".join(text[start:].split()), "tail")
    return Extracted(last, "tail")
