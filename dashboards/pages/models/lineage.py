"""The lineage of a model as a picture: data and models before it, evaluations, runs and models after it, each a link."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from rollmill.dashboards.inert import one_line
from rollmill.dashboards.session.address import PAGES
from rollmill.storage.queries.models.model_lineage import LineageNode, ModelLineage

OPENED = "opened"
TITLES: Mapping[str, str] = {
    "dataset": "dataset version",
    "base": "initial model",
    "model": "model version",
    "evaluation": "evaluation",
    "run": "run that drew with it",
}
_CSS, _JS = (Path(__file__).with_name(f"lineage.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
_HTML = "<div class='lineage' role='group' aria-label='Lineage'></div>"
_picture = st.components.v2.component("rollmill_lineage", html=_HTML, css=_CSS, js=_JS)


def show_lineage(graph: ModelLineage, chosen: str) -> None:
    """Draw the graph of the version `chosen`; a click on a node opens its page."""
    key = f"lineage-{chosen}"
    _picture(key=key, data=lineage_data(graph, chosen), on_opened_change=lambda: None)
    node = graph.nodes.get(str(st.session_state.get(key, {}).get(OPENED)))  # whatever the browser sends
    place = None if node is None else place_of(node)
    if place is not None:
        st.switch_page(st.session_state[PAGES][place[0]], query_params=place[1])


def lineage_data(graph: ModelLineage, chosen: str) -> dict[str, Any]:
    """The graph as the browser draws it: nodes by layer, edges between their ids."""
    layers: list[list[dict[str, Any]]] = [[] for _ in range(1 + max(node.layer for node in graph.nodes.values()))]
    for node in graph.nodes.values():
        layers[node.layer].append(_node_data(node, chosen))
    return {"layers": layers, "edges": [list(edge) for edge in dict.fromkeys(graph.edges)]}


def _node_data(node: LineageNode, chosen: str) -> dict[str, Any]:
    place, here = place_of(node), node.kind == "model" and node.name == chosen
    address = None if place is None or here else f"/{place[0].lower()}?{urlencode(place[1])}"
    facts = {"name": one_line(node.name, 80), "words": [one_line(line, 120) for line in node.words]}
    return {"id": node.id, "kind": node.kind, "title": TITLES[node.kind], **facts, "href": address, "chosen": here}


def place_of(node: LineageNode) -> tuple[str, dict[str, str]] | None:
    """The page of a node, with the parameters of its address; None where nothing here shows it."""
    if not node.here:
        return None
    match node.kind:
        case "dataset":
            return "Datasets", {"dataset": node.name.partition("@")[0], "version": node.name}
        case "model":
            return "Models", {"model": node.name}
        case "evaluation":
            return "Compare", {"evaluation": node.name}
        case "run":
            return "Runs", {"run": node.name}
    return None
