"""Text of a user's data, shown as it is: nothing in it is read as Markdown, characters that cannot be seen become visible,
and a long text is laid out a part at a time.

Every page shows texts, names and notes through these functions, whoever wrote them: models, people or imports.
"""

import re
from collections.abc import Iterator

import streamlit as st

LONGEST = 20_000  # characters laid out at once: a browser stands still over a megabyte
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&])")
# Controls, and what turns the direction of text round or has no width. Joiners stay: scripts and emoji need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# As CommonMark has it: indented by three blanks at most, closed by a fence of the same length or a longer one.
_FENCE = re.compile(r" {0,3}(`{3,})[^`]*$")
_ACTIVE = re.compile(
    r"((?<!`)`(?![^`]*//)[\w ./@=:,+-]+`(?!`))|(\\(?!\|)|[`\[\]<>$:!~])"
)  # plain code as it is, or what must be escaped


def visible(text: object) -> str:
    """The text with a mark such as ⟨202E⟩ for every character that cannot be seen."""
    return _UNSEEN.sub(lambda match: f"⟨{ord(match[0]):04X}⟩", str(text).replace("\r\n", "\n"))


def one_line(text: object, longest: int = 200) -> str:
    """The text in one line, cut after `longest` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def inert(text: object, longest: int = 200) -> str:
    """One line of Markdown that shows `text` as it is, cut after `longest` characters."""
    return _unlinked(_SPECIAL.sub(r"\\\1", one_line(text, longest)))


def inert_page(markdown: str) -> str:
    """A page of Markdown with its headings, tables and code, while links, pictures, tags and formulas are shown as text.

    A card holds names of a user's data; those of versions from before cards escaped them lie there as they were.
    """
    # What newer cards escape is put back first, or it would be escaped a second time.
    page = visible(markdown).replace("]\\(", "](").replace("&lt;", "<")
    return "\n".join(
        line if code else _unlinked(_ACTIVE.sub(lambda part: part[1] or f"\\{part[2]}", line))
        for line, code in _lines(page)
    )


def page_sections(markdown: str) -> list[tuple[str, str]]:
    """A page of Markdown cut at its headings of the second order: (heading, text), the first one without a heading."""
    sections: list[tuple[str, list[str]]] = [("", [])]
    for line, code in _lines(markdown):
        if line.startswith("## ") and not code:
            sections.append((line[3:], []))
        else:
            sections[-1][1].append(line)
    return [(heading, "\n".join(lines).strip()) for heading, lines in sections]


def _lines(markdown: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is code or one of the fences around some."""
    fence = ""
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        yield line, bool(fence or mark)
        if not fence:
            fence = mark[1] if mark else ""
        elif mark and len(mark[1]) >= len(fence) and line.strip() == mark[1]:
            fence = ""


def _unlinked(markdown: str) -> str:
    """The same with a joiner of no width in each address: the page makes a link of one even where its colon is escaped."""
    return re.sub(r"(:|www(?=\\?\.))(?=//|\\?\.)", "\\1\u2060", markdown, flags=re.IGNORECASE)


def show_text(text: str, key: str, language: str | None = None) -> None:
    """The text in a box with a copy button; of a long one the beginning, with a button for more.

    `key` tells this text from the others of the page.
    """
    shown = LONGEST * int(st.session_state.get(f"{key}-parts", 1))
    st.code(visible(text[:shown]), language=language, wrap_lines=True)
    if len(text) > shown:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.caption(f"{shown:,} of {len(text):,} characters.")
        right.button("More", key=f"{key}-more", on_click=show_more, args=(f"{key}-parts",), width="stretch")


def show_more(parts: str) -> None:
    """Lay out one part more of what this key of the session counts."""
    st.session_state[parts] = int(st.session_state.get(parts, 1)) + 1
