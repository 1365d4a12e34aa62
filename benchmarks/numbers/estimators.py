"""Bias and coverage of the estimators under 12 sampling designs and 3 laws of difficulty.

    python benchmarks/numbers/estimators.py --replications 2000
    python benchmarks/numbers/estimators.py --replications 200 --designs "fixed 16" "until 4 by paths"

A template's mean pass rate follows the law, its problems' rates spread about it, completions are drawn from these. Truth is
exact up to a grid of a million rates, so a bias is judged by its Monte Carlo error alone: of unbiased estimators 5% of the
cells are beyond 2 of these by chance. Ratios (tokens per correct answer, AUROC) are consistent, not unbiased.
"""

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv

from rollmill.stats import (
    AnswerCounts,
    ClusterTable,
    auroc,
    cluster_ratio,
    distinct_at_ks,
    g_pass_at_ks,
    majority_at_k,
    mg_pass_at_ks,
    pass_at_ks,
    pass_hat_ks,
    path_counting_rate,
    path_counts,
    selected_of_ks,
    these_problems_means,
)

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rng = np.random.Generator
K, WITHIN = 4, 8.0
WRONG = (0.6, 0.3, 0.1)  # shares of the wrong answers
LIFT = 0.8  # by which a right completion scores higher, in standard deviations
CHUNK = 100  # replications at a time
QUANTILES = 1000  # of templates, and of problems within each: truths are means over a million rates


def _two_kinds(u: Array) -> Array:
    rates: Array = np.where(u < 0.7, betaincinv(8, 2, u / 0.7), betaincinv(1, 15, np.maximum(0.0, u - 0.7) / 0.3))
    return rates


LAWS: dict[str, Callable[[Array], Array]] = {
    "broad": lambda u: betaincinv(0.6, 0.9, u),
    "hard": lambda u: betaincinv(0.8, 4.0, u),
    "two kinds": _two_kinds,
}
"""The quantiles of a template's mean pass rate."""


@dataclass(frozen=True, slots=True)
class Design:
    """`sizes`: problems of each template; `n`: completions of each problem, or of the problems in turn.

    `stop`: draws until so many are correct, cap 64, in rounds of `step`; measured by path counting or the first `prefix`.
    `full`: answers, scores and tokens too. `fixed`: the same problems each time.
    """

    sizes: tuple[int, ...]
    n: tuple[int, ...] = (16,)
    stop: int = 0
    step: int = 1
    prefix: int = 0
    full: bool = False
    fixed: bool = False


DESIGNS: dict[str, Design] = {
    "fixed 4": Design((1,) * 200, (4,)),
    "fixed 16": Design((1,) * 200, full=True),
    "fixed 64": Design((1,) * 100, (64,)),
    "40 templates of 5": Design((5,) * 40, full=True),
    "16 templates of 60": Design((60,) * 16),
    "30 templates of 1 to 20": Design(tuple(np.round(np.geomspace(1, 20, 30)).astype(int).tolist())),
    "6 templates of 20": Design((20,) * 6),
    "4, 8, 16, 32 in turn": Design((1,) * 200, (4, 8, 16, 32)),
    "prefix 8 of until 4": Design((1,) * 200, stop=4, step=8, prefix=8),
    "until 4 by paths": Design((1,) * 200, stop=4),
    "until 4 in rounds of 8": Design((1,) * 200, stop=4, step=8),
    "these 60 problems": Design((1,) * 60, fixed=True),
}
COUNTS: dict[str, Callable[[npt.ArrayLike, npt.ArrayLike, Sequence[int]], Array]] = {
    "pass@1": pass_at_ks,
    "pass@4": pass_at_ks,
    "pass^4": pass_hat_ks,
    "G-Pass@4": lambda n, c, ks: g_pass_at_ks(n, c, ks, 0.5),
    "mG-Pass@4": mg_pass_at_ks,
}
ASKED = {name: 1 if name == "pass@1" else K for name in COUNTS}


@dataclass(frozen=True, slots=True)
class Cell:
    """An estimator under one design and law. `z`: bias in Monte Carlo errors."""

    design: str
    law: str
    estimator: str
    truth: float
    bias: float
    z: float
    coverage: float
    width: float


Found = dict[str, list[Array]]
"""By estimator rows of (value, low, high)."""


@lru_cache(maxsize=8)
def grid(law: str) -> Array:
    """The rates of the law's problems at evenly spaced quantiles, of templates and of problems within each."""
    u = (np.arange(QUANTILES) + 0.5) / QUANTILES
    centre = np.clip(LAWS[law](u), 1e-6, 1 - 1e-6)[:, None]
    return np.asarray(betaincinv(WITHIN * centre, WITHIN * (1 - centre), u).ravel())


def truths(rates: Array) -> dict[str, float]:
    """True value of each estimator's estimand, for problems of these rates."""
    hits = [math.comb(K, j) * rates**j * (1 - rates) ** (K - j) for j in range(K + 1)]
    least = [sum(hits[j:]) for j in range(K + 1)]
    means = {
        "pass@1": rates,
        "pass@4": least[1],
        "pass^4": least[4],
        "G-Pass@4": least[2],
        "mG-Pass@4": (least[3] + least[4]) / 2,
    }
    by_score = sum(chance * share for chance, share in zip(hits, _right_on_top(), strict=True))
    orders = [rates**j * (1 - rates) ** (K - j) for j in range(K + 1)]
    votes = sum(chance * share for chance, share in zip(orders, _by_right(_share_right), strict=True))
    kinds = sum(
        chance * number for chance, number in zip(orders, _by_right(lambda answers: len(set(answers))), strict=True)
    )
    extra = {"best of 4 by score": by_score, "maj@4": votes, "distinct@4": kinds}
    values = {name: float(np.mean(values)) for name, values in (means | extra).items()}
    return values | {
        "path counting": values["pass@1"],
        "AUROC": 0.5 * (1 + math.erf(LIFT / 2.0)),
        "tokens per correct": float(np.mean(_tokens(rates)) / values["pass@1"]),
    }


def _tokens(rates: Array) -> Array:
    return 20 + 30 * (1 - rates)


def _by_right(value: Callable[[Sequence[int]], float]) -> list[float]:
    """By the number of right ones among four answers, sums over orders of a value times the chance of the wrong ones."""
    sums = [0.0] * (K + 1)
    for answers in product(range(len(WRONG) + 1), repeat=K):
        sums[answers.count(0)] += value(answers) * math.prod(WRONG[answer - 1] for answer in answers if answer)
    return sums


def _share_right(answers: Sequence[int]) -> float:
    """The share of the most frequent answers that is right."""
    top = {answer for answer in answers if answers.count(answer) == max(map(answers.count, answers))}
    return (0 in top) / len(top)


@lru_cache(maxsize=1)
def _right_on_top() -> list[float]:
    """The chance that the best score among 4 completions, j of them right, is of a right one; j = 0 .. 4."""
    grid_of_scores = np.linspace(-9, 10, 20_001)
    density = np.exp(-((grid_of_scores - LIFT) ** 2) / 2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in grid_of_scores])
    below_right = np.array([0.5 * (1 + math.erf((x - LIFT) / math.sqrt(2))) for x in grid_of_scores])
    return [
        float(np.trapezoid(j * density * below_right ** max(0, j - 1) * below ** (K - j), grid_of_scores))
        for j in range(K + 1)
    ]


def simulate(name: str, law: str, replications: int, seed: int = 1) -> list[Cell]:
    """Every estimator of a design under a law."""
    design = DESIGNS[name]
    rng = np.random.default_rng([seed, list(DESIGNS).index(name), list(LAWS).index(law)])
    problems = _rates(design, law, rng, 1)[0] if design.fixed else None
    truth = truths(grid(law) if problems is None else problems)
    estimates: Found = {}
    for start in range(0, replications, CHUNK):
        rates = _rates(design, law, rng, min(CHUNK, replications - start), problems)
        for estimator, rows in _measured(design, rates, rng):
            estimates.setdefault(estimator, []).append(rows)
    return [
        _cell(name, law, estimator, truth[estimator.split(",")[0]], np.concatenate(parts))
        for estimator, parts in estimates.items()
    ]


def _cell(design: str, law: str, estimator: str, truth: float, rows: Array) -> Cell:
    value, low, high = rows.T
    bias, error = float(value.mean() - truth), float(value.std(ddof=1)) / math.sqrt(len(value))
    coverage = float(((low <= truth) & (truth <= high)).mean()) if not np.isnan(low).any() else math.nan
    return Cell(design, law, estimator, truth, bias, bias / error, coverage, float((high - low).mean()))


def _rates(design: Design, law: str, rng: Rng, replications: int, problems: Array | None = None) -> Array:
    """(replications, problems)."""
    if problems is not None:
        return np.tile(problems, (replications, 1))
    centre = np.clip(LAWS[law](rng.random((replications, len(design.sizes)))), 1e-6, 1 - 1e-6)
    spread = np.repeat(WITHIN * centre, design.sizes, axis=1)
    return rng.beta(spread, WITHIN - spread)


def _measured(design: Design, rates: Array, rng: Rng) -> Iterator[tuple[str, Array]]:
    if design.stop:
        drawn = rng.random((*rates.shape, 64)) < rates[:, :, None]
        if design.prefix:
            yield from _of_counts(design, np.full(rates.shape, design.prefix), drawn[:, :, : design.prefix].sum(axis=2))
        else:
            yield from _by_paths(design, drawn)
        return
    n = np.resize(np.array(design.n), rates.shape[1])
    if not design.full:
        yield from _of_counts(design, np.broadcast_to(n, rates.shape), rng.binomial(n, rates))
        return
    shares = np.concatenate([rates[:, :, None], (1 - rates[:, :, None]) * np.array(WRONG)], axis=2)
    votes = rng.multinomial(n[0], shares)
    yield from _of_counts(design, np.broadcast_to(n, rates.shape), votes[:, :, 0])
    yield from _of_votes(design, votes)
    right = np.arange(n[0]) < votes[:, :, :1]
    scores = right * LIFT + rng.normal(size=right.shape)
    flat = selected_of_ks(right.reshape(-1, n[0]), scores.reshape(-1, n[0]), [K]).reshape(rates.shape)
    yield "best of 4 by score", _bounds(design, flat)
    names = np.repeat(np.arange(len(design.sizes)), design.sizes)
    yield (
        "AUROC",
        _estimates(
            auroc(s.ravel(), r.ravel(), np.repeat(names, n[0]).tolist()) for s, r in zip(scores, right, strict=True)
        ),
    )
    tokens = n * (_tokens(rates) + rng.normal(0, 5 / math.sqrt(n[0]), rates.shape))
    pairs = zip(tokens.tolist(), votes[:, :, 0].tolist(), strict=True)
    yield "tokens per correct", _estimates(cluster_ratio(t, c, names.tolist(), estimand="e") for t, c in pairs)


def _of_counts(design: Design, n: Ints, correct: Ints) -> Iterator[tuple[str, Array]]:
    pairs, place = np.unique(np.stack([n.ravel(), correct.ravel()]), axis=1, return_inverse=True)
    for name, estimator in COUNTS.items():
        ks = [ASKED[name]]
        if design.fixed:
            yield (
                name,
                _estimates(these_problems_means(estimator, m, c, ks, ["e"])[0] for m, c in zip(n, correct, strict=True)),
            )
        else:
            yield name, _bounds(design, estimator(pairs[0], pairs[1], ks)[place.ravel(), 0].reshape(n.shape))


def _of_votes(design: Design, votes: Ints) -> Iterator[tuple[str, Array]]:
    """Problems with equal votes are computed once."""
    rows, place = np.unique(votes.reshape(-1, votes.shape[2]), axis=0, return_inverse=True)
    majority, kinds = [], []
    for row in rows.tolist():
        given = [(m, float(answer == 0)) for answer, m in enumerate(row) if m]
        counts = AnswerCounts(tuple(m for m, _ in given), tuple(right for _, right in given))
        accuracy = majority_at_k(counts, K)
        majority.append(accuracy.value if accuracy else math.nan)
        kinds.append(float(distinct_at_ks([m for m, _ in given], sum(row), [K])[0]))
    yield "maj@4", _bounds(design, np.array(majority)[place.ravel()].reshape(votes.shape[:2]))
    scaled = _bounds(design, np.array(kinds)[place.ravel()].reshape(votes.shape[:2]) / K)
    yield "distinct@4", scaled * K


def _by_paths(design: Design, drawn: npt.NDArray[np.bool_]) -> Iterator[tuple[str, Array]]:
    """Path counting over all draws, and beside it the plain c/n of them, which is biased."""

    def rule(count: int, correct: int) -> int:
        return 0 if count and (correct >= design.stop or count >= 64) else design.step

    hits = drawn.cumsum(axis=2)[:, :, design.step - 1 :: design.step]
    stops = np.where(hits >= design.stop, np.arange(hits.shape[2]), hits.shape[2] - 1).min(axis=2)
    correct = np.take_along_axis(hits, stops[:, :, None], axis=2)[:, :, 0]
    n = (stops + 1) * design.step
    points = list(zip(n.ravel().tolist(), correct.ravel().tolist(), strict=True))
    paths = path_counts(rule, cap=64, wanted=frozenset(points))
    rate = {point: path_counting_rate(*point, paths) for point in set(points)}
    yield "path counting", _bounds(design, np.array([rate[point] for point in points]).reshape(n.shape))
    yield "pass@1, c/n of all draws", _bounds(design, correct / n)


def _bounds(design: Design, values: Array) -> Array:
    """(replications, 3) from values (replications, problems): all replications are columns of one table."""
    sizes = np.array(design.sizes)
    totals = np.add.reduceat(values.T, np.r_[0, sizes.cumsum()[:-1]], axis=0)
    table = ClusterTable(totals, sizes.astype(np.float64), np.ones(len(sizes), dtype=np.int64))
    low, high, _ = table.bounds()
    return np.stack([table.means(), low, high], axis=1)


def _estimates(found: Iterator[object]) -> Array:
    return np.array([[estimate.value, estimate.low, estimate.high] for estimate in found])  # type: ignore[attr-defined]


def markdown(cells: Sequence[Cell]) -> str:
    """A row per cell, and what share of them keeps what is promised."""
    lines = ["| design | law | estimator | truth | bias | in MC errors | coverage | width |", "|---" * 8 + "|"]
    for c in cells:
        figures = f"{c.truth:.4f} | {c.bias:+.4f} | {c.z:+.1f} | {c.coverage:.3f} | {c.width:.3f}"
        lines.append(f"| {c.design} | {c.law} | {c.estimator} | {figures} |")
    return "\n".join([*lines, "", summary(cells)])


def summary(cells: Sequence[Cell]) -> str:
    """Bias and coverage over the cells, without the bad examples beside an estimator."""
    fair = [c for c in cells if "," not in c.estimator]
    z, coverages = np.abs([c.z for c in fair]), np.array([c.coverage for c in fair])
    within = ((coverages >= 0.94) & (coverages <= 0.97)).mean()
    return (
        f"{len(fair)} cells: bias beyond 2 Monte Carlo errors in {(z > 2).mean():.3f}, the largest {z.max():.1f}; coverage "
        f"{coverages.min():.3f} to {coverages.max():.3f}, mean {coverages.mean():.3f}: "
        f"below .94 {(coverages < 0.94).mean():.3f}, .94 to .97 {within:.3f}, above {(coverages > 0.97).mean():.3f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=2000)
    parser.add_argument("--designs", nargs="*", default=list(DESIGNS), choices=list(DESIGNS))
    parser.add_argument("--laws", nargs="*", default=list(LAWS), choices=list(LAWS))
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    cells = [
        cell for name in args.designs for law in args.laws for cell in simulate(name, law, args.replications, args.seed)
    ]
    print(markdown(cells))


if __name__ == "__main__":
    main()
