"""The job `sweep`: one run whose steps are the arms, and its result on the problems that did not choose."""

from pathlib import Path

from rollmill.flows.driver import Executor, Outcome
from rollmill.flows.job import Job
from rollmill.flows.jobs.one_run import OneRun
from rollmill.flows.problems import preview_problems
from rollmill.flows.rounds import OpenRun
from rollmill.flows.sweeps.sweep_recipe import LoadedSweep, load_sweep
from rollmill.flows.sweeps.sweep_report import sentence, sweep_row, write_sweep
from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.halves import ProblemHalves, halves_of, split_by
from rollmill.pipelines.budget.sweep_result import sweep_result
from rollmill.roles.tallies import Tally
from rollmill.storage.workspace import Workspace


class Sweep(OneRun):
    """A sweep to its report."""

    def __init__(self, job: Job, sweep: LoadedSweep | None = None) -> None:
        self.sweep = sweep or load_sweep(Path(job.recipe), sets=job.sets)
        super().__init__(job, self.sweep.loaded)

    def stages(self, run: OpenRun, executor: Executor) -> Outcome:
        """Draw and judge every round, then the result; SetupError before the first if the problems have no two halves."""
        _halves([Tally(each.id, level=each.level, template=each.template) for each in run.spec.problems], self.sweep)
        return super().stages(run, executor)

    def result(self, run: OpenRun, executor: Executor) -> Outcome:
        """The chosen arm, and its gain on the other half."""
        from rollmill.flows.rounds.plan_rows import together
        from rollmill.flows.rounds.planning.tallies import tallies_of

        del executor
        tallies = tallies_of(run, together(run.workspace.runs.plans(run.id)))
        return sweep_row(self.sweep, sweep_result(self.sweep.budget, tallies), split_by(tallies))

    def report(self, outcome: Outcome) -> Outcome:
        """Write sweep.json and sweep.md; `reports` are their paths."""
        folder = Path(self.job.workspace) / "reports" / self.sweep.recipe.name
        return {**outcome, "reports": [str(path) for path in write_sweep(folder, outcome)]}

    def line(self, outcome: Outcome) -> str:
        """The chosen arm and its gain."""
        return f"{outcome['sweep']}: {sentence(outcome)}"


def _halves(tallies: list[Tally], sweep: LoadedSweep) -> ProblemHalves:
    """The halves of the problems; SetupError if one has none."""
    halves = halves_of(tallies, sweep.budget.salt)
    if not halves.choose or not halves.report:
        raise SetupError(
            f"{len(tallies)} problems cannot be split into one half that chooses and one that reports.",
            next_command="a base with more problems",
        )
    return halves


def plan_of(job: Job, sweep: LoadedSweep) -> Outcome:
    """The plan of a sweep: arms, problems of each half, and the most completions that it draws. Draws nothing."""
    with Workspace.open(Path(job.workspace)) as workspace:
        problems = preview_problems(workspace, sweep.loaded).problems
    tallies = [Tally(each.id, level=each.level, template=each.template) for each in problems]
    halves, chooser, arms = _halves(tallies, sweep), sweep.budget.chooser, list(sweep.settings)
    pulls = min(int(chooser.total), len(arms) * len(halves.choose))
    choose, report = pulls * chooser.group, 2 * len(halves.report) * sweep.budget.report
    return {
        "sweep": sweep.recipe.name,
        "allocator": chooser.name,
        "default": sweep.budget.default,
        "arms": {name: dict(changed) for name, changed in sweep.settings.items()},
        "problems": {"choose": len(halves.choose), "report": len(halves.report), "split": split_by(tallies)},
        "draws": {"choose": choose, "report": report, "most": choose + report},
        "most_tokens": sum(
            part * max(step.sampling().max_tokens for step in sweep.loaded.steps) for part in (choose, report)
        ),
    }
