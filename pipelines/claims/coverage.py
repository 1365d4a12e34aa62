"""Claims about coverage, the share of problems that any of k completions solves, and about the majority beside it."""

from collections.abc import Sequence

import numpy as np

from pipelines.aggregate.majority import Majority
from pipelines.claims.claim import Claim
from pipelines.claims.effects import Effect, Prediction
from pipelines.claims.evidence import Evidence
from pipelines.stats import mg_pass_at_ks, pass_hat_ks

MONKEYS = "Brown et al. 2024, Large Language Monkeys, arXiv:2407.21787"


def _log_linear(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("unseen")
    ks = [1 << power for power in range(table.n.bit_length())]
    coverage = [float(table.pass_at(k).mean()) for k in ks]
    linear = float(np.corrcoef(np.log(ks), coverage)[0, 1])
    return table.difference(table.pass_at(table.few), table.pass_at(table.n)), Effect(linear, len(ks))


def _plateau(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("unseen")
    few, most = table.elected(Majority(), table.few), table.elected(Majority(), table.n)
    left = table.pass_at(table.few) - few  # what a vote of few leaves on the table, and a vote of all
    return table.difference(few, most), table.difference(left, table.pass_at(table.n) - most)


def _heavy_tail(evidence: Evidence) -> Sequence[Effect]:
    table = evidence.table("unseen")
    alike = 1.0 - (1.0 - float(table.pass_at(1).mean())) ** table.n
    return (table.difference([alike] * len(table.correct), table.pass_at(table.n)),)


def _crossover(evidence: Evidence) -> Sequence[Effect]:
    cool, warm = evidence.table("pair-cool"), evidence.table("pair")
    most = min(cool.n, warm.n)
    return tuple(warm.difference(warm.pass_at(k), cool.pass_at(k)) for k in (1, most))


def _stability(evidence: Evidence) -> Sequence[Effect]:
    cool, warm = evidence.table("pair-cool"), evidence.table("pair")
    k = max(2, min(16, warm.few))
    stable, all_right = (
        estimator([warm.n] * len(warm.correct), warm.correct, [k])[:, 0] for estimator in (mg_pass_at_ks, pass_hat_ks)
    )
    cool_stable = mg_pass_at_ks([cool.n] * len(cool.correct), cool.correct, [k])[:, 0]
    gained = warm.difference(stable, cool_stable).value - warm.difference(warm.pass_at(1), cool.pass_at(1)).value
    return (
        warm.difference(warm.pass_at(1), stable),
        warm.difference(warm.pass_at(1), all_right),
        Effect(gained, len(stable)),
    )


CLAIMS = (
    Claim(
        name="coverage-log-linear",
        source=MONKEYS,
        statement="Coverage keeps growing with the number of completions, about linearly in its logarithm.",
        expected=(
            Prediction("coverage: all completions - a quarter of them", "+", 0.05),
            Prediction("correlation of coverage with log k, k = 1, 2, 4, ...", "+", 0.97),
        ),
        measure=_log_linear,
        pools=("unseen",),
        reach="64 completions of one small model on templated word problems; the paper goes to 10,000 and to five tasks.",
    ),
    Claim(
        name="majority-plateaus",
        source=MONKEYS,
        statement="A majority vote stops improving with more completions, so the gap to coverage widens.",
        expected=(
            Prediction("majority: all completions - a quarter of them", "=", 0.03),
            Prediction("gap from majority to coverage: all completions - a quarter of them", "+", 0.05),
        ),
        measure=_plateau,
        pools=("unseen",),
        reach="From 16 to 64 completions only; where the plateau begins depends on the model and the problems.",
    ),
    Claim(
        name="coverage-heavy-tail",
        source="Schaeffer et al. 2025, How Do Large Language Monkeys Get Their Power (Laws)?, arXiv:2502.17578",
        statement="Coverage grows far more slowly than if all problems had the mean pass rate: hard problems are many.",
        expected=(Prediction("coverage of all completions - 1 - (1 - mean pass rate)^n", "-", 0.05),),
        measure=_heavy_tail,
        pools=("unseen",),
        reach="Shows that pass rates are unequal, not that their tail is a power law.",
    ),
    Claim(
        name="temperature-crossover",
        source="Chen et al. 2021, Evaluating Large Language Models Trained on Code, arXiv:2107.03374",
        statement="A lower temperature has the better pass@1 and the worse pass@k for large k: the curves cross.",
        expected=(
            Prediction("pass@1: temperature .5 - temperature 1", "+", 0.02),
            Prediction("pass@k of all completions: temperature .5 - temperature 1", "-", 0.02),
        ),
        measure=_crossover,
        pools=("pair", "pair-cool"),
        reach="Two temperatures of one model; says nothing of models trained by reinforcement.",
    ),
    Claim(
        name="stability-behind-pass-at-1",
        source="Liu et al. 2024, Are Your LLMs Capable of Stable Reasoning?, arXiv:2412.13147",
        statement="Far fewer problems are solved stably than pass@1 says; samplings differ more in that than in pass@1.",
        expected=(
            Prediction("mG-Pass@16 - pass@1", "-", 0.05),
            Prediction("G-Pass@16 at 1.0 - pass@1", "-", 0.15),
            Prediction("mG-Pass@16, temperature .5 - 1, beyond the same difference of pass@1", "+", 0.02),
        ),
        measure=_stability,
        pools=("pair", "pair-cool"),
        reach="Two samplings of one model; the paper compares models. Smaller pools take a quarter of n in place of 16.",
    ),
)
