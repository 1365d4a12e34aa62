"""Text of a user's data, shown literally: nothing in it is read as Markdown, invisible characters become visible, and a
long text is laid out in parts.

Every page shows the texts, names and notes of models, people and imports through these functions.
"""

import re
from collections.abc import Iterator

import streamlit as st

LONGEST = 20_000  # characters laid out at once: a browser freezes over a megabyte
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~:$&])")
# Controls, and characters that reverse the direction of text or have no width. Joiners stay: scripts and emoji need them.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
# As in CommonMark, a fence closes with one of its length or a longer one. One that is indented opens no code here: it may
# belong to a list, which ends with the next line.
_FENCE = re.compile(r" {0,3}(`{3,})[^`]*$")
_ACTIVE = re.compile(
    r"((?<!`)`(?![^`]*//)[\w ./@=:,+-]+`(?!`))|(\\(?!\|)|[`\[\]<>$:!~])"
)  # plain code unchanged, or characters to be escaped
_CODE = re.compile(r"(`(?![^`]*//)[\w ./@=:,+{}'-]+`)")  # in a message of ours
# What Streamlit replaces in any text: addresses, `:name:`, and the signs of `<->`, `->`, `<-`, `--`, `>=`, `<=` and `~=`.
_MADE_ACTIVE = re.compile(
    r"(?i::(?=//|\\?\.|(?:[\w/]|\\?[_+-]){1,60}\\?:)|www(?=\\?\.)|@(?=(?:\w|\\?-){1,80}\\?\.))"
    r"|(?<!\S)\\?[<>~-](?=(?:\\?-\\?>|\\?[->]|=)(?!\S))"
)


def visible(text: object) -> str:
    """The text with a mark such as ⟨202E⟩ for every invisible character."""
    return _UNSEEN.sub(lambda match: f"⟨{ord(match[0]):04X}⟩", str(text).replace("\r\n", "\n"))


def one_line(text: object, longest: int = 200) -> str:
    """The text in one line, cut after `longest` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def inert(text: object, longest: int = 200) -> str:
    """Line of Markdown that shows `text` literally, cut after `longest` characters."""
    return literal(one_line(text, longest))


def literal(line: str) -> str:
    """Markdown that shows a part of a line literally; invisible characters must be visible already."""
    return unlinked(_SPECIAL.sub(r"\\\1", line))


def message_line(text: object, longest: int = 1_000) -> str:
    """Line of Markdown of one of our own messages, which may quote a user's data: literal, but `plain code` stays code."""
    parts = _CODE.split(one_line(text, longest))  # every second one is code
    return unlinked("".join(part if place % 2 else _SPECIAL.sub(r"\\\1", part) for place, part in enumerate(parts)))


def inert_page(markdown: str) -> str:
    """A page of Markdown with its headings, tables and code; links, pictures, tags and formulas are shown as text.

    A card holds names from a user's data; cards of old versions may hold unescaped names.
    """
    # Escapes of newer cards are undone first, or they would be escaped twice.
    page = visible(markdown).replace("]\\(", "](").replace("&lt;", "<")
    return "\n".join(
        line if code else unlinked(_ACTIVE.sub(lambda part: part[1] or f"\\{part[2]}", line)) for line, code in _lines(page)
    )


def page_sections(markdown: str) -> list[tuple[str, str]]:
    """A page of Markdown cut at its second-order headings: (heading, text), the first one without a heading."""
    sections: list[tuple[str, list[str]]] = [("", [])]
    for line, code in _lines(markdown):
        if line.startswith("## ") and not code:
            sections.append((line[3:], []))
        else:
            sections[-1][1].append(line)
    return [(heading, "\n".join(lines).strip()) for heading, lines in sections]


def _lines(markdown: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is code or a code fence."""
    fence = ""
    for line in markdown.split("\n"):
        mark = _FENCE.match(line)
        yield line, bool(fence or (mark and line.startswith("`")))
        if not fence:
            fence = mark[1] if mark and line.startswith("`") else ""
        elif mark and len(mark[1]) >= len(fence) and line.strip() == mark[1]:
            fence = ""


def unlinked(markdown: str) -> str:
    """Markdown with a word joiner wherever Streamlit would insert a link, an icon, an emoji or another symbol.

    Streamlit replaces addresses, `:name:` and symbols such as `->` even behind a backslash.
    """
    return _MADE_ACTIVE.sub("\\g<0>\u2060", markdown)


def show_text(text: str, key: str, language: str | None = None) -> None:
    """Draw the text in a box with a copy button; a long one is shown in parts, with a button for more.

    `key` identifies the text on the page.
    """
    shown = characters_shown(key)
    st.code(visible(text[:shown]), language=language, wrap_lines=True)
    show_rest(text, shown, key)


def characters_shown(key: str, least: int = 0) -> int:
    """Number of characters of the text with this key that are laid out, in whole parts; `least` of them at first."""
    return LONGEST * int(st.session_state.setdefault(f"{key}-parts", max(1, -(-least // LONGEST))))


def show_rest(text: str, shown: int, key: str) -> None:
    """Draw the button that shows the rest of a text, for a text that is only partly shown."""
    if len(text) > shown:
        left, right = st.columns([3, 1], vertical_alignment="center")
        left.caption(f"{shown:,} of {len(text):,} characters.")
        right.button("More", key=f"{key}-more", on_click=show_more, args=(f"{key}-parts",), width="stretch")


def show_more(parts: str) -> None:
    """Lay out one more part of the text with this key."""
    st.session_state[parts] = int(st.session_state.get(parts, 1)) + 1
