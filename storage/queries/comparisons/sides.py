"""The sides of a comparison: the measured rollouts of one model on one benchmark, found by name."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.pool import STATES, Flags, Ints, Pool, grouped
from rollmill.ground.replies.faults import lines_of_run
from rollmill.metrics import Counts, counts_of
from rollmill.storage.artifacts.index import artifact_names
from rollmill.storage.queries.pools import ScopePool, meta_keys, scope_pool, with_meta
from rollmill.storage.queries.reader import Reader
from rollmill.storage.queries.scope import Scope, named_scope, run_scope
from rollmill.storage.runs import Run

SHARED = "shared problems"  # the benchmark of two sides with one benchmark each

Corrected = Callable[[ScopePool], Pool]
"""A pool as an error ledger corrects it."""


@dataclass(frozen=True, eq=False)
class Side:
    """The rollouts of one model on one benchmark, without their answers. `reference`: its name in a command.

    `faults`: sentences on the faults of its run's replies.
    """

    reference: str
    benchmark: str
    model: str
    pool: Pool
    faults: tuple[str, ...] = ()

    @cached_property
    def most(self) -> int:
        """The largest number of completions of a problem."""
        problems = self.pool.problem[self.pool.in_prefix]
        return int(np.bincount(problems).max()) if len(problems) else 0

    def first(self, count: int) -> "Side":
        """The side limited to the first `count` completions of each problem."""
        kept = self.pool.in_prefix & (self.pool.index < count)
        return replace(self, pool=self.pool.where(kept))

    @cached_property
    def counts(self) -> Counts:
        """The counts of its pool's problems, in the pool's order."""
        return counts_of(self.pool)

    def costs(self) -> dict[str, tuple[Ints, Flags]] | None:
        """Tokens of the judged completions of each judged problem, and a mask of the correct ones; None if tokens are
        unknown.

        A completion without tokens counts as one token: none is free.
        """
        pool = self.pool.where(self.pool.in_prefix & (self.pool.outcome < STATES.index("undecided")))
        if (pool.tokens < 0).any():
            return None
        # An empty answer without tokens would be a free attempt at any budget.
        spent, right = np.maximum(pool.tokens, 1), pool.outcome == STATES.index("correct")
        return {pool.problems[place]: (spent[rows], right[rows]) for place, rows in grouped(pool.problem.tolist()).items()}

    @property
    def models(self) -> frozenset[str]:
        """The model names in its completions; `model` is the name in the evaluation."""
        return frozenset(self.pool.models[place] for place in set(self.pool.model.tolist()))

    @property
    def tokens(self) -> float | None:
        """Mean output tokens of a completion; None if unknown."""
        known = self.pool.tokens[self.pool.in_prefix]
        known = known[known >= 0]
        return float(known.mean()) if len(known) else None


def sides_of(
    reader: Reader,
    reference: str,
    by: str | None = None,
    strata: Sequence[str] = (),
    corrected: Corrected | None = None,
) -> list[Side]:
    """The sides of `NAME`, `NAME@v2`, a run's id or an evaluation's name, each optionally with `:MODEL`.

    An evaluation has a side for each cell, a pool of several models one for each model. `by`: a column of the problems,
    such as `source`, whose values are the benchmarks. `strata`: further required columns; each may be a key of `meta`.
    `corrected`: applied to the pool of each run or version; None takes the pools as they were judged.
    """
    name, _, model = reference.partition(":")
    columns = [*strata, *(() if by is None else (by,))]
    sides = [side for scope in scopes_of(reader, name) for side in _of_scope(scope, columns, corrected)]
    if model:
        known = [side.model for side in sides]
        sides = [side for side in sides if side.model == model]
        if not sides:
            raise unknown_name(f"model of {name}", model, known)
    for column in columns:
        # Refused only if no side has it: of several benchmarks one may lack the column.
        if all(column not in side.pool.strata for side in sides):
            raise _unknown_column(next(scopes_of(reader, name)), column)
    return sides if by is None else parted(sides, by)


def sides_of_two(reader: Reader, first: str, second: str) -> list[Side]:
    """The sides of two runs, datasets or evaluations, each under its own name, so that a model can be on both.

    Where each has one benchmark, it is the same one whatever its name: problems are matched by their ids.
    """
    named = {name: sides_of(reader, name) for name in (first, second)}
    alone = all(len({side.benchmark for side in sides}) == 1 for sides in named.values())
    pairs = []
    for name, sides in named.items():
        several = len({side.model for side in sides}) > 1
        for side in sides:
            benchmark = SHARED if alone else side.benchmark
            pairs.append(replace(side, benchmark=benchmark, model=f"{name}:{side.model}" if several else name))
    return pairs


def parted(sides: Sequence[Side], by: str) -> list[Side]:
    """The sides split by a column of their problems into benchmarks; a side without the column is unchanged."""
    return [part for side in sides for part in _by_column(side, by)]


def sides_of_model(
    reader: Reader, reference: str, strata: Sequence[str] = (), corrected: Corrected | None = None
) -> dict[str, Side]:
    """The sides of one model by benchmark; SetupError that names the models if the reference has several."""
    sides = sides_of(reader, reference, strata=strata, corrected=corrected)
    models = sorted({side.model for side in sides})
    if len(models) > 1:
        name = reference.partition(":")[0]
        raise SetupError(
            f"{reference} is of {len(models)} models; a comparison is of two.",
            choices=[f"{name}:{model}" for model in models],
        )
    return {side.benchmark: side for side in sides}


def evaluation_names(reader: Reader) -> list[str]:
    """Names of the evaluations of a workspace."""
    return sorted({run.recipe["cell"]["evaluation"] for run in reader.runs.list() if run.recipe.get("cell")})


def scopes_of(reader: Reader, name: str) -> Iterator[Scope]:
    """The scopes of an evaluation's cells, or that of a dataset or run.

    A loop gives its evaluation and its dataset one name: that means the evaluation, and NAME@latest the dataset.
    """
    cells, scope = cells_or_scope(reader, name)
    if scope is not None:
        yield scope
        return
    if not cells:
        choices = [*evaluation_names(reader), *artifact_names(reader.datasets), *(run.id for run in reader.runs.list())]
        raise unknown_name("evaluation, dataset or run", name, choices, next_command="rollmill runs list")
    unfinished = [run.id for run in cells if run.status != "done"]
    if unfinished:
        raise SetupError(
            f"{len(unfinished)} of {len(cells)} cells of {name} are not done: {', '.join(unfinished[:3])}.",
            next_command="rollmill evaluate RECIPE, which goes on",
        )
    for run in cells:
        yield run_scope(reader, run.id)


def cells_or_scope(reader: Reader, name: str) -> tuple[list[Run], Scope | None]:
    """The cells of the evaluation of this name; without one, the scope of the dataset or run, or None."""
    cells = cells_of(reader, name)
    return cells, None if cells else named_scope(reader, name)


def cells_of(reader: Reader, evaluation: str) -> list[Run]:
    """The run of each cell of an evaluation, the latest where a cell was measured several times."""
    runs = reversed(reader.runs.list())  # the latest comes last and wins
    return list({run.name: run for run in runs if run.recipe.get("cell", {}).get("evaluation") == evaluation}.values())


def _of_scope(scope: Scope, columns: Sequence[str], corrected: Corrected | None) -> Iterator[Side]:
    source = scope_pool(scope, answers=False)
    pool = with_meta(scope, source.pool if corrected is None else corrected(source), columns, missing=True)
    cell = {} if scope.run is None else scope.run.recipe.get("cell", {})
    benchmark = cell.get("benchmark", scope.name.partition("@")[0])
    if len(pool.models) < 2:
        faults = () if scope.run is None else tuple(lines_of_run(scope.run.summary))
        yield Side(scope.name, benchmark, shown_model(scope, pool.models), by_model(scope, pool)[0], faults)
        return
    for model, part in zip(pool.models, by_model(scope, pool), strict=True):
        yield Side(f"{scope.name}:{model}", benchmark, model, part)


def shown_model(scope: Scope, models: Sequence[str]) -> str:
    """The name of the only model of a scope: the one in the evaluation, or its own if it was imported."""
    model = (models or ("unknown",))[0]
    cell = {} if scope.run is None else scope.run.recipe.get("cell", {})
    return model if scope.prefix is None else str(cell.get("model", model))


def _unknown_column(scope: Scope, name: str) -> SetupError:
    pool = scope_pool(scope).pool
    return unknown_name("group", name, [*pool.strata, *meta_keys(scope, pool)])


def by_model(scope: Scope, pool: Pool) -> list[Pool]:
    """The pool of each model. Imports: the first completions of each problem, as many as every problem has."""
    parts = [pool] if len(pool.models) < 2 else [pool.where(pool.model == place) for place in range(len(pool.models))]
    return [_equal_numbers(part) if scope.prefix is None else part for part in parts]


def _equal_numbers(pool: Pool) -> Pool:
    sizes = np.bincount(pool.problem)
    # `initial` also bounds a minimum: the largest size changes nothing, and is 0 without rows.
    return pool.measured(int(sizes[sizes > 0].min(initial=sizes.max(initial=0))))


def _by_column(side: Side, by: str) -> Iterator[Side]:
    """A side per value of a column of the problems; a benchmark without the column stays whole."""
    if by not in side.pool.strata:
        yield side
        return
    for value, places in grouped([None if value is None else str(value) for value in side.pool.strata[by]]).items():
        part = side.pool.where(np.isin(side.pool.problem, places))
        if len(part):
            yield replace(side, benchmark=value or "none", pool=part)
