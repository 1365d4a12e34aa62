"""The job `loop`: round after round a dataset and a model, each an ordinary version, so that a killed loop goes on."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flows.driver import DIRECT, Executor, drive
from flows.job import Job
from flows.jobs.curate import Curate
from flows.jobs.evaluate import Evaluate
from flows.loops.loop_recipe import LoadedLoop, load_loop, model_reference
from flows.loops.loop_report import write_loop
from flows.loops.monitor import alarms, measured, stop_reason
from flows.training.train_job import ExperimentKind, TrainingSession
from flows.training.training import open_training
from flows.training.training_data import training_rows
from flows.trials.students import Student, StudentCounts, count_cells
from flows.trials.trial_recipe import written

Row = dict[str, Any]


class Loop(ExperimentKind):
    """A loop to its report. `frozen`: the control arm."""

    def __init__(self, job: Job, loop: LoadedLoop | None = None, *, frozen: bool = False) -> None:
        self.job, self.loop = job, loop or load_loop(Path(job.recipe), sets=job.sets, frozen=frozen)

    @property
    def name(self) -> str:
        """Name of the loop; the control has one of its own."""
        return self.loop.name

    @property
    def command(self) -> str:
        """The command line of the job."""
        return self.job.command + (" --frozen" if self.loop.frozen else "")

    def stages(self, session: TrainingSession, executor: Executor) -> Row:
        """Draw, train and evaluate, round by round; what an earlier command made is used."""
        loop, models, versions, rounds = self.loop, [self.loop.base_model], [], []
        stopped: str | None = None
        for number in range(loop.recipe.rounds):
            session.progress.begin(f"round {number + 1} of {loop.recipe.rounds}: drawing from {models[-1]}")
            made = self._curated(session, number, loop.base_model if loop.frozen else models[-1])
            versions.append(f"{made['dataset']}@v{made['version']}")
            trained = self._trained(session, executor, number, models[-1], versions)
            models.append(model_reference(trained["model"]))
            counts = self._evaluated(session, models)
            rounds.append(
                {
                    "round": number + 1,
                    "version": versions[-1],
                    "kept": made["funnel"]["kept"],
                    "drawn": made["funnel"]["drawn"],
                    "model": trained["model"],
                    "trained_tokens": trained["trained"]["tokens"],
                    "real_share": real_share(trained["data"], versions),
                    **measured(counts, number + 1, loop.recipe.alpha / loop.recipe.rounds),
                }
            )
            if (stopped := stop_reason(rounds, loop.recipe.stop)) is not None:
                break
        return {
            "loop": loop.name,
            "frozen": loop.frozen,
            "base": loop.base_model,
            "samples": loop.samples,
            "rounds": rounds,
            "before": measured(counts, 0, loop.recipe.alpha),
            "alarms": alarms(rounds),
            "stopped": stopped,
            "messages": [],
        }

    def _curated(self, session: TrainingSession, number: int, model: str) -> Row:
        """The dataset version of a round; content that an earlier command published is that version."""
        job = Job(
            str(session.workspace.root),
            str(self.loop.curate_path.resolve()),
            self.loop.curate_sets(number, model),
            self.job.profile,
            publish_again=False,
        )
        return drive(Curate(job), DIRECT, session.progress)

    def _trained(
        self, session: TrainingSession, executor: Executor, number: int, model: str, versions: Sequence[str]
    ) -> Row:
        loaded = self.loop.training_of(number, model, versions)
        training = open_training(session.workspace, loaded, training_rows(session.workspace, loaded))
        work = partial(training.train, session.reporter(f"round {number + 1} · "), session.threads, None, session.python)
        return executor.stage("train", work, f"round-{number + 1}")

    def _evaluated(self, session: TrainingSession, models: Sequence[str]) -> StudentCounts:
        """Counts of every model so far, as an arm `r0`, `r1`, ... of one student each."""
        students = [Student(f"r{number}", 0, {"model": model}) for number, model in enumerate(models)]
        state = session.workspace.state / "loops" / self.loop.name
        rows = {student.name: model for student, model in zip(students, models, strict=True)}
        path = written(self.loop.evaluation_of(rows), state / f"evaluation-{len(models)}.yaml")
        job = Job(str(session.workspace.root), str(path), profile=self.job.profile, verb="evaluate")
        outcome = drive(Evaluate(job, out=state / "evaluation"), DIRECT, session.progress)
        return count_cells(session.workspace, outcome["cells"], students)

    def report(self, outcome: Row) -> Row:
        """Write loop.json and loop.md; `reports` are their paths."""
        folder = Path(self.job.workspace) / "reports" / self.loop.name
        return {**outcome, "reports": [str(path) for path in write_loop(folder, outcome)]}

    def line(self, outcome: Row) -> str:
        """Rounds and pass@1 before and after."""
        first, last = outcome["before"]["pass@1"], outcome["rounds"][-1]["pass@1"]
        return f"{outcome['loop']}: {len(outcome['rounds'])} rounds, pass@1 {first:.3f} to {last:.3f}"


def real_share(data: Sequence[Row], versions: Sequence[str]) -> float:
    """Share of the trained rows that no round of the loop made."""
    rows = sum(part["rows"] for part in data)
    return sum(part["rows"] for part in data if part["version"] not in versions) / rows if rows else 0.0
