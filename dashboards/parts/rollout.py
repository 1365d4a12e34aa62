"""The turns of a rollout: prose with formulas, code, and the output of programs and tools; all of it inert.

Text is shown as harmless Markdown (`prose`), with code highlighted. Where the answer of a verdict was read is marked.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import streamlit as st

from rollmill.dashboards.inert import characters_shown, inert, show_rest, show_text
from rollmill.dashboards.parts.prose import prose
from rollmill.dashboards.units import counted
from rollmill.ground.records import Completion, Message, Prompt
from rollmill.storage.queries.browse.answer_place import AnswerPlace, judged_turn

Colour = Literal["green", "red", "orange", "violet", "gray"]
COLOURS: dict[str, Colour] = {"correct": "green", "incorrect": "red", "unparsed": "orange", "undecided": "violet"}
LANGUAGES = {"code": "python", "tool_call": "json"}
FENCE = re.compile(r"(`{3,})([\w+-]*)[ \t]*$")
MOST_STEPS = 60  # fences that are split off; a text with more is shown whole
READ_HERE = "The answer was read in this block."


def show_completion(completion: Completion, key: str, place: AnswerPlace | None = None) -> None:
    """Draw the thought, then the turns or the text; `place`: where the answer was read in the text that is judged."""
    if completion.reasoning:
        with st.expander(f"Reasoning, {counted(len(completion.reasoning), 'character')}"):
            show_prose(completion.reasoning, f"{key}-reasoning")
    if completion.messages:
        show_messages(completion.messages, key, judged_turn(completion), place)
    else:
        show_prose(completion.text, key, place)


def show_prompt(prompt: Prompt, key: str) -> None:
    """Draw the prompt of a problem, a text or turns."""
    if isinstance(prompt, str):
        show_prose(prompt, key)
    else:
        show_messages(prompt, key)


def show_messages(
    messages: Sequence[Message], key: str, judged: int | None = None, place: AnswerPlace | None = None
) -> None:
    """Draw turns one below the other, with a frame around the output of programs and tools. `place`: in the judged turn."""
    for number, message in enumerate(messages):
        with st.container(border=message.kind in ("execution", "tool_result")):
            name = f" {inert(message.name, 60)}" if message.name else ""
            st.caption(f"{number + 1} · {inert(message.role)} · {inert(message.kind).replace('_', ' ')}{name}")
            mine = place if number == judged else None
            if message.kind in ("text", "prefix"):
                show_prose(message.content, f"{key}-{number}", mine)
            else:
                _show_code(message, f"{key}-{number}", LANGUAGES.get(message.kind), marked=mine is not None)


def show_prose(text: str, key: str, place: AnswerPlace | None = None) -> None:
    """Draw a text with its fenced code highlighted; a long one in parts, with a button for more. `place` is marked."""
    shown = characters_shown(key, 0 if place is None else place.end)
    with st.container(key=f"prose-{key}"):
        for number, (start, part) in enumerate(_parts(text[:shown])):
            _show_part(part, f"{key}-part-{number}", _inside(place, start, start + len(part.content)))
    show_rest(text, shown, key)


def _inside(place: AnswerPlace | None, start: int, end: int) -> AnswerPlace | None:
    """The overlap of a place with a part of the text, counted from the part's beginning."""
    if place is None or place.start >= end or place.end <= start:
        return None
    return AnswerPlace(max(place.start, start) - start, min(place.end, end) - start)


def _show_part(part: Message, key: str, place: AnswerPlace | None) -> None:
    if part.kind == "text":
        st.markdown(prose(part.content, place), anchors=False)
        return
    with st.container(border=part.kind == "execution"):
        if part.kind == "execution":
            st.caption("Output")
        _show_code(part, key, part.name, marked=place is not None)


def _show_code(message: Message, key: str, language: str | None, *, marked: bool) -> None:
    show_text(message.content, key, language)
    if marked:
        st.caption(READ_HERE)


def steps(text: str) -> Iterator[Message]:
    """The parts of a text: prose, fenced code, and the output of executions in fences named `output`."""
    return (part for _, part in _parts(text))


class CodeFence(NamedTuple):
    """A closed fence of a text: where it begins and ends, and where its content does."""

    begin: int
    language: str
    start: int
    stop: int
    end: int


def _parts(text: str) -> Iterator[tuple[int, Message]]:
    """The parts with the indices at which they begin; of code, the name is its language."""
    fences, end = _fences(text), 0
    for fence in fences if len(fences) <= MOST_STEPS else []:
        if text[end : fence.begin].strip():
            yield _plain(text, end, fence.begin)
        answered = fence.language in ("output", "result")
        kind: Literal["execution", "code"] = "execution" if answered else "code"
        named = None if answered else fence.language or LANGUAGES["code"]
        content = text[fence.start : fence.stop].rstrip("\n")
        yield fence.start, Message("tool" if answered else "assistant", content, kind, named)
        end = fence.end
    if text[end:].strip() or not end:
        yield _plain(text, end, len(text)) if end else (0, Message("assistant", text))


def _fences(text: str) -> list[CodeFence]:
    fences: list[CodeFence] = []
    begin: re.Match[str] | None = None
    start = begun = at = 0
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if mark and begin is None:
            begin, begun, start = mark, at, at + len(line) + 1
        elif mark and begin is not None and not mark[2] and len(mark[1]) >= len(begin[1]):
            fences.append(CodeFence(begun, begin[2], start, at, at + len(line)))
            begin = None
        at += len(line) + 1
    return fences


def _plain(text: str, start: int, end: int) -> tuple[int, Message]:
    content = text[start:end]
    return start + len(content) - len(content.lstrip("\n")), Message("assistant", content.strip("\n"))
