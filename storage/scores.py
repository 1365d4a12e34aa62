"""Stored scores as columns over the rows of a run or of a dataset version: for pools, tables, pages and calibration.

A score is stored under its scorer's name and version. Of several versions of one scorer the one that stored something last
has the scorer's plain name, the others are named with their version. Numbers that hold for one set of rollouts only (what
share of the problem's rollouts has the same answer) have a version that names the set, and are read for it alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from storage.ids import digest128
from storage.records import PlanRow
from storage.runs import Run
from storage.segments.rows import Rows
from storage.segments.views import SEPARATOR
from storage.workspace import Workspace

Floats = npt.NDArray[np.float64]
ScorerKey = tuple[str, str]
"""(scorer, version)."""
MARK = "+of."
"""Begins the mark of a set of rollouts or of verdicts at the end of a version."""


class RunMarks:
    """What the versions of scores end with that hold for this run's rows, or for its verifiers' verdicts, alone.

    Two runs share completions and not answers: an answer may be that of three rollouts of four here and of nine of sixteen
    there. `rows`: all rows of the run's plan.
    """

    def __init__(self, run: Run, rows: Sequence[PlanRow]) -> None:
        resolved: Mapping[str, Any] = run.recipe.get("resolved", {})
        self._judged_by = [resolved.get("verifiers"), resolved.get("policy")]
        self._rows: Rows[PlanRow] = Rows.of("plan", rows)
        self._made: dict[str, str] = {}

    def of(self, needs: Sequence[str]) -> str:
        """The mark of a scorer that needs these; "" for one whose numbers hold wherever the completion is."""
        what = "answers" if "answers" in needs else "verdicts" if "verdicts" in needs else ""
        if what and what not in self._made:
            pairs = sorted(_keys(self._rows).to_pylist()) if what == "answers" else []
            self._made[what] = MARK + digest128([what, *self._judged_by, pairs])[:12]
        return self._made[what] if what else ""

    def hold(self, version: str) -> bool:
        """Whether scores of this version are about this run's rows."""
        mark = MARK + version.rpartition(MARK)[2]
        return MARK not in version or mark in (self.of(("answers",)), self.of(("verdicts",)))


def run_scores(ws: Workspace, run: Run, rows: Sequence[PlanRow] | None = None) -> dict[str, Floats]:
    """The stored numbers on a run's rows by scorer, in the order of `rows` (its whole plan), NaN where there is none.

    Scorers that have no number on any row are left out.
    """
    plan: Rows[PlanRow] = Rows.joined("plan", [Rows.of("plan", one).table for one in ws.runs.plans(run.id) if one])
    marks = RunMarks(run, plan)
    keys = _keys(plan if rows is None else Rows.of("plan", rows))
    stored = (
        ((name, version), ws.segments.read("scores", producer=name, version=version, columns=_COLUMNS))
        for name, version in reversed(ws.segments.registry.makers("scores"))
        if marks.hold(version)
    )
    return _named(stored, keys)


def version_scores(scores: pa.Table, rows: pa.Table) -> dict[str, Floats]:
    """The same of a version's table `scores`, in the order of `rows` (columns completion_id and problem_id)."""
    makers = pa.table({name: scores[name] for name in ("scorer", "version")}).group_by(["scorer", "version"]).aggregate([])
    stored = (
        ((name, version), scores.filter(pc.and_(pc.equal(scores["scorer"], name), pc.equal(scores["version"], version))))
        for name, version in sorted(zip(*(makers[name].to_pylist() for name in ("scorer", "version")), strict=True))
    )
    return _named(stored, _keys(rows))


_COLUMNS = ("completion_id", "problem_id", "value")


def _named(stored: Iterable[tuple[ScorerKey, pa.Table]], keys: pa.Array) -> dict[str, Floats]:
    """Columns by name, the first version of a scorer under its plain name."""
    columns: dict[str, Floats] = {}
    for (name, version), table in stored:
        column = _column(table, keys)
        if not np.isnan(column).all():
            columns[f"{name} {version}" if name in columns else name] = column
    return columns


def _column(table: pa.Table, keys: pa.Array) -> Floats:
    """The value of each key, NaN where the table has none."""
    places = pc.index_in(keys, value_set=_keys(table))
    return np.asarray(pc.fill_null(table["value"].combine_chunks().take(places), np.nan), dtype=np.float64)


def _keys(rows: "Rows[PlanRow] | pa.Table") -> pa.Array:
    """One text for each pair of completion and problem."""
    parts = [rows.column(name).cast(pa.string()) for name in ("completion_id", "problem_id")]
    joined = pc.binary_join_element_wise(*parts, SEPARATOR)
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
