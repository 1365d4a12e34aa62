"""Places of turns in a map: layers from left to right, each turn behind everything it follows, siblings stacked.

Pure functions over ids, in pixels. The map is as high as its fullest layer: where most pieces of every wave are pruned, a
tidy tree, with every turn in the middle of its followers, would be many times higher.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rollmill.ground.threads import Turns

HEIGHT, ROW = 22, 28  # pixels of a box, and from one box to the next in its layer
GAP, MARGIN = 26, 8  # pixels between layers, and around the map
ROOM = 1_100  # pixels that the layers share; layers that do not fit make the map wider
NARROWEST, SHRUNK, WIDEST = 22, 44, 150  # pixels of any box; of the one with the most tokens: at least, at most


@dataclass(frozen=True, slots=True)
class TurnBox:
    """The box of a turn: its layer from 0, its left and upper end, its width. `under`: the followed turn next to which it
    is stacked, "" for a root.
    """

    layer: int
    x: int
    y: int
    width: int
    under: str = ""


@dataclass(frozen=True, slots=True)
class MapLayout:
    """Boxes by completion id, layer by layer from top to bottom; the size of the map; the pixels of one token."""

    boxes: Mapping[str, TurnBox]
    width: int
    height: int
    token: float


def layout(turns: Turns, tokens: Mapping[str, int | None]) -> MapLayout:
    """The map of these turns. A box is as wide as its tokens are many, at least NARROWEST; unknown tokens count as none."""
    layers = layers_of(turns)
    under = {cid: _beside(cid, turns, layers) for cid in turns}
    rows = _rows(under, layers)
    most = [1] * (1 + max(layers.values(), default=0))  # tokens of each layer's widest box
    for cid, layer in layers.items():
        most[layer] = max(most[layer], tokens.get(cid) or 0)
    token = (ROOM - GAP * len(most)) / sum(most)
    token = min(WIDEST, max(SHRUNK, token * max(most))) / max(most)
    widths = {cid: max(NARROWEST, round((tokens.get(cid) or 0) * token)) for cid in turns}
    lefts, right = [], MARGIN
    for tokens_of_layer in most:
        lefts.append(right)
        right += GAP + max(NARROWEST, round(tokens_of_layer * token))
    boxes = {
        cid: TurnBox(layers[cid], lefts[layers[cid]], MARGIN + round(rows[cid] * ROW), widths[cid], under[cid])
        for cid in sorted(turns, key=lambda cid: (layers[cid], rows[cid]))
    }
    height = max((box.y + HEIGHT for box in boxes.values()), default=MARGIN) + MARGIN
    return MapLayout(boxes, right - GAP + MARGIN, height, token)


def layers_of(turns: Turns) -> dict[str, int]:
    """Layer of each turn by its id: 0 for a turn that follows none, else 1 plus the highest layer among the turns that it
    follows. Turns in a cycle are in layer 0.
    """
    followed = {cid: [parent for parent in dict.fromkeys(turn.after) if parent in turns] for cid, turn in turns.items()}
    missing = {cid: len(parents) for cid, parents in followed.items()}
    behind: dict[str, list[str]] = defaultdict(list)
    for cid, parents in followed.items():
        for parent in parents:
            behind[parent].append(cid)
    layers = dict.fromkeys(turns, 0)
    ready = deque(cid for cid, count in missing.items() if not count)
    while ready:
        cid = ready.popleft()
        for follower in behind[cid]:
            layers[follower] = max(layers[follower], layers[cid] + 1)
            missing[follower] -= 1
            if not missing[follower]:
                ready.append(follower)
    # Turns that follow one another in a ring are never ready: they stand in the first layer.
    return {cid: 0 if missing[cid] else layer for cid, layer in layers.items()}


def _beside(cid: str, turns: Turns, layers: Mapping[str, int]) -> str:
    """The followed turn next to which a turn is stacked: in the highest layer, the middle one of several."""
    parents = [parent for parent in turns[cid].after if parent in turns and layers[parent] < layers[cid]]
    highest = max((layers[parent] for parent in parents), default=0)
    near = [parent for parent in parents if layers[parent] == highest]
    return near[(len(near) - 1) // 2] if near else ""


def _rows(under: Mapping[str, str], layers: Mapping[str, int]) -> dict[str, float]:
    """The row of each turn, from 0 to the number of turns in the fullest layer: near the followed turn, and that one near
    the middle of its followers. No two edges between a turn and its `under` cross.
    """
    stacked: dict[str, list[str]] = defaultdict(list)
    for cid, parent in under.items():
        stacked[parent].append(cid)
    ordered: list[list[str]] = [[] for _ in range(1 + max(layers.values(), default=0))]
    waiting = stacked[""][::-1]
    while waiting:
        cid = waiting.pop()
        ordered[layers[cid]].append(cid)
        waiting += stacked[cid][::-1]
    count = max(map(len, ordered))
    rows: dict[str, float] = {cid: place for place, cid in enumerate(ordered[0])}

    def outwards() -> None:
        for members in ordered[1:]:
            beside = Counter(under[cid] for cid in members)
            seen: Counter[str] = Counter()
            wanted = []
            for cid in members:
                parent = under[cid]
                wanted.append(rows[parent] + seen[parent] - (beside[parent] - 1) / 2)
                seen[parent] += 1
            rows.update(zip(members, spread(wanted, count), strict=True))

    outwards()
    for members in reversed(ordered):
        wanted = [fmean(rows[follower] for follower in stacked[cid]) if stacked[cid] else rows[cid] for cid in members]
        rows.update(zip(members, spread(wanted, count), strict=True))
    outwards()
    return rows


def spread(wanted: Sequence[float], count: int) -> list[float]:
    """The rows from 0 to `count` - 1 that are nearest to the wanted ones by least squares, in order and at least 1 apart:
    isotonic regression by pooling adjacent violators.
    """
    pools: list[tuple[float, int]] = []  # sums and numbers of rows, each less its place
    for place, row in enumerate(wanted):
        total, size = row - place, 1
        while pools and pools[-1][0] * size >= total * pools[-1][1]:
            before = pools.pop()
            total, size = total + before[0], size + before[1]
        pools.append((total, size))
    most = float(count - len(wanted))
    nearest = [min(max(total / size, 0.0), most) for total, size in pools for _ in range(size)]
    return [row + place for place, row in enumerate(nearest)]
