"""LintSeq: a program as insertions, after each of which it is a program that passes the linter (arXiv 2410.02749).

Backwards: take away a line that the seed chooses, with what is indented under it; take away whatever the linter now finds
fault with, until it finds none; again with the rest, down to nothing. Read from the end these are the insertions, written
as unified diffs. Comments, blank lines and decorators go with the line that follows them.

Two differences from the published code: a header without a body and a `try` without handlers are removed, where that code
removes the innocent line at which the parser stopped; and a program with linter faults is refused.
"""

import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from rollmill.pipelines.edit.editing import CannotEdit, EditedText, Editor
from rollmill.pipelines.edit.lint import faults, lines_of
from rollmill.pipelines.edit.unified_diffs import edit_sequence, insertion_diff, states_of
from rollmill.pipelines.verify.code.program import Task, program_of
from rollmill.pipelines.verify.code.syntax import UnreadableError

MOST_LINES, MOST_CHARACTERS = 500, 20_000  # of a program: every state of it is parsed
_LEADING = re.compile(r"\s*(?:#|@|$)")
_TRY = re.compile(r"\s*try\s*:")
_HANDLER = re.compile(r"\s*(?:except\b|finally\b)")
Linter = Callable[[str], list[int]]
"""The lines (from 1) of a program that are at fault."""


@dataclass(frozen=True, slots=True)
class LintLines:
    """The lines of a program, the line that each goes with, and how far each is indented."""

    texts: Sequence[str]
    anchors: Sequence[int]
    indents: Sequence[int]

    @classmethod
    def of(cls, source: str) -> "LintLines":
        """Lines that lead to no other go with the last one that is code."""
        texts = source.split("\n")
        code = [number for number, text in enumerate(texts) if not _LEADING.match(text)]
        anchors, behind = [], iter(code)
        following = next(behind, len(texts) - 1)
        for number in range(len(texts)):
            anchors.append(following)
            if number == following:
                following = next(behind, following)
        return cls(texts, anchors, [len(text) - len(text.lstrip()) for text in texts])

    def with_children(self, number: int, kept: Set[int]) -> Iterator[int]:
        """A line that is code, with every line that goes with it or is indented under it, of those kept."""
        end = number + 1
        # Blank lines, comments and decorators do not end a block: their indentation says nothing about it.
        while end < len(self.texts) and (self.anchors[end] != end or self.indents[end] > self.indents[number]):
            end += 1
        inside = {*range(number, end), number}
        return (kept_line for kept_line in kept if self.anchors[kept_line] in inside)

    def source(self, kept: Iterable[int]) -> str:
        """The program of some of the lines."""
        return "\n".join(self.texts[number] for number in sorted(kept))


def deletions(source: str, rng: random.Random, linter: Linter) -> Iterator[list[int]]:
    """The lines that are left (from 0, sorted) after each deletion, down to none."""
    lines = LintLines.of(source)
    kept = set(range(len(lines.texts)))
    while kept:
        # Never empty: a line leaves together with all that go with it.
        code = sorted(number for number in kept if lines.anchors[number] == number)
        at_fault = [rng.choice(code)]
        while at_fault:
            for number in at_fault:
                kept -= set(lines.with_children(lines.anchors[number], kept))
            at_fault = _at_fault(lines, kept, linter)
        yield sorted(kept)


def _at_fault(lines: LintLines, kept: Set[int], linter: Linter) -> list[int]:
    """Lines at fault by the linter, as numbers of the whole program."""
    order = sorted(kept)
    fault_lines = linter(lines.source(order)) if order else []
    # The parser may name a line behind the last one.
    return [order[min(max(line, 1), len(order)) - 1] for line in fault_lines]


def python_linter(source: str) -> list[int]:
    """The lines at fault; where the parser names one that is innocent, the one that lacks something instead."""
    try:
        source_faults = faults(source)
    except UnreadableError:
        # Some line must be named: without one the deletion would take the program for free of faults.
        return [len(source.split("\n"))]
    # A program that does not compile has a single fault, at a line that may be innocent.
    if len(source_faults) == 1:
        header = re.search(r"on line (\d+)", source_faults[0].what)
        # CPython reports the line after the header, and names the header's line in its message.
        if "expected an indented block" in source_faults[0].what and header:
            return [int(header[1])]
        if "expected 'except'" in source_faults[0].what:
            return [_bare_try(source.split("\n"), source_faults[0].line)]
    return lines_of(source_faults)


def _bare_try(texts: Sequence[str], stopped: int) -> int:
    """The last `try` before a line that has no handler of its own indentation behind it."""
    handled: set[int] = set()
    for number in range(min(stopped, len(texts)), 0, -1):
        text = texts[number - 1]
        indent = len(text) - len(text.lstrip())
        if number < stopped and _TRY.match(text) and indent not in handled:
            return number
        if number < stopped and _HANDLER.match(text):
            # A handler belongs to the nearest `try` above it with the same indentation.
            handled.add(indent)
        elif _TRY.match(text):
            handled.discard(indent)
    return stopped


def lintseq(text: str, rng: random.Random) -> EditedText:
    """The edit sequence of the text's program: its last fenced block of Python, or the text if all of it is Python."""
    program = program_of(text, Task())
    if program is None or program.rule not in ("fenced", "whole") or not program.text.strip():
        raise CannotEdit("no program in the text")
    source = program.text
    if source.count("\n") >= MOST_LINES or len(source) > MOST_CHARACTERS:
        raise CannotEdit(f"a program of more than {MOST_LINES} lines or {MOST_CHARACTERS:,} characters")
    try:
        source_faults = faults(source)
    except UnreadableError as error:
        raise CannotEdit(f"the program does not pass the linter: {error}") from None
    if source_faults:
        raise CannotEdit(f"the program does not pass the linter: line {source_faults[0].line}, {source_faults[0].what}")
    states = [list(range(source.count("\n") + 1)), *deletions(source, rng, python_linter)]
    lines = source.split("\n")
    pairs = zip(states[1:], states, strict=False)
    diffs = [insertion_diff(lines, before, after) for before, after in pairs][::-1]
    return EditedText(edit_sequence(diffs), f"{len(diffs)} insertions", facts={"edits": len(diffs), "lines": len(lines)})


def write_edits(text: str, rng: random.Random) -> EditedText:
    """The program that an edit sequence writes, as a fenced block."""
    del rng
    try:
        states = list(states_of(text))
    except ValueError as error:
        raise CannotEdit(f"no edit sequence: {error}") from None
    if not states:
        raise CannotEdit("no edit sequence in the text")
    # chr(10), since Python 3.11 allows no backslash inside the braces of an f-string.
    return EditedText(
        f"```python\n{states[-1].rstrip(chr(10))}\n```\n", f"{len(states)} insertions applied", facts={"edits": len(states)}
    )


LINTSEQ: Mapping[str, Editor] = {"lintseq": Editor("1", lintseq), "write_edits": Editor("1", write_edits)}
