"""State of a page in its address, so that a link reopens it; the state goes along to the next page.

The subject of a page is chosen in the context bar, the row at its top: `choose` puts its box there by default. Streamlit
itself binds filters, pages and tabs to the address, and drops unknown and default values. The subject is kept here: every
link contains it, and an unknown one is reported instead of replaced.

The parameters of a link into Explore are a contract: saved views and copied links hold them. Every facet may have several
values. `of` is `run ID` or `version NAME@vN`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

import streamlit as st

from rollmill.dashboards.inert import visible
from rollmill.ground.errors import unknown_name
from rollmill.storage.queries.browse.explore import FACETS, NONE

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

PAGES = "pages"  # the session's pages by name
CHOICE_WIDTH = 380  # pixels of a box in the context bar
EXPLORE = "/explore"
OPEN = {"open": st.column_config.LinkColumn("Explore", display_text="open", width="small")}  # of tables, for explore_link
_bar: ContextVar["DeltaGenerator | None"] = ContextVar("bar", default=None)
_HTML = "<div class='copy-link'><button type='button'>Copy link</button></div>"
_CSS = """
.copy-link { text-align: right; }
.copy-link button { font: inherit; color: var(--st-text-color); background: transparent; cursor: pointer;
  white-space: nowrap; border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius);
  padding: 0.4rem 0.75rem; }
.copy-link button:is(:hover, :focus-visible) { color: var(--st-primary-color); border-color: var(--st-primary-color); }
"""
_JS = """
export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  button.onclick = async () => {
    try {
      await navigator.clipboard.writeText(window.location.href);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy link"; }, 1500);
    } catch { window.prompt("Copy this link", window.location.href); }
  };
}
"""
# Without a shadow root: in a dialog the Tab key would pass it by.
_copy_link = st.components.v2.component("rollmill_copy_link", html=_HTML, css=_CSS, js=_JS, isolate_styles=False)

Value = str | int | None
Parameters = dict[str, list[str]]


@contextmanager
def context_bar() -> Iterator[None]:
    """Context of the row at the top of a page: its choices, and at the end a link to the current view."""
    row = st.container(horizontal=True, vertical_alignment="bottom", key="context-bar")
    token = _bar.set(row)
    try:
        yield
    finally:
        _bar.reset(token)
    with row:
        _copy_link(key="copy-link")


def copy_link(key: str) -> None:
    """Draw a second button that copies the address of the current view."""
    _copy_link(key=key)


def choose(
    label: str,
    options: Sequence[str] | Mapping[str, str],
    key: str,
    *,
    where: "DeltaGenerator | None" = None,
    forget: Sequence[str] = (),
    anew: Mapping[str, object] | None = None,
) -> str:
    """The option that the address names under `key`, else the one chosen on an earlier page, else the first.

    `options`: the values, or each with its words. `where`: the place of the box, the context bar by default. `forget`: what
    another choice takes out of the address; `anew`: the initial values, after another choice, of widgets that the address
    contains.
    SetupError if the address names an unknown item; the box then has nothing chosen.
    """
    bar = _bar.get()
    place = where or bar or st
    width: int | Literal["stretch"] = CHOICE_WIDTH if place is bar else "stretch"
    words = options if isinstance(options, Mapping) else dict(zip(options, options, strict=True))
    common: dict[str, Any] = {"options": list(words), "format_func": lambda option: visible(words[option]), "width": width}
    wanted, kept = st.query_params.get(key), st.session_state.get(f"{key}-kept")
    if wanted is not None and wanted not in words:
        instead = place.selectbox(label, index=None, key=f"{key}-instead", **common)
        if instead is None:
            raise unknown_name(
                label.lower(), wanted, list(words), next_command="choose another one, or run the command that makes it"
            )
        wanted = instead
    if wanted is None:
        wanted = kept if kept in words else next(iter(words))
    box = f"{key}-choice"
    # Set in every draw: else a browser that missed the first one, overtaken by the next, sends the first option back.
    st.session_state[box] = wanted
    chosen = str(place.selectbox(label, key=box, on_change=_chosen, args=(key, forget, anew), **common))
    # Under a key of its own, as Streamlit drops the values of widgets that another page did not draw.
    st.session_state[f"{key}-kept"] = chosen
    if st.query_params.get(key) != chosen:
        st.query_params[key] = chosen
    return chosen


def _chosen(key: str, forget: Sequence[str], anew: Mapping[str, object] | None) -> None:
    """Callback of a box of `choose`: the address names the new choice."""
    st.query_params[key] = str(st.session_state[f"{key}-choice"])
    forget_old(forget, anew)


def forget_old(keys: Sequence[str], anew: Mapping[str, object] | None = None) -> None:
    """Take parameters out of the address, for callbacks. `anew`: initial values by key of widgets bound to the address,
    which Streamlit does not let us remove.
    """
    for key in keys:
        st.query_params.pop(key, None)
    for key, value in (anew or {}).items():
        st.session_state[key] = value


def selected(key: str, row: str | None) -> str | None:
    """The row that the person selected in a table, else the one that the address names under `key`."""
    if row is not None and st.query_params.get(key) != row:
        st.query_params[key] = row
    return row or st.query_params.get(key)


def link(
    page: str,
    label: str,
    icon: str | None = None,
    help: str | None = None,  # noqa: A002 - Streamlit's word
    **query: str,
) -> None:
    """Draw a link to a page of the menu, by its name, that shows what `query` says. `label` and `help` are Markdown."""
    st.page_link(st.session_state[PAGES][page], label=label, icon=icon, help=help, query_params=query)


def explore_parameters(
    of: str, *, rows: str = "", problem: str = "", text: str = "", **facets: Value | Collection[Value]
) -> Parameters:
    """The parameters of a link into Explore, for `st.page_link` and `st.switch_page`.

    `rows`: `problems` (the default) or `rollouts`. `problem`: the id of one to open. `facets`: keys of FACETS, each a value
    or several; None means "has none". `reason` is the decision's, `rule` the one that decided the verdict, `kept` is
    yes or no, `correct` is such as `3 of 8`, and `outcome` may be MIXED.
    """
    if unknown := facets.keys() - set(FACETS):
        raise ValueError(f"no facets of Explore: {sorted(unknown)}")
    given: Parameters = {name: [value] for name, value in (("of", of), ("rows", rows), ("text", text)) if value}
    for name, values in facets.items():
        many = values if isinstance(values, Collection) and not isinstance(values, str) else [values]
        given[name] = [NONE if value is None else str(value) for value in many]
    return {**given, "problem": [problem]} if problem else given


def explore_link(of: str, *, rows: str = "", problem: str = "", text: str = "", **facets: Value | Collection[Value]) -> str:
    """A page's address on this host, for columns of links."""
    parameters = explore_parameters(of, rows=rows, problem=problem, text=text, **facets)
    return f"{EXPLORE}?{urlencode(parameters, doseq=True)}"
