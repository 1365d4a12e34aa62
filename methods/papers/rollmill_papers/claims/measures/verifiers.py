"""Claims about drawing again until a verifier accepts, when the verifier errs."""

from collections.abc import Sequence

import numpy as np

from rollmill.methods import Effect, ErrorRates, Floats, NotTestable, accuracy_ceiling, kept_precision, resampling_value
from rollmill_papers.claims.evidence import Evidence

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
    """Effects on hard problems: the first half of the completions identifies them, the second gives pass rates."""
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


MEASURES = {
    "imperfect-verifier-bends": _bend,
    "verifier-errors-hit-hard-problems": _hard_problems,
}
