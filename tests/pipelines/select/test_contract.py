"""What every selector must do: one decision per rollout, in input order, with a known reason, kept only if correct."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.ground.records import Decision, Message, Rollout
from rollmill.ground.solutions import solution_key
from rollmill.pipelines.select import SELECTORS
from rollmill.pipelines.select.decide import REASONS
from rollmill.roles.protocols import CountingSelector, PlainSelector, Selector
from tests.pipelines.select.rollouts import rollout, rollouts

NAMES = sorted(SELECTORS)
BY_A_SCORE = {
    "elected",
    "certified",
}  # which the rollouts here do not have: what is kept is not for these to say
POOLS = st.lists(
    st.tuples(
        st.sampled_from(["correct", "correct", "incorrect", "unparsed", "undecided"]),
        st.sampled_from(["so 4", "So  4", "4", "it is 4", "2 + 2 is 4", "2+2 is 4"]),
        st.sampled_from(["stop", "stop", "length"]),
    ),
    max_size=20,
)


def pool_of(parts: list[tuple[str, str, str]]) -> list[Rollout]:
    return [rollout(index, *part) for index, part in enumerate(parts)]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_built_without_arguments_and_says_who_it_is(name: str) -> None:
    selector: Selector = SELECTORS[name]()
    assert (selector.name, selector.version) == (name, "1")


@pytest.mark.parametrize("name", NAMES)
@given(parts=POOLS)
@settings(max_examples=50)
def test_exactly_one_decision_per_rollout_in_input_order(name: str, parts: list[tuple[str, str, str]]) -> None:
    pool = pool_of(parts)
    decisions = list(SELECTORS[name]().select("run", pool))
    assert [decision.completion_id for decision in decisions] == [member.completion.id for member in pool]
    for decision, member in zip(decisions, pool, strict=True):
        assert decision.reason in REASONS
        assert decision.kept == (decision.reason == "kept")
        assert not decision.kept or member.verdict.outcome == "correct"
        assert decision.outcome == member.verdict.outcome
        assert (decision.run, decision.selector, decision.version) == ("run", name, "1")


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(SELECTORS[name](), CountingSelector)])
@given(parts=POOLS)
@settings(max_examples=50)
def test_it_keeps_as_many_as_it_declares_for_forecasts(name: str, parts: list[tuple[str, str, str]]) -> None:
    selector = SELECTORS[name]()
    assert isinstance(selector, CountingSelector)
    right = [(outcome, text, "stop") for outcome, text, _ in parts if outcome == "correct"]
    distinct = len({solution_key(text) for _, text, _ in right})
    kept = sum(decision.kept for decision in selector.select("run", pool_of(right)))
    assert kept == selector.kept_of(len(right), distinct)
    assert selector.counts_copies == (selector.kept_of(3, 1) == 3)


@pytest.mark.parametrize("name", NAMES)
@given(parts=POOLS, rng=st.randoms())
@settings(max_examples=30)
def test_the_order_of_reading_changes_no_decision(name: str, parts: list[tuple[str, str, str]], rng: object) -> None:
    pool = pool_of(parts)
    shuffled = list(pool)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert by_id(SELECTORS[name]().select("r", shuffled)) == by_id(SELECTORS[name]().select("r", pool))


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(SELECTORS[name](), PlainSelector)])
@given(parts=POOLS)
@settings(max_examples=30)
def test_a_plain_selector_decides_by_plain_columns(name: str, parts: list[tuple[str, str, str]]) -> None:
    pool, turns = pool_of(parts), (Message("assistant", "2"), Message("tool", "4"))
    more = {"messages": turns, "token_ids": (1, 2), "logprobs": (-0.5, -0.1), "meta": {"reward": 1}}
    full = [replace(member, completion=replace(member.completion, **more)) for member in pool]  # type: ignore[arg-type]
    assert list(SELECTORS[name]().select("r", full)) == list(SELECTORS[name]().select("r", pool))


def by_id(decisions: object) -> dict[str, Decision]:
    return {decision.completion_id: decision for decision in decisions}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in BY_A_SCORE])
def test_what_is_not_correct_says_so_and_truncation_drops_what_else_is(name: str) -> None:
    pool = [
        rollout(0, "incorrect", "5"),
        rollout(1, "unparsed", "hm"),
        rollout(2, "undecided", "4"),
        rollout(3, "correct", "so 4 and", "length"),
        rollout(4, "incorrect", "so 5 and", "length"),
        rollout(5, "correct", "4"),
    ]
    reasons = [decision.reason for decision in SELECTORS[name]().select("r", pool)]
    assert reasons == ["incorrect", "unparsed", "undecided", "truncated", "incorrect", "kept"]


@pytest.mark.parametrize("name", NAMES)
def test_no_rollouts_no_decisions(name: str) -> None:
    assert list(SELECTORS[name]().select("r", [])) == []


@pytest.mark.parametrize("name", NAMES)
def test_one_completion_twice_is_refused(name: str) -> None:
    pool = rollouts(("correct", "4"))
    with pytest.raises(ValueError, match="one completion twice"):
        list(SELECTORS[name]().select("r", pool * 2))
