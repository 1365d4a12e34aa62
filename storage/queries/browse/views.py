"""Saved views of Explore: the kept parameters of its address, their valid values, and the saved views."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args
from urllib.parse import parse_qs, urlencode

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.storage.queries.browse.explore import FACETS, NONE, ORDERS, OUTCOME_FILTERS, Over, Rows
from rollmill.storage.queries.browse.explore_index import Within
from rollmill.storage.queries.reader import Reader
from rollmill.storage.views import Views

KEPT = (*FACETS, "text", "within", "rows", "over", "sort", "down", "cols", "rowsby", "colsby")
PLACE = ("of", "page", "problem", "rollout")
"""Other keys of the address: the run or version shown, and the place in it. No view keeps them."""
COLUMNS: Mapping[Rows, tuple[str, ...]] = {
    "problems": (
        *("problem", "level", "correct", "pass rate", "shrunken", "reference", "matching", "rollouts", "kept"),
        *("source", "skill", "template", "external id", "id"),
    ),
    "rollouts": (
        *("problem", "outcome", "level", "answer", "model", "rule", "reason", "kept", "tokens", "step", "sample"),
        *("source", "skill", "template", "id"),
    ),
}
"""The columns that `cols` may name, separated by commas, of both kinds of listed rows."""
FORMS = {
    "level": (rf"\d+|{NONE}", "a number"),
    "correct": (rf"\d+ of \d+|{NONE}", "K of N"),
    "page": (r"[1-9]\d*", "a number from 1 on"),
}
Given = Mapping[str, Sequence[str]]
"""The values of each parameter of an address."""


def view_query(query: str) -> str:
    """The query of Explore's address reduced to what a view keeps; SetupError for parameters that Explore would ignore."""
    # Blank values are read too, or an unknown parameter without a value would pass unnoticed.
    given = parse_qs(query.removeprefix("?"), keep_blank_values=True)
    for name in given:
        if name not in (*KEPT, *PLACE):
            raise unknown_name("parameter of Explore", name, KEPT)
    # Blank values mean no filter, and the place in a run is not part of a view.
    kept = {name: values for name, values in given.items() if name in KEPT and any(values)}
    if not kept:
        raise SetupError("a view keeps filters, and the query has none.", choices=KEPT)
    # Ends with the first mistake.
    for _, _, error in address_errors(kept):
        raise error
    return urlencode(kept, doseq=True)


def address_errors(given: Given) -> Iterator[tuple[str, str, SetupError]]:
    """Each value of an address that Explore cannot use, for any run or version: its parameter, the value, the mistake."""
    rows = rows_of(given)
    for name, choices in _choices(rows).items():
        for value in given.get(name, ()):
            if value not in choices:
                yield name, value, unknown_name(name, value, choices)
    for name, (form, words) in FORMS.items():
        for value in given.get(name, ()):
            if not re.fullmatch(form, value):
                yield name, value, SetupError(f"{name} {value!r} is not {words}.")
    for column in named_columns(given):
        if column not in COLUMNS[rows]:
            yield "cols", column, unknown_name(f"column of {rows}", column, COLUMNS[rows])
    if (by := given.get("colsby")) and by == given.get("rowsby"):
        yield "colsby", by[0], SetupError(f"rowsby and colsby are both {by[0]!r}; a heat map needs two facets.")


def rows_of(given: Given) -> Rows:
    """The kind of rows that an address lists."""
    return "rollouts" if "rollouts" in given.get("rows", ()) else "problems"


def named_columns(given: Given) -> list[str]:
    """The columns that an address names, in its order and each once; empty if it names none."""
    return list(dict.fromkeys(column for value in given.get("cols", ()) for column in value.split(",") if column))


def _choices(rows: Rows) -> dict[str, Sequence[str]]:
    """The valid values of each parameter with fixed choices; the orders are those of the listed rows."""
    return {
        "outcome": (*OUTCOME_FILTERS, NONE),
        "kept": ("yes", "no", NONE),
        "within": get_args(Within),
        "rows": get_args(Rows),
        "over": get_args(Over),
        "sort": tuple(ORDERS[rows]),
        "down": ("yes",),
        "rowsby": FACETS,
        "colsby": FACETS,
    }


def saved_views(reader: Reader) -> dict[str, str]:
    """The query of every saved view, by name."""
    return Views(reader.state_folder).all()
