"""Proofs that a trial tells the truth: coverage, false alarms, power as planned and looks, on a simulated learner.

    python -m benchmarks.numbers.trials --repeats 2000 --seed 1

- `coverage`: of nominal 95% intervals over problems, over seeds, and over both with normal and Student quantiles; `more
  degrees`: V with degrees of freedom of V_S - V_E for the seeds' part.
- `alarms`: equal arms that look different.
- `power`: of a true difference as large as `designs` says is shown four times in five; and what pilots of few seeds say.
- `looks`: errors, power and seeds of trials that are looked at with 3, 5 and 8 seeds.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from benchmarks.numbers.simulated_trials import SimulatedLearner, cells, shift_of
from rollmill.stats import (
    Choices,
    Expense,
    TwoWay,
    VarianceComponents,
    VarianceParts,
    arm_components,
    designs,
    draw_variance,
    false_alarm,
    look_levels,
    pair_components,
    t_quantile,
    two_way,
)

Array = npt.NDArray[np.float64]
Size = tuple[int, int, int]
"""Seeds, problems, samples."""

SAMPLES = 4
LOOKS = (3, 5, 8)
METHODS = ("problems only", "t over seeds", "two-way, normal", "more degrees", "two-way, t")
LAWS = {
    "normal": SimulatedLearner(),
    "heavy": SimulatedLearner(heavy=True),
    "rare": SimulatedLearner(centre=-4.0),
}


def trials(law: SimulatedLearner, size: Size, repeats: int, seed: int) -> Iterator[Array]:
    """Cells of so many trials."""
    rng = np.random.default_rng([seed, *size, int(law.seeds * 1000), int(law.heavy)])
    for _ in range(repeats):
        yield cells(law.drawn(size, rng))


def product_test(differences: Array, confidence: float) -> TwoWay:
    """The product's test."""
    found = two_way(differences, confidence=confidence)
    assert found is not None
    return found


def found_of(law: SimulatedLearner, size: Size, repeats: int, seed: int) -> Iterator[TwoWay]:
    """Results of the product's own analysis for `repeats` simulated trials."""
    return (product_test(differences, 0.95) for differences in trials(law, size, repeats, seed))


class Intervals(NamedTuple):
    """Coverage and mean half width of one method, and how often it leaves out 0."""

    coverage: float
    half: float
    shown: float


def more_degrees(parts: VarianceParts, size: Size) -> float:
    """Degrees of freedom that take V_S - V_E for the part of seeds: narrower where seeds vary little or not at all."""
    scale = max(0.0, parts.seeds - parts.rest) ** 2 / (size[0] - 1) + parts.problems**2 / (size[1] - 1)
    return max(size[0] - 1.0, parts.whole**2 / scale) if scale > 0.0 else size[0] - 1.0


def intervals(law: SimulatedLearner, size: Size, repeats: int, seed: int) -> dict[str, Intervals]:
    """Intervals of the four methods on the same trials; the product's is the last one."""
    ends: dict[str, list[tuple[float, float]]] = {method: [] for method in METHODS}
    normal, over_seeds = (t_quantile(0.975, degrees) for degrees in (np.inf, size[0] - 1))
    for found in found_of(law, size, repeats, seed):
        assert found.parts is not None
        mean, parts = found.change.value, found.parts
        halves = [
            normal * np.sqrt(parts.problems),
            over_seeds * np.sqrt(parts.seeds),
            normal * np.sqrt(parts.whole),
            t_quantile(0.975, more_degrees(parts, size)) * np.sqrt(parts.whole),
        ]
        for method, half in zip(METHODS, halves, strict=False):
            ends[method].append((mean - half, mean + half))
        ends[METHODS[-1]].append((found.change.low, found.change.high))
    return {method: _summary(np.array(rows), law.truth) for method, rows in ends.items()}


def _summary(ends: Array, truth: float) -> Intervals:
    low, high = ends.T
    covered, shown = (low <= truth) & (truth <= high), (low > 0.0) | (high < 0.0)
    return Intervals(float(covered.mean()), float((high - low).mean() / 2.0), float(shown.mean()))


@cache
def components(law: SimulatedLearner) -> VarianceComponents:
    """The true components, from a pilot that nobody could pay; tails leave the variance as it is."""
    pair = replace(law, heavy=False).drawn((2000, 1500, SAMPLES), np.random.default_rng(0))
    return pair_components(cells(pair), within=draw_variance(*pair), samples=SAMPLES)


def detectable(parts: VarianceComponents, size: Size) -> float:
    """The smallest effect that `designs` says such a trial shows four times in five."""
    seeds, problems, samples = size
    (found,) = designs(parts, Choices([seeds], [problems], [samples]), training=Expense(), completion=Expense())
    return found.detectable


def planned(law: SimulatedLearner, size: Size, repeats: int, seed: int) -> tuple[float, float]:
    """The effect that is planned for, and the share of trials with that effect that show it."""
    effect = detectable(components(law), size)
    shifted = replace(law, shift=shift_of(effect, law))
    return effect, float(np.mean([found.p <= 0.05 for found in found_of(shifted, size, repeats, seed)]))


def pilots(law: SimulatedLearner, seeds: int, repeats: int, seed: int, cautious: float | None) -> Array:
    """Detectable effects at 5 x 240 that so many pilots of one arm forecast, as shares of the true one."""
    rng, truth = np.random.default_rng([seed, seeds]), detectable(components(law), (5, 240, SAMPLES))
    found = []
    for _ in range(repeats):
        arm = law.drawn((seeds, 240, SAMPLES), rng)[0]
        rates = np.asarray(arm.correct) / SAMPLES
        parts = arm_components(rates, within=draw_variance(arm), samples=SAMPLES, cautious=cautious)
        found.append(detectable(parts, (5, 240, SAMPLES)) / truth)
    return np.array(found)


def as_normal(found: TwoWay) -> float:
    """p of the same statistic against a normal boundary, as looks at large samples have it."""
    t = t_quantile(found.p / 2.0, found.degrees) if found.degrees > 0.0 else 0.0
    return 2.0 * float(ndtr(t))


WAYS: dict[str, tuple[list[float], Callable[[TwoWay], float]]] = {
    "O'Brien-Fleming": (look_levels(LOOKS), attrgetter("p")),
    "Pocock": (look_levels(LOOKS, shape="pocock"), attrgetter("p")),
    "8 seeds at once": ([0.0, 0.0, 0.05], attrgetter("p")),
    "normal boundary": (look_levels(LOOKS), as_normal),
    ".05 at each look": ([0.05] * len(LOOKS), attrgetter("p")),
}


class Looked(NamedTuple):
    """The share of trials that were stopped with a difference, the mean number of seeds, simultaneous coverage."""

    shown: float
    seeds: float
    coverage: float


def looked(law: SimulatedLearner, size: Size, way: str, repeats: int, seed: int) -> Looked:
    """Trials of at most 8 seeds that are looked at in one of the `WAYS`."""
    levels, p_of = WAYS[way]
    shown, seeds, covered = [], [], []
    for whole in trials(law, size, repeats, seed):
        for count, level in zip(LOOKS, levels, strict=True):
            found = product_test(whole[:count], 1.0 - level)
            if stopped := p_of(found) <= level:
                break
        shown.append(stopped)
        seeds.append(count)
        covered.append(found.change.low <= law.truth <= found.change.high)
    return Looked(*(float(np.mean(part)) for part in (shown, seeds, covered)))


def lines(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table of Markdown."""
    body = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(head), ["---"] * len(head), *body])


def coverage_table(repeats: int, seed: int) -> str:
    """Of each size and law: coverage of the methods, half width of the last."""
    rows: list[list[object]] = []
    sizes = [(3, 240, 0.1), (5, 240, 0.0), (5, 240, 0.1), (5, 1000, 0.1), (3, 50, 0.1), (5, 50, 0.1), (8, 240, 0.1)]
    sizes += [(3, 240, 0.3), (5, 240, 0.3), (8, 1000, 0.3)]
    for name, law in LAWS.items():
        for seeds, problems, spread in sizes if name == "normal" else sizes[:6] + sizes[-3:]:
            found = intervals(replace(law, seeds=spread), (seeds, problems, SAMPLES), repeats, seed)
            figures = [found[method].coverage for method in METHODS]
            rows.append([f"{seeds} x {problems}", spread, name, *figures, found[METHODS[-1]].half])
    return lines(["seeds x problems", "seed sd", "law", *METHODS, "half width"], rows)


def alarm_table(repeats: int, seed: int) -> str:
    """Of each size and law of equal arms: the shares of trials that each method calls different."""
    rows: list[list[object]] = []
    for name, law in LAWS.items():
        for seeds, problems in ((3, 50), (3, 240), (5, 50), (5, 240), (5, 1000), (8, 240)):
            for spread in (0.0, 0.1, 0.3):
                null = replace(law, seeds=spread).null()
                found = intervals(null, (seeds, problems, SAMPLES), repeats, seed)
                rows.append([f"{seeds} x {problems}", spread, name, *(found[method].shown for method in METHODS)])
    return lines(["seeds x problems", "seed sd", "law", *METHODS], rows)


def power_table(repeats: int, seed: int) -> str:
    """Of each size and law: the effect that is shown in .8 by plan, and the share of trials that show it."""
    rows: list[list[object]] = []
    for name in ("normal", "heavy"):
        for seeds, problems, spread in (
            (3, 240, 0.0),
            (3, 240, 0.1),
            (5, 50, 0.1),
            (5, 240, 0.0),
            (5, 240, 0.1),
            (5, 1000, 0.3),
            (8, 240, 0.1),
        ):
            law = replace(LAWS[name], seeds=spread)
            rows.append([f"{seeds} x {problems}", spread, name, *planned(law, (seeds, problems, SAMPLES), repeats, seed)])
    return lines(["seeds x problems", "seed sd", "law", "planned effect", "shown"], rows)


def pilot_table(repeats: int, seed: int) -> str:
    """Detectable effects at 5 x 240 as pilots of one arm estimate them, as shares of the true ones."""
    rows: list[list[object]] = []
    for seeds in (2, 3, 5):
        for cautious in (None, 0.8):
            said = pilots(LAWS["normal"], seeds, repeats, seed, cautious)
            quantiles = [float(part) for part in np.quantile(said, [0.1, 0.5, 0.9])]
            rows.append([seeds, "estimate" if cautious is None else "80% limit", *quantiles, float((said >= 1.0).mean())])
    return lines(["pilot's seeds", "seeds' variance", "10%", "median", "90%", "enough"], rows)


def look_table(repeats: int, seed: int) -> str:
    """Errors, power and seeds of each way to look, of equal arms and of arms that eight seeds tell apart in .8."""
    rows: list[list[object]] = []
    for spread, problems in ((0.3, 1000), (0.1, 240), (0.0, 240), (0.1, 50)):
        law = replace(LAWS["normal"], seeds=spread)
        size = (LOOKS[-1], problems, SAMPLES)
        shifted = replace(law, shift=shift_of(detectable(components(law), size), law))
        for way in WAYS:
            null, found = (looked(one, size, way, repeats, seed) for one in (law.null(), shifted))
            rows.append([f"{spread} x {problems}", way, null.shown, null.seeds, found.shown, found.seeds, found.coverage])
    head = ["seed sd x problems", "looks at 3, 5, 8", "false alarms", "seeds", "power", "seeds then", "coverage"]
    return lines(head, rows) + f"\n\nSeeds alone vary, .05 at each look: {false_alarm(LOOKS, [0.05] * 3):.3f} (exact)."


TABLES = {
    "coverage": coverage_table,
    "alarms": alarm_table,
    "power": power_table,
    "pilots": pilot_table,
    "looks": look_table,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=list(TABLES), default=list(TABLES))
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for name in args.tables:
        print(f"{name}:\n\n{TABLES[name](args.repeats, args.seed)}\n")


if __name__ == "__main__":
    main()
