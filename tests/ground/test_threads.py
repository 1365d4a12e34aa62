"""Lineages of completions as graphs of ids: chains, joins, gathered groups, and rows that make no graph."""

import random

import pytest

from rollmill.ground.threads import Turn, answers_below, followers, lineage, turns_of


def turns(**after: str):  # type: ignore[no-untyped-def]
    return turns_of(Turn(cid, "step", after=tuple(before.split())) for cid, before in after.items())


CHAIN = turns(a="", b="a", c="b", d="b")
JOIN = turns(a="", b="a", c="b a", e="", g="a e")


@pytest.mark.parametrize(
    ("known", "cid", "before", "behind"),
    [
        (CHAIN, "a", "", "b c d"),
        (CHAIN, "d", "a b", ""),
        (CHAIN, "unknown", "", ""),
        (JOIN, "c", "a b", ""),  # though c names b first
        (JOIN, "g", "a e", ""),
        (JOIN, "a", "", "b c g"),
        (turns(b="lost"), "b", "", ""),
    ],
)
def test_what_a_completion_rests_on_and_what_rests_on_it(known, cid: str, before: str, behind: str) -> None:  # type: ignore[no-untyped-def]
    assert [turn.completion_id for turn in lineage(known, cid)] == before.split()
    assert [turn.completion_id for turn in followers(known, cid)] == behind.split()


def test_answers_below_are_counted_once_for_each_turn_that_they_rest_on() -> None:
    tree = [
        Turn("a", "piece", "step"),
        Turn("b", "next", "step", ("a",)),
        Turn("c", after=("b", "a"), outcome="correct"),
        Turn("d", after=("a",), outcome="unparsed"),
        Turn("e", after=("b",), outcome="undecided"),
        Turn("f", "piece", "step"),
    ]
    assert answers_below(turns_of(tree)) == {"a": (1, 2), "b": (1, 1)}


def test_turns_that_follow_one_another_in_a_ring_end() -> None:
    ring = turns(a="b", b="a", c="c")
    assert [turn.completion_id for turn in lineage(ring, "a")] == ["b"]
    assert [turn.completion_id for turn in followers(ring, "a")] == ["b"]
    assert lineage(ring, "c") == followers(ring, "c") == []


def test_a_lineage_is_in_order_and_agrees_with_the_followers() -> None:
    rng = random.Random(5)
    for _ in range(50):
        names = [str(place) for place in range(12)]
        known = turns_of(
            Turn(name, after=tuple(rng.sample(names[:place], min(place, rng.randrange(4)))))
            for place, name in enumerate(names)
        )
        for cid in names:
            before = [turn.completion_id for turn in lineage(known, cid)]
            assert all(set(known[turn].after) <= set(before[:place]) for place, turn in enumerate(before))
            assert set(before) == {name for name in names if cid in {turn.completion_id for turn in followers(known, name)}}


def test_a_long_chain_is_followed_to_its_root() -> None:
    known = turns_of(Turn(str(place), after=(str(place - 1),) if place else ()) for place in range(3_000))
    assert len(lineage(known, "2999")) == 2_999
