"""Links into Explore: what other pages pass on so that a number opens the rollouts that it counts.

These parameters of the address are a contract: saved views and copied links hold them. Every facet may have several values.
`of` is `run ID` or `version NAME@vN`.
"""

from collections.abc import Collection
from urllib.parse import urlencode

from storage.queries.explore import FACETS, NONE

PATH = "/explore"

Value = str | int | None
Parameters = dict[str, list[str]]


def explore_parameters(
    of: str, *, rows: str = "", problem: str = "", text: str = "", **facets: Value | Collection[Value]
) -> Parameters:
    """The parameters of such a link, for `st.page_link` and `st.switch_page`.

    `rows`: `problems` (the default) or `rollouts`. `problem`: the id of one to open. `facets`: keys of FACETS, each a value
    or several; None stands for "has none". `reason` is the decision's, `rule` the one that decided the verdict, `kept` is
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
    """The same as an address on this host, for columns of links."""
    parameters = explore_parameters(of, rows=rows, problem=problem, text=text, **facets)
    return f"{PATH}?{urlencode(parameters, doseq=True)}"
