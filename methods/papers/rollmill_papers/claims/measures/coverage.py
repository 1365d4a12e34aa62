"""Claims about coverage, the share of problems that any of k completions solves, and about the majority vote."""

from collections.abc import Sequence

import numpy as np

from rollmill.methods import Effect, Floats, mg_pass_at_ks, pass_hat_ks
from rollmill_papers.claims.evidence import Evidence, Table, aggregator


def _log_linear(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("unseen")
    ks = [1 << power for power in range(table.n.bit_length())]
    coverage = [float(table.pass_at(k).mean()) for k in ks]
    linear = float(np.corrcoef(np.log(ks), coverage)[0, 1])
    return table.difference(table.pass_at(table.few), table.pass_at(table.n)), Effect(linear, len(ks))


def _left_behind(evidence: Evidence) -> Sequence[Effect]:
    """Coverage that a vote of all completions leaves unused, less that of a vote of a quarter of them."""
    table = evidence.table("unseen")
    few, most = (table.pass_at(n) - table.elected(aggregator("majority"), n) for n in (table.few, table.n))
    return (table.difference(few, most),)


def _below_mean_rate(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("unseen")
    alike = 1.0 - (1.0 - float(table.pass_at(1).mean())) ** table.n
    return (table.difference([alike] * len(table.correct), table.pass_at(table.n)),)


def _crossover(evidence: Evidence) -> Sequence[Effect]:
    cool, warm = evidence.table("pair-cool"), evidence.table("pair")
    most = min(cool.n, warm.n)
    return tuple(warm.difference(warm.pass_at(k), cool.pass_at(k)) for k in (1, most))


def _stable(table: Table, k: int) -> Floats:
    """(P,): mG-Pass@k of each problem."""
    return np.asarray(mg_pass_at_ks([table.n] * len(table.correct), table.correct, [k])[:, 0], dtype=np.float64)


def _runs(table: Table) -> int:
    """The k of G-Pass@k: 16, a quarter of the completions if there are fewer than 64."""
    return max(2, min(16, table.few))


def _stability_below(evidence: Evidence) -> Sequence[Effect]:
    warm = evidence.table("pair")
    k = _runs(warm)
    all_right = pass_hat_ks([warm.n] * len(warm.correct), warm.correct, [k])[:, 0]
    return tuple(warm.difference(warm.pass_at(1), values) for values in (_stable(warm, k), all_right))


def _stability_differs(evidence: Evidence) -> Sequence[Effect]:
    cool, warm = evidence.table("pair-cool"), evidence.table("pair")
    k = _runs(warm)
    stable = warm.difference(_stable(warm, k), _stable(cool, k)).value
    return (Effect(stable - warm.difference(warm.pass_at(1), cool.pass_at(1)).value, len(warm.correct)),)


MEASURES = {
    "coverage-log-linear": _log_linear,
    "majority-leaves-coverage-behind": _left_behind,
    "temperature-crossover": _crossover,
    "stability-differs-more": _stability_differs,
    "coverage-below-the-mean-rate": _below_mean_rate,
    "stability-below-pass-at-1": _stability_below,
}
