"""Claims that are about a law and not about a model: each simulates the law that its statement names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rollmill.methods import Aggregator, BlindPool, Effect, Flags, Floats, Ints, knockout_bound
from rollmill_papers.claims.evidence import Evidence, aggregator

MATCHES, TABLES, WAITS = 400, 120, 20_000
SETTINGS = ((64, 64, 0.3, 0.7), (32, 48, 0.2, 0.75), (16, 32, 0.3, 0.8))  # N, K, p_gen, p_comp, with a bound below 1
MISLED = 0.4  # a p_comp below one half


@dataclass(frozen=True, slots=True)
class ByLot:
    """Prefers the right one of two completions with chance `p`; `right` (M,): of the problem's completions."""

    right: Flags
    p: float
    rng: np.random.Generator

    def __call__(self, pool: BlindPool, first: Ints, second: Ints, vote: int) -> Floats:  # noqa: ARG002
        members = [np.take_along_axis(pool.member, place, axis=1) for place in (first, second)]
        ahead = self.right[members[0]].astype(float) - self.right[members[1]]
        return np.asarray(np.where(self.rng.random(ahead.shape) < self.p, ahead, -ahead), dtype=np.float64)


def _failure(rng: np.random.Generator, setting: tuple[int, int, float, float]) -> float:
    """The share of knockouts that end with a wrong completion; `setting` is N, K, p_gen, p_comp."""
    n, k, p_gen, p_comp = setting
    lost = 0
    for trial in range(MATCHES):
        right = rng.random(n) < p_gen
        pool = BlindPool.of([str(place) for place in range(n)])
        comparer = ByLot(right, p_comp, rng)
        winner = aggregator("knockout", comparisons=k, seed=trial, comparer=comparer).elect(pool).strength[0].argmax()
        lost += not right[winner]
    return lost / MATCHES


def _knockout(evidence: Evidence) -> Sequence[Effect]:
    rng = evidence.rng(3)
    over = max(_failure(rng, setting) - knockout_bound(*setting) for setting in SETTINGS)
    n, _, p_gen, p_comp = SETTINGS[-1]
    more = _failure(rng, (n, 16, p_gen, p_comp)) - _failure(rng, (n, 1, p_gen, p_comp))
    worse = _failure(rng, (n, 16, p_gen, MISLED)) - _failure(rng, (n, 1, p_gen, MISLED))
    return tuple(Effect(value, MATCHES) for value in (over, more, worse))


def _chosen_right(table: Flags, right: Flags, chooser: Aggregator) -> float:
    """The chance that the program which an aggregator chooses is right; `table` (N, M): who passes which test."""
    pool = BlindPool.of([str(place) for place in range(len(table))], passes=table)
    strength = chooser.elect(pool).strength[0]
    return float(right[strength == strength.max()].mean())


def _programs(rng: np.random.Generator, wrong_tests: float, wrong_programs: float) -> tuple[Flags, Flags]:
    """10 programs of which .2 are right, 30 tests of which .3 are right: right ones pass right tests and no others.

    A wrong program passes a right test with chance `wrong_programs` and a wrong test with chance `wrong_tests`.
    """
    while True:
        right, sound = rng.random(10) < 0.2, rng.random(30) < 0.3
        if right.any():
            chance = np.where(sound, wrong_programs, wrong_tests)
            noise = rng.random((10, 30)) < chance
            return np.where(right[:, None], sound[None, :], noise), right


def _b4(evidence: Evidence) -> Sequence[Effect]:
    rng = evidence.rng(4)
    methods: dict[str, Any] = {"codet": {}, "mbr_exec": {}, "b4": {}, "prior of programs": {"alpha": 1e3, "beta": 1e4}}
    chances: dict[tuple[str, bool], list[float]] = {}
    for bad in (False, True):
        for _ in range(TABLES):
            table, right = _programs(rng, *((0.4, 0.6) if bad else (0.1, 0.4)))
            for name, options in methods.items():
                chosen = aggregator("b4" if name.startswith("prior") else name, **options)
                chances.setdefault((name, bad), []).append(_chosen_right(table, right, chosen))
    mean = {key: sum(values) / TABLES for key, values in chances.items()}
    return (
        Effect(mean["b4", False] - mean["codet", False], TABLES),
        Effect(mean["b4", False] - mean["mbr_exec", False], TABLES),
        Effect(mean["prior of programs", True] - mean["b4", True], TABLES),
        Effect(mean["prior of programs", True] - mean["codet", True], TABLES),
    )


def _pass_until(evidence: Evidence) -> Sequence[Effect]:
    rng, p, r = evidence.rng(5), 0.01, 2
    # numpy counts the failures alone.
    waits = rng.negative_binomial(r, p, WAITS) + r  # draws up to the second success
    return tuple(Effect(float(values.mean()) / p - 1.0, WAITS) for values in (r / waits, (r - 1) / (waits - 1)))


MEASURES = {
    "knockout-bound": _knockout,
    "b4-priors": _b4,
    "pass-until-estimator": _pass_until,
}
