"""`rollmill holdout`: pass rates of models on a guarded half of a benchmark, which many questions do not wear out.

Whole templates, by a hash with the guard's seed, are visible or guarded. A question is one model's pass rate; Thresholdout
(`rollmill.stats.guarded_answer`) answers it from the visible half while the guarded one agrees.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128, digits
from rollmill.stats import HoldoutGuard, first_shift, guarded_answer, standard_guard
from rollmill.storage.holdouts import Holdout, HoldoutQuestion, Holdouts
from rollmill.storage.queries import Reader
from rollmill.storage.queries.comparisons.sides import Side, sides_of
from rollmill.storage.workspace import Workspace

LEAST_UNITS = 20  # of each half: the threshold would be wider than most differences between models
Row = dict[str, Any]


class _Halves(NamedTuple):
    """Mean pass rate and independent units of the visible and the guarded half; digests of problems and rates."""

    visible: float
    guarded: float
    visible_units: int
    guarded_units: int
    problems: int
    members: str
    key: str


def open_holdout(root: Path, name: str, reference: str, *, benchmark: str | None, budget: int, seed: int) -> Row:
    """Guard half of an evaluation's benchmark; SetupError if the benchmark has too few templates or problems."""
    with Reader.open(root) as reader:
        sides = sides_of(reader, reference)
    names = list(dict.fromkeys(side.benchmark for side in sides))
    if benchmark is None and len(names) > 1:
        raise SetupError(f"{reference} has {len(names)} benchmarks.", choices=[f"--benchmark {each}" for each in names])
    chosen = benchmark or names[0]
    if chosen not in names:
        raise SetupError(f"{reference} has no benchmark {chosen!r}.", choices=[f"--benchmark {each}" for each in names])
    halves = _halves(next(side for side in sides if side.benchmark == chosen), seed)
    fewest = min(halves.visible_units, halves.guarded_units)
    if fewest < LEAST_UNITS:
        raise SetupError(
            f"{chosen} has {halves.visible_units} templates in its visible half and {halves.guarded_units} in its guarded "
            f"one (a problem without a template counts as one); {LEAST_UNITS} are needed in each.",
            next_command="name a benchmark with more problems, or another --seed",
        )
    guard = standard_guard(fewest)
    # 0 is the stream of the first shift; question n has stream n, from 1.
    shift = first_shift(guard, np.random.default_rng([seed, 0]))
    units = (halves.visible_units, halves.guarded_units)
    holdout = Holdout(chosen, halves.problems, halves.members, *units, seed, budget, guard.threshold, guard.noise, shift)
    with Workspace.open(root) as workspace:
        Holdouts(workspace.state).open(name, holdout)
    return holdout.row(name)


def ask_holdout(root: Path, name: str, reference: str) -> Row:
    """The guarded pass rate of one model. The same rates get the same answer again, and spend nothing."""
    with Workspace.open(root) as workspace:
        holdouts = Holdouts(workspace.state)
        holdout = holdouts.get(name)
        with Reader.open(root) as reader:
            halves = _halves(_side(sides_of(reader, reference), reference, holdout.benchmark), holdout.seed)
        # Rates over other problems would be another question, whose answer the threshold does not cover.
        if halves.members != holdout.members:
            raise SetupError(
                f"{reference} has judged completions of {halves.problems} problems of {holdout.benchmark}, and {name} is "
                f"over {holdout.problems}, not the same ones.",
                next_command="rollmill evaluate RECIPE with the benchmark as it was, or open another guarded half",
            )
        # Read again under the lock: another command may have asked since `get`.
        with holdouts.asking(name) as (current, changed):
            # A fresh answer to an old question would let a caller average the noise away.
            known = next((question for question in current.questions if question.key == halves.key), None)
            if known is None:
                known, holdout = _asked(name, current, halves, reference)
                changed.append(holdout)
            else:
                holdout = current
    return {**holdout.row(name), "question": holdout.question_row(known, reference)}


def _asked(name: str, holdout: Holdout, halves: _Halves, reference: str) -> tuple[HoldoutQuestion, Holdout]:
    if holdout.looks >= holdout.budget:
        raise SetupError(
            f"all {holdout.budget} looks at {name} are spent; further answers would no longer be right.",
            next_command=f"rollmill holdout open {name}-2 EVALUATION of fresh problems",
        )
    guard = HoldoutGuard(holdout.threshold, holdout.noise, min(holdout.visible, holdout.guarded))
    generator = np.random.default_rng([holdout.seed, 1 + len(holdout.questions)])
    answer = guarded_answer(guard, halves.visible, halves.guarded, holdout.shift, generator)
    # The noise may carry a rate beyond 0 or 1.
    value = digits(min(1.0, max(0.0, answer.value)))
    question = HoldoutQuestion(halves.key, reference, value, digits(guard.bound(looked=answer.looked)), answer.looked)
    return question, replace(holdout, shift=answer.shift, questions=(*holdout.questions, question))


def _side(sides: list[Side], reference: str, benchmark: str) -> Side:
    mine = [side for side in sides if side.benchmark == benchmark]
    if not mine:
        raise SetupError(
            f"{reference} has no results on {benchmark}.", next_command=f"rollmill evaluate RECIPE with {benchmark}"
        )
    if len(mine) > 1:
        raise SetupError(
            f"{reference} is of {len(mine)} models; a question is about one.",
            choices=[f"{reference.partition(':')[0]}:{side.model}" for side in mine],
        )
    return mine[0]


def _halves(side: Side, seed: int) -> _Halves:
    counts = side.counts
    judged = np.flatnonzero(counts.judged > 0).tolist()
    rates: dict[str, float] = {}
    parts: tuple[list[float], list[float]] = ([], [])
    units: tuple[set[str], set[str]] = (set(), set())
    for place in judged:
        problem, template = side.pool.problems[place], side.pool.strata["template"][place]
        unit = f"problem {problem}" if template is None else f"template {template}"
        # By hash: a template's half does not depend on which other templates the benchmark has.
        half = int(digest128(["holdout", seed, unit])[:8], 16) % 2
        rates[problem] = float(counts.correct[place] / counts.judged[place])
        parts[half].append(rates[problem])
        units[half].add(unit)
    means = [float(np.mean(part)) if part else 0.0 for part in parts]
    # The rates and not the run: the same results evaluated again are the same question.
    key = digest128([side.model, sorted(rates.items())])
    members = digest128(sorted(rates))
    return _Halves(means[0], means[1], len(units[0]), len(units[1]), len(rates), members, key)
