"""What became of each turn, in words and numbers: pieces of a search, steps of a recipe, answers."""

from collections.abc import Mapping

import pytest

from rollmill.dashboards.parts.thread_map.layout import layout
from rollmill.dashboards.parts.thread_map.nodes import MEANINGS, map_data, nodes_of, summary
from rollmill.ground.records import OUTCOMES
from rollmill.ground.threads import Turn, Turns, turns_of
from rollmill.storage.queries.browse.lineage import TurnFacts

# a is continued by b and c; b ends in the answers x (right) and c is pruned, as is d, and with it e.
SEARCH = turns_of(
    [
        Turn("a", "piece", "step"),
        Turn("d", "piece", "step"),
        Turn("b", "next", "step", ("a",)),
        Turn("c", "next", "step", ("a",)),
        Turn("e", "next", "step", ("d",)),
        Turn("x", "answer", "answer", ("b",), "correct"),
        Turn("y", "review", "vote", ("x",)),
    ]
)
FACTS = {
    "a": TurnFacts(7, "2 + 3\n= 5"),
    "b": TurnFacts(1_234, "\u202e<b>"),
    "c": TurnFacts(),
    "x": TurnFacts(0, "5", True),
}
STEPS = turns_of(
    [
        Turn("s", "solve", outcome="incorrect"),
        Turn("m", "end", "step", ("s",)),
        Turn("f", "fix", after=("m",), outcome="undecided"),
        Turn("g", "fix", after=("m",), outcome="pending"),
        Turn("h", "fix", after=("m",)),
    ]
)


def states(turns: Turns, *, stopped: bool = True) -> dict[str, str]:
    return {cid: node.state for cid, node in nodes_of(turns, {}, stopped=stopped).items()}


def test_pieces_without_an_answer_are_pruned_once_nothing_more_is_drawn() -> None:
    found = {"a": "continued", "b": "ended", "c": "pruned", "d": "pruned", "e": "pruned", "x": "correct", "y": "unjudged"}
    assert states(SEARCH) == found
    assert states(SEARCH, stopped=False) == {**found, **dict.fromkeys("cde", "open")}


def test_an_ended_piece_that_is_continued_stays_ended() -> None:
    forced = turns_of([*SEARCH.values(), Turn("w", "wait", "step", ("b",)), Turn("z", "answer", after=("w",))])
    assert {cid: states(forced)[cid] for cid in "abwz"} == {"a": "continued", "b": "ended", "w": "ended", "z": "pending"}


def test_steps_of_a_recipe_have_no_pieces_whatever_their_names() -> None:
    assert states(STEPS) == {"s": "incorrect", "m": "unjudged", "f": "undecided", "g": "pending", "h": "pending"}


def test_every_outcome_has_a_place_in_the_legend() -> None:
    assert {*OUTCOMES, "pending"} <= set(MEANINGS)


@pytest.mark.parametrize(
    ("cid", "label", "told"),
    [
        ("a", "2 + 3 = 5", "piece, continued, 7 tokens, 1 of 1 answer below correct: 2 + 3 = 5"),
        ("b", "⟨202E⟩<b>", "next, ended, 1,234 tokens, 1 of 1 answer below correct: ⟨202E⟩<b>"),
        ("c", "", "next, pruned, tokens not counted"),
        ("x", "answer", "answer, correct, kept, 0 tokens: 5"),
        ("y", "review", "review, not judged, tokens not counted"),
    ],
)
def test_a_node_says_what_it_is(cid: str, label: str, told: str) -> None:
    node = nodes_of(SEARCH, FACTS, stopped=True)[cid]
    assert (node.label, node.told) == (label, told)


@pytest.mark.parametrize(
    ("turns", "facts", "line"),
    [
        (
            SEARCH,
            FACTS,
            "5 pieces: 1 ended, 1 continued, 3 pruned; 1 answer: 1 correct; 1 turn not judged; "
            "1,241 tokens, not counted for 4",
        ),
        (
            STEPS,
            dict.fromkeys(STEPS, TurnFacts(2)),
            "4 answers: 1 incorrect, 1 undecided, 2 pending; 1 turn not judged; 10 tokens",
        ),
        ({}, {}, "0 tokens"),
    ],
)
def test_the_summary_counts_what_became_of_the_turns(turns: Turns, facts: Mapping[str, TurnFacts], line: str) -> None:
    assert summary(nodes_of(turns, facts, stopped=True).values()) == line


def test_the_map_as_data_names_boxes_by_their_places() -> None:
    nodes = nodes_of(SEARCH, FACTS, stopped=True)
    data = map_data(nodes, layout(SEARCH, {"a": 7, "b": 14}))
    assert [node["id"] for node in data["nodes"]] == ["a", "d", "b", "c", "e", "x", "y"]
    assert data["edges"] == [[0, 2], [0, 3], [1, 4], [2, 5], [5, 6]]
    assert [node["under"] for node in data["nodes"]] == [-1, -1, 0, 0, 1, 2, 5]
    assert [(node["kept"], node["share"]) for node in data["nodes"]][:1] == [(False, 1.0)]
    assert [(node["kept"], node["share"]) for node in data["nodes"]][5] == (True, None)
    assert data["legend"] == [
        ["correct", 1, ""],
        ["continued", 1, "answers end further on"],
        ["ended", 1, "an answer ends here"],
        ["pruned", 3, "no answer ends here or further on"],
        ["unjudged", 1, "an unjudged step"],
    ]
    assert (data["kept"], data["shares"], data["bar"]) == (True, True, (5, 5 * 150 / 14))


@pytest.mark.parametrize(("most", "bar"), [(1, 1), (2, 1), (3, 1), (5, 2), (14, 5), (25, 10), (30_000, 10_000)])
def test_the_bar_is_a_round_number_of_tokens(most: int, bar: int) -> None:
    one = turns_of([Turn("a")])
    data = map_data(nodes_of(one, {}, stopped=True), layout(one, {"a": most}))
    assert data["bar"] == (bar, bar * 150 / most)
