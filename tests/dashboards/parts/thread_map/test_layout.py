"""Places of turns: literal boxes of small graphs, and what holds for every graph."""

import random
from itertools import pairwise

import pytest

from rollmill.dashboards.parts.thread_map.layout import (
    HEIGHT,
    NARROWEST,
    ROW,
    MapLayout,
    TurnBox,
    layers_of,
    layout,
    spread,
)
from rollmill.ground.threads import Turn, Turns, turns_of
from tests.storage.stepped.searched import CONTINUED, WIDTH, grown


def turns(**after: str) -> Turns:
    return turns_of(Turn(cid, "step", after=tuple(before.split())) for cid, before in after.items())


def test_no_turn_is_an_empty_map() -> None:
    assert layout({}, {}).boxes == {}


def test_one_turn() -> None:
    assert layout(turns(a=""), {"a": 7}) == MapLayout({"a": TurnBox(0, 8, 8, 150)}, 166, 38, 150 / 7)


def test_a_chain_is_one_row_and_widths_are_tokens() -> None:
    placed = layout(turns(a="", b="a", c="b"), {"a": 10, "b": 5, "c": None})
    assert placed == MapLayout(
        {"a": TurnBox(0, 8, 8, 150), "b": TurnBox(1, 184, 8, 75, "a"), "c": TurnBox(2, 285, 8, 22, "b")}, 315, 38, 15
    )


def test_siblings_are_stacked_and_what_they_follow_is_in_their_middle() -> None:
    placed = layout(turns(a="", b="a", c="a", d="a", e="c", f="c"), dict.fromkeys("abcdef", 3))
    assert {cid: (box.layer, box.y, box.under) for cid, box in placed.boxes.items()} == {
        "a": (0, 36, ""),
        "b": (1, 8, "a"),
        "c": (1, 36, "a"),
        "d": (1, 64, "a"),
        "e": (2, 22, "c"),
        "f": (2, 50, "c"),
    }


def test_a_turn_that_gathers_several_is_behind_all_of_them_and_beside_the_middle_one() -> None:
    gathered = turns(a="", b="", c="", d="c", vote="a b d", pick="a b c vote")
    assert layers_of(gathered) == {"a": 0, "b": 0, "c": 0, "d": 1, "vote": 2, "pick": 3}
    boxes = layout(gathered, {}).boxes
    assert (boxes["vote"].under, boxes["pick"].under) == ("d", "vote")
    votes = layout(turns(a="", b="", c="", vote="a b c"), {}).boxes
    assert (votes["vote"].under, votes["vote"].y) == ("b", votes["b"].y) == ("b", 36)


def test_turns_whose_followed_turns_are_missing_are_roots() -> None:
    assert layout(turns(b="lost"), {}).boxes == {"b": TurnBox(0, 8, 8, NARROWEST)}


def test_turns_that_follow_one_another_in_a_ring_have_places() -> None:
    boxes = layout(turns(a="b", b="a", c="b", d=""), {}).boxes
    assert {cid: (box.layer, box.under) for cid, box in boxes.items()} == dict.fromkeys("abcd", (0, ""))
    assert len({box.y for box in boxes.values()}) == 4


def test_five_hundred_pieces_are_as_high_as_the_fullest_wave() -> None:
    made = grown(500)
    pieces = turns_of(Turn(one.id, one.step, "step", (one.before.id,) if one.before else ()) for one in made[:500])
    placed = layout(pieces, {one.id: 8 for one in made[:500]})
    assert len(placed.boxes) == 500
    assert placed.height == WIDTH * ROW - (ROW - HEIGHT) + 16
    assert [sum(box.layer == layer for box in placed.boxes.values()) for layer in range(25)] == [WIDTH] * 25
    continued = {box.under for box in placed.boxes.values() if box.under}
    assert len(continued) == CONTINUED * 24


def test_many_layers_are_as_narrow_as_can_be_read_and_few_fill_the_room() -> None:
    chain = {str(place): str(place - 1) if place else "" for place in range(60)}
    assert layout(turns(**chain), dict.fromkeys(chain, 9)).boxes["59"].width == 44
    eight = {name: chain[name] for name in map(str, range(8))}
    placed = layout(turns(**eight), dict.fromkeys(eight, 9))
    assert (placed.boxes["7"].width, placed.width) == (112, 1_094)


@pytest.mark.parametrize(
    ("wanted", "count", "rows"),
    [
        ([], 0, []),
        ([5.0], 9, [5]),
        ([5.0], 3, [2]),
        ([-4.0], 3, [0]),
        ([0, 0, 0], 3, [0, 1, 2]),
        ([2, 2, 2], 9, [1, 2, 3]),
        ([0, 3, 3, 8], 9, [0, 2.5, 3.5, 8]),
        ([4, 1], 9, [2, 3]),
    ],
)
def test_rows_are_the_nearest_that_do_not_overlap(wanted: list[float], count: int, rows: list[float]) -> None:
    assert spread(wanted, count) == rows


def test_no_boxes_overlap_and_every_edge_goes_to_the_right() -> None:
    rng = random.Random(7)
    for _ in range(40):
        names = [str(place) for place in range(30)]
        known = turns_of(
            Turn(name, after=tuple(rng.sample(names[:place], min(place, rng.randrange(4)))))
            for place, name in enumerate(names)
        )
        boxes = layout(known, {name: rng.randrange(50) for name in names}).boxes
        assert set(boxes) == set(names)
        for cid, box in boxes.items():
            assert all(boxes[parent].x + boxes[parent].width < box.x for parent in known[cid].after)
        for layer in {box.layer for box in boxes.values()}:
            heights = sorted(box.y for box in boxes.values() if box.layer == layer)
            assert all(low - high >= HEIGHT for high, low in pairwise(heights))


def test_a_long_chain_is_placed() -> None:
    known = turns_of(Turn(str(place), after=(str(place - 1),) if place else ()) for place in range(3_000))
    assert layout(known, {}).boxes["2999"].layer == 2_999
