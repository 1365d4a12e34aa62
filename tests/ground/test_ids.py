"""Ids made for many completions of one problem are those made one by one."""

from hypothesis import given
from hypothesis import strategies as st

from rollmill.flows.rounds.spec import is_stream, redrawn
from rollmill.ground.ids import Digests, ListDigest, digest128, seed_of
from rollmill.ground.records import Origin, Problem, Sampling, completion_id, requests_for

VALUES = st.none() | st.integers(-(2**63), 2**63) | st.text() | st.lists(st.text(max_size=3), max_size=2)


@given(st.lists(VALUES, min_size=1, max_size=3), st.lists(VALUES, min_size=1, max_size=3))
def test_digests_share_a_beginning_and_nothing_else(shared: list[object], rest: list[object]) -> None:
    assert Digests(*shared).of(*rest) == digest128([*shared, *rest])


@given(st.lists(st.lists(VALUES, max_size=2), max_size=4), st.lists(VALUES, max_size=2))
def test_a_list_is_digested_item_by_item(items: list[object], rest: list[object]) -> None:
    digest = ListDigest("name")
    for item in items:
        digest.add(item)
    assert digest.end(*rest) == digest128(["name", items, *rest])


@given(st.text(max_size=20), st.integers(0, 2**62), st.integers(0, 5), st.sets(st.integers(0, 10**6), max_size=4))
def test_requests_have_the_seeds_and_ids_of_single_ones(text: str, seed: int, redraw: int, indices: set[int]) -> None:
    problem, sampling = Problem(text, "1"), Sampling(temperature=0.7, stop=("\n",))
    origin = Origin("engine", "digest", redrawn("curate", redraw), seed)
    for index, request in zip(indices, requests_for(problem, text + "!", sampling, origin, indices), strict=True):
        expected = seed_of(digest128(["seed", seed, origin.stream, problem.prompt_id, index]))
        assert (request.seed, request.sample_index, request.stream) == (expected, index, origin.stream)
        identity = completion_id(origin, text + "!", sampling, seed=expected, sample_index=index)
        assert request.completion_id == identity


def test_an_id_is_what_it_has_always_been() -> None:
    [request] = requests_for(Problem("1 + 1 = ?", "2"), "Q", Sampling(), Origin("toy", "d", "curate", 7), [3])
    assert (request.completion_id, request.seed) == ("bbd84464a1cbf28f444d8361226d12de", 4954636822318294258)


def test_streams_and_their_redraws() -> None:
    assert [redrawn("curate", number) for number in (0, 1, 12)] == ["curate", "curate-1", "curate-12"]
    names = ["curate", "evaluate-2", "curate-0", "curate-", "curate--1", "other", "other-1", "curate-1x", ""]
    assert [is_stream(name) for name in names] == [True, True, False, False, False, False, False, False, False]
