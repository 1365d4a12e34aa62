"""Memorised and new answers, and the loss of two draws: by hand, by brute force, and the figures of simulated laws."""

from dataclasses import replace
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Pool
from rollmill.ground.records import Completion, Problem
from rollmill.metrics.registry import MetricRow, measure
from rollmill.metrics.sample import Options
from rollmill.pipelines.score import SCORERS, group_scores
from rollmill.pipelines.synthesize import SYNTHESIZERS, TRANSFORMS
from rollmill.roles.protocols import Candidates
from tests.known import known
from tests.metrics.pools import pool
from tests.pipelines.select.rollouts import rollout

TARGET = (0.5, 0.3, 0.15, 0.05)


def one(pool_: Pool, metric: str, **options: Any) -> MetricRow:
    [row] = measure(pool_, metric, Options(**options))
    return row


def drawn(law: tuple[float, ...], problems: int = 4_000, n: int = 4) -> Pool:
    """Problems with a reference drawn from TARGET, and n answers each drawn from a law."""
    rng = np.random.default_rng(5)
    references = rng.choice(4, problems, p=TARGET)
    answers = rng.choice(4, (problems, n), p=law)
    outcomes = ["".join("c" if answer == y else "i" for answer in row) for row, y in zip(answers, references, strict=True)]
    return pool(outcomes, answers=["".join("abcd"[answer] for answer in row) for row in answers])


@pytest.mark.parametrize(
    ("law", "expected"),
    [(TARGET, -0.3650), ((0.25,) * 4, -0.25), ((0.7, 0.25, 0.05, 0.0), -0.3100), ((1.0, 0.0, 0.0, 0.0), 0.0)],
)
def test_the_loss_of_two_draws_is_least_at_the_target(law: tuple[float, ...], expected: float) -> None:
    """Its expectation is the sum of p^2 - 2 p q; the interval over 4,000 problems holds it."""
    exact = sum(p * p - 2.0 * p * q for p, q in zip(law, TARGET, strict=True))
    assert exact == pytest.approx(expected, abs=1e-12)
    row = one(drawn(law), "draw_loss")
    assert row.value == pytest.approx(exact, abs=0.02)
    assert row.n == 4_000
    assert known(row.low) < exact < known(row.high)


def test_the_rate_of_matches_prefers_the_mode_and_the_loss_does_not() -> None:
    """Trap: .50 of the answers match if only the likeliest is given, .365 if all are given as often as they should be."""
    faithful, mode = drawn(TARGET), drawn((1.0, 0.0, 0.0, 0.0))
    rates = [known(one(side, "pass@k", ks=(1,)).value) for side in (faithful, mode)]
    assert rates == pytest.approx([0.365, 0.5], abs=0.02)
    assert known(one(faithful, "draw_loss").high) < known(one(mode, "draw_loss").low)


def test_the_loss_is_the_mean_over_all_ordered_pairs_of_draws() -> None:
    answers, outcomes = "aabc-", "ccinn".replace("n", "i")
    small = pool([outcomes], answers=[answers])
    pairs = list(permutations(range(5), 2))
    by_hand = sum((answers[i] == answers[j]) - 2 * (outcomes[i] == "c") for i, j in pairs) / len(pairs)
    assert one(small, "draw_loss").value == pytest.approx(by_hand)
    assert "two completions" in one(pool(["c"], answers=["a"]), "draw_loss").why


def test_new_right_answers_equal_every_subset() -> None:
    outcomes, answers = ["cccici", "iiiiii"], ["aabbcd", "abcabc"]
    seen = np.array([0, 0, 1, 0, 0, 0] + [0] * 6, dtype=float)  # a rollout says that answer b is known
    both = pool(outcomes, answers=answers, scores={"known_answer": seen})
    rows = {row.setting["k"]: row.value for row in measure(both, "new@k", Options(ks=(1, 2, 3, 6), score="known_answer"))}
    for k, value in rows.items():
        subsets = list(combinations(range(6), k))
        new = [len({answers[0][at] for at in some if outcomes[0][at] == "c" and answers[0][at] != "b"}) for some in subsets]
        assert value == pytest.approx(sum(new) / len(subsets) / k / 2)  # nothing of the second problem is right


def test_repeating_what_was_learnt_by_heart_is_right_and_not_new() -> None:
    """Trap: all outputs are valid in both pools, and pass@1 does not tell them apart."""
    heart, mind = pool(["cccc"] * 9, answers=["abab"] * 9), pool(["cccc"] * 9, answers=["wxyz"] * 9)
    known_ones, new_ones = (replace(side, scores={"seen": np.full(36, flag)}) for side, flag in ((heart, 1.0), (mind, 0.0)))
    assert one(known_ones, "pass@k", ks=(1,)).value == one(new_ones, "pass@k", ks=(1,)).value == 1.0
    assert one(known_ones, "new@k", ks=(4,), score="seen").value == 0.0
    assert one(new_ones, "new@k", ks=(4,), score="seen").value == 1.0


def flags(problem: Problem, completions: list[Completion], **options: Any) -> list[float]:
    return [row.value for row in group_scores(SCORERS["known_answer"](**options), [Candidates(problem, completions)])]


def text(answer: str, index: int = 0) -> Completion:
    return rollout(index, "correct", f"so\n#### {answer}").completion


def whole(answer: str) -> Completion:
    return rollout(0, "correct", answer).completion


def test_a_model_that_knows_the_benchmark_by_heart_is_told_from_one_that_computes() -> None:
    """Numbers change, the answer is computed anew by the program: one model keeps the old answer, one gives the new."""
    seen = list(SYNTHESIZERS["templates"]().synthesize(80, 3))
    changed = TRANSFORMS["new_numbers"](seen, 1)
    assert len(changed) > 50
    by_id = {problem.id: problem.reference for problem in seen}
    for by_heart, share in ((True, 1.0), (False, 0.0)):
        outcomes, known_ones = [], []
        for problem in changed:
            old = by_id[problem.meta["made"]["sources"][0]]
            assert old == problem.meta["made"]["old_answer"] != problem.reference
            answers = [old if by_heart else problem.reference, "999999"]  # the second answer is neither
            known_ones += flags(problem, [text(given, at) for at, given in enumerate(answers)])
            outcomes.append("ii" if by_heart else "ci")
        scored = pool(outcomes, scores={"known_answer": np.array(known_ones)})
        row = one(scored, "memorised", score="known_answer")
        assert (row.value, row.n) == (share, len(changed))
        assert known(row.high) - known(row.low) > 0  # never an interval without width


def test_the_share_of_memorised_answers_is_a_ratio_of_sums() -> None:
    old = np.array([1, 0, 0, 0, 1, 1, 0, 0], dtype=float)
    both = pool(["iici", "iici"], scores={"known_answer": old})
    row = one(both, "memorised", score="known_answer")
    assert row.value == pytest.approx(3 / 5)
    assert known(row.low) < 0.6 < known(row.high)
    none = pool(["ii"], scores={"known_answer": np.zeros(2)})
    assert one(none, "memorised", score="known_answer").why == "no answer is the old or the right one"
    with pytest.raises(SetupError, match="values other than 0 and 1"):
        one(pool(["ci"], scores={"length": np.array([3.0, 4.0])}), "memorised", score="length")


def test_known_answers_are_compared_by_value_and_problems_that_list_none_have_no_score() -> None:
    problem = Problem("?", "7", meta={"made": {"old_answer": "0.5"}, "seen": ["red", "blue"]})
    assert flags(problem, [text("1/2"), text("7"), text("2")]) == [1.0, 0.0, 0.0]
    assert flags(problem, [whole("blue"), whole("green")], key="seen", verifier="exact") == [1.0, 0.0]
    assert flags(Problem("?", "7"), [text("blue")], key="seen") == []
    assert SCORERS["known_answer"]().version != SCORERS["known_answer"](key="seen").version
    with pytest.raises(SetupError, match=r"unknown verifier 'cod' of scorer 'known_answer'"):
        SCORERS["known_answer"](verifier="cod")
