r"""Text of a model as Markdown that shows its prose and formulas, and nothing that acts.

Kept are headings, lists, tables, rules, bold, italics, code, and the formulas that `formulas` allows. Everything else is
literal text: links, pictures, tags, references, Streamlit's directives. What would change the text's meaning stays literal
too: `3*4*5` is not an italic 4, `- 5` not a list, `#### 5` not a heading, and items that do not count on keep their
numbers.
"""

import re
from collections.abc import Iterator

from rollmill.dashboards.inert import literal, unlinked, visible
from rollmill.dashboards.parts.formulas import FORMULA, MOST, renders
from rollmill.storage.queries.browse.answer_place import AnswerPlace

# Private characters stand for what is put in at the end; a text's own ones are made visible first.
_OPEN, _CLOSE, _FIRST = "\U000f0000", "\U000f0001", 0xF0002
_PRIVATE = re.compile("[\U000f0000-\U000ffffd]")
_MARKS = (":yellow-background[", "]")
_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PROTECTED = re.compile(rf"(?P<code>{_CODE.pattern})|{FORMULA.pattern}", re.DOTALL)
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})$")
# A bullet before a number or a sign may be a minus or a product.
_ITEM = re.compile(
    rf"([ \t]*)(?:([-*•])[ \t]+(?=[{_OPEN}A-Za-z*\"'`(\U000f0002-\U000ffffd])|(\d{{1,3}})[.)][ \t]+(?=\S))(.*)"
)
_DELIMITERS = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_PIPE = re.compile(r"(?<!\\)\|")
# At most 400 characters: without an end, every mark would else be looked for up to the end of the line.
_BOTH = re.compile(r"(?<![\w*\\])\*\*\*(?=\S)([^*\n]{1,400})(?<=\S)\*\*\*(?![\w*])")
_BOLD = re.compile(r"(?<![\w*\\])\*\*(?=\S)((?:[^*\n]|(?<!\*)\*(?!\*)){1,400})(?<=\S)\*\*(?![\w*])")
_ITALIC = re.compile(r"(?<![\w*\\])\*(?=[^\s*])([^*\n]{1,400})(?<=\S)\*(?![\w*])")
Emphasis = tuple[tuple[re.Pattern[str], str], ...]
_EMPHASIS: Emphasis = ((_BOTH, "***"), (_BOLD, "**"), (_ITALIC, "*"))
INDENT = 4  # blanks of an item under another one
DEEPEST = 5  # nested lists


def prose(text: str, place: AnswerPlace | None = None) -> str:
    """Markdown of a text without code fences; `place` is marked."""
    start, end = (len(text), len(text)) if place is None else place
    parts = [_PRIVATE.sub(_private, visible(part)) for part in (text[:start], text[start:end], text[end:])]
    marked = "".join(parts) if place is None else f"{parts[0]}{_OPEN}{parts[1]}{_CLOSE}{parts[2]}"
    return _Page(marked).markdown()


class _Page:
    """One text on its way to Markdown: protected parts are set aside while lines become blocks."""

    def __init__(self, text: str) -> None:
        self._aside: list[tuple[str, str]] = []  # code or formula, and its content
        self._open = False  # a mark that goes on in the next line
        self._formulas = 0
        self._lines = _PROTECTED.sub(self._protect, text).split("\n")

    def markdown(self) -> str:
        """The blocks with what stood aside."""
        return "\n\n".join(self._blocks())

    def _protect(self, match: re.Match[str]) -> str:
        """A character for code or an allowed formula; a mark that begins or ends inside holds all of it."""
        source = match[0]
        before, behind = (_OPEN if _OPEN in source else ""), (_CLOSE if _CLOSE in source else "")
        plain = source.replace(_OPEN, "").replace(_CLOSE, "")
        code = match["code"] is not None
        kind, content = ("code", plain[1:-1]) if code else ("formula", _inner(plain))
        if not code and (self._formulas >= MOST or not renders(content)):
            return source
        self._formulas += not code
        self._aside.append((kind, content))
        return f"{before}{chr(_FIRST + len(self._aside) - 1)}{behind}"

    def _blocks(self) -> Iterator[str]:
        lines, at = self._lines, 0
        last = max((place for place, line in enumerate(lines) if line.strip()), default=0)
        while at < len(lines):
            line = lines[at]
            heading = _heading(line, last=at == last)
            if not line.strip():
                at += 1
            elif heading:
                yield f"{'#' * min(6, len(heading[1]) + 3)} {self._inline(heading[2].rstrip())}"
                at += 1
            elif _RULE.match(line):
                yield "---"
                at += 1
            elif rows := _table(lines, at):
                yield self._table(lines[at : at + rows])
                at += rows
            else:
                end = self._end_of(at, last)
                yield self._list(lines[at:end]) if _ITEM.match(line) else self._paragraph(lines[at:end])
                at = end

    def _end_of(self, at: int, last: int) -> int:
        """End of a paragraph or list that begins here: at a blank line, or where another block begins."""
        listed, end = bool(_ITEM.match(self._lines[at])), at + 1
        while end <= last:
            line = self._lines[end]
            if not line.strip() or _heading(line, last=end == last) or _RULE.match(line) or _table(self._lines, end):
                break
            if not listed and _ITEM.match(line):
                break
            end += 1
        return end

    def _paragraph(self, lines: list[str]) -> str:
        return "  \n".join(self._line(line) for line in lines)

    def _line(self, line: str) -> str:
        """A line of a paragraph, its indentation kept; nothing at its beginning begins a block."""
        bare = line.lstrip(" \t")
        shown = self._inline(bare.rstrip())
        blank = "\u00a0" * min(len(line.expandtabs(INDENT)) - len(bare.expandtabs(INDENT)), 2 * INDENT)
        return blank + (f"\\{shown}" if shown.startswith("=") else shown)

    def _list(self, lines: list[str]) -> str:
        """Items by their indentation, with their continuation lines. A number that does not count on is literal."""
        shown: list[str] = []
        open_items: list[tuple[int, int | None]] = []  # indentation and number of the items that are open
        for line in lines:
            item = _ITEM.match(line)
            indent = len(line.expandtabs(INDENT)) - len(line.expandtabs(INDENT).lstrip())
            kept = [(at, number) for at, number in open_items if at <= indent]
            same = kept[-1] if kept and kept[-1][0] == indent else None
            number = int(item[3]) if item and item[3] else None
            follows = item is not None and (number is None or same is None or same[1] is None or number == same[1] + 1)
            if item is None or not follows or len(kept) - (same is not None) >= DEEPEST:
                shown[-1:] = [f"{shown[-1]}  ", f"{' ' * INDENT * len(open_items)}{self._line(line.lstrip())}"]
                continue
            open_items = [*(kept if same is None else kept[:-1]), (indent, number)]
            mark = "-" if number is None else f"{number}."
            shown.append(f"{' ' * INDENT * (len(open_items) - 1)}{mark} {self._line(item[4])}")
        return "\n".join(shown)

    def _table(self, lines: list[str]) -> str:
        head = _cells(lines[0])
        rows = [head, *(_cells(line) for line in lines[2:])]
        shown = [[self._inline(cell, table=True) for cell in (*row, *[""] * len(head))[: len(head)]] for row in rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in (shown[0], ["---"] * len(head), *shown[1:]))

    def _inline(self, line: str, *, table: bool = False) -> str:
        """A line's Markdown: emphasis, marks, and what stood aside; the rest literal."""
        shown = unlinked(_emphasised(line))
        marked = (_OPEN if self._open else "") + shown
        self._open = marked.rfind(_OPEN) > marked.rfind(_CLOSE)
        marked += _CLOSE if self._open else ""
        for sign, mark in zip((_OPEN, _CLOSE), _MARKS, strict=True):
            marked = marked.replace(sign, mark)
        marked = marked.replace("".join(_MARKS), "")  # a mark around nothing
        return _PRIVATE.sub(lambda match: self._put(match, table=table), marked)

    def _put(self, match: re.Match[str], *, table: bool) -> str:
        kind, content = self._aside[ord(match[0]) - _FIRST]
        if kind == "code":
            return f"`{content.replace('|', chr(92) + '|') if table else content}`"
        if table:
            content = content.replace("\\|", "\\Vert ").replace("|", "\\vert ")
        # Two formulas side by side would be read as one with a doubled dollar.
        behind = match.string[match.end() : match.end() + 1]
        return f"${content}$" + (" " if behind == "$" or _PRIVATE.match(behind) else "")


def _inner(formula: str) -> str:
    """The inside of a formula's marks, in one line; one of its own lines stays large."""
    match = FORMULA.fullmatch(formula)
    assert match is not None
    content = " ".join(next(group for group in match.groups() if group is not None).split())
    content = re.sub(r"(?<!\\)%", r"\\%", content)  # else the rest of it would be a comment
    return f"\\displaystyle {content}" if formula.startswith(("$$", "\\[")) else content


def _emphasised(line: str, patterns: Emphasis = _EMPHASIS) -> str:
    """Literal text with bold and italics; an unpaired mark inside of them is placed outside."""
    if not patterns:
        return literal(line)
    pattern, sign = patterns[0]
    parts, end = [], 0
    for match in pattern.finditer(line):
        inside = match[1]
        opens, closes = _OPEN in inside and _CLOSE not in inside, _CLOSE in inside and _OPEN not in inside
        inside = inside.replace(_OPEN, "") if opens else inside.replace(_CLOSE, "") if closes else inside
        within = f"{_OPEN * opens}{sign}{_emphasised(inside, patterns[1:])}{sign}{_CLOSE * closes}"
        parts += [_emphasised(line[end : match.start()], patterns[1:]), within]
        end = match.end()
    return "".join([*parts, _emphasised(line[end:], patterns[1:])])


def _heading(line: str, *, last: bool) -> re.Match[str] | None:
    """A heading, except `#### 5`, which marks an answer."""
    heading = _HEADING.match(line)
    answer = heading is not None and heading[1] == "####" and (last or not heading[2].lstrip("*")[:1].isalpha())
    return None if answer else heading


def _table(lines: list[str], at: int) -> int:
    """The number of lines of a table that begins here; 0 without one."""
    if at + 1 >= len(lines) or not _PIPE.search(lines[at]) or not _DELIMITERS.match(lines[at + 1]):
        return 0
    if len(_cells(lines[at])) != len(_cells(lines[at + 1])):
        return 0
    end = at + 2
    while end < len(lines) and _PIPE.search(lines[end]):
        end += 1
    return end - at


def _cells(line: str) -> list[str]:
    bare = line.strip().removeprefix("|")
    bare = bare[:-1] if _PIPE.search(bare[-1:]) and not bare.endswith("\\|") else bare
    return [cell.strip() for cell in _PIPE.split(bare)]


def _private(match: re.Match[str]) -> str:
    return f"⟨{ord(match[0]):X}⟩"
