"""Saved views of Explore: the kept parameters of its address, their valid values, and the saved views."""

import re
from collections.abc import Mapping, Sequence
from typing import get_args
from urllib.parse import parse_qs, urlencode

from storage.ground.errors import SetupError, unknown_name
from storage.queries.browse.explore import FACETS, NONE, ORDERS, OUTCOME_FILTERS, Over, Rows
from storage.queries.browse.explore_index import Within
from storage.queries.reader import Reader
from storage.views import Views

KEPT = (*FACETS, "text", "within", "rows", "over", "sort", "down")
PLACE = ("of", "page", "problem", "rollout")
"""What else the address may say: the run or version that is looked at, and where in it. No view keeps it."""
NUMBERS = {"level": (r"\d+", "a number"), "correct": (r"\d+ of \d+", "K of N")}


def view_query(query: str) -> str:
    """The query of Explore's address reduced to what a view keeps; SetupError for parameters that Explore would ignore."""
    # Blank values are read too, or an unknown parameter without a value would pass unnoticed.
    given = parse_qs(query.removeprefix("?"), keep_blank_values=True)
    for name in given:
        if name not in (*KEPT, *PLACE):
            raise unknown_name("parameter of Explore", name, KEPT)
    kept = {name: values for name, values in given.items() if name in KEPT and any(values)}
    if not kept:
        raise SetupError("a view keeps filters, and the query has none.", choices=KEPT)
    for name, choices in _choices(kept).items():
        for value in kept.get(name, ()):
            if value not in choices:
                raise unknown_name(name, value, choices)
    for name, (form, words) in NUMBERS.items():
        for value in kept.get(name, ()):
            if value != NONE and not re.fullmatch(form, value):
                raise SetupError(f"{name} {value!r} is not {words}.")
    return urlencode(kept, doseq=True)


def _choices(kept: Mapping[str, Sequence[str]]) -> dict[str, Sequence[str]]:
    """The valid values of each parameter with fixed choices; the orders are those of the listed rows."""
    rows: Rows = "rollouts" if "rollouts" in kept.get("rows", ()) else "problems"
    return {
        "outcome": (*OUTCOME_FILTERS, NONE),
        "kept": ("yes", "no", NONE),
        "within": get_args(Within),
        "rows": get_args(Rows),
        "over": get_args(Over),
        "sort": tuple(ORDERS[rows]),
        "down": ("yes",),
    }


def saved_views(reader: Reader) -> dict[str, str]:
    """The query of every saved view, by name."""
    return Views(reader.state_folder).all()
