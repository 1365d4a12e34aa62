"""A run's draws as a record that budgets are replayed on (benchmarks.numbers.replay). Draws and judges nothing."""

from collections.abc import Sequence

from benchmarks.numbers.replay import RecordedProblem
from rollmill.flows.rounds import OpenRun
from rollmill.ground.records import PlanRow, Rollout
from rollmill.ground.solutions import key_of_completion
from rollmill.pipelines.budget.forecasts.simulate import SimulatedProblem, SimulatedSample


def record_of(run: OpenRun, rows: Sequence[PlanRow]) -> list[RecordedProblem]:
    """Recorded draws of these rows, by problem and in order of sample index; Incomplete for a row not drawn or not judged.

    The verdict is the accepted one of the run's policy; solutions are counted as by the selector and the tallies.
    """
    ordered = sorted(rows, key=lambda row: row.sample_index)
    return [_recorded(rollouts) for _, rollouts in run.reader().rollouts(ordered, run.verifiers.counted)]


def _recorded(rollouts: Sequence[Rollout]) -> RecordedProblem:
    problem = rollouts[0].problem
    return RecordedProblem(SimulatedProblem(problem.id, problem.level, problem.template), tuple(map(_sample, rollouts)))


def _sample(rollout: Rollout) -> SimulatedSample:
    completion = rollout.completion
    return SimulatedSample(rollout.verdict.outcome, key_of_completion(completion), completion.tokens_out or 0)
