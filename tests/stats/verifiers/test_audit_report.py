"""The report of an audit: rates by band by hand, unsure judgements, and the consequences at the estimates and bounds."""

from dataclasses import replace

import numpy as np
import pytest

from rollmill.stats import (
    Costs,
    ErrorRates,
    Estimate,
    Judgement,
    Stratum,
    VerifierPassRate,
    audit_rates,
    band_of,
    consequences,
    precision_within,
    true_rates,
)

HARD = Stratum("kept | 0-.05 | number", 40, True, "0-.05", "kept", 0.0, 0.0)
EASY = Stratum("kept | .8-1 | number", 400, True, ".8-1", "kept", 0.4, 0.001)
WRONG = Stratum("incorrect | .8-1 | number", 560, False, ".8-1", "incorrect", 0.6, 0.002)
STRATA = [HARD, EASY, WRONG]


def judged(stratum: Stratum, right: int, wrong: int, unsure: int = 0) -> list[Judgement]:
    answers = [True] * right + [False] * wrong + [None] * unsure
    return [Judgement(stratum.name, stratum.unit, answer) for answer in answers]


EVERY = [*judged(HARD, 5, 5), *judged(EASY, 40, 0), *judged(WRONG, 50, 0)]


@pytest.mark.parametrize(
    ("rate", "band"),
    [(0.0, "0-.05"), (0.05, ".05-.2"), (0.125, ".05-.2"), (0.25, ".2-.5"), (0.5, ".5-.8"), (0.8, ".8-1"), (1.0, ".8-1")],
)
def test_bands(rate: float, band: str) -> None:
    assert band_of(rate) == band


def test_rates_overall_and_by_band() -> None:
    report = audit_rates(STRATA, EVERY)
    overall, hard = report["overall"], report["bands"]["0-.05"]
    assert (report["n"], report["unsure"], report["unseen_strata"]) == (100, 0, [])
    assert overall["precision_kept"]["value"] == pytest.approx(420 / 440)
    assert overall["false_accept_rate"]["value"] == pytest.approx(20 / 580)
    assert overall["share_right"]["value"] == pytest.approx(0.42)
    assert (hard["rollouts"], hard["audited"], hard["false_accepts_seen"]) == (40, 10, 5)
    assert hard["precision_kept"]["value"] == 0.5
    assert report["bands"][".8-1"]["precision_kept"]["low"] < 1.0
    assert list(report["bands"]) == ["0-.05", ".8-1"]


def test_a_stratum_without_a_judgement_is_named_and_leaves_its_rates_open() -> None:
    report = audit_rates(STRATA, judged(EASY, 10, 0))
    assert report["unseen_strata"] == ["incorrect | .8-1 | number", "kept | 0-.05 | number"]
    assert report["overall"]["precision_kept"] is None
    assert consequences(report, [(1.0, 0.5)], Costs()) is None


def test_unsure_judgements_are_left_out_and_shown_as_errors_beside() -> None:
    report = audit_rates(STRATA, [*EVERY, *judged(EASY, 0, 0, unsure=10)])
    assert report["unsure"] == 10
    assert report["overall"]["precision_kept"]["value"] == pytest.approx(420 / 440)
    assert report["overall_if_unsure_are_errors"]["precision_kept"]["value"] == pytest.approx((20 + 320) / 440)


RAW = Estimate(0.4, 0.35, 0.45, 100, 4, "cluster t on the logit scale", "x")


def test_the_pass_rate_is_corrected_by_weights() -> None:
    right = [*judged(HARD, 10, 0), *judged(EASY, 36, 4), *judged(WRONG, 50, 0)]
    placed = [replace(one, cluster=place % 4) for place, one in enumerate(right)]
    found = audit_rates(STRATA, placed, VerifierPassRate(RAW, [(10.0, 25)] * 4))["pass_rate"]
    assert found["corrected"]["value"] == pytest.approx(0.4 - 0.1 * 400 * 0.001)
    assert found["corrected"]["low"] < 0.35 < found["corrected"]["high"]
    assert found["corrected"]["clusters"] == 4
    assert audit_rates(STRATA, right, VerifierPassRate(RAW, None))["pass_rate"]["corrected"] is None


@pytest.mark.integration
@pytest.mark.parametrize("audited", [120, 960])
@pytest.mark.parametrize(("accept", "reject", "share"), [(1.0, 0.0, 1.0), (0.0, 0.6, 0.25), (0.02, 0.02, 1.0)])
def test_the_corrected_pass_rate_covers_that_of_the_population(
    audited: int, accept: float, reject: float, share: float
) -> None:
    """12 templates of 10 problems with 8 draws; a verifier that accepts everything, errs in some templates, or seldom.

    With the verifier's own spread the first held .46 with everything audited. benchmarks/verifiers/audits.py has the whole
    grid.
    """
    held, repeats = 0, 120
    for seed in range(repeats):
        rng = np.random.default_rng(seed)
        means = np.repeat(rng.beta(1.2, 1.8, 12), 10)
        truth = rng.random((120, 8)) < rng.beta(4 * means + 1e-9, 4 * (1 - means) + 1e-9)[:, None]
        errs, chance = np.repeat(rng.random(12) < share, 10)[:, None], rng.random((120, 8))
        said = np.where(truth, ~(errs & (chance < reject)), errs & (chance < accept))
        found = _audited(rng, truth, said, audited)
        held += found["low"] <= 0.4 <= found["high"]
    assert held / repeats >= 0.91  # .95 less two deviations of the count


def test_an_audit_that_finds_every_accept_wrong_is_reported() -> None:
    """What is left of the rate is 0 but for rounding, and the corrected sums of single clusters lie on both sides of 0."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        said = rng.random((120, 8)) < np.repeat(rng.beta(1.2, 1.8, 12), 10)[:, None]
        found = _audited(rng, np.zeros((120, 8), dtype=bool), said, int(rng.integers(60, 400)))
        assert (found["value"], found["low"]) == (0.0, 0.0)
        assert 0.05 < found["high"] < 0.9


def _audited(rng: np.random.Generator, truth: np.ndarray, said: np.ndarray, audited: int) -> dict[str, float]:
    """Two strata, what was accepted and what was not, each audited in proportion."""
    strata, seen = [], []
    for side in (True, False):
        places = np.flatnonzero(said.ravel() == side)
        if len(places):
            n = max(2, round(audited * len(places) / said.size))
            strata.append(Stratum(str(side), len(places), side, ".2-.5", "kept", len(places) / said.size, 1 / said.size))
            chosen = rng.choice(places, min(n, len(places)), replace=False).tolist()
            right = [bool(truth.ravel()[one] == side) for one in chosen]
            seen += [Judgement(str(side), 1 / said.size, ok, one // 80) for ok, one in zip(right, chosen, strict=True)]
    sums = [(float(part), 10) for part in said.mean(axis=1).reshape(12, 10).sum(axis=1)]
    found = audit_rates(strata, seen, VerifierPassRate(RAW, sums))["pass_rate"]["corrected"]
    return dict(found)


def test_true_rates_undo_the_verifier() -> None:
    verifier = ErrorRates(0.1, 0.2)
    shown = verifier.right(0.3) + verifier.wrong(0.3)
    assert true_rates([(1.0, shown)], verifier)[0] == pytest.approx((1.0, 0.3))
    assert true_rates([(1.0, 0.05)], verifier) == [(1.0, 0.0)]
    assert true_rates([(1.0, 0.6)], ErrorRates(0.6, 0.5)) == [(1.0, 0.6)]


def test_consequences_are_worse_at_the_upper_bounds() -> None:
    report = audit_rates(STRATA, EVERY)
    found = consequences(report, [(0.5, 0.9), (0.5, 0.1)], Costs(wrong=-2.0))
    assert found is not None
    assert found["at_upper_bounds"]["ceiling"] < found["at_estimate"]["ceiling"] < 1.0
    assert found["at_upper_bounds"]["best_draws"] <= found["at_estimate"]["best_draws"]
    assert found["largest_k"] == int(0.1 / report["overall"]["false_accept_rate"]["high"])
    assert set(found["at_estimate"]["kept_precision_by_band"]) == {".05-.2", ".8-1"}


def test_rare_accepts_that_were_all_judged_lift_the_limit_on_k() -> None:
    right = [*judged(HARD, 20, 20), *judged(EASY, 40, 0), *judged(WRONG, 50, 0)]
    report = audit_rates(STRATA, right)
    found = consequences(report, [(1.0, 0.5)], Costs())
    assert report["rare_accepts_adjudicated"]
    assert found is not None
    assert found["largest_k"] is None


def test_an_audit_serves_another_set_of_accepted_rollouts() -> None:
    """Half of the hard stratum and a quarter of the easy one: two of the errors found lie inside."""
    inside = [(one, number % 2 == 0) for number, one in enumerate(EVERY)]
    found = precision_within(STRATA, inside, 120)
    wrong = sum(flag for one, flag in inside if one.right is False)
    assert found is not None
    assert found["value"] == pytest.approx(1 - wrong * 4 / 120)
    assert found["n"] == sum(flag for _, flag in inside)
    assert found["low"] < found["value"] < found["high"]
    assert precision_within(STRATA, inside, 0) is None


def test_the_precision_of_a_domain_is_covered() -> None:
    rng = np.random.default_rng(9)
    held = 0
    for _ in range(300):
        wrong, inside = rng.random(400) < 0.05, rng.random(400) < 0.4
        chosen = rng.choice(400, 80, replace=False)
        judged = [(Judgement(EASY.name, 0.0, not wrong[i]), bool(inside[i])) for i in chosen]
        found = precision_within([EASY], judged, int(inside.sum()))
        assert found is not None
        held += found["low"] <= 1 - wrong[inside].mean() <= found["high"]
    assert held / 300 >= 0.95
