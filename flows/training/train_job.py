"""The job `train`: rows exported, a model trained on them, its version published."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rollmill.flows.driver import Executor, RequestKind
from rollmill.flows.job import Job
from rollmill.flows.progress import Progress, Stage
from rollmill.flows.recipe.profile import load_profile
from rollmill.flows.training.training import open_training
from rollmill.flows.training.training_data import training_rows
from rollmill.flows.training.training_limit import TrainingLimit
from rollmill.flows.training.training_price import TrainingPrice
from rollmill.flows.training.training_recipe import LENGTHS, LoadedTraining, load_training
from rollmill.pipelines.train.roles import PEAK_MEMORY, LearnerReport, TrainingForecast
from rollmill.storage.trainings import StoredTraining
from rollmill.storage.workspace import Workspace

Row = dict[str, Any]
_NO_LIMIT = TrainingLimit()
_NO_PRICE = TrainingPrice()


@dataclass(frozen=True, slots=True)
class TrainingSession:
    """Resources of a training: the workspace, the watcher's progress, threads of the learner (0: the learner's own),
    interpreter of the learner `trl`, file of the profile, limit of each training, price of an hour.
    """

    workspace: Workspace
    progress: Progress
    threads: int
    python: str | None = None
    profile: str | None = None
    limit: TrainingLimit = _NO_LIMIT
    price: TrainingPrice = _NO_PRICE

    def reporter(self, label: str = "") -> "TrainingWatcher":
        """A watcher of one training."""
        return TrainingWatcher(self.progress, label, self.limit)


class TrainingKind(RequestKind):
    """Base of the kinds that train models: `train`, `trial`, `loop`."""

    job: Job

    @property
    def command(self) -> str:
        """The command line of the job."""
        return self.job.command

    @contextmanager
    def open(self, progress: Progress) -> Iterator[TrainingSession]:
        """The workspace, with what a killed command left put right."""
        with training_session(self.job, progress) as session:
            yield session


class ExperimentKind(TrainingKind):
    """Base of `trial` and `loop`: the workspace has its state, by which pages show it and people cancel it."""

    @property
    def name(self) -> str:
        """Name of the trial or loop."""
        raise NotImplementedError

    @contextmanager
    def open(self, progress: Progress) -> Iterator[TrainingSession]:
        """The workspace, in which no other process works on the same."""
        with (
            super().open(progress) as session,
            session.workspace.experiments.held(self.job.verb, self.name, self.command) as tell,
        ):
            yield replace(session, progress=progress.heard_by(tell))


class Train(TrainingKind):
    """A training recipe to a version of a model; the same training again finds it trained."""

    def __init__(self, job: Job, loaded: LoadedTraining | None = None) -> None:
        self.job, self.loaded = job, loaded or load_training(Path(job.recipe), sets=job.sets)

    def stages(self, session: TrainingSession, executor: Executor) -> Row:
        """Export and train."""
        rows = executor.stage("export", partial(training_rows, session.workspace, self.loaded))
        training = open_training(session.workspace, self.loaded, rows)
        work = partial(
            training.train, session.reporter(), session.threads, self.job.data(), session.python, session.profile
        )
        return executor.stage("train", work)

    def line(self, outcome: Row) -> str:
        """The model and its cost."""
        trained = outcome["trained"]
        return f"{outcome['model']}: {trained['tokens']:,} tokens in {trained['seconds']:,.0f} s"


@contextmanager
def training_session(job: Job, progress: Progress) -> Iterator[TrainingSession]:
    """Open the workspace of a job that trains."""
    profile = load_profile(Path(job.profile) if job.profile else None)
    with Workspace.open(Path(job.workspace)) as workspace:
        workspace.recover()
        limit = TrainingLimit(profile.training.seconds, profile.training.tokens)
        currency = "USD" if profile.prices is None else profile.prices.currency
        price = TrainingPrice(profile.training.price_per_hour, currency)
        yield TrainingSession(workspace, progress, profile.threads, profile.training.python, job.profile, limit, price)


def forecast_training(job: Job) -> Row:
    """Forecast of a training: rows, steps, trained tokens; seconds and memory by earlier trainings. Trains nothing."""
    loaded = load_training(Path(job.recipe), sets=job.sets)
    with Workspace.open(Path(job.workspace)) as workspace:
        rows = training_rows(workspace, loaded)
        training = open_training(workspace, loaded, rows)
        forecast = training.forecast()
        return {
            "model": loaded.recipe.name,
            "rows": rows.rows,
            "data": list(rows.lineage),
            "left_out": dict(rows.left_out),
            "init": training.init.ref,
            "training_id": training.training_id,
            "version": None if training.version is None else training.version.ref,
            "forecast": None if forecast is None else asdict(forecast),
            "seconds": None if forecast is None else seconds_taken(workspace, loaded, forecast),
            "memory_mib": peak_memory(workspace, loaded),
        }


def seconds_taken(workspace: Workspace, loaded: LoadedTraining, forecast: TrainingForecast) -> float | None:
    """Seconds of a training of this length at the pace of the last such one: of its tokens, or of its steps where the
    tokens are a bound; None before the first.
    """
    # A bound on the tokens is not their number, and steps are known exactly.
    if not forecast.at_most:
        rate = tokens_a_second(workspace, loaded)
        return None if rate is None else forecast.tokens / rate
    for training in _like(workspace, loaded):
        spent = training.summary
        if spent.get("seconds") and spent.get("steps"):
            return forecast.steps * float(spent["seconds"]) / float(spent["steps"])
    return None


def tokens_a_second(workspace: Workspace, loaded: LoadedTraining) -> float | None:
    """Trained tokens a second of the last training of this learner and initial model; None before the first."""
    for training in _like(workspace, loaded):
        spent = training.summary
        if spent.get("seconds") and spent.get("tokens"):
            return float(spent["tokens"]) / float(spent["seconds"])
    return None


def peak_memory(workspace: Workspace, loaded: LoadedTraining) -> int | None:
    """Peak memory in MiB of the last training of this learner and initial model that measured it; None without one."""
    known = (training.summary.get("record", {}).get(PEAK_MEMORY) for training in _like(workspace, loaded))
    return next((int(value) for value in known if value), None)


def _like(workspace: Workspace, loaded: LoadedTraining) -> list[StoredTraining]:
    """Trainings of this learner and initial model; those with the same options but for the length come first."""
    wanted = loaded.canonical()
    same = [
        training
        for training in workspace.trainings.all()
        if training.recipe["learner"]["method"] == wanted["learner"]["method"] and training.recipe["init"] == wanted["init"]
    ]
    # The sort keeps the newest first among equals, as the list has them.
    return sorted(same, key=lambda training: _but_length(training.recipe) != _but_length(wanted))


def _but_length(recipe: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: value for name, value in recipe["learner"]["options"].items() if name not in LENGTHS}
    return {"options": options, "loss": recipe["loss"]}


class TrainingWatcher:
    """Reports of a learner as the stage `train` of a job; a limit ends the training."""

    def __init__(self, progress: Progress, label: str = "", limit: TrainingLimit = _NO_LIMIT) -> None:
        self._progress, self._label, self._limit = progress, label, limit

    def __call__(self, report: LearnerReport) -> None:
        """Show step, loss, tokens a second and time left; TrainingLimitReached where the limit is spent."""
        # Without a known share the total stays one step ahead, so that the stage never looks finished.
        total = max(report.step, round(report.step / report.share)) if report.share else report.step + 1
        left = report.seconds * (1 - report.share) / report.share if report.share else 0.0
        rate = report.tokens / report.seconds if report.seconds else 0.0
        # The loss of grpo and rloo says little of progress; the reward is what they raise.
        reward = report.measures.get("reward")
        objective = f"loss {report.loss:.4f}" if reward is None else f"reward {reward:.3f}"
        shown = f"{self._label}{objective} · {rate:,.0f} tokens/s · {left:,.0f} s left"
        self._progress.tell(Stage("train", report.step, total, report.tokens, report.seconds, {"said": shown}))
        # Last, so that the report which ends a training is still shown.
        self._limit.check(report)
