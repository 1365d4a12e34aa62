"""Finds the final answer in what a model wrote.

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
    ("hash", "3"), ("boxed", "3"), ("tag", "3"), ("phrase", "3"), ("bare", "3"), ("tail", "5"),
)  # fmt: skip
"""The rules in the order in which they are tried, each with its version."""

WINDOW = 20_000
"""Marks are looked for in this many last characters; a final answer further from the end is none."""
THOUGHT_BEGIN, THOUGHT_END = "<think>", "</think>"
BARE_LENGTH = 200
_BARE_WORDS = 6  # more words make a short line a sentence
_GAP = 40  # characters between two boxes of one answer, at most

_CALCULATION = re.compile(r"<<[^<>\n]{0,200}>>")
_NEXT_TURN = re.compile(r"<\|(?:im_start|start_header_id)\|>\s*(?:user|system)\b|<\|user\|>|<start_of_turn>\s*user\b")
_MARKS_AT_END = re.compile(r"(?:\s|<\|[a-z_]{2,24}\|>|</s>|<eos>|<end_of_turn>|<｜[^<>｜]{2,30}｜>){1,50}\Z")
_COMMANDS = (
    r"(?:left|right|[dtc]?frac|sqrt|boxed|text|mathrm|mathbf|mathbb|begin|end|pi|le|ge|leq|geq|lt|gt|ne|neq|infty|cup|cap|in|cdot|times"
    r"|pm|circ|theta|alpha|beta|quad|sin|cos|tan|log|ln|angle|pmod|binom)(?![A-Za-z])"
)
_DOUBLED = re.compile(rf"(?<!\\)\\\\(?={_COMMANDS})")
_COMMAND = re.compile(rf"(?<!\\)\\(?={_COMMANDS})")
_BOX = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
_LAYOUT = re.compile(r"(?:[\s$~{}]|\\[()\[\],;: !]|\\q?quad|\\text)+")
_JOINED = re.compile(
    r"(?:(?:[A-Za-z().]+ ?){0,4}?(?:[,;，、；和或]|,? ?\b(?:and|or|as well as)|\\l(?:or|and)))?(?: ?[A-Za-z](?:_\d)? ?=)?\Z"
)
_MOST_JOINED = 20  # boxes of one answer
_LAST_BLANK = re.compile(r"(?<!\\)\\\Z")
_ANEW = re.compile(
    r"(?i)[.!?](?:\s|\Z)|\\\\|&|\n\s*\n|\A\s*\n\s*\Z|⇒|→|=>|\\(?:implies|Rightarrow|to|rightarrow|approx|therefore)(?![A-Za-z])"
    r"|\b(?:so|then|thus|hence|therefore|gives?|giving|means|i\.e|is|are|was|that|which|where|when|if|but|wait|actually|rather|not"
    r"|no|sorry|oops|correction|answer|because|since|simplif\w+|finally|instead|get|have|yields?|becomes?|equals?)\b"
)
_SCALED = re.compile(
    r"(?i)(?:[ $]|\\[)\], ]|\\text\s*\{)*"
    r"(\\?%|(?:per\s?cent|pct|dozen|hundred|thousand|million|billion|trillion)\b)(?!-)"
)
_RAISED = re.compile(r"\^(?:\{[^{}]{1,20}\}|\w)|_(?:\{\d{1,2}\}|\d)|!(?=\s*[$\\])")
_SIGNED = re.compile(r"(?:\A|[=(:,$\n]\s*|[A-Za-z]{2}\s+\$?|\\[(\[]\s*)([-−]|\\pm)\$?\Z")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_PHRASE = re.compile(r"(?i)answers?\s*+(?:(?:is|are|was|equals?|would be|will be)\b\s*:?|[:=]|\*\*\s*:?|:\s*\*\*)\s*")
_LOWER_ANSWER = re.compile(r"(?i)answer")
_LINE_A = re.compile(r"(?:\A|\n)[ \t]*A[ \t]*:\s*")
_DISPLAYS = {"\\]": "\\[", "$$": "$$", "\\)": "\\("}
_SENTENCE_END = re.compile(r"\.(?=\s+[A-Z]|\s*\Z)|(?i:\s*I hope)")
_SENTENCE_START = re.compile(r"(?<=[.!?])\s+(?=[A-Z$\\*])")
_BOLD = re.compile(r"\A\*\*([^*]+)\*\*\Z")
_TORN = re.compile(r"(?i)\b(?:and|or)[\s$*]*\Z")
_EMOJI = re.compile("[\\s\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff\ufe0f\u200d\u20e3]+\\Z")
_WORD = re.compile(
    r"(?<![\\A-Za-z])[A-Za-z]{2,}|[\u0370-\u05ff]{2,}|[\u0600-\u06ff]{2,}|[\u0900-\u0e7f]{2,}|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{2}"
)


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """An answer's text as written, and the rule that found it."""

    text: str
    rule: Rule


def judged_text(completion: Completion) -> str:
    """The text that holds the answer: the last turn when there are turns (empty unless it is text), else the text."""
    if not completion.messages:
        return completion.text
    last = completion.messages[-1]
    return last.content if last.kind == "text" else ""


def final_answer(text: str, *, cut: bool = False) -> FinalAnswer | None:
    """The final answer of a text, or None when it gives none. `cut` says that generation stopped at its length limit."""
    text = undoubled(_answering(text))
    thought_begin = text.rfind(THOUGHT_BEGIN)
    if thought_begin > text.rfind(THOUGHT_END):
        text = text[:thought_begin]
    before, text = text[:-WINDOW], text[-WINDOW:].rstrip()
    thought = text.rfind(THOUGHT_END)
    if thought >= 0:
        before, text = "", text[thought + len(THOUGHT_END) :].lstrip()
    if not text:
        return None
    answer = _hash(text, cut) or _boxed(text) or _tagged(text) or _phrase(text, cut)
    answer = answer or (None if cut or "####" in before or "boxed{" in before else _unmarked(_undecorated(text)))
    if answer is not None and answer.rule in ("phrase", "bare", "tail") and _TORN.search(answer.text):
        return None
    if answer is not None and not answer.text[-1].isascii():
        answer = FinalAnswer(_undecorated(answer.text), answer.rule)
    if answer is not None and answer.rule in ("phrase", "bare", "tail") and _BOX.search(answer.text):
        return _mended(answer.text)
    return answer


def _answering(text: str) -> str:
    """The text up to where a chat template begins another turn, without its marks at the end and GSM8K's <<1+2=3>>."""
    if "<<" in text:
        text = _CALCULATION.sub("", text)
    if "<|" in text or "<start_of_turn>" in text:
        turn = _NEXT_TURN.search(text)
        text = text if turn is None else text[: turn.start()]
    # Only where a mark can stand: the pattern would else be tried anew at every space of the text.
    return _MARKS_AT_END.sub("", text) if text[-20:].rstrip().endswith(">") else text


def undoubled(text: str) -> str:
    """The text with single backslashes where they were escaped twice (`\\\\frac`), as a file's reader leaves them."""
    if "\\\\" not in text or not _DOUBLED.search(text):
        return text
    return _DOUBLED.sub("\\\\", text) if _COMMAND.search(text) else text.replace("\\\\", "\\")


def _undecorated(text: str) -> str:
    """The text without emoji at its end, unless it holds nothing else."""
    return text if text.isascii() else _EMOJI.sub("", text) or text


def _hash(text: str, cut: bool) -> FinalAnswer | None:
    mark = text.rfind("####")
    if mark < 0 or cut:
        return None
    tail = text[mark + 4 :].strip()
    return FinalAnswer(tail, "hash") if tail and "\n" not in tail else None


def _boxed(text: str) -> FinalAnswer | None:
    """The last closed box that lies in no other, with those joined to it on its left and what right outside changes it."""
    first = text.find("box")
    if first < 0:
        return None
    # From two characters before: `box` was found inside of \fbox or \boxed.
    starts = {match.end(): match.start() for match in _BOX.finditer(text, max(0, first - 2))}
    if not starts:
        return None
    spans = sorted((starts[brace], end, brace) for brace, end in _closed(text, min(starts)) if brace in starts)
    boxes: list[tuple[int, int, str]] = []
    for start, end, brace in spans:
        if not boxes or start >= boxes[-1][1]:
            boxes.append((start, end, _LAST_BLANK.sub("", text[brace + 1 : end - 1].strip())))
    if not boxes:
        return None
    start, stop, last = boxes[-1]
    joined = last
    for left, end, content in reversed(boxes[-_MOST_JOINED:-1]):
        gap = text[end:start]
        if len(gap) > _GAP or content == last or _ANEW.search(gap):
            break
        if not _JOINED.match(_LAYOUT.sub(" ", gap).strip()):
            if "\n" in gap:
                break
            joined = text[left:stop]  # 2 + 6, 2 feet 6 inches: one answer, as it is written
            break
        joined = f"{content} {'or' if 'or' in gap or '或' in gap else ','} {joined}"
        start = left
    joined = _around(text, start, stop, joined)
    return FinalAnswer(joined, "boxed") if joined.strip() else None


def _around(text: str, start: int, stop: int, content: str) -> str:
    """The content of a box with the sign, exponent, base, percent sign or scale word that stands right outside of it."""
    behind = _SCALED.match(text, stop)
    if behind is not None:
        content = f"{content} {behind[1]}" if content else content
    raised = _RAISED.match(text, stop)
    if raised is not None and content:
        content = f"{{{content}}}{raised[0]}" if raised[0][0] == "^" else content + raised[0]
    # With an end, for the pattern's \Z matches there and not at the end of the text.
    sign = _SIGNED.search(text, max(0, start - 12), start)
    return content if sign is None or not content else f"{sign[1]}({content})"


def _mended(text: str) -> FinalAnswer | None:
    """A text with a box left open is no answer, unless it is the inside of two boxes, torn at its ends."""
    whole = f"\\boxed{{{text}}}"
    depth, closed = 0, 0
    for match in _BRACES.finditer(whole):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        closed += depth == 0 and match[0] == "}"
        if depth < 0:
            return None
    return _boxed(whole) if depth == 0 and closed > 1 else None


def _closed(text: str, start: int) -> Iterator[tuple[int, int]]:
    """(index of an opening brace, index after its closing one), in one pass: depth and number are the model's to choose."""
    stack: list[int] = []
    for match in _BRACES.finditer(text, start):
        if match[0] == "{":
            stack.append(match.start())
        elif match[0] == "}" and stack:
            yield stack.pop(), match.end()


def _tagged(text: str) -> FinalAnswer | None:
    end = text.rfind("</answer>")
    start = text.rfind("<answer>", 0, end) if end >= 0 else -1
    content = text[start + len("<answer>") : end].strip() if start >= 0 else ""
    return FinalAnswer(content, "tag") if content else None


def _phrase(text: str, cut: bool) -> FinalAnswer | None:
    start = _end_of_phrase(text)
    for match in _LINE_A.finditer(text):
        start = max(start, match.end())
    if start < 0:
        return None
    line, _, rest = text[start:].partition("\n")
    if cut and not rest:
        return None
    if line.strip() in ("\\[", "$$", "\\("):
        line = rest.split("\n\n", 1)[0]
    end = _SENTENCE_END.search(line)
    content = (line[: end.start()] if end else line).strip().strip("*").strip()
    return FinalAnswer(content, "phrase") if content else None


def _end_of_phrase(text: str) -> int:
    """Where the last "answer is" or "answer:" ends, or -1; searched from the end, for it stands there."""
    # lower() of other scripts may change the length, and with it every index
    low = text.lower() if text.isascii() else _LOWER_ANSWER.sub("answer", text)
    position = low.rfind("answer")
    while position >= 0:
        match = _PHRASE.match(text, position)
        if match is not None:
            return match.end()
        position = low.rfind("answer", 0, position)
    return -1


def _unmarked(text: str) -> FinalAnswer | None:
    if "\n" not in text.strip() and len(text) <= BARE_LENGTH and len(_WORD.findall(text)) <= _BARE_WORDS:
        return FinalAnswer(_BOLD.sub(r"\1", text.strip()), "bare")
    last = text[text.rfind("\n") + 1 :].strip()
    opening = _DISPLAYS.get(last)
    if opening is not None:
        start = text.rfind(opening, 0, len(text) - len(last))
        if start >= 0 and len(text) - start <= BARE_LENGTH:
            return FinalAnswer(" ".join(text[start:].split()), "tail")
    return FinalAnswer(_SENTENCE_START.split(last)[-1], "tail")
