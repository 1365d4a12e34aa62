"""A run's draws as a record that budgets are replayed on (benchmarks.replay). Draws and judges nothing."""

from collections.abc import Sequence

from benchmarks.replay import RecordedProblem
from flows.rounds import OpenRun
from pipelines.budget.simulate import Sample, Subject
from storage.records import PlanRow, Rollout
from storage.solutions import key_of_completion
from storage.workspace import Workspace


def record_of(ws: Workspace, spec: OpenRun, rows: Sequence[PlanRow]) -> list[RecordedProblem]:
    """What these rows of a run drew, by problem and in order of sample index; Incomplete where one is not drawn and judged.

    The verdict that counts is that of the run's policy; a solution counts as the selector and the tallies count it.
    """
    ordered = sorted(rows, key=lambda row: row.sample_index)
    return [_recorded(rollouts) for _, rollouts in spec.rollouts(ws, ordered)]


def _recorded(rollouts: Sequence[Rollout]) -> RecordedProblem:
    problem = rollouts[0].problem
    return RecordedProblem(Subject(problem.id, problem.level, problem.template), tuple(map(_sample, rollouts)))


def _sample(rollout: Rollout) -> Sample:
    completion = rollout.completion
    return Sample(rollout.verdict.outcome, key_of_completion(completion), completion.tokens_out or 0)
