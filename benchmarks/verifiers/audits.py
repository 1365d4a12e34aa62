"""Coverage of the interval of an audit's corrected pass rate for the mean pass rate of the templates' population.

    python benchmarks/verifiers/audits.py --repeats 300

Problems of templates with rates of their own, 8 draws each, a verifier that errs everywhere or in some templates, an audit
drawn as `rollmill audit` draws it. Beside it the interval that was used before: the spread of the verifier's own rates
joined with the audit's.
"""

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt

from rollmill.pipelines.certify.audit_sample import SampledRow, describe, draw, strata_of
from rollmill.stats import Judgement, VerifierPassRate, audit_rates, band_of, population_mean

DRAWS = 8
Flags = npt.NDArray[np.bool_]

ERRORS: dict[str, tuple[float, float, float]] = {
    "none": (0.0, 0.0, 0.0),
    "1%, 1% everywhere": (0.01, 0.01, 1.0),
    "5%, 3% everywhere": (0.05, 0.03, 1.0),
    "20%, 15% everywhere": (0.20, 0.15, 1.0),
    "60% of the right ones in a fifth of the templates": (0.0, 0.6, 0.2),
    "half of the wrong ones in a third of the templates": (0.5, 0.0, 0.33),
    "all accepted": (1.0, 0.0, 1.0),
}
"""(share of wrong rollouts accepted, of right ones rejected, share of templates where the verifier errs)."""
LAWS: dict[str, tuple[float, float]] = {"Beta(1.2, 1.8)": (1.2, 1.8), "Beta(5, .5)": (5.0, 0.5)}


def main() -> None:
    """Print one row for each law, kind of error, number of templates and size of the audit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--templates", type=int, nargs="+", default=[6, 18])
    parser.add_argument("--audits", type=int, nargs="+", default=[100, 300, 10_000])
    args = parser.parse_args()
    print("| rates | errors | templates | audited | coverage | width | before |\n|" + "---|" * 7)
    for law, errors, templates in product(LAWS, ERRORS, args.templates):
        for audited in args.audits:
            figures = covered(LAWS[law], ERRORS[errors], templates, audited, args.repeats)
            cells = [law, errors, str(templates), "all" if audited >= 10_000 else str(audited)]
            print("| " + " | ".join([*cells, *(f"{value:.3f}" for value in figures)]) + " |", flush=True)


def covered(
    law: tuple[float, float], errors: tuple[float, float, float], templates: int, audited: int, repeats: int
) -> tuple[float, float, float]:
    """Coverage and mean width of the interval, and coverage of the one before."""
    mean = law[0] / (law[0] + law[1])
    covered = earlier = 0
    width = 0.0
    for repeat in range(repeats):
        rng = np.random.default_rng([templates, audited, repeat])
        truth, said = sampled(law, errors, rng, templates)
        low, high, old_low, old_high = interval(truth, said, templates, audited, repeat)
        covered, earlier = covered + (low <= mean <= high), earlier + (old_low <= mean <= old_high)
        width += high - low
    return covered / repeats, width / repeats, earlier / repeats


def sampled(
    law: tuple[float, float], errors: tuple[float, float, float], rng: np.random.Generator, templates: int
) -> tuple[Flags, Flags]:
    """(problems, draws): whether a rollout is right, and whether the verifier says so; 20 problems a template."""
    accept, reject, share = errors
    means = np.repeat(rng.beta(*law, templates), 20)
    rates = rng.beta(4 * means + 1e-9, 4 * (1 - means) + 1e-9)
    truth = rng.random((len(rates), DRAWS)) < rates[:, None]
    errs = np.repeat(rng.random(templates) < share, 20)[:, None]
    chance = rng.random(truth.shape)
    return truth, np.where(truth, ~(errs & (chance < reject)), errs & (chance < accept))


def interval(truth: Flags, said: Flags, templates: int, audited: int, seed: int) -> tuple[float, float, float, float]:
    """The ends of the corrected rate's interval, and those of the interval before."""
    problems = len(truth)
    rates = said.mean(axis=1)
    template = [problem * templates // problems for problem in range(problems)]
    rows = [
        SampledRow(
            f"{problem}-{draw_}",
            str(problem),
            "correct" if said[problem, draw_] else "incorrect",
            "rule",
            band_of(float(rates[problem])),
            weight=1.0 / truth.size,
        )
        for problem, draw_ in np.ndindex(truth.shape)
    ]
    strata = strata_of(rows)
    judged = [_judged(item.row, item.stratum, truth, template) for item in draw(strata, min(audited, len(rows)), seed)]
    raw = population_mean(rates.tolist(), template)
    assert raw is not None
    counts = Counter(template)
    sums = [(math.fsum(rates[i] for i in range(problems) if template[i] == name), counts[name]) for name in sorted(counts)]
    report = audit_rates(describe(strata), judged, VerifierPassRate(raw, sums))
    now, share = report["pass_rate"]["corrected"], report["overall"]["share_right"]
    down = math.hypot(raw.value - raw.low, share["value"] - share["low"])
    up = math.hypot(raw.high - raw.value, share["high"] - share["value"])
    return now["low"], now["high"], share["value"] - down, share["value"] + up


def _judged(row: SampledRow, stratum: str, truth: Flags, template: Sequence[int]) -> Judgement:
    problem, number = (int(part) for part in row.completion_id.split("-"))
    right = bool(truth[problem, number]) == row.accepted
    return Judgement(stratum, row.weight, right, template[problem])


if __name__ == "__main__":
    main()
