"""What each claim measures, on small pools where the effect can be counted by hand or follows from how they were made."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest

from rollmill.ground.pool import Pool
from rollmill.methods import NotTestable
from rollmill.pipelines.budget.dars import DarsUniform
from rollmill_papers.claims.claim_table import CLAIMS
from rollmill_papers.claims.evidence import Evidence, model_ballots
from rollmill_papers.claims.measures.budgets import drawn_by, solutions_of
from tests.metrics.pools import pool

N = 16
RATES = (0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 0.95)


def made(seed: int, warmth: float = 1.0) -> Pool:
    """48 problems of eight levels with pass rates that fall with the level, wrong answers scattered, wrong texts longer."""
    rng = np.random.default_rng(seed)
    rows, answers, scores, tokens = [], [], [], []
    for problem in range(48):
        right = rng.random(N) < RATES[problem % 8] ** warmth
        rows.append("".join("c" if one else "i" for one in right))
        answers.append("".join("R" if one else "abcdefgh"[rng.integers(8)] for one in right))
        scores += (right + rng.normal(0, 1, N)).tolist()
        tokens += np.where(right, 20, 30).tolist()
    levels = tuple(8 - problem % 8 for problem in range(48))
    column = np.array(scores)
    made = pool(rows, [f"t{problem % 12}" for problem in range(48)], answers=answers, strata={"level": levels})
    return replace(
        made,
        tokens=np.array(tokens),
        scores={
            "self_certainty": -column,
            "logprob_per_token": column,
            "length": np.array(tokens, float),
            "imported": column,
        },
    )


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """One seed with all pools that a claim can ask for, all solutions different."""
    pools = {"unseen": made(1), "pair": made(1), "pair-cool": made(2, 0.5), "ladder": made(3), "math": made(4)}
    return Evidence(1, pools, {"ladder": np.arange(48 * N)})


SIMULATED = {name for name, claim in CLAIMS.items() if not claim.pools}


@pytest.mark.parametrize("name", [name for name in CLAIMS if name not in SIMULATED and name != "models-vote"])
def test_a_claim_gives_an_effect_for_each_prediction(name: str, evidence: Evidence) -> None:
    effects = CLAIMS[name].measure(evidence)
    assert len(effects) == len(CLAIMS[name].expected)
    assert all(np.isfinite(effect.value) and effect.n > 0 for effect in effects)
    again = CLAIMS[name].measure(Evidence(1, evidence.pools, evidence.solutions))
    assert again == effects  # nothing but pools and seed decides


def test_what_follows_from_how_the_pool_was_made(evidence: Evidence) -> None:
    longer, shortest = CLAIMS["shorter-is-right"].measure(evidence)
    assert longer.value == pytest.approx(0.5)  # 30 tokens beside 20
    assert shortest.value > 0.2
    assert CLAIMS["shorter-is-right-recorded"].measure(evidence)[0].value == pytest.approx(0.5)
    assert CLAIMS["certainty-grows-with-n"].measure(evidence)[0].value < -0.02  # the score was turned round
    saved = CLAIMS["early-stopping"].measure(evidence)[0]
    assert 0.1 < saved.value < 0.9
    assert CLAIMS["switch-is-the-vote"].measure(evidence)[0].value == 0.0  # two models, equal numbers and unanimity
    assert CLAIMS["model-switch"].measure(evidence)[0].value > 0.0


def test_until_correct_is_exact_over_all_orders() -> None:
    """One right completion of four: with a target of four the cap ends all, and c/n is the rate; nothing is biased."""
    few = Evidence(1, {"unseen": pool(["ciii" * 2, "iiii" * 2])})
    naive, counted, pooled = CLAIMS["until-correct-bias"].measure(few)
    assert [naive.value, counted.value, pooled.value] == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)
    rights = "ccccii" + "ii"  # 4 of 8: the stop is at the fourth success
    stops = [max(at for at, letter in enumerate(order, 1) if letter == "c") for order in set(permutations(rights))]
    exact = float(np.mean([4 / stop for stop in stops]))
    many = Evidence(1, {"unseen": pool([rights] * 200)})
    naive, counted, pooled = CLAIMS["until-correct-bias"].measure(many)
    assert naive.value == pytest.approx(exact - 0.5, abs=0.01)
    assert counted.value == pytest.approx(0.0, abs=0.01)


def test_a_budget_draws_from_what_is_recorded_in_order() -> None:
    rows = pool(["cccciiii", "iiiicccc", "iiiiiiii"], strata={"level": (1, 2, 3)})
    table, budget = Evidence(1, {"ladder": rows}).table("ladder"), DarsUniform(initial=2, target=2, cap=8)
    assert drawn_by(budget, table, table.rows).tolist() == [2, 8, 8]
    copies = np.repeat([[0], [1], [2]], 8, axis=1)
    assert drawn_by(budget, table, copies).tolist() == [8, 8, 8]  # a copy is no new solution
    with pytest.raises(NotTestable, match="no solution keys"):
        solutions_of(table)


def test_dars_at_equal_tokens_counted_by_hand() -> None:
    """Three easy problems with every draw right and one hard one with half: n = 16, prefix 2, quota 4."""
    rows = pool(["c" * 16] * 3 + ["ic" * 8], strata={"level": (1, 2, 3, 4)})
    covered, share, price = CLAIMS["dars-hard-responses"].measure(Evidence(1, {"ladder": rows}))
    # uniform: 4 draws of each easy problem, 8 of the hard one, 20 in all; vanilla has 5 of each, so 2 right of the hard
    # one. Levels 3 and 4 are the hard ones: both full under uniform, one under vanilla.
    assert covered.value == pytest.approx(0.5)
    # prop2diff wants 1 of an easy one, which never failed, and 4 of the hard one: 14 draws, 7 kept, 5 of hard levels.
    # Vanilla has 3.5 draws of each: 3.5 right of each easy problem, 1.5 of the hard one, 12 in all, 5 of hard levels.
    assert share.value == pytest.approx(5 / 7 - 5 / 12)
    assert price.value == pytest.approx(12 / 7 - 1)


def test_unequal_numbers_of_completions_are_cut_to_the_least() -> None:
    table = Evidence(1, {"unseen": pool(["ciic", "cc", "iuc"])}).table("unseen")
    assert table.n == 2
    assert table.right.tolist() == [[True, False], [True, True], [False, False]]


@pytest.mark.parametrize(
    ("given", "least", "why"),
    [({}, 1, "there is no pool 'unseen'"), ({"unseen": ["ci"]}, 8, "2 completions of each problem, 8 are needed")],
)
def test_a_pool_that_lacks_what_is_asked_is_told(given: dict[str, Any], least: int, why: str) -> None:
    evidence = Evidence(1, {name: pool(rows) for name, rows in given.items()})
    with pytest.raises(NotTestable, match=why):
        evidence.table("unseen", least)


def test_a_score_that_is_missing_is_told() -> None:
    with pytest.raises(NotTestable, match="no score 'self_certainty'"):
        CLAIMS["certainty-borda"].measure(Evidence(1, {"unseen": pool(["cicicici"])}))


def test_models_that_did_not_answer_the_same_problems_cannot_vote() -> None:
    alone = pool(["ci", "ci"], answers=["xy", "xy"], models=("a", "b"))
    with pytest.raises(NotTestable, match="no problem was answered by all of a, b"):
        model_ballots(alone, ("a", "b"))
    both = replace(alone, model=np.array([0, 1, 0, 0]))
    assert [ballot.problem for ballot in model_ballots(both, ("a", "b"))] == ["p0"]


def test_the_simulations_are_of_their_law() -> None:
    assert {"best-of-many-settings", "b4-priors", "knockout-bound", "pass-until-estimator"} == SIMULATED
    shown, elsewhere = CLAIMS["best-of-many-settings"].measure(Evidence(1))
    assert shown.value == pytest.approx(0.082, abs=0.005)  # .962 expected of the best of 30 binomials of 50 x .88
    assert elsewhere.value == pytest.approx(0.0, abs=0.005)
    ratio, unbiased = CLAIMS["pass-until-estimator"].measure(Evidence(1))
    # E[r/K] / p at r = 2 is 2 p (-log p)-like: 2 (1 - p + p log p) / (1 - p)^2 = 1.926 at p = .01
    assert ratio.value == pytest.approx(0.926, abs=0.05)
    assert unbiased.value == pytest.approx(0.0, abs=0.05)
