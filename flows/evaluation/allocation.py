"""`rollmill replay --allocator`: what allocators would have spent on stored completions, and how good their choice is.

Arms are the models of a pool, or the values of a column of its problems. In every repeat the clusters are split at random:
an allocator pulls from one half alone, and its winner is reported on the other. The difference between what the winner
showed where it was chosen and what it shows elsewhere is the winner's curse.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rollmill.flows.evaluation.replay import estimate_row, name_and_options
from rollmill.flows.evaluation.stored_arms import MODEL, ArmProblem, Arms, arms_of, costs_of, split
from rollmill.flows.recipe.methods import parameters, resolve
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digits
from rollmill.ground.pool import Ints
from rollmill.pipelines.allocate import BASELINE
from rollmill.pipelines.allocate.allocation_rounds import Allocation, allocate
from rollmill.pipelines.allocate.arms import Allocator, Pull, VouchingAllocator
from rollmill.pipelines.allocate.spending import spending_of
from rollmill.stats import population_mean
from rollmill.storage.queries import Reader
from rollmill.storage.queries.comparisons.sides import scopes_of

LEAST_CLUSTERS = 4  # of an arm: with fewer, problems are split and not clusters
EXAMPLE = "--allocator 'ucb c=0.5'"


@dataclass(frozen=True, slots=True)
class AllocationRequest:
    """Request of one command. `arms`: `model`, or a column of the problems. `spend`: completions, or tokens with
    `in_tokens`; None: a quarter of what is stored. `tasks`: a column whose values are the tasks, None for the benchmarks.
    """

    root: Path
    pool: str
    allocators: tuple[str, ...]
    arms: str = MODEL
    spend: float | None = None
    in_tokens: bool = False
    repeats: int = 100
    seed: int = 0
    tasks: str | None = None


@dataclass(frozen=True, slots=True)
class _Repeat:
    """Result of one allocator in one repeat. `doubts`: None for an allocator that vouches for nothing."""

    done: Allocation
    seen: float
    chosen: float
    reported: float
    best: float
    tokens: float
    doubts: tuple[str, ...] | None


def allocation_report(request: AllocationRequest) -> dict[str, Any]:
    """The report as JSON values; SetupError if the pool has fewer than two arms."""
    if request.repeats < 1:
        raise SetupError(f"--repeats {request.repeats}: at least one repeat is needed.")
    with Reader.open(request.root) as reader:
        arms = arms_of(reader, request.pool, request.arms, request.tasks)
        scopes = sorted({scope.name for scope in scopes_of(reader, request.pool.partition(":")[0])})
    stored = sum(len(problem.right) for arm in arms.values() for problem in arm.values())
    costs = costs_of(arms, in_tokens=request.in_tokens)
    spend = request.spend or _default_spend(arms, costs)
    # The baseline is replayed too, and once where it was asked for.
    allocators = {text: _built(request, text, spend) for text in dict.fromkeys((*request.allocators, BASELINE))}
    by_cluster = min(len({problem.cluster for problem in arm.values()}) for arm in arms.values()) >= LEAST_CLUSTERS
    truth = {name: _value(arm.values()) for name, arm in arms.items()}
    # Sorted, so that of equal arms the same one is best in every command.
    best = max(sorted(truth), key=lambda name: truth[name])
    rows = []
    for text, allocator in allocators.items():
        repeats = [
            _replayed(allocator, arms, costs, best, np.random.default_rng([request.seed, at]), by_cluster=by_cluster)
            for at in range(request.repeats)
        ]
        spending = spending_of([repeat.done for repeat in repeats]).row(allocator.group)
        rows.append(
            {
                "allocator": text,
                "version": allocator.version,
                "group": allocator.group,
                **_row(repeats),
                "spending": spending,
            }
        )
    return {
        "pool": request.pool,
        "scopes": scopes,
        "arms_are": request.arms,
        "unit": "tokens" if request.in_tokens else "completions",
        "spend": digits(float(spend)),
        "stored": stored,
        "split": "clusters" if by_cluster else "problems",
        "repeats": request.repeats,
        "seed": request.seed,
        "best": best,
        "arms": [
            {"arm": name, "problems": len(arms[name]), "value": digits(truth[name]), "cost": digits(costs[name])}
            for name in sorted(arms, key=lambda name: -truth[name])
        ],
        "rows": rows,
        "choice": _choice(next(iter(allocators.items())), arms, costs, request.seed, by_cluster=by_cluster),
    }


def _default_spend(arms: Arms, costs: Mapping[str, float]) -> float:
    """A quarter of what is stored: half of what one half of the problems has."""
    stored = {name: sum(len(problem.right) for problem in arm.values()) for name, arm in arms.items()}
    return math.floor(sum(count * costs[name] for name, count in stored.items()) / 4)


def _built(request: AllocationRequest, text: str, spend: float) -> Allocator:
    name, options = name_and_options(text, EXAMPLE)
    cls = resolve("allocator", name, {}, base=request.root).cls
    # An allocator that divides a total over its rounds must know it; a `total` of the user's own wins.
    given = {"total": spend} if "total" in parameters(cls) else {}
    allocator: Allocator = resolve("allocator", name, {**given, **options}, base=request.root).build()
    return allocator


def _replayed(
    allocator: Allocator,
    arms: Arms,
    costs: Mapping[str, float],
    best: str,
    generator: np.random.Generator,
    *,
    by_cluster: bool,
) -> _Repeat:
    choosing, reporting = split(arms, generator, by_cluster=by_cluster)
    done, tokens = _allocated(allocator, choosing, costs, generator)
    winner = done.answer[0]
    return _Repeat(
        done,
        done.arms[winner].mean(),
        _value(choosing[winner]),
        _value(reporting[winner]),
        _value(reporting[best]),
        tokens,
        _doubts(allocator, done),
    )


def _doubts(allocator: Allocator, done: Allocation) -> tuple[str, ...] | None:
    return tuple(allocator.doubts(done.arms)) if isinstance(allocator, VouchingAllocator) else None


def _allocated(
    allocator: Allocator,
    choosing: Mapping[str, Sequence[ArmProblem]],
    costs: Mapping[str, float],
    generator: np.random.Generator,
) -> tuple[Allocation, float]:
    """The allocation over stored pulls in random order, and the tokens of the pulls (NaN if unknown)."""
    pulls: dict[str, list[tuple[Pull, float]]] = {}
    # By name, as every arm's permutation comes from one generator.
    for name, problems in sorted(choosing.items()):
        made = [
            (Pull(allocator.group, int(problem.right[at].sum()), problem.task), _tokens(problem.tokens[at]))
            for problem in problems
            for at in _chunks(len(problem.right), allocator.group)
        ]
        if not made:
            raise SetupError(
                f"no problem of arm {name!r} has the {allocator.group} completions of a pull of {allocator.name!r}.",
                next_command=f"--allocator '{allocator.name} group=N' with a smaller N",
            )
        pulls[name] = [made[place] for place in generator.permutation(len(made)).tolist()]
    done = allocate(
        allocator,
        {name: len(made) for name, made in pulls.items()},
        lambda name, first, count: [pull for pull, _ in pulls[name][first : first + count]],
        costs={name: cost * allocator.group for name, cost in costs.items()},
        seed=int(generator.integers(1 << 31)),
    )
    return done, math.fsum(tokens for name, arm in done.arms.items() for _, tokens in pulls[name][: len(arm.pulls)])


def _chunks(count: int, size: int) -> list[slice]:
    # Completions left over are fewer than a pull and are not used.
    return [slice(start, start + size) for start in range(0, count - size + 1, size)]


def _tokens(tokens: Ints) -> float:
    return math.nan if (tokens < 0).any() else float(tokens.sum())


def _value(problems: Any) -> float:
    """Mean pass rate of the problems."""
    return float(np.mean([problem.right.mean() for problem in problems]))


def _row(repeats: Sequence[_Repeat]) -> dict[str, Any]:
    """Means over the repeats, with the standard error over repeats where a difference is meant."""
    winners = Counter(repeat.done.answer[0] for repeat in repeats)
    curse = [repeat.seen - repeat.reported for repeat in repeats]
    regret = [repeat.best - repeat.reported for repeat in repeats]
    tokens = float(np.mean([repeat.tokens for repeat in repeats]))
    vouched = [not repeat.doubts for repeat in repeats if repeat.doubts is not None]
    return {
        "spent": digits(float(np.mean([repeat.done.cost for repeat in repeats]))),
        "tokens": None if math.isnan(tokens) else digits(tokens),
        "rounds": digits(float(np.mean([len(repeat.done.rounds) for repeat in repeats]))),
        "pulls": {
            name: digits(float(np.mean([len(repeat.done.arms[name].pulls) for repeat in repeats])))
            for name in sorted(repeats[0].done.arms)
        },
        "winners": {name: digits(count / len(repeats)) for name, count in winners.most_common()},
        "seen": digits(float(np.mean([repeat.seen for repeat in repeats]))),
        "chosen": digits(float(np.mean([repeat.chosen for repeat in repeats]))),
        "reported": digits(float(np.mean([repeat.reported for repeat in repeats]))),
        "vouched": digits(float(np.mean(vouched))) if vouched else None,
        "curse": {"value": digits(float(np.mean(curse))), "error": _error(curse)},
        "regret": {"value": digits(float(np.mean(regret))), "error": _error(regret)},
    }


def _error(values: Sequence[float]) -> float | None:
    return digits(float(np.std(values, ddof=1)) / math.sqrt(len(values))) if len(values) > 1 else None


def _choice(
    named: tuple[str, Allocator], arms: Arms, costs: Mapping[str, float], seed: int, *, by_cluster: bool
) -> dict[str, Any]:
    """The winner of the first allocator in the first repeat, with an interval on the half that did not choose it."""
    generator = np.random.default_rng([seed, 0])
    choosing, reporting = split(arms, generator, by_cluster=by_cluster)
    done, _ = _allocated(named[1], choosing, costs, generator)
    winner = done.answer[0]
    problems = reporting[winner]
    rates = [float(problem.right.mean()) for problem in problems]
    estimate = population_mean(rates, [problem.cluster for problem in problems], estimand="pass rate on the other half")
    assert estimate is not None
    return {
        "allocator": named[0],
        "winner": winner,
        "order": list(done.answer),
        "doubts": None if (doubts := _doubts(named[1], done)) is None else list(doubts),
        "seen": digits(done.arms[winner].mean()),
        "problems": len(problems),
        "reported": estimate_row(estimate),
        "rounds": [dict(plan) for plan in done.rounds],
    }
