"""Drawing for an audit: repeatable, nested, with the probabilities it says, and rare accepts on hard problems are seen."""

from collections import Counter

import pytest

from rollmill.pipelines.certify.audit_sample import SampledRow, describe, draw, strata_of, turns


def row(
    number: int, outcome: str = "correct", band: str = ".8-1", *, rule: str = "boxed:number", kept: bool = True
) -> SampledRow:
    return SampledRow(f"c{number}", f"p{number // 4}", outcome, rule, band, kept and outcome == "correct", 0.001)


def population() -> list[SampledRow]:
    rows = [row(n) for n in range(3000)]
    rows += [row(3000 + n, "incorrect", ".8-1", rule="boxed:algebra") for n in range(900)]
    rows += [row(4000 + n, "incorrect", "0-.05") for n in range(2000)]
    rows += [row(7000 + n, "correct", "0-.05", kept=n % 2 == 0) for n in range(60)]
    rows += [row(8000 + n, "unparsed", "0-.05", rule="none") for n in range(40)]
    return rows


def test_drawing_is_a_pure_function_and_does_not_depend_on_order() -> None:
    rows = population()
    first, again = draw(strata_of(rows), 300, 1), draw(strata_of(rows[::-1]), 300, 1)
    assert first == again
    assert draw(strata_of(rows), 300, 2) != first
    assert [item.ordinal for item in first] == list(range(300))
    assert len({item.row.completion_id for item in first}) == 300


def test_a_larger_sample_holds_the_smaller_in_its_order() -> None:
    strata = strata_of(population())
    small, large = draw(strata, 120, 1), draw(strata, 400, 1)
    assert [item.row for item in small] == [item.row for item in large[:120]]


def test_probabilities_are_those_of_the_design() -> None:
    strata = strata_of(population())
    items = draw(strata, 300, 1)
    taken = Counter(item.stratum for item in items)
    assert all(item.probability == taken[item.stratum] / len(strata[item.stratum]) for item in items)
    assert sum(1 / item.probability for item in items) == pytest.approx(6000)


def test_members_of_a_stratum_are_drawn_with_equal_frequency() -> None:
    strata = {"a": [row(n) for n in range(40)], "b": [row(100 + n) for n in range(10)]}
    counted: Counter[str] = Counter()
    for seed in range(600):
        counted.update(item.row.completion_id for item in draw(strata, 20, seed))
    a = turns({"a": 40, "b": 10}, 20, 0).count("a")
    for number in range(40):
        assert abs(counted[f"c{number}"] / 600 - a / 40) < 0.085


def test_rare_accepts_on_hard_problems_are_drawn_far_beyond_their_share() -> None:
    items = draw(strata_of(population()), 300, 1)
    hard = [item for item in items if item.row.accepted and item.row.band == "0-.05"]
    assert len(hard) >= 10  # 60 of 6,000 rollouts: three in proportion
    assert {item.row.side for item in items} == {"kept", "accepted", "incorrect", "unparsed"}


def test_every_stratum_is_seen_twice_first() -> None:
    strata = strata_of(population())
    assert set(Counter(item.stratum for item in draw(strata, 2 * len(strata), 1)).values()) == {2}


def test_asking_for_more_than_there_is_gives_everything() -> None:
    strata = strata_of(population()[:30])
    items = draw(strata, 100, 1)
    assert len(items) == 30
    assert {item.probability for item in items} == {1.0}
    assert draw({}, 10, 1) == []


def test_rare_rules_and_small_strata_go_together() -> None:
    rows = [row(n) for n in range(100)] + [row(200 + n, rule="boxed:rare") for n in range(5)]
    rows += [row(300 + n, rule="boxed:algebra", band="0-.05") for n in range(15)]
    strata = {name: len(members) for name, members in strata_of(rows).items()}
    assert strata == {"kept | .8-1 | number": 100, "kept | .8-1 | other": 5, "kept | 0-.05 | other": 15}


def test_strata_describe_themselves() -> None:
    found = {one.name: one for one in describe(strata_of(population()))}
    hard = found["accepted | 0-.05 | number"]
    assert (hard.size, hard.accepted, hard.band, hard.side) == (30, True, "0-.05", "accepted")
    assert (hard.weight, hard.unit) == pytest.approx((0.03, 0.001))
