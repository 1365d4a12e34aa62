"""Nodes of a thread map: what became of each turn, in a word for its colour and icon, and the map as data for the browser.

An answer has its outcome. A piece of a search has no outcome of its own: an answer ended with it (`ended`) or with a piece
that continues it (`continued`), none did (`pruned`), or none did yet (`open`). The scores of a process are not stored, so
that the value of a piece is the share of correct answers below it.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rollmill.dashboards.inert import one_line
from rollmill.dashboards.parts.thread_map.layout import HEIGHT, MapLayout
from rollmill.ground.recipe_steps import PIECES
from rollmill.ground.threads import ANSWER, Turn, Turns, answers_below
from rollmill.storage.queries.browse.lineage import TurnFacts

MEANINGS: Mapping[str, str] = {
    "correct": "",
    "incorrect": "",
    "unparsed": "no answer found",
    "undecided": "the verifier failed",
    "pending": "not judged yet",
    "continued": "answers end further on",
    "ended": "an answer ends here",
    "pruned": "no answer ends here or further on",
    "open": "no answer ends here or further on yet",
    "unjudged": "an unjudged step",
}
"""Words for what became of a turn, in the order of the legend."""
_OF_PIECES = ("ended", "continued", "pruned", "open")
_LONGEST_BAR = 60  # pixels of the bar in the legend
_LABEL = 40  # characters


@dataclass(frozen=True, slots=True)
class MapNode:
    """A turn as the map shows it. `below`: correct and judged answers below it; None for an answer and without any."""

    turn: Turn
    state: str
    facts: TurnFacts
    below: tuple[int, int] | None = None

    @property
    def label(self) -> str:
        """The text inside the box: how a piece begins, the step of any other turn."""
        return one_line(self.facts.extract if self.state in _OF_PIECES else self.turn.step, _LABEL)

    @property
    def told(self) -> str:
        """The node in a sentence, for a tooltip and for screen readers."""
        tokens = "tokens not counted" if self.facts.tokens is None else f"{self.facts.tokens:,} tokens"
        parts = [one_line(self.turn.step, 30), "not judged" if self.state == "unjudged" else self.state]
        if self.facts.kept is not None:
            parts.append("kept" if self.facts.kept else "dropped")
        parts.append(tokens)
        if self.below is not None:
            parts.append(
                f"{self.below[0]:,} of {self.below[1]:,} {'answer' if self.below[1] == 1 else 'answers'} below correct"
            )
        extract = one_line(self.facts.extract)
        return ", ".join(parts) + (f": {extract}" if extract else "")


def nodes_of(turns: Turns, facts: Mapping[str, TurnFacts], *, stopped: bool) -> dict[str, MapNode]:
    """The nodes of these turns. `stopped`: whether drawing has ended, which separates pruned pieces from open ones."""
    pieces = _pieces(turns)
    ended = {parent for turn in turns.values() if turn.role == ANSWER for parent in turn.after if parent in pieces}
    continued = _before(ended, turns)
    below = answers_below(turns)
    nodes = {}
    for cid, turn in turns.items():
        if cid in pieces:
            left = "pruned" if stopped else "open"
            state = "ended" if cid in ended else "continued" if cid in continued else left
        else:
            state = turn.outcome or ("pending" if turn.role == ANSWER else "unjudged")
        nodes[cid] = MapNode(turn, state, facts.get(cid, TurnFacts()), None if turn.role == ANSWER else below.get(cid))
    return nodes


def _pieces(turns: Turns) -> set[str]:
    """The pieces of a search; a recipe without one may have a step of the same name."""
    named = {cid for cid, turn in turns.items() if turn.step in PIECES and turn.role != ANSWER}
    return named if any(turns[cid].step == PIECES[0] for cid in named) else set()


def _before(ids: Iterable[str], turns: Turns) -> set[str]:
    """Every turn that one of these follows, at any distance."""
    lineages: set[str] = set()
    waiting = list(ids)
    while waiting:
        new = [parent for parent in turns[waiting.pop()].after if parent in turns and parent not in lineages]
        lineages.update(new)
        waiting += new
    return lineages


def summary(nodes: Collection[MapNode]) -> str:
    """Numbers of pieces, answers and other turns by what became of them, and the tokens of all."""
    states = Counter(node.state for node in nodes)
    groups = (
        ("piece", "pieces", _OF_PIECES),
        ("answer", "answers", tuple(name for name in MEANINGS if name not in (*_OF_PIECES, "unjudged"))),
        ("turn not judged", "turns not judged", ("unjudged",)),
    )
    parts = []
    for one, many, names in groups:
        count = sum(states[name] for name in names)
        listed = ", ".join(f"{states[name]:,} {name}" for name in names if states[name])
        if count:
            parts.append(f"{count:,} {one if count == 1 else many}" + (f": {listed}" if len(names) > 1 else ""))
    unknown = sum(node.facts.tokens is None for node in nodes)
    tokens = f"{sum(node.facts.tokens or 0 for node in nodes):,} tokens"
    return "; ".join([*parts, tokens + (f", not counted for {unknown:,}" if unknown else "")])


def map_data(nodes: Mapping[str, MapNode], placed: MapLayout) -> dict[str, Any]:
    """The map as the browser draws it: boxes layer by layer, edges by places of boxes, and the legend."""
    order = {cid: place for place, cid in enumerate(placed.boxes)}
    states = Counter(node.state for node in nodes.values())
    return {
        "width": placed.width,
        "height": placed.height,
        "row": HEIGHT,
        "nodes": [_node_data(cid, nodes[cid], placed, order) for cid in placed.boxes],
        "edges": [
            [order[parent], place]
            for cid, place in order.items()
            for parent in dict.fromkeys(nodes[cid].turn.after)
            if parent in order
        ],
        "legend": [[name, states[name], meaning] for name, meaning in MEANINGS.items() if states[name]],
        "kept": any(node.facts.kept for node in nodes.values()),
        "shares": any(node.below for node in nodes.values()),
        "bar": _bar(placed.token),
    }


def _node_data(cid: str, node: MapNode, placed: MapLayout, order: Mapping[str, int]) -> dict[str, Any]:
    box = placed.boxes[cid]
    return {
        "id": cid,
        "layer": box.layer,
        "x": box.x,
        "y": box.y,
        "width": box.width,
        "under": order.get(box.under, -1),
        "state": node.state,
        "label": node.label,
        "told": node.told,
        "kept": bool(node.facts.kept),
        "share": None if node.below is None else node.below[0] / node.below[1],
    }


def _bar(token: float) -> Sequence[float]:
    """Tokens and pixels of the bar that shows how wide tokens are: 1, 2 or 5 times a power of ten, as many as fit."""
    most = max(1.0, _LONGEST_BAR / token)
    power = 10 ** math.floor(math.log10(most))
    tokens = max(power * digit for digit in (1, 2, 5) if power * digit <= most)
    return tokens, tokens * token
