"""pass@t over repair trees: every tree of a small pool by brute force, what is left out, and what is refused."""

from itertools import combinations, product
from math import fsum
from random import Random
from statistics import fmean
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import STATES, Pool, Repair
from rollmill.metrics.registry import measure
from rollmill.metrics.sample import Options
from tests.metrics.pools import LETTERS, pool

TREES = Options(over="trees")


def repaired(outcomes: list[str], repairs: list[list[str]], tokens: list[int] | None = None) -> Pool:
    """`repairs`: of each rollout a letter for each repair; the j-th repair of rollout i takes 3 + i + j tokens."""
    rows = tuple(
        tuple(Repair(3 + i + j, STATES.index(LETTERS[letter])) for j, letter in enumerate(letters))
        for i, letters in enumerate([letters for problem in repairs for letters in problem])
    )
    given: dict[str, Any] = {"repairs": rows} | ({} if tokens is None else {"tokens": np.array(tokens)})
    return pool(outcomes, **given)


def every_tree(outcomes: str, tokens: list[int], repairs: tuple[tuple[Repair, ...], ...], first: int, count: int) -> Any:
    """(share of trees that pass, mean tokens) of one problem: any drafts, then any repairs of those that are wrong."""
    passed, spent = [], []
    for drafts in combinations(range(len(outcomes)), first):
        wrong = [at for at in drafts if outcomes[at] != "c"]
        trees = [
            [repair for some in chosen for repair in some]
            for chosen in product(*(combinations(repairs[at], count) for at in wrong))
        ]
        passed.append(fmean(len(wrong) < first or any(repair.outcome == 0 for repair in tree) for tree in trees))
        spent.append(sum(tokens[at] for at in drafts) + fmean(sum(repair.tokens for repair in tree) for tree in trees))
    return fmean(passed), fmean(spent)


def test_each_point_is_the_mean_over_every_tree() -> None:
    chance = Random(4)
    outcomes = ["".join(chance.choice("cin") for _ in range(4)) for _ in range(3)]
    repairs = [["".join(chance.choice("cini") for _ in range(3)) for _ in letters] for letters in outcomes]
    made = repaired(outcomes, repairs, [chance.randint(1, 20) for _ in range(12)])
    rows = measure(made, "pass@t", Options(over="trees", ks=(1, 2, 4), repairs=(0, 1, 3)))
    assert [(row.setting["drafts"], row.setting["repairs"]) for row in rows] == list(product((1, 2, 4), (0, 1, 3)))
    for row in rows:
        trees = [
            every_tree(
                outcomes[at], made.tokens[4 * at : 4 * at + 4].tolist(), made.repairs[4 * at : 4 * at + 4],
                row.setting["drafts"], row.setting["repairs"],
            )
            for at in range(3)
        ]  # fmt: skip
        assert row.value == pytest.approx(fsum(rate for rate, _ in trees) / 3)
        assert row.setting["mean_tokens"] == pytest.approx(fsum(tokens for _, tokens in trees) / 3)
        assert row.low is not None
        assert row.high is not None
        assert row.low < row.high


def test_without_repairs_it_is_pass_at_k() -> None:
    made = repaired(["ci", "ii"], [["", ""], ["", ""]])
    trees = measure(made, "pass@t", TREES)
    assert [row.value for row in trees] == [row.value for row in measure(made, "pass@k")]
    assert [row.setting["mean_tokens"] for row in trees] == [10, 20]


def test_undecided_drafts_and_repairs_are_in_no_tree_and_both_ways_are_shown() -> None:
    made = repaired(["ic"], [["uic", "ii"]])
    [row] = measure(made, "pass@t", Options(over="trees", ks=(1,), repairs=(2,)))
    assert row.value == pytest.approx((1 + 1) / 2)  # the two judged repairs of the wrong draft hold a right one
    assert (row.undecided, row.if_wrong, row.if_right) == (0, None, None)
    [row] = measure(repaired(["iu"], [["ic", ""]]), "pass@t", Options(over="trees", ks=(1,), repairs=(1,)))
    assert (row.value, row.undecided) == (0.5, 1)
    # The undecided draft was not repaired: were it wrong, there is no tree of it.
    assert (row.if_wrong, row.if_right) == pytest.approx((None, 0.75))


def test_more_repairs_than_some_wrong_draft_has_are_undefined() -> None:
    [row] = measure(repaired(["ii", "cc"], [["ic", "c"], ["", ""]]), "pass@t", Options(over="trees", ks=(1,), repairs=(2,)))
    assert (row.value, row.why) == (None, "undefined for 1 of 2 problems: some wrong draft has fewer repairs")


def test_strata_keep_the_repairs_of_their_rows() -> None:
    made = repaired(["i", "i"], [["c"], ["i"]])
    assert made.where(np.array([False, True])).repairs == made.repairs[1:]
    parts = pool(["i", "i"], ["a", "b"], repairs=made.repairs)
    rows = measure(parts, "pass@t", Options(over="trees", ks=(1,), repairs=(1,)), by=["template"])
    assert {row.group["template"]: row.value for row in rows} == {"a": 1.0, "b": 0.0}


@pytest.mark.parametrize(
    ("made", "options", "message"),
    [
        (pool(["ci"]), TREES, "The pool has no repairs"),
        (repaired(["ii"], [["ic", "c"]]), Options(over="trees", repairs=(-1,)), r"repairs below 0.*repairs from 0 to 1"),
        (repaired(["ii"], [["ic", "c"]]), Options(over="trees", ks=(3,)), r"ks = 3.*Valid: ks from 1 to 2"),
        (repaired(["ii"], [["ip", "c"]]), TREES, "not judged yet"),
        (repaired(["uu"], [["", ""]]), TREES, "no judged draft"),
    ],
)
def test_what_has_no_trees_is_refused(made: Pool, options: Options, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        measure(made, "pass@t", options)


def test_over_is_draws_or_trees() -> None:
    with pytest.raises(SetupError, match=r"unknown over 'tree'. Did you mean 'trees'"):
        Options.of_mapping({"over": "tree"})
