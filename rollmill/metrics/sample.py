"""Input of a metric: the rollouts of a pool that were fixed before any verdict, problem by problem.

For the metrics of `rollmill.metrics.registry`. A `Sample` is one stratum, and says in the words of statistics
what a metric asks: how many completions of each problem, how many correct, in which clusters. What may be measured at all
is said in `rollmill.metrics.contract`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.pool import STATES, Flags, Group, Ints, Pool
from rollmill.metrics.counts import UNDECIDED, outcomes_by_problem
from rollmill.metrics.elections import Ballot, ballots
from rollmill.stats import Estimate, cluster_table, outlying_clusters

if TYPE_CHECKING:
    from rollmill.roles.blind_pool import Aggregator
    from rollmill.roles.protocols import StoppingBudget

Array = npt.NDArray[np.float64]
Need = Literal["ks", "answers", "score", "chances", "tokens", "aggregator", "parts", "stopping", "any_number"]


@dataclass(frozen=True, slots=True)
class Options:
    """Options of metrics. `ks`: completions, by default powers of two up to the least number of any problem.

    `budgets`: tokens, by default eighths of what every problem spent. `score`: a scorer's name in the pool. `score_range`:
    the least and largest score that are possible; without it the interval of a mean score has no bounds to lean on.
    `aggregator`: a name or an instance. `parts`: the ids of the sub-problems of each composed problem. `stopping`: the
    budget whose rule ended the draws. `over`: pass@t of independent draws or of repair trees, of `ks` drafts with
    `repairs` repairs of each wrong one. `of`: the estimand, for the population of the problems or for exactly these.
    `largest_k`: pass@k above it is withheld (`PassAtLimit`). `seed`: of resamples and subsets.
    """

    ks: tuple[int, ...] = ()
    tau: float = 0.5
    budgets: tuple[int, ...] = ()
    score: str | None = None
    score_range: tuple[float, float] | None = None
    aggregator: "Aggregator | str | None" = None
    parts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    stopping: "StoppingBudget | None" = None
    over: Literal["draws", "trees"] = "draws"
    repairs: tuple[int, ...] = ()
    of: Literal["population", "these problems"] = "population"
    largest_k: int | None = None
    bins: int = 15
    seed: int = 0

    @classmethod
    def of_mapping(cls, given: Mapping[str, Any]) -> "Options":
        """Options from a recipe's or a notebook's names and values; SetupError for an unknown name or a wrong value."""
        known = [option.name for option in fields(cls)]
        values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
        for name, value in values.items():
            if name not in known:
                raise unknown_name("option", name, known)
            whole = isinstance(value, tuple) and all(type(number) is int for number in value)
            if name in ("ks", "budgets", "repairs") and not whole:
                raise SetupError(f"option {name!r} is {value!r}, and must be a list of whole numbers.")
        if values.get("of", "population") not in ("population", "these problems"):
            raise unknown_name("of", str(values["of"]), ["population", "these problems"])
        if values.get("over", "draws") not in ("draws", "trees"):
            raise unknown_name("over", str(values["over"]), ["draws", "trees"])
        return cls(**values)


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A number of a metric. `setting`: k, tokens, ...; `why`: why there is no estimate, or a remark on it; `error`: its
    Monte Carlo error.
    """

    setting: Mapping[str, Any]
    estimate: Estimate | None
    why: str = ""
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Metric:
    """The function behind a metric's name and its requirements on a pool. `these`: also for exactly these problems.

    `each_k`: one row for each k, so that a k which undecided rollouts leave undefined does not take the others with it.
    """

    measure: Callable[["Sample", Options], list[MetricValue]]
    needs: frozenset[Need] = frozenset()
    these: bool = False
    each_k: bool = False


class SampleRows:
    """The measured rollouts of a pool in the order of their problems and sample indices, shared by strata."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._judged_as: dict[str, SampleRows] = {}

    @cached_property
    def outcomes(self) -> Ints:
        """(P, states + 1): measured rollouts by outcome."""
        return outcomes_by_problem(self.pool)

    @property
    def correct(self) -> Ints:
        return self.outcomes[:, 0]

    @cached_property
    def judged(self) -> Ints:
        # STATES begins with the outcomes that count in a rate; undecided and pending follow.
        return np.asarray(self.outcomes[:, :UNDECIDED].sum(axis=1), dtype=np.int64)

    @cached_property
    def drawn(self) -> Ints:
        """Measured rollouts of each problem, undecided ones too."""
        return np.asarray(self.outcomes.sum(axis=1), dtype=np.int64)

    @property
    def open(self) -> Ints:
        """Measured rollouts of each problem that have no outcome yet."""
        return np.asarray(self.outcomes[:, UNDECIDED + 1 :].sum(axis=1), dtype=np.int64)

    @cached_property
    def ordered(self) -> Ints:
        """The measured rollouts, each problem's together."""
        places = np.flatnonzero(self.pool.in_prefix & (self.pool.problem >= 0))
        # In lexsort the last key sorts first: by problem, then by sample index.
        return places[np.lexsort((self.pool.index[places], self.pool.problem[places]))]

    @cached_property
    def starts(self) -> Ints:
        """Start of each problem in `ordered`."""
        return np.concatenate([[0], np.cumsum(self.drawn)])

    @cached_property
    def ballots(self) -> dict[int, Ballot]:
        """The answers of each problem that has rollouts, by its place."""
        return dict(zip(np.flatnonzero(self.drawn).tolist(), ballots(self.pool), strict=True))

    def judged_as(self, outcome: str) -> "SampleRows":
        """The same with every undecided rollout of this outcome."""
        if outcome not in self._judged_as:
            state = STATES.index(outcome)
            changed = np.where(self.pool.outcome == UNDECIDED, state, self.pool.outcome)
            repairs = tuple(
                tuple(repair._replace(outcome=state) if repair.outcome == UNDECIDED else repair for repair in row)
                for row in self.pool.repairs
            )
            self._judged_as[outcome] = SampleRows(replace(self.pool, outcome=changed, repairs=repairs))
        return self._judged_as[outcome]


@dataclass(frozen=True, eq=False)
class Sample:
    """The problems at `places` of a pool with their measured rollouts. `own`: problems are the clusters, not templates."""

    rows: SampleRows
    places: Ints
    own: bool = False

    def __len__(self) -> int:
        return len(self.places)

    @property
    def pool(self) -> Pool:
        return self.rows.pool

    @cached_property
    def correct(self) -> Ints:
        return self.rows.correct[self.places]

    @cached_property
    def judged(self) -> Ints:
        return self.rows.judged[self.places]

    @cached_property
    def drawn(self) -> Ints:
        return self.rows.drawn[self.places]

    @property
    def undecided(self) -> int:
        return int(self.rows.outcomes[self.places, UNDECIDED].sum())

    @cached_property
    def rated(self) -> "Sample":
        """The problems with a judged rollout; only these have a rate."""
        return self if self.judged.all() else replace(self, places=self.places[self.judged > 0])

    @cached_property
    def clusters(self) -> list[Group]:
        """The template of each problem; None: the problem itself."""
        templates = self.pool.strata.get("template", (None,) * len(self.pool.problems))
        return [None if self.own else templates[place] for place in self.places.tolist()]

    @cached_property
    def row_clusters(self) -> list[Group]:
        """The cluster of each rollout of `row_places`: the template, else the problem."""
        # A template may be a number; the word keeps it apart from the place of a problem without one.
        names = [at if name is None else f"template {name}" for at, name in enumerate(self.clusters)]
        return [names[owner] for owner in self.owners.tolist()]

    @cached_property
    def owners(self) -> Ints:
        """Index in the sample of the problem of each rollout of `row_places`."""
        return np.repeat(np.arange(len(self)), self.drawn)

    @cached_property
    def row_places(self) -> Ints:
        """The rollouts of the sample in the pool, problem by problem, by sample index."""
        # The empty array stands in where no problem is left, for which concatenate would raise.
        return np.concatenate([*self.by_problem(), np.zeros(0, dtype=np.int64)]).astype(np.int64)

    def by_problem(self) -> Iterator[Ints]:
        """The places of each problem's rollouts in the pool."""
        starts = self.rows.starts
        return (self.rows.ordered[starts[place] : starts[place + 1]] for place in self.places.tolist())

    def ballots(self) -> list[Ballot]:
        """The blind answers of each problem, and separately which are right."""
        return [self.rows.ballots[place] for place in self.places.tolist()]

    def judged_rows(self) -> tuple[Ints, list[Group]]:
        """The judged rollouts and their clusters."""
        judged = self.pool.outcome[self.row_places] < UNDECIDED
        names = [name for name, here in zip(self.row_clusters, judged.tolist(), strict=True) if here]
        return self.row_places[judged], names

    def right(self, rows: Ints) -> Flags:
        """Flags of these rollouts: correct or not."""
        return np.equal(self.pool.outcome[rows], STATES.index("correct"))

    def ks(self, options: Options) -> list[int]:
        """The requested numbers of completions, ascending."""
        most = int(self.judged.min())
        return sorted(set(options.ks)) if options.ks else [1 << power for power in range(most.bit_length())]

    def estimand(self, what: str, options: Options | None = None) -> str:
        """`what` and over which problems its mean is."""
        if options is not None and options.of == "these problems":
            return f"mean {what} of these problems"
        if any(name is None for name in self.clusters):
            return f"mean {what} of the population that these problems were drawn from"
        return f"mean {what} of problems from these templates"

    def judged_as(self, outcome: str) -> "Sample":
        """The same with every undecided rollout of this outcome."""
        return replace(self, rows=self.rows.judged_as(outcome))


def means_of(sample: Sample, settings: Sequence[Mapping[str, Any]], values: Array, what: str) -> list[MetricValue]:
    """Values of the means of columns in [0, 1] (P, K); a column that is undefined for a problem has no estimate."""
    # Leaving out a problem would change the population, so one undefined value leaves its column undefined.
    missing = np.isnan(values).sum(axis=0)
    whole = np.flatnonzero(missing == 0).tolist()
    table = cluster_table(values[:, whole], sample.clusters)
    estimates = dict(zip(whole, table.estimates([sample.estimand(what)] * len(whole)), strict=True))
    lost = [f"undefined for {count} of {len(sample)} problems" if count else "" for count in missing.tolist()]
    return [
        MetricValue(setting, estimates.get(at), lost[at] or clusters_note(sample, values[:, at]))
        for at, setting in enumerate(settings)
    ]


def clusters_note(sample: Sample, values: Array) -> str:
    """Note on a mean over problems that depends on few of their clusters; empty for all others."""
    outlying = outlying_clusters(values.tolist(), sample.clusters)
    return "" if outlying is None else outlying.note()


def scores_of_rows(sample: Sample, options: Options, rows: Ints) -> Array:
    """The scores of these rollouts; a name that begins with `-` turns the order round."""
    name = str(options.score)
    values = sample.pool.scores[name.removeprefix("-")][rows]
    return -values if name.startswith("-") else values
