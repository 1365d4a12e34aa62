"""Computations of the budget comparison from recorded draws: runs, coverage, choices made on other seeds, regret.

Every budget is a family of runs with one dial: for `fixed` the number of draws, for `passuntil` the number of passes,
for the others the limit `total` on draws, up to none. Its coverage-at-budget curve is that family. A dial for a wanted
coverage is chosen on the OTHER sampling seeds. Draws nothing and prints nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from math import ceil, inf
from statistics import fmean
from typing import Any

from benchmarks.numbers.oracle import Oracle, law_of, oracle, price_grid
from benchmarks.numbers.replay import Record, Spending, replay, solutions, solvable
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample

GRID = 40
PASSES = 6


@dataclass(frozen=True, slots=True)
class Setting:
    """Setting of a comparison: number k of distinct correct solutions, prefix of every budget, trial cap of a problem."""

    k: int
    initial: int
    cap: int


@dataclass(frozen=True, slots=True)
class Run:
    """A replay: its dial (draws per problem, or draws in all; inf: no limit), and the result for each problem."""

    dial: float
    spent: Mapping[str, Spending]

    @property
    def tokens(self) -> int:
        """Tokens over all problems."""
        return sum(spending.tokens for spending in self.spent.values())

    def covered(self, k: int, among: Iterable[str]) -> int:
        """Number of these problems with k distinct correct solutions."""
        return sum(self.spent[key].distinct >= k for key in among)


Family = Sequence[Run]
"""Runs of one budget over one record, by rising dial."""


def fixed_family(record: Record, cap: int) -> Family:
    """`fixed` at every n up to the cap: prefixes of the record, added up without asking the budget (a test does)."""
    spent: list[dict[str, Spending]] = [{} for _ in range(cap)]
    for observation in record:
        tokens, different = 0, set[str | int]()
        for index, sample in enumerate(observation.samples[:cap]):
            tokens += sample.tokens
            different |= solutions([sample])
            spent[index][observation.subject.problem_id] = Spending(tokens, index + 1, len(different))
    return [Run(n, part) for n, part in enumerate(spent, 1)]


def family(kind: type[Any], setting: Setting, record: Record, options: Mapping[str, Any] | None = None) -> Family:
    """A budget under limits on all draws, the same for every record of this many problems, and without one."""
    chosen = {**offered(kind, setting), **(options or {})}
    if "passes" in option_names(kind):
        return [Run(n, replay(kind(**{**chosen, "passes": n}), record).spent) for n in range(setting.k, setting.k + PASSES)]
    free = Run(inf, replay(kind(**chosen), record).spent)
    if "total" not in option_names(kind):
        return [free]
    drawn = sum(spending.drawn for spending in free.spent.values())
    limited = [
        Run(total, replay(kind(**chosen, total=total), record).spent if total < drawn else free.spent)
        for total in limits(setting, len(record))
    ]
    return [*limited, free]


def limits(setting: Setting, problems: int) -> list[int]:
    """`GRID` limits on draws from the prefix of all problems to their cap, each by the same factor above the one before."""
    growth = (setting.cap / setting.initial) ** (1 / (GRID - 1))
    return [ceil(setting.initial * problems * growth**step) for step in range(GRID)]


def offered(kind: type[Any], setting: Setting) -> dict[str, int]:
    """The setting as the options that this budget has."""
    names = option_names(kind)
    # `main`: what gvm draws after its pilot where no total says less
    wanted = {"initial": setting.initial, "target": setting.k, "cap": setting.cap, "main": setting.cap - setting.initial}
    return {name: value for name, value in wanted.items() if name in names}


def option_names(kind: type[Any]) -> frozenset[str]:
    """The options of a budget."""
    return frozenset(option.name for option in fields(kind)) if is_dataclass(kind) else frozenset()


def coverage(run: Run, k: int, solvable_ids: frozenset[str]) -> float | None:
    """The share of the solvable problems that a run covers; None if none is solvable."""
    return run.covered(k, solvable_ids) / len(solvable_ids) if solvable_ids else None


Mixture = Sequence[tuple[float, Run]]
"""Runs with weights that sum to 1."""


def at_tokens(runs: Family, tokens: float) -> Mixture | None:
    """The mixture of two neighbours on the dial that spends these tokens; None if every run exceeds them.

    The dial is coarse: without mixing, one budget would be looked at just below the tokens and another far below. Runs are
    chosen by what they spend, whatever they covered: choosing the best would choose the luckiest.
    """
    below = max((run for run in runs if run.tokens <= tokens), key=lambda run: (run.tokens, run.dial), default=None)
    above = min((run for run in runs if run.tokens > tokens), key=lambda run: (run.tokens, run.dial), default=None)
    if below is None or above is None:
        return None if below is None else [(1.0, below)]
    share = (tokens - below.tokens) / (above.tokens - below.tokens)
    return [(1.0 - share, below), (share, above)]


def reaching(families: Mapping[int, Family], k: int, solved: Mapping[int, frozenset[str]], goal: float) -> float | None:
    """The smallest dial whose mean coverage over these seeds is at least `goal`; None if none reaches it."""
    for runs in zip(*families.values(), strict=True):
        covered = [coverage(run, k, solved[seed]) for seed, run in zip(families, runs, strict=True)]
        known = [share for share in covered if share is not None]
        if known and fmean(known) >= goal:
            dial: float = runs[0].dial
            return dial
    return None


def chosen_elsewhere(
    families: Mapping[int, Family], k: int, solved: Mapping[int, frozenset[str]], goal: float
) -> dict[int, Run]:
    """For each seed the run at the smallest dial that reaches the goal on the OTHER seeds; seeds without one are left out.

    What is reported of a seed so rests on no outcome of that seed.
    """
    comparisons = {}
    for seed, runs in families.items():
        dial = reaching({other: them for other, them in families.items() if other != seed}, k, solved, goal)
        if dial is not None:
            comparisons[seed] = next(run for run in runs if run.dial == dial)
    return comparisons


def solvable_by_seed(records: Mapping[int, Record], k: int) -> dict[int, frozenset[str]]:
    """The problems that are solvable within the record of each seed."""
    return {seed: solvable(record, k) for seed, record in records.items()}


def of_level(record: Record, levels: Iterable[int]) -> frozenset[str]:
    """The problems of these levels."""
    wanted = set(levels)
    return frozenset(observation.subject.problem_id for observation in record if observation.subject.level in wanted)


def oracles(records: Mapping[int, Record], setting: Setting, *, initial: int = 0) -> dict[int | None, Oracle]:
    """The oracle of each level, and of all problems (None); chances are those of all recorded draws of a problem."""
    pooled: dict[SimulatedProblem, list[SimulatedSample]] = {}
    for record in records.values():
        for observation in record:
            pooled.setdefault(observation.subject, []).extend(observation.samples)
    laws = {subject: law_of(samples) for subject, samples in pooled.items()}
    grid = price_grid(list(laws.values()), setting.cap)
    by_level: dict[int | None, Oracle] = {}
    for level in sorted({subject.level for subject in laws if subject.level is not None}):
        of_this = [law for subject, law in laws.items() if subject.level == level]
        by_level[level] = oracle(of_this, k=setting.k, cap=setting.cap, initial=initial, grid=grid)
    by_level[None] = Oracle(grid, sum((level_oracle.values for level_oracle in by_level.values()), start=0.0 * grid))
    return by_level


def regret(runs: Sequence[Run], k: int, best: Oracle, among: frozenset[str]) -> float:
    """Problems that the oracle covers beyond these runs, in expectation, at their mean tokens on these problems.

    At the mean, not run by run: the curve is concave, and a budget that spends more where it was unlucky would look better.
    """
    tokens = fmean(sum(run.spent[key].tokens for key in among) for run in runs)
    return best.coverage(tokens) - fmean(run.covered(k, among) for run in runs)
