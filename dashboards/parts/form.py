"""Widgets of forms: one for each field, with its value as YAML text, as `--set KEY=VALUE` takes it."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
import yaml

from rollmill.dashboards.inert import inert, inert_page, visible
from rollmill.ground.form_fields import FieldType, FormField, yaml_text

MOST = 20_000  # characters of a text
MOST_WHOLE = 2**53 - 1  # the browser's numbers
NARROW, MIDDLE, WIDE, LINE = 135, 182, 285, 560  # pixels; a page narrower than a line fits it
MOST_MIDDLE, LONG = 14, 32  # characters of a value from which a widget is wider, and has a line of its own
NONE = "none"  # a choice that is no value


def text_of(field: FormField) -> str:
    """The value that a field has in its file, as YAML."""
    if field.type.kind == "items":
        return yaml_text([field.items[name] for name in field.value])
    if field.value is None and not field.type.empty:
        return ""
    return yaml_text(field.value)


def draw_field(field: FormField, text: str, key: str) -> str:
    """Draw the widget of a field whose value is now `text`; the value that it has then.

    A value that no widget of its type can show is edited as text: the command reports its mistake.
    """
    kind, value = field.type, _loaded(text)
    hint = f"`{field.path}`\n\n{inert_page(field.help)}"
    label = inert(field.label)
    drawn: Any
    if kind.kind in ("whole", "number") and _is_number(value, kind):
        drawn = _number(label, value, kind, key, hint)
    elif kind.kind == "switch" and isinstance(value, bool):
        drawn = st.toggle(label, value, key=key, help=hint)
    elif kind.kind == "choice":
        drawn = _choice(label, value, field, key, hint)
    elif kind.kind == "items" and (chosen := _names(field, value)) is not None:
        names = st.multiselect(label, kind.choices, chosen, key=key, help=hint, format_func=visible, width="stretch")
        return yaml_text([field.items[name] for name in names])
    elif kind.kind == "text" and isinstance(value, str | None) and "\n" not in str(value):
        shown = st.text_input(label, value or "", key=key, help=hint, max_chars=MOST, width=_width(value))
        drawn = None if not shown and (kind.empty or value is None) else shown
    else:
        shown = st.text_input(
            label, text, key=key, help=f"{hint}\n\nA value as in YAML.", max_chars=MOST, width=_width(text)
        )
        return shown.strip() or ("null" if kind.empty else text_of(field))
    return yaml_text(drawn) if drawn is not None or kind.empty else text_of(field)


def _number(label: str, value: float | None, kind: FieldType, key: str, hint: str) -> float | int | None:
    if kind.kind == "whole":
        low, high = (
            None if end is None else int(max(-MOST_WHOLE, min(MOST_WHOLE, end))) for end in (kind.least, kind.most)
        )
        whole = None if value is None else int(value)
        drawn: float | int | None = st.number_input(
            label, low, high, whole, 1, key=key, help=hint, placeholder=NONE, width=NARROW
        )
        return drawn
    share = kind.least == 0 and kind.most == 1
    return st.number_input(
        label,
        None if kind.least is None else float(kind.least),
        None if kind.most is None else float(kind.most),
        None if value is None else float(value),
        0.05 if share else 0.1,
        "%g",
        key=key,
        help=hint,
        placeholder=NONE,
        width=NARROW,
    )


def _choice(label: str, value: Any, field: FormField, key: str, hint: str) -> Any:
    """One of the choices; of methods also a name that a person types, of a class of their own."""
    known: Sequence[Any] = field.type.choices
    options = [*([None] if field.type.empty or value is None else []), *([] if value in known else [value]), *known]
    options = list(dict.fromkeys(options))
    return st.selectbox(
        label,
        options,
        options.index(value),
        key=key,
        help=hint,
        format_func=lambda option: NONE if option is None else visible(option),
        accept_new_options=field.structure,
        width=WIDE if len(str(value)) > MOST_MIDDLE else MIDDLE,
    )


def _is_number(value: Any, kind: FieldType) -> bool:
    """True if a widget for numbers can show the value."""
    if value is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int if kind.kind == "whole" else int | float):
        return False
    inside = (kind.least is None or value >= kind.least) and (kind.most is None or value <= kind.most)
    return inside and abs(value) <= MOST_WHOLE


def _names(field: FormField, value: Any) -> list[str] | None:
    """The names of the items of a list; None if one has no name here."""
    if not isinstance(value, list):
        return None
    names = [next((name for name, known in field.items.items() if known == item), None) for item in value]
    return None if None in names or len(set(names)) < len(names) else [str(name) for name in names]


def _loaded(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError):
        return text


def _width(value: object) -> int:
    return LINE if len(str(value or "")) > LONG else WIDE
