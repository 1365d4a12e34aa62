"""Claims about drawing again until a verifier accepts, when the verifier errs."""

from collections.abc import Sequence

import numpy as np

from pipelines.claims.claim import Claim
from pipelines.claims.effects import Effect, NotTestable, Prediction
from pipelines.claims.evidence import Evidence
from pipelines.stats import ErrorRates, accuracy_ceiling, kept_precision, resampling_value
from storage.pool import Floats

FLAWS = "Stroebl, Kapoor & Narayanan 2024, Inference Scaling fLaws, arXiv:2411.17501"
VERIFIER = ErrorRates(false_accept=0.05)
COST = 4.0  # of handing in a wrong completion, where a right one is worth 1


def _kinds(rates: Floats) -> list[tuple[float, float]]:
    return [(1.0 / len(rates), rate) for rate in rates.tolist()]


def _bend(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("unseen")
    kinds, size = _kinds(table.pass_at(1)), len(table.correct)
    ceiling = accuracy_ceiling(kinds, VERIFIER) - float(table.pass_at(table.n).mean())
    values = resampling_value(kinds, VERIFIER, table.n, wrong=-COST)
    return Effect(ceiling, size), Effect(values[-1] - max(values), size)


def _hard_problems(evidence: Evidence) -> Sequence[Effect]:
    """Which problems are hard is told by the first half of their completions, their pass rates by the second."""
    table = evidence.table("unseen")
    half = table.n // 2
    first, second = table.right[:, :half].mean(axis=1), table.right[:, half:].mean(axis=1)
    # Many rates are equal: an unstable sort may cut the thirds differently on another machine.
    order = np.argsort(first, kind="stable")
    third = len(order) // 3
    kept = [kept_precision(_kinds(second[part]), VERIFIER, target=4, cap=256) for part in (order[:third], order[-third:])]
    if kept[0] is None or kept[1] is None:
        raise NotTestable("too few problems for thirds")
    return (Effect(kept[0] - kept[1], 2 * third),)


CLAIMS = (
    Claim(
        name="imperfect-verifier-bends",
        source=FLAWS,
        statement="With a verifier that accepts 5% of wrong completions, drawing again has a ceiling and a best number.",
        expected=(
            Prediction("accuracy of the first accepted, drawing without end - coverage of all completions", "-", 0.1),
            Prediction(
                "value of drawing up to all completions - value of the best number, a wrong one costing 4", "-", 0.01
            ),
        ),
        measure=_bend,
        pools=("unseen",),
        reach="Errors independent of the completion, by the paper's formula over measured pass rates; real ones cluster.",
    ),
    Claim(
        name="verifier-errors-hit-hard-problems",
        source=FLAWS,
        statement="What drawing until four are accepted keeps is much less right on hard problems than on easy ones.",
        expected=(Prediction("precision of what is kept: hardest third - easiest third", "-", 0.15),),
        measure=_hard_problems,
        pools=("unseen",),
        reach="As above: 5% false accepts by assumption, a cap of 256 by formula, not by draws.",
    ),
)
