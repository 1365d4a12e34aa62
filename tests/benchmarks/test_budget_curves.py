"""The comparison of budgets on records small enough to count by hand: curves, choices on other seeds, ties and blanks."""

import random
from math import inf
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.budgets.budget_curves import (
    Run,
    Setting,
    at_tokens,
    chosen_elsewhere,
    coverage,
    family,
    fixed_family,
    limits,
    oracles,
    reaching,
    regret,
    solvable_by_seed,
)
from benchmarks.budgets.budget_tables import bill_rows, compared, duel_rows, equal_rows, regret_rows
from benchmarks.numbers.replay import Record, RecordedProblem, Spending, replay
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill.pipelines.budget.fixed import Fixed
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample

CAP = 16
RATES = (1.0, 0.6, 0.3, 0.15, 0.08, 0.0)


def drawn(rate: float, rng: random.Random) -> SimulatedSample:
    return (
        SimulatedSample("correct", f"way {rng.randrange(3)}", 3)
        if rng.random() < rate
        else SimulatedSample("incorrect", None, 5)
    )


def record(seed: int) -> list[RecordedProblem]:
    """Twelve problems, two of each rate on levels 1 to 6, each template on three levels."""
    rng = random.Random(seed)
    return [
        RecordedProblem(
            SimulatedProblem(f"p{level}{half}", level, f"t{level % 3}{half}"), tuple(drawn(rate, rng) for _ in range(CAP))
        )
        for level, rate in enumerate(RATES, 1)
        for half in "ab"
    ]


POOL = {seed: record(seed) for seed in range(5)}
SETTING = Setting(k=1, initial=2, cap=CAP)


def run(dial: float, tokens: int, distinct: int) -> Run:
    return Run(dial, {"p": Spending(tokens, tokens, distinct)})


def test_at_tokens_mixes_neighbours_by_what_they_spend_whatever_they_covered() -> None:
    runs = [run(1, 10, 1), run(2, 20, 0), run(inf, 30, 1)]
    assert at_tokens(runs, 25) == [(0.5, runs[1]), (0.5, runs[2])]
    assert at_tokens(runs, 20) == [(1.0, runs[1]), (0.0, runs[2])]
    assert at_tokens(runs, 99) == [(1.0, runs[2])]
    assert at_tokens(runs, 9) is None


def test_fixed_is_what_a_replay_of_it_is() -> None:
    for place, one in enumerate(fixed_family(POOL[0], CAP), 1):
        assert one.spent == replay(Fixed(initial=place), POOL[0]).spent


def test_the_dial_is_chosen_on_the_other_seeds_alone() -> None:
    """Seed 1 is solved by one draw, seeds 2 and 3 by three: its own luck must not choose its n."""
    solved = dict.fromkeys((1, 2, 3), frozenset("p"))
    late = [run(1, 1, 0), run(2, 2, 0), run(3, 3, 1)]
    families = {1: [run(1, 1, 1), run(2, 2, 1), run(3, 3, 1)], 2: late, 3: late}
    chosen = chosen_elsewhere(families, 1, solved, 0.95)
    assert {seed: one.dial for seed, one in chosen.items()} == {1: 3, 2: 3, 3: 3}
    assert reaching({1: families[1]}, 1, solved, 0.95) == 1
    changed = {**families, 1: [run(1, 1, 0), run(2, 2, 0), run(3, 3, 0)]}  # seed 1 turns out otherwise: same choice for it
    assert chosen_elsewhere(changed, 1, solved, 0.95)[1].dial == 3
    assert 2 not in chosen_elsewhere(changed, 1, solved, 0.95)  # where no dial reaches the goal elsewhere, none is chosen


def test_fixed_covers_more_with_every_draw_and_everything_solvable_at_the_cap() -> None:
    solved = solvable_by_seed(POOL, 1)
    runs = fixed_family(POOL[0], CAP)
    shares = [coverage(one, 1, solved[0]) for one in runs]
    assert [one.dial for one in runs] == list(range(1, CAP + 1))
    assert shares == sorted(shares, key=float)  # type: ignore[arg-type]
    assert shares[-1] == 1.0
    assert [one.tokens for one in runs] == sorted(one.tokens for one in runs)
    assert coverage(runs[0], 4, solvable_by_seed(POOL, 4)[0]) is None  # three ways to say it: nothing is solvable


def test_a_family_spends_more_with_every_limit_and_ends_without_one() -> None:
    runs = family(DarsUniform, SETTING, POOL[0])
    assert runs[-1].dial == inf
    tokens = [one.tokens for one in runs]
    assert tokens == sorted(tokens)
    drawn_in_all = [sum(one.drawn for one in part.spent.values()) for part in runs]
    assert all(count <= part.dial for count, part in zip(drawn_in_all, runs, strict=True))
    assert drawn_in_all[0] == 2 * 12
    assert coverage(runs[-1], 1, solvable_by_seed(POOL, 1)[0]) == 1.0


@given(initial=st.integers(1, 8), more=st.integers(0, 60), problems=st.integers(1, 400))
def test_limits_pay_for_the_prefix_and_rise_to_the_cap(initial: int, more: int, problems: int) -> None:
    found = limits(Setting(1, initial, initial + more), problems)
    assert found == sorted(found)
    assert found[0] == initial * problems
    assert found[-1] in ((initial + more) * problems, (initial + more) * problems + 1)


@pytest.mark.parametrize("k", [1, 2])
def test_regret_is_not_negative_in_expectation(k: int) -> None:
    """Given all recorded draws it is chance which of them fell to which seed: over pools the mean regret is at least 0."""
    found = []
    for pool_seed in range(20):
        pool: dict[int, Record] = {seed: record(100 * pool_seed + seed) for seed in range(4)}
        best = oracles(pool, Setting(k, 2, CAP))[None]
        budget = DarsUniform(initial=2, target=k, cap=CAP, total=60)
        runs = [Run(60, replay(budget, pool[seed]).spent) for seed in pool]
        found.append(regret(runs, k, best, frozenset(runs[0].spent)))
    assert fmean(found) > 0.0


def test_tables_of_a_toy_pool() -> None:
    found = compared(POOL, SETTING, ["uniform"])
    bills = {(row["budget"], row["how"]): row for row in bill_rows(found)}
    assert bills["fixed", "limit chosen on other seeds"]["of fixed, over seeds"] == "1.000 [1.000, 1.000]"
    cheap = bills["uniform", "to its own end"]
    assert cheap["coverage over seeds"] == "1.000 [1.000, 1.000]"
    assert cheap["tokens"] < max(runs[-1].tokens for runs in found.families["fixed"].values())
    assert equal_rows(found, None, [1.0]) == [{"budget": "fixed"}, {"budget": "uniform"}]  # pays for no prefix
    regrets = {row["budget"]: row for row in regret_rows(found)}
    assert set(regrets["uniform"]) == {"budget", "how", "1", "2", "3", "4", "5", "6", "all"}
    duel = duel_rows(found, ("uniform", "uniform"), [1e9])
    assert [row["difference, over seeds"] for row in duel] == ["0.000 [0.000, 0.000]"] * 2
    ends = [runs[-1].tokens for runs in found.families["uniform"].values()]
    assert [row["tokens"] for row in duel] == [round(1e9), round(fmean(ends))]
