"""The job `study`: models trained as the recipe says, measured once, and the paper's claim judged by its predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rollmill.flows.driver import Executor
from rollmill.flows.job import Job
from rollmill.flows.studies.shelf import REPORTS
from rollmill.flows.studies.study_recipe import LoadedStudy, load_study
from rollmill.flows.studies.study_report import judged, study_row, write_study
from rollmill.flows.training.train_job import TrainingKind, TrainingSession
from rollmill.flows.training.training import InitialModel
from rollmill.flows.trials.students import Student, TrialWork
from rollmill.flows.trials.trial_job import Trial
from rollmill.ground.errors import SetupError
from rollmill.ground.files import json_text, read_object, write_text
from rollmill.pipelines.train.measures.bench import Bench, StudyAnswers, StudyModel

Row = dict[str, Any]
RESULT = "result.json"


class Study(TrainingKind):
    """A study to its report. `write`: a further file for its result, that the documentation shows."""

    def __init__(self, job: Job, study: LoadedStudy | None = None, *, write: Path | None = None) -> None:
        self.job, self.study, self.write = job, study or load_study(Path(job.recipe), sets=job.sets), write

    def stages(self, session: TrainingSession, executor: Executor) -> Row:
        """Train, measure, judge; a result that is stored for the same recipe, data and models is taken."""
        models, data, work = self._models(session)
        folder = session.workspace.state / "studies" / self.study.study_id(data)[:16]
        stored = folder / RESULT
        # Judged anew from the stored numbers, because the id covers no prediction.
        if stored.is_file():
            result = read_object(stored, next_command=f"rm {stored}")
            return {**judged(self.study, result), "messages": ["measured already: nothing was trained or drawn."]}
        students = [] if work is None else work.train(range(work.trial.recipe.seeds), executor)
        session.progress.begin(f"measuring {self.study.measure.name}")
        bench = Bench(folder, self.study.recipe.seed, models, report=session.reporter())
        if work is not None:
            bench = replace(bench, models=_models_of(work, students), answers=partial(_answers, work, students))
        measured = executor.stage("measure", partial(self.study.measure.build().measure, bench))
        # Before the result is stored, or a misspelt effect would fail every later command.
        self._check_effects(measured.effects)
        result = study_row(self.study, measured, data)
        write_text(stored, json_text(result))
        return {**judged(self.study, result), "messages": []}

    def _models(
        self, session: TrainingSession
    ) -> tuple[Mapping[str, Sequence[StudyModel]], Mapping[str, str], TrialWork | None]:
        """The models that are measured as they are, digests of models or rows, and the trainings of the others."""
        if self.study.trial is not None:
            trial = Trial(self.job, self.study.trial).with_data(session)
            work = TrialWork(trial, session, self.job)
            # Before any training: rows that leaked from the evaluation would void all of it.
            work.check_apart()
            return {}, {arm: rows.sha256 for arm, rows in work.rows.items()}, work
        initial = {arm: InitialModel.open(session.workspace, ref) for arm, ref in self.study.recipe.models.items()}
        models = {arm: [StudyModel(model.folder)] for arm, model in initial.items()}
        return models, {arm: model.content_hash for arm, model in initial.items()}, None

    def _check_effects(self, effects: Mapping[str, Any]) -> None:
        for expected in self.study.expected:
            if expected.effect not in effects:
                measure = self.study.measure.name
                raise SetupError(f"the measure {measure!r} has no effect {expected.effect!r}.", choices=sorted(effects))

    def report(self, outcome: Row) -> Row:
        """Write reports/studies/NAME.json and NAME.md; `reports` are their paths."""
        # Messages are of this command, and the files are the same whoever makes them.
        messages = outcome.pop("messages")
        paths = write_study(Path(self.job.workspace) / REPORTS, outcome)
        if self.write is not None:
            write_text(self.write, json_text(outcome))
            paths.append(self.write)
        return {**outcome, "messages": messages, "reports": [str(path) for path in paths]}

    def line(self, outcome: Row) -> str:
        """The verdict."""
        return f"{outcome['study']}: {outcome['verdict']}"


def _answers(work: TrialWork, students: Sequence[Student]) -> StudyAnswers:
    """Counts of the problems of which every completion was judged."""
    counts = work.evaluate(students).with_draws(work.trial.samples)
    return StudyAnswers(counts.arms, counts.clusters)


def _models_of(work: TrialWork, students: Sequence[Student]) -> Mapping[str, Sequence[StudyModel]]:
    """The trained models by arm, seed by seed."""

    def of(arm: str) -> list[StudyModel]:
        mine = [student for student in students if student.arm == arm]
        return [StudyModel(Path(student.outcome["folder"]), work.rows[arm].path) for student in mine]

    return {arm: of(arm) for arm in work.trial.arms}
