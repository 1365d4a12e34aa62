"""Finds the program in what a model wrote. Runs nothing.

The rules, first that applies:
A block that the line before it calls wrong, buggy or the original code counts only if there is no other.
1. `fenced`: the last fenced block of Python (or of no language) that defines the entry point; if none is named, what the
   tests call, or for tests of standard input the one that reads it; else the last. Blocks that define what it uses go
   before it;
2. `fenced-joined`: the last block defines no entry point, but the prompt's code followed by it does;
3. `fenced-last`: the last block, though it does not define the entry point;
4. `whole`: the whole text is Python and defines the entry point (or, if none is named, does something);
5. `continuation`: the prompt's code followed by the text is Python and gives the entry point a body (HumanEval's form); a
   first line that lost its indentation gets it back, if something is returned; text after the body that is not Python is
   cut off;
6. `embedded`: from the first line that begins like Python, the longest part that parses defines the entry point;
7. `broken`: nothing parses, but lines begin like Python: the block or text unchanged, so that its error is reported;
8. `no-program`: the completion gives none.
Before a program that stands alone go the imports and other functions of the prompt's code, which it was asked to continue.
"""

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rollmill.pipelines.verify.code.syntax import (
    LONGEST,
    bound_by,
    defined_names,
    does_something,
    has_body,
    methods_of,
    parses,
    written,
)
from rollmill.pipelines.verify.extract import THOUGHT_END

_OPEN = re.compile(r"([ \t]*+)(`{3,}+|~{3,}+)")


@dataclass(frozen=True, slots=True)
class Block:
    """The text of one block, its language as written (lower case, first word), and whether its fence was closed.

    `lead`: the last line of text before it.
    """

    text: str
    language: str
    closed: bool = True
    lead: str = ""


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks in their order; one that is never closed goes to the end of the text."""
    indent, mark, language, lead = "", "", "", ""
    content: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if not mark:
            fence = _OPEN.match(line)
            named = line[fence.end() :] if fence else ""
            if fence and (fence[2][0] == "~" or "`" not in named):
                indent, mark = fence[1], fence[2]
                language = (named.split(None, 1) or [""])[0].strip("{}.").lower()
                content = []
            elif line.strip():
                lead = line
        elif len(bare := line.strip()) >= len(mark) and bare == mark[0] * len(bare):  # closes the fence
            yield Block("\n".join(content), language, lead=lead)
            mark = lead = ""
        else:
            content.append(line.removeprefix(indent))
    if mark:
        yield Block("\n".join(content), language, closed=False, lead=lead)


EXTRACTION = (
    ("fenced", "3", "the last fenced block that defines the function"),
    ("fenced-joined", "3", "the prompt's code and the last fenced block"),
    ("fenced-last", "3", "the last fenced block"),
    ("whole", "1", "the whole text"),
    ("continuation", "1", "the prompt's code and the text"),
    ("embedded", "2", "the longest part that is Python"),
    ("broken", "1", "the lines that begin like Python"),
    ("no-program", "1", "the text gives no program"),
)
"""The rules in the order in which they are tried, each with its version and the place where it finds a program."""
_READS = re.compile(r"\binput\s*\(|\bstdin\b|\bopen\(0\)|fileinput")
_FAULTED = re.compile(
    r"(?i)\b(?:wrong|incorrect|buggy|broken|faulty|flawed|bad"
    r"|original(?: \w+)? (?:code|version|program|function|implementation|attempt)"
    r"|(?:do not|don['’]t|never) (?:do|use|write) (?:this|it|that))\b"
)
_MENDED = re.compile(r"(?i)\b(?:fix\w*|correct(?:ed|ion|ly)?|improved|final|instead|updated|working|solution|rewrit\w+)\b")
_HIDDEN_FENCE = re.compile(r"<!--(?:(?!-->).)*?(?:```|~~~).*?-->|</?answer>", re.DOTALL)
_BUILTINS = frozenset(dir(builtins))
_PYTHON = frozenset(("", "python", "python3", "py", "py3", "python2", "pycon", "ipython"))
_RETURNS = re.compile(r"\b(?:return|yield)\b")
_CODE_LINE = re.compile(
    r"(?m)^[ \t]*(?:(?:async )?def \w+\s*\(|class \w+\s*[:(]|import \w|from [\w.]+ import |return\b.|@\w"
    r"|(?:for|while|if|elif|with) .*:\s*$|print\s*\(|\w[\w.\[\]]* ?[-+*/|&]?= ?\S)"
)
_TOP_LINE = re.compile(r"(?m)^(?:(?:async )?def |class |import |from [\w.]+ import |@)")
_COLUMN_ZERO = re.compile(r"(?m)^(?=[^\s#])")
_CUTS, _PARSED = 24, 400_000  # at most so many shorter readings of a text, and so many characters parsed for them


@dataclass(frozen=True, slots=True)
class ParsedProgram:
    """A program as it will be run, and the rule that found it."""

    text: str
    rule: str


@dataclass(frozen=True, slots=True)
class Task:
    """Requirements of the problem on the program: the name it must define, and the code that the prompt begins."""

    entry_point: str | None = None
    prompt_code: str | None = None
    prelude: str = ""
    called: frozenset[str] = frozenset()
    """Names that the tests call, where no entry point is named."""
    reads_input: bool = False
    """True if the tests feed standard input."""


@lru_cache(maxsize=1_024)
def task_of(
    prompt: str,
    entry_point: str | None,
    project: str = "",
    called: frozenset[str] = frozenset(),
    reads_input: bool = False,
) -> Task:
    """Requirements in a prompt's text. Code that the prompt begins is the prompt itself or a fenced block in it.

    `project`: code that goes before a program that stands alone, whether the prompt shows it or not.
    """
    around = f"{project.rstrip()}\n\n\n" if project.strip() else ""
    if entry_point is None:
        return Task(prelude=around, called=called, reads_input=reads_input)
    heading = re.compile(rf"(?m)^(?:async )?def {re.escape(entry_point)}\s*\(")
    for text in (*(block.text for block in blocks(prompt)), prompt):
        # Code that ends with a bare heading parses only with a body.
        tree = (parses(text) or parses(text.rstrip() + "\n    pass\n")) if heading.search(text) else None
        if tree is not None:
            return Task(entry_point, text.rstrip() + "\n", around + _prelude(tree, entry_point))
    return Task(entry_point, prelude=around)


def program_of(text: str, task: Task) -> ParsedProgram | None:
    """The program of a completion, or None if it gives none."""
    answer = text.rpartition(THOUGHT_END)[2]
    answer = _HIDDEN_FENCE.sub("", answer) if "<!--" in answer or "answer>" in answer else answer
    answer = answer.replace("\r\n", "\n").replace("\x00", "\ufffd")
    if not answer.strip():
        return None
    fenced = [block for block in blocks(answer) if block.language in _PYTHON and block.text.strip()]
    fenced = [block for block in fenced if not _is_shown_as_wrong(block)] or fenced
    return _fenced(fenced, task) if fenced else _unfenced(answer, task)


def _fenced(fenced: list[Block], task: Task) -> ParsedProgram | None:
    trees = [parses(block.text) for block in fenced]
    if task.entry_point is None:
        place = _program_place(fenced, trees, task)
        return ParsedProgram(_with_parts(place, fenced, trees), "fenced")
    answering = [place for place, tree in enumerate(trees) if tree is not None and _answers(tree, task)]
    whole = [place for place in answering if _has_body(trees[place], task.entry_point)]
    for place in reversed(whole or answering):
        tree = trees[place]
        assert tree is not None
        text = _with_parts(place, fenced, trees)
        return _alone(text, parses(text) or tree, task, "fenced")
    joined = _joined(fenced[-1].text, task)
    if joined is not None:
        return ParsedProgram(joined, "fenced-joined")
    last = fenced[-1].text
    tree = parses(last)
    return ParsedProgram(last, "broken") if tree is None else _alone(last, tree, task, "fenced-last")


def _is_shown_as_wrong(block: Block) -> bool:
    """True if the line before a block says that its program is not to be used."""
    return _FAULTED.search(block.lead) is not None and _MENDED.search(block.lead) is None


def _has_body(tree: ast.Module | None, name: str) -> bool:
    if tree is None or name not in _defines(tree):
        return False
    return name in methods_of(tree, "Solution") or has_body(tree, name)


def _program_place(fenced: list[Block], trees: list[ast.Module | None], task: Task) -> int:
    """The last block that defines most of what the tests call, or that reads input where they give some; else the last."""
    defined = [sum(_has_body(tree, name) for name in task.called) for tree in trees]
    if any(defined):
        return max(range(len(fenced)), key=lambda place: (defined[place], place))
    if task.reads_input:
        reading = [p for p, tree in enumerate(trees) if tree is not None and _READS.search(fenced[p].text)]
        if reading:
            return reading[-1]
    return len(fenced) - 1


def _defines(tree: ast.Module) -> set[str]:
    """Functions and classes of a block, with the methods of `class Solution`."""
    own = {name for part in tree.body if not isinstance(part, ast.Import | ast.ImportFrom) for name in bound_by(part)}
    return own | methods_of(tree, "Solution")


def _with_parts(place: int, fenced: list[Block], trees: list[ast.Module | None]) -> str:
    """A block behind those that define what it uses and does not define itself."""
    tree = trees[place]
    if tree is None or len(fenced) < 2:
        return fenced[place].text
    parts, missing = [place], _missing(tree)
    for other in reversed(range(len(fenced))):
        part = trees[other]
        if other != place and part is not None and missing & _defines(part) and not _defines(part) & _defines(tree):
            parts.append(other)
            missing = (missing - _defines(part)) | _missing(part)
    return "\n\n".join(fenced[number].text for number in (*sorted(parts[1:]), place))


def _missing(tree: ast.Module) -> set[str]:
    """Names that a block uses, and neither binds anywhere nor has from Python."""
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    bound = {node.id for node in names if not isinstance(node.ctx, ast.Load)} | defined_names(tree)
    bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    bound |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    return {node.id for node in names if isinstance(node.ctx, ast.Load)} - bound - _BUILTINS


def _unfenced(text: str, task: Task) -> ParsedProgram | None:
    tree = parses(text)
    if tree is not None and (_answers(tree, task) if task.entry_point else does_something(tree)):
        return _alone(text, tree, task, "whole")
    joined = _joined(text, task)
    if joined is not None:
        return ParsedProgram(joined, "continuation")
    inner = _embedded(text, task)
    if inner is not None:
        return _alone(*inner, task, "embedded")
    if not _CODE_LINE.search(text[:LONGEST]):
        return None
    return ParsedProgram(text[: LONGEST + 1], "broken")


def _answers(tree: ast.Module, task: Task) -> bool:
    name = task.entry_point
    return name is None or name in defined_names(tree) or name in methods_of(tree, "Solution")


def _alone(text: str, tree: ast.Module, task: Task, rule: str) -> ParsedProgram:
    """A program that does not continue the prompt: what the prompt imports and defines goes before it."""
    future = any(isinstance(part, ast.ImportFrom) and part.module == "__future__" for part in tree.body)
    # Nothing may stand before an import from __future__.
    before = "" if future else task.prelude
    name = task.entry_point
    after = ""
    # The tests call a function, and the answer has a method of that name in `class Solution`.
    if name and name not in defined_names(tree) and name in methods_of(tree, "Solution"):
        after = f"\n\n\ndef {name}(*args, **kwargs):\n    return Solution().{name}(*args, **kwargs)\n"
    return ParsedProgram(before + text + after, rule)


def _joined(text: str, task: Task) -> str | None:
    """The prompt's code continued by the text, when that gives the entry point a body."""
    if task.prompt_code is None or task.entry_point is None:
        return None
    body = text.lstrip("\n").rstrip()
    stripped = bool(body) and not body[0].isspace() and _RETURNS.search(body[:LONGEST]) is not None
    for candidate in (body, "    " + body) if stripped else (body,):
        for part in _shortened(candidate):
            whole = task.prompt_code + part + "\n"
            tree = parses(whole)
            if tree is not None and has_body(tree, task.entry_point):
                return whole
    return None


def _shortened(text: str) -> Iterator[str]:
    """The text, then the text without its last lines from column zero on, longest first."""
    yield text
    cuts = [line_start.start() for line_start in _COLUMN_ZERO.finditer(text[:LONGEST]) if line_start.start()]
    # Every try parses the rest anew, so without a bound the time grows with the square of the length.
    tries = max(2, min(_CUTS, _PARSED // (len(text) + 1)))
    yield from (text[:cut].rstrip() for cut in reversed(cuts[:tries]))


def _embedded(text: str, task: Task) -> tuple[str, ast.Module] | None:
    """Python between prose without a fence: from the first line that begins like it, as far as it parses."""
    first_line = _TOP_LINE.search(text[:LONGEST])
    for part in _shortened(text[first_line.start() :]) if first_line else ():
        tree = parses(part)
        if tree is not None:
            # Shorter parts are not tried: what the longest does not define they do not either.
            return (part, tree) if _answers(tree, task) and does_something(tree) else None
    return None


def _prelude(tree: ast.Module, entry_point: str) -> str:
    """The prompt's imports, constants and helper functions, without the entry point itself."""
    kept = [part for part in tree.body if entry_point not in bound_by(part) and not isinstance(part, ast.Expr)]
    text = written(ast.Module(kept, [])) if kept else None
    return f"{text}\n\n\n" if text else ""
