"""What every aggregator must do: elect given answers only, by nothing but the blind pool, whatever the order of rows."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.ground.errors import SetupError
from rollmill.pipelines.aggregate import AGGREGATORS
from rollmill.pipelines.aggregate.majority import Borda
from rollmill.roles.blind_pool import Adjustable, Aggregator, BlindPool, Election

NAMES = sorted(AGGREGATORS)
ORDERED = {
    "knockout",
}  # those that go by the order of completions: who meets whom
COMPLETIONS = st.lists(
    st.tuples(
        st.sampled_from(["4", "5", "6", None]),
        st.sampled_from([0.0, 0.5, 1.0, -2.0, None]),
        st.sampled_from([0, 1]),
        st.sampled_from(["so 4 it is", "it is 5", "so it is 4"]),
        st.tuples(st.booleans(), st.booleans(), st.booleans()),
    ),
    max_size=12,
)


def built(name: str) -> Aggregator:
    kind: Any = AGGREGATORS[name]
    made: Aggregator = kind(**({"score": "s"} if name in SCORED else {}), **SHORT.get(name, {}))
    return made


SHORT = {"consensus": {"rounds": 50}}
"""Options with which a method of many rounds takes milliseconds."""
SCORED = {"weighted", "borda", "best_of_n", "best_of_majority", "consensus", "rerank"}


def pool_of(rows: list[Any]) -> BlindPool:
    answers, scores, models, texts, passes = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 5
    table = np.array(passes, dtype=bool).reshape(len(rows), 3)
    return BlindPool.of(answers, {"s": scores, "logprob_per_token": scores}, models=models, texts=texts, passes=table)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_built_without_arguments_and_says_who_it_is_and_what_it_needs(name: str) -> None:
    aggregator = AGGREGATORS[name]()
    assert (aggregator.name, aggregator.version) == (
        name,
        "2" if name in {"best_of_n", "best_of_majority", "knockout", "rerank"} else "1",
    )
    assert set(aggregator.needs) <= {"scores", "texts", "models", "passes"}


@pytest.mark.parametrize("name", NAMES)
@given(rows=COMPLETIONS)
@settings(max_examples=40)
def test_every_given_answer_is_ranked_once_and_no_other(name: str, rows: list[Any]) -> None:
    pool = pool_of(rows)
    election = built(name).elect(pool)
    assert election.strength.shape == (1, len(pool.answers))
    elected = election.top(pool, 9)
    assert len(set(elected)) == len(elected)
    if election.used is None:
        assert set(elected) == set(pool.answers)
    else:
        assert set(elected) == {a for a, u in zip([row[0] for row in rows], election.used[0], strict=True) if u} - {None}
    assert election.top(pool, 1) == elected[:1]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ORDERED])
@given(rows=COMPLETIONS, rng=st.randoms())
@settings(max_examples=40)
def test_the_order_of_completions_changes_nothing(name: str, rows: list[Any], rng: Any) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)
    pool, other = pool_of(rows), pool_of(shuffled)
    assert built(name).elect(pool).top(pool, 9, seed=3) == built(name).elect(other).top(other, 9, seed=3)


@pytest.mark.parametrize("name", NAMES)
@given(rows=COMPLETIONS.filter(len), rng=st.randoms())
@settings(max_examples=30)
def test_subsets_side_by_side_are_elected_as_each_of_them_alone(name: str, rows: list[Any], rng: Any) -> None:
    pool = pool_of(rows)
    places = np.array([rng.sample(range(len(rows)), len(rows)) for _ in range(4)])
    drawn = np.arange(len(rows))[None, :] < np.array([[rng.randint(1, len(rows))] for _ in range(4)])
    together = built(name).elect(pool.subsets(places, drawn))
    for row in range(4):
        alone = built(name).elect(pool.subsets(places[row : row + 1, drawn[row]]))
        assert np.argsort(together.strength[row]).tolist() == np.argsort(alone.strength[0]).tolist()
        assert (together.strength[row] == together.strength[row].max(initial=-np.inf)).tolist() == (
            alone.strength[0] == alone.strength[0].max(initial=-np.inf)
        ).tolist()


@pytest.mark.parametrize("name", NAMES)
def test_where_nobody_answers_nobody_is_elected(name: str) -> None:
    for rows in ([], [(None, 1.0, 0, "hm", (True, True, True))] * 3):
        pool = pool_of(list(rows))
        assert built(name).elect(pool).top(pool, 3) == ()


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_build_it_and_the_first_is_a_setting_of_the_replay(name: str) -> None:
    kind: Any = AGGREGATORS[name]
    options = list(kind.settings(["s", "-length"])) if isinstance(kind, Adjustable) else [{}]
    assert options
    assert len({str(kind(**given)) for given in options}) == len(options)
    assert isinstance(kind, Adjustable) or kind.needs in ((), ("texts",), ("passes",))


def test_a_blind_pool_has_no_room_for_a_reference_or_a_verdict() -> None:
    known = {"answers", "answer", "drawn", "member", "model", "tokens", "scores", "texts", "passes", "_orders"}
    assert {field.name for field in fields(BlindPool)} == known
    assert {field.name for field in fields(Election)} == {"strength", "used", "comparisons"}


def test_ties_are_broken_by_the_seed_and_the_answer_alone() -> None:
    answers = ["a", "b", "c", "d"]
    first = [
        AGGREGATORS["majority"]().elect(pool).top(pool, 1, seed=seed)[0]
        for seed in range(400)
        for pool in (BlindPool.of(answers),)
    ]
    assert all(70 <= first.count(answer) <= 130 for answer in answers)
    turned = BlindPool.of(answers[::-1])
    assert AGGREGATORS["majority"]().elect(turned).top(turned, 1, seed=399)[0] == first[399]


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("weighted", "temperature", 0.0),
        ("borda", "p", -1.0),
        ("best_of_majority", "alpha", 2.0),
        ("best_of_majority", "of", "sum"),
        ("rerank", "clusters", -1),
        ("knockout", "comparisons", 0),
        ("knockout", "scores", "length"),
        ("model_switch", "threshold", 0.0),
        ("model_switch", "weights", "mine"),
        ("b4", "alpha", 0.0),
    ],
)
def test_an_option_that_cannot_be_is_a_mistake_that_names_it(name: str, option: str, value: Any) -> None:
    with pytest.raises(SetupError, match=f"aggregator '{name}': option '{option}'"):
        AGGREGATORS[name](**{option: value})


def test_a_score_that_is_not_there_is_named_with_those_that_are() -> None:
    pool = BlindPool.of(["4"], {"length": [3.0]})
    with pytest.raises(SetupError, match=r"unknown score 'lenght'\. Did you mean 'length'"):
        Borda(score="lenght").elect(pool)
