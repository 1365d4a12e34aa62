"""A strip of squares in order of time: runs on Home, firings on Schedules. Each has the icon and colour of its status, and
opens its item.

A square is a link of its own, so that the keyboard reaches it; its words are in its tooltip and read aloud.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.session.address import link

DUE = "due"  # a firing that is to come
MARKS: Mapping[str, tuple[str, str]] = {  # of a status: its icon, and a colour of the theme
    "done": ("check", "green"),
    "nothing new": ("drag_handle", "green"),
    "running": ("play_arrow", "blue"),
    "refused": ("block", "violet"),
    "stopped": ("front_hand", "orange"),
    "interrupted": ("pause", "orange"),
    "skipped": ("skip_next", "gray"),
    "killed": ("bolt", "red"),
    "failed": ("close", "red"),
    DUE: ("schedule", "gray"),
}
# The words of a square stand in its label, for readers of the screen. The icon of the page that it opens says nothing here.
STYLE = """<style>
[class*="st-key-strip-"] { gap: 0.5rem 0.3rem; align-items: flex-start; }
[class*="st-key-strip-"] a { padding: 0; margin: 0; background: transparent; }
[class*="st-key-strip-"] a > :first-child:not(:last-child) { display: none; }
[class*="st-key-strip-"] a:focus-visible { outline: 2px solid currentColor; outline-offset: 1px; }
[class*="st-key-strip-"] > div:has(.stMarkdown) { margin-top: -0.375rem; }
[class*="st-key-strip-"] .stMarkdownBadge { border: 1px solid currentColor; }
[class*="st-key-strip-"] p { text-align: center; white-space: nowrap; font-size: 1.1rem; line-height: 1.5; }
[class*="st-key-strip-"] strong { display: block; font-weight: 400; font-size: 0.7rem; }
[class*="st-key-strip-"] em { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
</style>"""


@dataclass(frozen=True, slots=True)
class Square:
    """A square. `status`: a key of MARKS; `words`: its description in a line; `time`: the label below it, if any.

    `page` and `query`: the place that it opens; without a page it opens nothing. `chosen`: its item is open.
    """

    status: str
    words: str
    time: str = ""
    page: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    chosen: bool = False

    @property
    def label(self) -> str:
        """Mark, time and words, as Markdown."""
        time = f":blue-background[{self.time}]" if self.chosen else self.time
        words = f"{self.words} (shown below)" if self.chosen else self.words
        return f"{mark(self.status)} {f'**{time}** ' if time else ''}*{inert(words)}*"


def show_strip(name: str, squares: Sequence[Square]) -> None:
    """Draw the squares from left to right, and below them the meaning and number of each mark. `name`: the strip's name."""
    st.html(STYLE)
    with st.container(horizontal=True, key=f"strip-{name}"):
        for square in squares:
            if square.page:
                link(square.page, square.label, help=inert(square.words), **square.query)
            else:
                st.markdown(square.label, width="content")
    counts = Counter(square.status for square in squares)
    st.caption(" · ".join(f"{mark(status)} {status} {counts[status]}" for status in MARKS if counts[status]))


def mark(status: str) -> str:
    """Icon of a status in its colour, as Markdown."""
    icon, colour = MARKS[status]
    return f":{colour}-badge[:material/{icon}:]"
