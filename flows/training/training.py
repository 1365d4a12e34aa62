"""One training from its recipe to a published model version, resumable at any moment.

    opened = open_training(workspace, loaded)
    opened.training_id, opened.version       # known before anything is trained; the version if there is one already
    outcome = opened.train(report)

The training's id is a hash of all that decides the model, so that the same training is done once in a workspace.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rollmill.flows import CHECKOUT
from rollmill.flows.training.model_card import model_card
from rollmill.flows.training.training_data import TrainingRowsFile
from rollmill.flows.training.training_limit import TrainingLimitReached
from rollmill.flows.training.training_recipe import LoadedTraining
from rollmill.flows.training.training_reward import log_of, rewarding
from rollmill.ground.errors import RollmillError, SetupError, interrupted
from rollmill.ground.failpoints import hit
from rollmill.ground.files import json_line, write_text
from rollmill.ground.ids import digest128
from rollmill.pipelines.processes.proc import hardware
from rollmill.pipelines.train.roles import ForecastsLength, LearnerReport, Trained, TrainingForecast, TrainingTask
from rollmill.storage.models.files import content_hash, model_files, version_folder
from rollmill.storage.models.index import MODELS, ModelVersion
from rollmill.storage.models.publish import check_name, publish_model, track, trained_version
from rollmill.storage.trainings import STEPS, training_folder
from rollmill.storage.workspace import Workspace

LEDGER_SECONDS = 2.0  # between two reports of progress to the ledger
DECIDING = ("learner", "loss", "order", "seed")
"""Keys of a recipe that decide a model beside its rows and its initial model."""


@dataclass(frozen=True, slots=True)
class InitialModel:
    """An initial model: the text that names it in the recipe, its folder, and the content hash of its files."""

    ref: str
    folder: Path
    content_hash: str

    @classmethod
    def open(cls, ws: Workspace, ref: str) -> "InitialModel":
        """The model that a recipe names: a version, or a folder in the workspace or shipped with the program."""
        folder = version_folder(ws.models, ref)
        places = [folder] if folder else [place / ref for place in (ws.root, CHECKOUT)]
        place_of_model = next((place for place in places if (place / "config.json").is_file()), None)
        if place_of_model is None:
            raise SetupError(
                f"init: no model folder {ref!r}.", choices=shipped_models(), next_command="rollmill model list"
            )
        return cls(ref, place_of_model, content_hash(model_files(place_of_model)))


def shipped_models() -> list[str]:
    """The model folders that come with the program."""
    return sorted(f"{MODELS}/{path.parent.name}" for path in (CHECKOUT / MODELS).glob("*/config.json"))


@dataclass(frozen=True, slots=True)
class OpenTraining:
    """A training with its rows and its initial model. `version`: the model that it made, if it was done before."""

    ws: Workspace
    loaded: LoadedTraining
    rows: TrainingRowsFile
    init: InitialModel
    training_id: str
    version: ModelVersion | None

    @property
    def state(self) -> Path:
        """Folder of its checkpoints and its finished model."""
        return training_folder(self.ws.state, self.training_id)

    def train(
        self,
        report: Callable[[LearnerReport], None],
        threads: int = 0,
        job: Mapping[str, Any] | None = None,
        python: str | None = None,
        profile: str | None = None,
    ) -> dict[str, Any]:
        """Train to the end, publish, and record it in the ledger; the outcome as JSON values.

        `job`: the command that started it, as JSON values; None if it is part of another job. `python`: interpreter of
        the learner `trl`. `profile`: file of the profile with which a reward judges.
        """
        trainings = self.ws.trainings
        with trainings.held(self.training_id):
            # Looked for under the lease: another process may have trained it since.
            version = trained_version(self.ws, self.loaded.recipe.name, self.training_id)
            if version is not None:
                return self._outcome(version, [f"{version.ref} was trained so already.", *self._settled(version)], {})
            recipe = self.loaded.canonical() if job is None else {**self.loaded.canonical(), "job": dict(job)}
            trainings.begin(self.training_id, self.loaded.recipe.name, recipe)
            try:
                options = {"trainer_python": python, **({"threads": threads} if threads else {})}
                trained = self._trained(report, options, profile)
                publication = self._published(trained)
            except BaseException as error:
                ended = interrupted(error) or isinstance(error, TrainingLimitReached) or not isinstance(error, Exception)
                status = "interrupted" if ended else "failed"
                reason = str(error) if isinstance(error, RollmillError) else f"{type(error).__name__}: {error}"
                trainings.finish(self.training_id, status, {"error": reason})
                raise
            outcome = self._outcome(publication.version, [*publication.messages, *self._rewarded()], asdict(trained))
            trainings.finish(self.training_id, "done", {"version": publication.version.ref, **asdict(trained)})
            shutil.rmtree(self.state, ignore_errors=True)
        return outcome

    def _settled(self, version: ModelVersion) -> list[str]:
        """Completion of a training whose command was killed after its index was written; messages for a person."""
        if not self.state.exists():
            return []
        lines = [] if version.pointer.exists() or not version.fetched else track(self.ws, version)
        summary = {"version": version.ref, **version.record()["trained"]}
        self.ws.trainings.finish(self.training_id, "done", summary)
        shutil.rmtree(self.state, ignore_errors=True)
        return lines

    def task(self) -> TrainingTask:
        """Input of the learner."""
        return TrainingTask(
            rows=self.rows.path,
            init=self.init.folder,
            out=self._model,
            state=self.state / "state",
            loss=self.loaded.loss.build(),
            order=self.loaded.order.build(),
            seed=self.loaded.recipe.seed,
            held_out=self.rows.held_out,
        )

    def forecast(self) -> TrainingForecast | None:
        """Length of the training; None for a learner that does not know it in advance."""
        learner = self.loaded.learner.build()
        return learner.forecast(self.task()) if isinstance(learner, ForecastsLength) else None

    @property
    def _model(self) -> Path:
        return self.state / "model"

    def _trained(self, report: Callable[[LearnerReport], None], options: Mapping[str, Any], profile: str | None) -> Trained:
        """The trained model in the state folder: made now, or by a command that was killed before it could publish it."""
        done = self.state / "trained.json"
        if done.is_file():
            return Trained(**json.loads(done.read_text(encoding="utf-8")))
        shutil.rmtree(self._model, ignore_errors=True)
        self.state.mkdir(parents=True, exist_ok=True)
        learner = self.loaded.learner.build(**options)
        recorder = _Recorder(self.ws, self.training_id, self.state / STEPS, report)
        with self._judged(profile) as address:
            trained: Trained = learner.train(replace(self.task(), reward=address), recorder)
        trained = replace(trained, record={"hardware": hardware(), **trained.record})
        write_text(done, json.dumps(asdict(trained)))
        hit("training.checkpoint")
        return trained

    @property
    def log(self) -> str | None:
        """Name of the log of its rewarded completions; None without a reward."""
        return None if self.loaded.recipe.reward is None else log_of(self.loaded.recipe.name, self.training_id)

    @contextmanager
    def _judged(self, profile: str | None) -> Iterator[str | None]:
        """Address of the service that judges its completions; None without a reward."""
        if self.loaded.recipe.reward is None or self.log is None:
            yield None
            return
        with rewarding(self.loaded.recipe.reward, self.loaded.base, self.ws.root, self.log, profile) as address:
            yield address

    def _rewarded(self) -> list[str]:
        """Next commands for its rewarded completions."""
        if self.log is None:
            return []
        return [
            f"Every rewarded completion is kept: rollmill reward show {self.log}, or rollmill reward publish {self.log}"
        ]

    def _published(self, trained: Trained) -> Any:
        steps = self.state / STEPS
        if steps.is_file():
            shutil.copyfile(steps, self._model / STEPS)
        record = self.record(trained)
        name = self.loaded.recipe.name
        return publish_model(self.ws, name, self._model, record, model_card(name, record), training_id=self.training_id)

    def record(self, trained: Trained) -> dict[str, Any]:
        """Content of training.json: lineage, recipe, cost."""
        return {
            "training": self.loaded.canonical(),
            "recipe_hash": self.loaded.recipe_hash,
            "init": {"model": self.init.ref, "content_hash": self.init.content_hash},
            "data": [dict(part) for part in self.rows.lineage],
            "rows": {"sha256": self.rows.sha256, "rows": self.rows.rows, "left_out": dict(self.rows.left_out)},
            "format": self.loaded.format,
            **({} if self.log is None else {"rewards": self.log}),
            "trained": asdict(trained),
        }

    def _outcome(self, version: ModelVersion, messages: list[str], trained: Mapping[str, Any]) -> dict[str, Any]:
        record = version.record()
        return {
            "model": version.ref,
            "content_hash": version.content_hash,
            "training_id": self.training_id,
            "folder": str(version.path),
            "init": record["init"],
            "data": record["data"],
            "trained": dict(trained) or record["trained"],
            "created": bool(trained),
            "messages": messages,
        }


def open_training(ws: Workspace, loaded: LoadedTraining, rows: TrainingRowsFile) -> OpenTraining:
    """The training of these rows, with its id; SetupError for an unknown initial model or a name that is taken."""
    check_name(ws.models, loaded.recipe.name)
    init = InitialModel.open(ws, loaded.recipe.init)
    methods = [loaded.learner.build(), loaded.loss.build(), loaded.order.build()]
    versions = [[method.name, method.version] for method in methods]
    parts = {key: part for key, part in loaded.canonical().items() if key in (*DECIDING, "reward")}
    training_id = digest128(["training", versions, parts, loaded.format, rows.sha256, init.content_hash])
    return OpenTraining(ws, loaded, rows, init, training_id, trained_version(ws, loaded.recipe.name, training_id))


class _Recorder:
    """Reports of a learner: to a watcher, to a file of all of them, and now and then to the ledger."""

    def __init__(self, ws: Workspace, training: str, path: Path, watcher: Callable[[LearnerReport], None]) -> None:
        self._ws, self._training, self._path, self._watcher = ws, training, path, watcher
        self._written = 0.0
        self._first = True

    def __call__(self, report: LearnerReport) -> None:
        if self._first:  # what a killed command reported after its last checkpoint is reported again
            _cut(self._path, report.step)
            self._first = False
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json_line(asdict(report)))
        now = time.monotonic()
        if now - self._written >= LEDGER_SECONDS or report.share >= 1.0:
            self._ws.trainings.report(self._training, asdict(report))
            self._written = now
        self._watcher(report)


def _cut(path: Path, step: int) -> None:
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] < step:
                kept.append(line + "\n")
        except ValueError:
            continue  # half a line, which a kill left
    write_text(path, "".join(kept))
