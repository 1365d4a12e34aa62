"""The table of Explore: a page of matches with chosen columns, whose rows open and whose headings sort all matches.

A component of its own: in Streamlit's table only a check box selects a row, all columns have fixed widths, and nothing
marks the open row. The component gets values and sets them as text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

import streamlit as st

from rollmill.dashboards.inert import one_line
from rollmill.dashboards.pages.explore.filters import put
from rollmill.dashboards.parts.charts import OUTCOME_COLOURS
from rollmill.storage.queries import ORDERS, Listing
from rollmill.storage.queries.browse.explore import NONE, FacetValue, ProblemPage, RolloutPage, Rows
from rollmill.storage.queries.browse.views import COLUMNS, named_columns

HERE = Path(__file__).parent
KEY = "explore-table"
OPENED = ("problem", "rollout")  # parameters of the address that say what is open
MAIN = ("problem", "outcome", "level", "correct", "pass rate")  # in sight whatever the width
RATED = ("correct", "pass rate")  # columns without meaning for a scope without rates
NAMED = ("model", "source", "skill", "template")  # default columns unless every row has the same value
OF_VERDICT = (("rule", "rule"), ("rule", "answer"), ("reason", "reason"))  # a facet, and a default column empty without it
DEFAULTS: Mapping[Rows, tuple[str, ...]] = {
    "problems": ("problem", "level", *RATED, "shrunken", "kept", "source", "skill", "template"),
    "rollouts": ("problem", "outcome", "level", "answer", "model", "rule", "reason", "tokens", "sample"),
}
SHRUNKEN = "The pass rate drawn towards those of the other problems (empirical Bayes). 0 of 8 does not mean never."
_PARTS = '<div class="head" role="rowgroup"></div><div class="body" role="rowgroup"></div>'
_table = st.components.v2.component(
    "rollmill_explore_table",
    html=f'<div class="table" role="grid">{_PARTS}</div>',
    css=HERE.joinpath("table.css").read_text(encoding="utf-8"),
    js=HERE.joinpath("table.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column: its width in pixels, the kind of its values, and the value of a row."""

    width: int
    value: Callable[[Any], str | float | None]
    kind: Literal["text", "number", "share", "rate", "outcome", "id"] = "text"
    title: str = ""
    hint: str = ""
    by: str = ""
    """The order that its heading sorts by, if that is not its name."""


def _text(field: str, longest: int = 80) -> Callable[[Any], str | None]:
    def value(row: Any) -> str | None:
        text = getattr(row, field)
        return None if text is None else one_line(text, longest)

    return value


def _plain(field: str) -> Callable[[Any], Any]:
    return lambda row: getattr(row, field)


_BOTH = {
    "problem": TableColumn(180, _text("prompt", 200)),
    "level": TableColumn(58, _plain("level"), "number"),
    **{name: TableColumn(110, _text(name)) for name in ("source", "skill", "template")},
}
_COLUMNS: Mapping[Rows, Mapping[str, TableColumn]] = {
    "problems": {
        **_BOTH,
        "correct": TableColumn(
            66,
            lambda row: f"{row.correct} of {row.judged}" if row.judged else None,
            title="k of n",
            hint="correct of judged rollouts",
            by="pass rate",
        ),
        "pass rate": TableColumn(110, _plain("rate"), "rate"),
        "shrunken": TableColumn(84, _plain("shrunken"), "share", hint=SHRUNKEN),
        "reference": TableColumn(96, _text("reference")),
        "matching": TableColumn(84, _plain("matching"), "number", hint="rollouts that match the filters"),
        "rollouts": TableColumn(76, _plain("rollouts"), "number"),
        "kept": TableColumn(58, _plain("kept"), "number", hint="kept rollouts"),
        "external id": TableColumn(130, _text("external_id"), "id"),
        "id": TableColumn(130, _plain("id"), "id"),
    },
    "rollouts": {
        **_BOTH,
        "outcome": TableColumn(112, _plain("outcome"), "outcome"),
        "answer": TableColumn(110, _text("answer")),
        "model": TableColumn(120, _text("model")),
        "rule": TableColumn(110, _text("rule")),
        "reason": TableColumn(140, _text("reason")),
        "kept": TableColumn(58, _plain("kept")),
        "tokens": TableColumn(72, _plain("tokens"), "number"),
        "step": TableColumn(90, _text("step")),
        "sample": TableColumn(72, _plain("sample_index"), "number"),
        "id": TableColumn(130, _plain("completion_id"), "id"),
    },
}


def shown_columns(rows: Rows, page: ProblemPage | RolloutPage, facets: Mapping[str, Sequence[FacetValue]]) -> list[str]:
    """The columns in the address; without any, the default ones that say something about these matches."""
    chosen = [name for name in named_columns({"cols": st.query_params.get_all("cols")}) if name in COLUMNS[rows]]
    if chosen:
        return chosen
    silent = {name for name in NAMED if len(facets[name]) < 2}
    # Where a policy decides from several verdicts, no rule did, and no verdict's answer is the answer.
    silent |= {name for facet, name in OF_VERDICT if all(value.value == NONE for value in facets[facet])}
    if isinstance(page, ProblemPage):
        silent |= set() if any(row.judged for row in page.rows) else set(RATED)
        silent |= set() if page.fitted else {"shrunken"}
    return [name for name in DEFAULTS[rows] if name not in silent]


def choose_columns(rows: Rows, shown: Sequence[str]) -> None:
    """Draw the box in which the user chooses columns and their order."""
    with st.popover("Columns", icon=":material/view_column:"):
        st.session_state["explore-cols"] = list(shown)
        st.multiselect(
            "Columns, in the order of their choice",
            COLUMNS[rows],
            key="explore-cols",
            format_func=lambda name: _COLUMNS[rows][name].title or name,
            on_change=lambda: _keep(",".join(st.session_state["explore-cols"])),
        )
        st.button("Default columns", key="explore-cols-default", disabled="cols" not in st.query_params, on_click=_keep)


def _keep(columns: str = "") -> None:
    # Not `put`: other columns leave the page of matches and the open problem as they are.
    if columns:
        st.query_params["cols"] = columns
    else:
        st.query_params.pop("cols", None)


def show_table(page: ProblemPage | RolloutPage, rows: Rows, listing: Listing, columns: Sequence[str]) -> None:
    """Draw the rows of a page."""
    address = ((name, value) for name in st.query_params for value in st.query_params.get_all(name) if name not in OPENED)
    data = {
        "label": f"{rows} that match",
        "total": page.total,
        "first": (page.page - 1) * listing.size + 1,
        "columns": [_described(name, rows, listing, columns) for name in columns],
        "rows": _listed(page, rows, columns),
        "query": urlencode(list(address)),
        "colours": dict(OUTCOME_COLOURS),
    }
    _table(
        key=KEY,
        data=data,
        on_opened_change=lambda: _open(st.session_state[KEY].opened),
        on_sorted_change=lambda: _sort(rows, st.session_state[KEY].sorted),
    )


def _described(name: str, rows: Rows, listing: Listing, columns: Sequence[str]) -> dict[str, Any]:
    """A column as the component takes it."""
    column = _COLUMNS[rows][name]
    by = column.by or name
    is_order = by == listing.by and (name == by or by not in columns)
    return {
        "name": name,
        "title": column.title or name,
        "width": column.width,
        "kind": column.kind,
        "hint": column.hint,
        "main": name in MAIN,
        "sort": by if by in ORDERS[rows] else None,
        "sorted": ("descending" if listing.descending else "ascending") if is_order else "",
    }


def _listed(page: ProblemPage | RolloutPage, rows: Rows, columns: Sequence[str]) -> list[dict[str, Any]]:
    """The rows as the component takes them, each with the ids that it opens."""
    values = [_COLUMNS[rows][name].value for name in columns]
    keys: list[tuple[str, str | None]] = (
        [(row.id, None) for row in page.rows]
        if isinstance(page, ProblemPage)
        else [(row.problem_id, row.completion_id) for row in page.rows]
    )
    return [
        {"problem": problem, "rollout": rollout, "cells": [value(row) for value in values]}
        for (problem, rollout), row in zip(keys, page.rows, strict=True)
    ]


def _open(place: Mapping[str, str | None]) -> None:
    """Open a row's problem, and its rollout."""
    st.query_params.pop("rollout", None)
    st.query_params.update({name: value for name, value in place.items() if value})


def _sort(rows: Rows, by: str) -> None:
    """Sort all matches, the other way round if they are sorted so."""
    if by in ORDERS[rows]:
        same = st.query_params.get("sort", "level") == by
        put(sort=by, down="yes" if same and st.query_params.get("down") != "yes" else "")
