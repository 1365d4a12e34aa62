"""Drift of a dataset version from an earlier one: difficulty, length, source mix, duplicates and pass rate.

For the gate, the manifest, the command line and the dashboard. Each is one number in [0, 1], a total variation distance:
between the shares of kept rows by level, by tenths of the earlier version's answer lengths, by source and by repetition of
another row; for pass rates it is their difference, with equal weights of problems.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from rollmill.ground.ids import digits
from rollmill.ground.pool import KEPT, Composition, Floats, Group, Ints, Pool
from rollmill.metrics.counts import counts_of
from rollmill.stats import Shift, total_variation

DRIFT_KINDS = ("level", "length", "source", "duplicates", "pass_rate")
MOST_CATEGORIES = 20  # rarer ones are taken together
OTHERS = "others"


@dataclass(frozen=True, slots=True)
class Drift:
    """Drift of one kind between two versions. `shares`: share of every category before and after. `rows`: number of rows on
    both sides (for the pass rate, of problems).

    `shift`: the drift; None if a side has nothing to compare, with the reason in `missing`.
    """

    kind: str
    shift: Shift | None
    rows: tuple[int, int] = (0, 0)
    shares: Mapping[str, tuple[float, float]] | None = None
    missing: str = ""

    def row(self) -> dict[str, Any]:
        """The record as JSON values, twelve digits."""
        if self.shift is None:
            return {"value": None, "missing": self.missing}
        distance = self.shift.distance
        return {
            "value": digits(distance.value),
            "low": digits(distance.low),
            "high": digits(distance.high),
            "chance": digits(self.shift.chance),
            "p": self.shift.p,
            "n_before": self.rows[0],
            "n_after": self.rows[1],
            "clusters": distance.clusters,
            "method": distance.method,
            "estimand": distance.estimand,
            "shares": {name: [digits(share) for share in both] for name, both in (self.shares or {}).items()},
        }


def drifts(before: Composition, after: Composition) -> list[Drift]:
    """Every kind, in the order of DRIFT_KINDS."""
    return [_drift(kind, *(_parts(kind, side, before) for side in (before, after))) for kind in DRIFT_KINDS]


class _Parts(NamedTuple):
    """Weights of one side, each of one problem in one category; `names` are the categories."""

    pool: Pool
    names: Sequence[str]
    problem: Ints
    category: Ints
    weight: Floats


def _parts(kind: str, side: Composition, before: Composition) -> _Parts:
    """The rows of one side in the categories of a kind; those of lengths are the tenths of the version before."""
    pool = side.pool
    if kind == "pass_rate":
        counts = counts_of(pool)
        judged = np.flatnonzero(counts.judged)
        right = counts.correct[judged] / counts.judged[judged]
        both = np.concatenate([np.zeros_like(judged), np.ones_like(judged)])
        names = ["correct", "not correct"]
        return _Parts(pool, names, np.concatenate([judged, judged]), both, np.concatenate([right, 1.0 - right]))
    rows = np.flatnonzero((pool.kept == KEPT) & (pool.problem >= 0))
    if kind == "length":
        edges = _tenths(before.pool)
        # Without a length in the version before there are no tenths to compare by.
        rows = rows[pool.tokens[rows] >= 0] if len(edges) else rows[:0]
        names, category = _ranges(edges), np.searchsorted(edges, pool.tokens[rows])
    elif kind == "duplicates":
        names, category = ["first", "repeated"], side.repeated[rows].astype(np.int64)
    else:
        names, of_problem = _coded(pool.strata[kind])
        category = of_problem[pool.problem[rows]]
    return _Parts(pool, names, pool.problem[rows], category, np.ones(len(rows)))


def _tenths(pool: Pool) -> Ints:
    """Cut points of the lengths of kept rollouts, by tenths; empty if no tokens were counted."""
    tokens = pool.tokens[(pool.kept == KEPT) & (pool.tokens >= 0)]
    cuts = np.quantile(tokens, np.arange(1, 10) / 10, method="higher") if len(tokens) else np.zeros(0)
    # Tenths of few different lengths coincide.
    return np.unique(cuts).astype(np.int64)


def _ranges(edges: Ints) -> list[str]:
    """The tokens of each part in words; an edge belongs to the part that it ends."""
    if not len(edges):
        return []
    ends = [int(edge) for edge in edges]
    return [f"to {ends[0]}", *(f"{low + 1} to {high}" for low, high in pairwise(ends)), f"from {ends[-1] + 1}"]


def _coded(values: Sequence[Group]) -> tuple[list[str], Ints]:
    places: dict[Group, int] = {}
    codes = np.array([places.setdefault(value, len(places)) for value in values], dtype=np.int64)
    return ["none" if value is None else str(value) for value in places], codes


def _drift(kind: str, before: _Parts, after: _Parts) -> Drift:
    names = list(dict.fromkeys([*before.names, *after.names]))
    clusters: dict[Group | tuple[str], int] = {}
    cells = [_cells(side, names, clusters) for side in (before, after)]
    tables = [np.zeros((len(clusters), len(names))) for _ in cells]
    for table, (cluster, category, weight) in zip(tables, cells, strict=True):
        # A cell occurs once for each of its rows, which `table[...] +=` would count once.
        np.add.at(table, (cluster, category), weight)
    rows = tuple(round(float(table.sum())) for table in tables)
    names, tables = _with_others(names, tables)
    shift = total_variation(*tables)
    if shift is None:
        return Drift(kind, None, missing="no tokens were counted" if kind == "length" else "nothing to compare")
    shares = np.stack([table.sum(axis=0) / table.sum() for table in tables], axis=1).tolist()
    return Drift(kind, shift, (rows[0], rows[1]), dict(zip(names, map(tuple, shares), strict=True)))


def _cells(side: _Parts, names: Sequence[str], clusters: dict[Group | tuple[str], int]) -> tuple[Ints, Ints, Floats]:
    """The cluster, the category and the weight of each part; new clusters get the next places. A template is a cluster, and
    so is a problem without one: the same problem is the same cluster in both versions.
    """
    known = np.unique(side.problem).tolist()
    place = np.zeros(len(side.pool.problems), dtype=np.int64)
    for problem in known:
        template = side.pool.strata["template"][problem]
        # A tuple, so that no template is taken for a problem of the same name.
        key = (side.pool.problems[problem],) if template is None else template
        place[problem] = clusters.setdefault(key, len(clusters))
    category = np.array([names.index(name) for name in side.names], dtype=np.int64)
    return place[side.problem], category[side.category] if len(category) else side.category, side.weight


def _with_others(names: list[str], tables: list[Floats]) -> tuple[list[str], list[Floats]]:
    """In reading order, the rarest categories as one if there are many."""
    share = np.sum([table.sum(axis=0) / max(1.0, table.sum()) for table in tables], axis=0)
    # By both sides together: a category that is new or gone must not end up among the others for it.
    most = {at for at in np.argsort(-share, kind="stable")[:MOST_CATEGORIES].tolist() if share[at] > 0.0}
    kept = sorted(most, key=lambda at: (not names[at].isdigit(), int(names[at]) if names[at].isdigit() else at))
    rest = [at for at in range(len(names)) if at not in most and share[at] > 0.0]
    if not rest:
        return [names[at] for at in kept], [table[:, kept] for table in tables]
    joined = [np.column_stack([table[:, kept], table[:, rest].sum(axis=1)]) for table in tables]
    return [*(names[at] for at in kept), OTHERS], joined
