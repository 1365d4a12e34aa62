"""Arms made of stored completions: the models of a pool or the values of a column, their costs, and random halves.

One half of the clusters chooses an arm, the other reports on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import STATES, Flags, Ints, grouped
from rollmill.storage.queries import Reader
from rollmill.storage.queries.comparisons.sides import Side, sides_of

MODEL = "model"
TRIES = 50  # splits that are tried until every arm is in both halves

Key = tuple[str, str]
"""Benchmark and id of a problem."""


@dataclass(frozen=True, slots=True)
class ArmProblem:
    """A problem's judged completions in one arm: a mask of the correct ones, tokens (-1: unknown), cluster, task."""

    right: Flags
    tokens: Ints
    cluster: Any
    task: str


Arms = Mapping[str, Mapping[Key, ArmProblem]]


Halves = tuple[dict[str, list[ArmProblem]], dict[str, list[ArmProblem]]]
"""The problems of each arm that choose, and those that report."""


def arms_of(reader: Reader, pool: str, column: str, tasks: str | None = None) -> dict[str, dict[Key, ArmProblem]]:
    """The arms of a pool with their judged completions. `tasks`: the column of the problems' tasks, None for benchmarks."""
    sides = sides_of(reader, pool, None if column == MODEL else column, () if tasks is None else (tasks,))
    models = sorted({side.model for side in sides})
    # Completions of several models in one arm would compare models and arms at once.
    if column != MODEL and len(models) > 1:
        raise SetupError(
            f"{pool} has completions of {len(models)} models: whose {column} are the arms?",
            choices=[f"{pool}:{model}" for model in models],
        )
    arms: dict[str, dict[Key, ArmProblem]] = {}
    for side in sides:
        arm = side.model if column == MODEL else side.benchmark
        problems = _problems(side, tasks)
        if problems:
            arms.setdefault(arm, {}).update(problems)
    if len(arms) < 2:
        raise SetupError(
            f"{pool} has {len(arms)} {column} with judged completions; an allocation is among several.",
            next_command="--arms level, or another column whose values are the arms",
        )
    return arms


def _problems(side: Side, tasks: str | None) -> dict[Key, ArmProblem]:
    pool = side.pool.where(side.pool.in_prefix & (side.pool.outcome < STATES.index("undecided")))
    right, problems = pool.outcome == STATES.index("correct"), {}
    for place, rows in grouped(pool.problem.tolist()).items():
        key = (side.benchmark, pool.problems[place])
        template = pool.strata["template"][place]
        # With the benchmark, as two benchmarks may have a template of one name.
        cluster = key if template is None else (side.benchmark, str(template))
        task = side.benchmark if tasks is None else str(pool.strata[tasks][place])
        problems[key] = ArmProblem(right[rows], pool.tokens[rows], cluster, task)
    return problems


def costs_of(arms: Arms, *, in_tokens: bool) -> dict[str, float]:
    """Cost of one completion of each arm: 1, or its mean tokens."""
    if not in_tokens:
        return dict.fromkeys(arms, 1.0)
    tokens = {name: np.concatenate([problem.tokens for problem in arm.values()]) for name, arm in arms.items()}
    unknown = sorted(name for name, counts in tokens.items() if (counts < 0).any())
    if unknown:
        raise SetupError(f"some completions of {', '.join(unknown)} have no token count.", next_command="--spend N")
    # At least 1: with free completions an arm could be drawn for ever.
    return {name: max(1.0, float(counts.mean())) for name, counts in tokens.items()}


def _halves(arms: Arms, generator: np.random.Generator, *, by_cluster: bool) -> set[Any]:
    """The units (clusters or problems) on which an allocator chooses; both halves have problems of every arm."""
    units = {name: {problem.cluster if by_cluster else key for key, problem in arm.items()} for name, arm in arms.items()}
    # Sorted: the order of a set differs between processes, and the seed must give the same halves.
    every = sorted(set().union(*units.values()))
    # A random half may miss a small arm altogether.
    for _ in range(TRIES):
        chosen = {every[place] for place in generator.permutation(len(every))[: len(every) // 2].tolist()}
        if all(members & chosen and members - chosen for members in units.values()):
            return chosen
    small = min(units, key=lambda name: len(units[name]))
    raise SetupError(
        f"arm {small!r} has {len(units[small])} problems: too few for one half that chooses and one that reports.",
        next_command="draw more completions, or take another column for the arms",
    )


def split(arms: Arms, generator: np.random.Generator, *, by_cluster: bool) -> Halves:
    """Random halves of the clusters, or of the problems."""
    halves = _halves(arms, generator, by_cluster=by_cluster)
    sides: Halves = ({}, {})
    for name, arm in arms.items():
        for side in sides:
            side[name] = []
        for key, problem in arm.items():
            unit = problem.cluster if by_cluster else key
            sides[0 if unit in halves else 1][name].append(problem)
    return sides
