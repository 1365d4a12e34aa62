"""Parameters that the address of each page may have. A misspelt one is reported, because its choice has no effect."""

from collections.abc import Mapping

import streamlit as st

from rollmill.dashboards.inert import inert
from rollmill.dashboards.session.new_run import started_kinds
from rollmill.ground.errors import unknown_name
from rollmill.kinds import recipe_files_of
from rollmill.storage.queries.browse.views import KEPT, PLACE

MOST = 5  # names that are told
PARAMETERS: Mapping[str, tuple[str, ...]] = {  # by the page's name in the menu; of a page without a row any is taken
    "Home": ("days",),
    "New run": ("what", "set", "from", "run", "version", "format"),  # and the recipe of each kind
    "Runs": ("run", "tab", "text", "state", "recipe", "cost-by", "again"),
    "Schedules": ("schedule", "firing"),
    "Datasets": ("dataset", "version", "tab", "format", "with"),
    "Models": ("model", "training", "tab", "view", "experiment"),
    "Diff": ("dataset", "before", "after", "was", "became", "row", "page"),
    "Explore": (*KEPT, *PLACE),
    "Compare": (
        *("evaluation", "other", "by", "a", "b", "on", "problem", "score", "replay", "arms"),
        *("more", "board-numbers", "pair-numbers"),
    ),
    "Difficulty": ("of", "view", "by", "judged", "k", "numbers", "correct-numbers", "spend-numbers", "step-numbers"),
    "Review": ("queue",),
    "Verifiers": ("of", "view"),
    "Papers": ("text", "kind", "status", "paper"),
}


def parameters_of(page: str, stated: tuple[str, ...] | None = None) -> tuple[str, ...] | None:
    """The parameters of a page, `stated` by a package for its own; None for a page of which any is taken."""
    own = PARAMETERS.get(page, stated)
    recipes = [recipe_files_of(kind).parameter for kind in started_kinds().values()] if page == "New run" else []
    return None if own is None else (*own, *recipes)


def show_unknown_parameters(page: str, stated: tuple[str, ...] | None = None) -> None:
    """Draw a line for each parameter of the address that the page does not have, with a button that removes it."""
    known = parameters_of(page, stated)
    unknown = [] if known is None else [name for name in st.query_params if name not in known]
    for name in unknown[:MOST]:
        words = str(unknown_name(f"parameter of {page}'s address", name, known or ()))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.warning(inert(words[0].upper() + words[1:], 1000), icon=":material/link_off:")
            st.button(f"Remove {inert(name, 40)}", key=f"unknown-{name}", on_click=_remove, args=(name,))


def _remove(name: str) -> None:
    st.query_params.pop(name, None)
