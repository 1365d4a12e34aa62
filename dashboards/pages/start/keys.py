"""The form of a recipe's keys: what it shows, what a person changed, and the overrides that follow."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import streamlit as st

from rollmill.dashboards.inert import inert, visible
from rollmill.dashboards.parts.form import draw_field, text_of
from rollmill.dashboards.session.asked import CommandResult, awaited_result
from rollmill.dashboards.session.scope import reader
from rollmill.ground.form_fields import FormField
from rollmill.storage.queries.recipes import recipe_stamp

OTHER = "One a line, as behind --set: steps.solve.count=8. These apply before the keys above."


@dataclass
class Changes:
    """Changes that a user made in the form of a recipe. `texts`: the values of keys, as YAML. `structure`: the changed keys
    that determine which other fields exist. `other`: overrides that the user typed, KEY=VALUE, one per line. `drawn`:
    number of times that the form was reset.
    """

    texts: dict[str, str] = field(default_factory=dict)
    structure: set[str] = field(default_factory=set)
    other: str = ""
    drawn: int = 0

    def lines(self) -> list[str]:
        """The typed overrides that are valid."""
        return [line for line in self._written() if not _refusal(line)]

    def refused(self) -> str:
        """Error messages about typed overrides that are invalid, one per line; empty if there are none."""
        return "\n".join(filter(None, map(_refusal, self._written())))

    def _written(self) -> list[str]:
        return [line.strip() for line in self.other.split("\n") if line.strip()]

    def forget(self) -> None:
        """Go back to the file."""
        self.texts, self.structure, self.other, self.drawn = {}, set(), "", self.drawn + 1


@dataclass(frozen=True)
class Keys:
    """A form as it stands: its fields, and the overrides of the base that it was made with."""

    fields: Sequence[FormField]
    base: Sequence[str]

    def sets(self, changes: Changes) -> list[str]:
        """Every override, in the order in which they apply."""
        overrides = list(self.base)
        for part in self.fields:
            text = changes.texts.get(part.path)
            if text is not None and part.path not in changes.structure and text != text_of(part):
                overrides += [first for first in part.first if first not in overrides]
                overrides.append(f"{part.path}={text}")
        return overrides


def changes_of(recipe: str) -> Changes:
    """Changes of this session in the form of a recipe."""
    changes: Changes = st.session_state.setdefault(f"new-changes-{recipe}", Changes())
    return changes


def _refusal(text: str) -> str:
    key, sign, _ = text.partition("=")
    if not sign or not key.strip() or not key.strip()[0].isalpha():
        return f"{text!r} is not KEY=VALUE."
    return "" if text.isprintable() else f"{text!r} has a character that no command line takes."


def keys_of(recipe: str, changes: Changes) -> Keys | CommandResult | None:
    """The form of a recipe after the changes that bring other fields; the refusal where it cannot be read, None where no
    answer comes.
    """
    plain = _asked(recipe, [])
    if isinstance(plain, Keys):
        file = {part.path: text_of(part) for part in plain.fields}
        changes.structure -= {path for path in changes.structure if changes.texts.get(path) == file.get(path)}
    sets = [f"{path}={text}" for path, text in changes.texts.items() if path in changes.structure]
    return _asked(recipe, [*changes.lines(), *sets]) if sets or changes.lines() else plain


def _asked(recipe: str, sets: Sequence[str]) -> Keys | CommandResult | None:
    words = ["recipe", "form", recipe, "--json", *(word for text in sets for word in ("--set", text))]
    with st.spinner("Reading the recipe", show_time=True):
        answer = awaited_result("new-form", words, recipe_stamp(reader(), recipe))
    if answer is None or not isinstance(answer.row, Mapping):
        return answer
    return Keys([FormField.of(row) for row in answer.row["fields"]], answer.row["sets"])


def draw_keys(recipe: str, keys: Keys, changes: Changes) -> None:
    """Draw the common keys by section, the others on demand, and note what is changed."""
    common = [part for part in keys.fields if part.common]
    rest = [part for part in keys.fields if not part.common]
    place = f"new-{recipe}-{changes.drawn}"
    altered, again = [*_drawn(common, changes, place)], False
    more = st.expander(f"More keys ({len(rest)})", key=f"{place}-more", on_change="rerun")
    with more:
        if more.open:
            altered += _drawn(rest, changes, place)
            again = draw_other(recipe, changes)
    for part, text in altered:
        again = again or part.structure or part.path in changes.structure
        if part.structure:
            changes.structure.add(part.path)
            changes.structure -= {path for path in changes.structure if path.startswith(f"{part.path}.")}  # it holds them
        changes.texts[part.path] = text
    if again:  # other fields
        st.rerun()


def draw_other(recipe: str, changes: Changes) -> bool:
    """Draw a box for typed overrides; True if its text has changed."""
    key = f"new-{recipe}-{changes.drawn}-other"
    before, changes.other = changes.other, st.text_area("Other keys", changes.other, key=key, help=OTHER, max_chars=20_000)
    return before != changes.other


def _drawn(fields: Sequence[FormField], changes: Changes, place: str) -> Iterator[tuple[FormField, str]]:
    """Draw fields under their headings; those with another value than before, with that."""
    sections: dict[str, list[FormField]] = {}
    for part in fields:
        sections.setdefault(part.section, []).append(part)
    for heading, members in sections.items():
        section = st.container(gap="xsmall")
        if [part.label for part in members] != [heading]:
            section.markdown(f"**{inert(heading)}**")
        with section.container(horizontal=True, vertical_alignment="bottom"):
            for part in members:
                before = text_of(part)
                if part.path in changes.texts and part.path not in changes.structure:
                    before = changes.texts[part.path]
                # Another value in the file, another widget: one that is there keeps what it had.
                text = draw_field(part, before, f"{place}-{part.path}-{hash(text_of(part))}")
                if text != before:
                    yield part, text


def show_changes(keys: Keys, changes: Changes) -> None:
    """Draw the overrides, and a way back to the file."""
    sets = keys.sets(changes)
    if not sets and not changes.other.strip():
        st.caption("Every key is as in the file.")
        return
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**Changed**, {len(sets)}")
        st.button("Back to the file", on_click=changes.forget, key="new-back", icon=":material/undo:")
    st.code(visible("\n".join(sets)), language=None, wrap_lines=True)
