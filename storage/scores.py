"""Stored scores of a run's rollouts, by row or as columns.

A score is stored under its scorer's name and version. Some scores depend on a set of rollouts, such as the share of the
problem's rollouts with the same answer. The version of such a score ends with a hash of the set, so it is read back for
this set only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rollmill.ground.ids import digest128
from rollmill.ground.pool import Floats, score_columns
from rollmill.ground.recipe_steps import unjudged_steps
from rollmill.ground.records import PlanRow
from rollmill.storage.runs import Run, Runs
from rollmill.storage.segments.rows import Rows
from rollmill.storage.segments.schema import text_array
from rollmill.storage.segments.views import SEPARATOR
from rollmill.storage.workspace import Workspace

ScorerKey = tuple[str, str]
"""(scorer, version)."""
MARK = "+of."
"""Begins the mark of a set of rollouts or of verdicts at the end of a version."""
MARKED = ("answers", "verdicts", "group", "votes")
"""Needs of a scorer that make its numbers hold for one set only; a need of answers is one of the group too."""


class RunMarks:
    """Version suffixes of scores that depend on this run's rows, or on its verifiers' verdicts.

    Two runs share completions and not answers: an answer may be that of three rollouts of four here and of nine of sixteen
    there. `rows`: all rows of the run's plan.
    """

    def __init__(self, run: Run, rows: Sequence[PlanRow]) -> None:
        resolved: Mapping[str, Any] = run.recipe.get("resolved", {})
        self._judged_by = [resolved.get("verifiers"), resolved.get("policy")]
        plan: Rows[PlanRow] = Rows.of("plan", rows)
        # Votes are drawn by unjudged steps, and answers by the others.
        others = text_array(unjudged_steps(run.recipe))
        unjudged = pc.is_in(plan.column("step"), value_set=others)
        self._answers = Rows(plan.kind, plan.table.filter(pc.invert(unjudged))) if len(others) else plan
        self._votes: Rows[PlanRow] = Rows(plan.kind, plan.table.filter(unjudged))
        self._made: dict[str, str] = {}

    def of(self, needs: Sequence[str]) -> str:
        """The mark of a scorer with these needs; "" for one whose numbers do not depend on the run."""
        # In the order of MARKED: the mark for answers covers the group and the verdicts too.
        what = next((kind for kind in MARKED if kind in needs), "")
        if what and what not in self._made:
            about = self._votes if what == "votes" else self._answers
            pairs = [] if what == "verdicts" else _keys(about)
            judged_by = [] if what in ("group", "votes") else self._judged_by
            # Kept, as most marks hash the ids of all rows of the plan.
            self._made[what] = MARK + digest128([what, *judged_by, pairs])[:12]
        return self._made[what] if what else ""

    def hold(self, version: str) -> bool:
        """True for a version of scores valid for this run's rows."""
        mark = MARK + version.rpartition(MARK)[2]
        return MARK not in version or mark in [self.of((kind,)) for kind in MARKED]


def run_scores(ws: Workspace, run: Run, rows: Sequence[PlanRow] | None = None) -> dict[str, Floats]:
    """The stored numbers on a run's rows in the order of `rows` (its whole plan), by the names of `score_columns`."""
    plan = _plan(ws.runs, run)
    wanted = plan if rows is None else Rows.of("plan", rows)
    return score_columns(pa.table({name: wanted.column(name) for name in _PAIR}), _stored(ws, run, plan))


def later_scores(ws: Workspace, run_id: str) -> pa.Table | None:
    """The stored score rows about a run, including those made after its version; None for a run unknown here."""
    run = next((run for run in ws.runs.list() if run.id == run_id), None)
    return None if run is None else _stored(ws, run, _plan(ws.runs, run))


def _stored(ws: Workspace, run: Run, plan: Rows[PlanRow]) -> pa.Table:
    """The stored score rows on a run's rows."""
    pairs = pa.table({name: plan.column(name) for name in _PAIR}).group_by(_PAIR).aggregate([])
    stored = about(ws.segments.read("scores", columns=(*_PAIR, "scorer", "version", "value")), RunMarks(run, plan))
    return stored.join(pairs, _PAIR, join_type="left semi")


def marks_of(runs: Runs, run: Run) -> RunMarks:
    """The marks of a run by its committed plan."""
    return RunMarks(run, _plan(runs, run))


def _plan(runs: Runs, run: Run) -> Rows[PlanRow]:
    return Rows.joined("plan", [Rows.of("plan", part).table for part in runs.plans(run.id) if part])


_PAIR = ["completion_id", "problem_id"]


def about(scores: pa.Table, marks: RunMarks) -> pa.Table:
    """The score rows valid for this run."""
    versions = pc.unique(scores["version"])
    valid = [version for version in versions.to_pylist() if marks.hold(version)]
    return scores.filter(pc.is_in(scores["version"], value_set=text_array(valid)))


def _keys(rows: Rows[PlanRow]) -> list[str]:
    """Text key for each pair of completion and problem, in order."""
    parts = [rows.column(name) for name in ("completion_id", "problem_id")]
    # Sorted: the mark is one of a set, whatever the order in which it was planned.
    return sorted(pc.binary_join_element_wise(*parts, SEPARATOR).to_pylist())
