"""Filters of Explore: kept in the address, shown and changed by the facets in the sidebar.

A facet offers its values with the number of problems or rollouts that would match; few of them as buttons, many in a list.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import streamlit as st

from rollmill.dashboards.inert import inert, one_line
from rollmill.dashboards.session.kept import index_of, kept
from rollmill.ground.errors import SetupError
from rollmill.storage.queries import Filters, Matching, Scope
from rollmill.storage.queries.browse.explore import FACETS, FacetValue, Over, Rows
from rollmill.storage.queries.browse.explore_index import Within
from rollmill.storage.queries.browse.views import address_errors, named_columns

SHOWN = ("outcome", "correct", "level", "model", "reason", "rule", "kept", "source", "skill", "template")  # in this order
NAMES = {"correct": "correct of judged", "reason": "decision reason", "rule": "rule that decided"}  # where not the facet's
FEW = 9  # values shown as buttons
PLACE = ("page", "problem", "rollout")  # parameters removed from the address by another filter


def choice_of_address(parameter: str, choices: Any) -> Any:
    """The value of a parameter of the address with these choices, a Literal; the first choice for an invalid value."""
    value, known = st.query_params.get(parameter), get_args(choices)
    return value if value in known else known[0]


def filters_of_address() -> Filters:
    """Filters in the address."""
    params = st.query_params
    given: dict[str, Any] = {facet: tuple(params.get_all(facet)) for facet in FACETS}
    return Filters(
        params.get("text", ""), choice_of_address("within", Within), **given, over=choice_of_address("over", Over)
    )


def put(**parameters: Any) -> None:
    """Write into the address: an empty value removes a parameter, and the place in the old matches is always removed."""
    for name in PLACE:
        st.query_params.pop(name, None)
    for name, value in parameters.items():
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)


def toggle(facet: str, value: str) -> None:
    """Choose a value of a facet, or unselect it."""
    chosen = st.query_params.get_all(facet)
    put(**{facet: [other for other in chosen if other != value] if value in chosen else [*chosen, value]})


def show_errors(scope: Scope, filters: Filters, counts: Mapping[str, Sequence[FacetValue]]) -> bool:
    """Each value of the address that matches nothing or is invalid, with a button that removes it; True if there
    is one.
    """
    errors = {(name, value): error for name, value, error in address_errors(_address())}
    for facet, value, known in _unused(scope, filters, counts):
        what = errors[facet, value].message if (facet, value) in errors else f"no rollout has the {facet} {value!r}."
        errors[facet, value] = SetupError(what, choices=known)
    for place, ((name, value), error) in enumerate(errors.items()):
        with st.container(horizontal=True, vertical_alignment="center"):
            words = str(error)
            st.warning(inert(words[0].upper() + words[1:], 1000), icon=":material/link_off:")
            label = f"Remove {name}={inert(value, 40)}"
            st.button(label, key=f"explore-error-{place}", on_click=_remove, args=(name, value))
    return bool(errors)


def _address() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _unused(
    scope: Scope, filters: Filters, counts: Mapping[str, Sequence[FacetValue]]
) -> Iterator[tuple[str, str, list[str]]]:
    """Each chosen value that no rollout of the scope has, whatever else is chosen: its facet, the value, the valid ones."""
    for facet in FACETS:
        absent = [value for value in getattr(filters, facet) if value not in {count.value for count in counts[facet]}]
        # Asked only here: beside other filters a value of the scope may have no match either.
        known = [count.value for count in kept(_values, scope, filters.over, filters.model)[facet]] if absent else []
        for value in absent:
            if value not in known:
                yield facet, value, known


def _values(scope: Scope, over: Over, models: tuple[str, ...]) -> dict[str, tuple[FacetValue, ...]]:
    """All values of each facet; k of n is over the chosen models."""
    index = index_of(scope)
    with index.cursor() as cursor:
        return Matching(index, cursor, Filters(model=models, over=over)).facets("rollouts")


def _remove(name: str, value: str) -> None:
    if name == "cols":
        put(cols=",".join(column for column in named_columns(_address()) if column != value))
    else:
        put(**{name: [other for other in st.query_params.get_all(name) if other != value]})


def show_facets(counts: Mapping[str, Sequence[FacetValue]], filters: Filters, rows: Rows, scope: Scope) -> None:
    """Draw the facets in the sidebar; a facet with a single value is left out."""
    with st.sidebar:
        st.caption(f"Filters, with the {rows} that match")
        given = any(getattr(filters, facet) for facet in FACETS) or bool(filters.text)
        st.button("Clear all", key="explore-clear", disabled=not given, on_click=_clear, width="stretch")
        for facet in SHOWN:
            _facet(facet, counts[facet], getattr(filters, facet))
            if facet == "correct":
                _over(scope)


def _clear() -> None:
    put(text="", **dict.fromkeys(FACETS, ""))


def _facet(facet: str, values: Sequence[FacetValue], chosen: Sequence[str]) -> None:
    # A chosen value without matches stays visible, or nobody could unselect it.
    counts = {value.value: value.count for value in values} | {
        absent: 0 for absent in chosen if absent not in {value.value for value in values}
    }
    if len(counts) < 2 and not chosen:
        return
    key = f"explore-{facet}"
    st.session_state[key] = list(chosen)  # the address decides: a link, a chart or a button may have changed it
    label = NAMES.get(facet, facet).capitalize()
    if len(counts) <= FEW:
        st.pills(
            label,
            list(counts),
            selection_mode="multi",
            format_func=lambda value: f"{inert(value, 40)} · {counts[value]:,}",
            key=key,
            on_change=_chosen,
            args=(facet,),
        )
    else:
        st.multiselect(
            label,
            list(counts),
            format_func=lambda value: f"{one_line(value, 60)} · {counts[value]:,}",
            key=key,
            on_change=_chosen,
            args=(facet,),
            placeholder=f"any of {len(counts):,}",
        )


def _chosen(facet: str) -> None:
    put(**{facet: st.session_state[f"explore-{facet}"]})


def _over(scope: Scope) -> None:
    """Choice of the rollouts counted by k of n; none without a fixed prefix."""
    if scope.prefix is None:
        return
    st.session_state["explore-over"] = choice_of_address("over", Over)
    fixed = f"first {scope.prefix} (fixed before any verdict)" if scope.prefix else "none (none was fixed beforehand)"
    names = {"prefix": fixed, "all": "all (no measurement: draws followed from earlier ones)"}
    st.radio("Counted over", list(names), format_func=names.get, key="explore-over", on_change=_over_chosen)


def _over_chosen() -> None:
    # A k of n chosen over other rollouts means something else here.
    put(over=st.session_state["explore-over"], correct="")


def counted_over(scope: Scope, over: Over) -> str:
    """Rollouts counted by k of n and pass rates, in a few words."""
    step = f" of step {inert(scope.step)}" if scope.step and over == "prefix" else ""
    if scope.prefix is None or over == "all":
        adaptive = "" if scope.prefix is None else "; no measurement, because draws followed from earlier ones"
        return f"over all completions{adaptive}"
    if scope.prefix == 0:
        return "over none"
    return f"over the first {scope.prefix} completions{step}"
