"""The job `loop`: round after round a dataset and a model, each an ordinary version, so that a killed loop goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from rollmill.flows.driver import DIRECT, Executor, drive
from rollmill.flows.job import Job
from rollmill.flows.jobs.curate import Curate
from rollmill.flows.jobs.evaluate import Evaluate
from rollmill.flows.loops.answers import ModelAnswers, model_answers
from rollmill.flows.loops.loaded_loop import LoadedLoop, RoundState, load_loop, model_reference
from rollmill.flows.loops.loop_report import write_loop
from rollmill.flows.loops.monitor import alarms, measured, stop_reason
from rollmill.flows.loops.round_rows import round_rows, rule_of
from rollmill.flows.loops.seen import audited, draw_figures, seen_round, state_folder, with_norms
from rollmill.flows.recipe.evaluations import EvaluationRecipe
from rollmill.flows.training.train_job import ExperimentKind, TrainingSession
from rollmill.flows.training.training import open_training
from rollmill.flows.training.training_data import NothingToTrain, TrainingRowsFile, training_rows
from rollmill.flows.training.training_recipe import LoadedTraining
from rollmill.flows.trials.students import Student, StudentCounts, count_cells
from rollmill.flows.trials.trial_recipe import written
from rollmill.pipelines.train.between.roles import NORMS, RoundKeys, RoundPolicy, SeenRound

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
        rounds = Rounds(self.job, self.loop, session, executor)
        for number in range(self.loop.recipe.rounds):
            rounds.go(number)
            if rounds.stopped is not None:
                break
        return {
            "loop": self.loop.name,
            "frozen": self.loop.frozen,
            "base": self.loop.base_model,
            "samples": self.loop.samples,
            "rounds": rounds.rows,
            "before": rounds.before,
            "alarms": alarms(rounds.rows),
            "stopped": rounds.stopped,
            "messages": [],
        }

    def report(self, outcome: Row) -> Row:
        """Write loop.json and loop.md; `reports` are their paths."""
        folder = Path(self.job.workspace) / "reports" / self.loop.name
        return {**outcome, "reports": [str(path) for path in write_loop(folder, outcome)]}

    def line(self, outcome: Row) -> str:
        """Rounds and pass@1 before and after."""
        first, last = outcome["before"]["pass@1"], outcome["rounds"][-1]["pass@1"]
        return f"{outcome['loop']}: {len(outcome['rounds'])} rounds, pass@1 {first:.3f} to {last:.3f}"


@dataclass
class Rounds:
    """The rounds of a loop so far. Everything is computed from stored versions, so that a killed loop goes on."""

    job: Job
    loop: LoadedLoop
    session: TrainingSession
    executor: Executor
    models: list[str] = field(default_factory=list)
    versions: list[str] = field(default_factory=list)
    beside: dict[str, str] = field(default_factory=dict)
    seen: dict[str, SeenRound] = field(default_factory=dict)
    answers: list[ModelAnswers] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    before: Row = field(default_factory=dict)
    stopped: str | None = None

    def __post_init__(self) -> None:
        first = self.loop.first()
        self.models.append(first.model)
        self.beside |= first.beside
        self.policies: list[RoundPolicy] = [spec.build() for spec in self.loop.policies]

    def go(self, number: int) -> None:
        """One round: its dataset, its model, the second models, the evaluation, the reasons to stop."""
        ws, recipe = self.session.workspace, self.loop.recipe
        keys = self._keys()
        model = self.loop.base_model if self.loop.frozen else self.models[-1]
        self.session.progress.begin(f"round {number + 1} of {recipe.rounds}: drawing from {model}")
        made = self._curated(RoundState(number, model, self.versions, self.beside, keys))
        version = f"{made['dataset']}@v{made['version']}"
        self.versions.append(version)
        if self.policies or recipe.data.band is not None:
            self.seen[version] = seen_round(ws, number, version)
        # The control differs in the model that draws alone: it trains as the loop does.
        state = RoundState(number, self.models[-1], self.versions, self.beside, keys)
        try:
            rows = round_rows(ws, self.loop, state, rule_of(self.loop, self.policies, self.seen))
        except NothingToTrain as nothing:
            # In the first round it is a mistake in the recipe; later, policies may leave nothing and the loop ends.
            if not self.rows:
                raise
            self.stopped = f"rows: {nothing.message.rstrip('.')}"
            return
        trained = self._trained(number, self.loop.training_of(state), rows)
        self.models.append(model_reference(trained["model"]))
        tokens = trained["trained"]["tokens"] + self._train_beside(state)
        self._measure_norms(version)
        # Bonferroni over the planned rounds: `alpha` is the chance of a false alarm in any of them.
        alpha = recipe.alpha / recipe.rounds
        self.rows.append(
            {
                "round": number + 1,
                "version": version,
                "kept": made["funnel"]["kept"],
                "drawn": made["funnel"]["drawn"],
                **draw_figures(ws, version),
                "model": trained["model"],
                "beside": dict(self.beside),
                "trained_tokens": tokens,
                "trained_rows": rows.rows,
                "left_out": dict(rows.left_out),
                "real_share": real_share(trained["data"], self.versions),
                "policies": self._figures(version),
                "precision": audited(ws, version, self.loop.audit, alpha) if self.loop.audit else None,
                **self._evaluated(number + 1, alpha),
            }
        )
        self.stopped = stop_reason(self.rows, recipe.stop)

    def _keys(self) -> RoundKeys:
        """Keys that the policies change in the round that begins; later policies over earlier ones."""
        # From all rounds seen so far: a policy keeps no state, so a killed loop gets the same keys.
        seen, curate, train = list(self.seen.values()), dict[str, Any](), dict[str, Any]()
        for policy in self.policies:
            keys = policy.keys(seen)
            curate |= keys.curate
            train |= keys.train
        return RoundKeys(curate, train)

    def _figures(self, version: str) -> Row:
        return {policy.name: dict(policy.figures(self.seen[version])) for policy in self.policies}

    def _measure_norms(self, version: str) -> None:
        """Gradient norms under the model that draws next, where a policy reads them."""
        if any(NORMS in policy.needs for policy in self.policies):
            model = self.loop.base_model if self.loop.frozen else self.models[-1]
            self.seen[version] = with_norms(self.session.workspace, self.loop, self.seen[version], version, model)

    def _curated(self, state: RoundState) -> Row:
        """The dataset version of a round; content that an earlier command published is that version."""
        job = Job(
            str(self.session.workspace.root),
            str(self.loop.curate_path.resolve()),
            self.loop.curate_sets(state),
            self.job.profile,
            publish_again=False,
        )
        return drive(Curate(job), DIRECT, self.session.progress.of_next_job())

    def _trained(self, number: int, loaded: LoadedTraining, rows: TrainingRowsFile, label: str = "") -> Row:
        training = open_training(self.session.workspace, loaded, rows)
        watcher = self.session.reporter(f"round {number + 1}{label} · ")
        work = partial(training.train, watcher, self.session.threads, None, self.session.python, self.session.profile)
        return self.executor.stage("train", work, model=f"round-{number + 1}{label.replace(' ', '-')}")

    def _train_beside(self, state: RoundState) -> int:
        """Train the second models of a round; their trained tokens."""
        tokens = 0
        for name, part in self.loop.recipe.beside.items():
            if state.number and not part.retrain:
                continue
            loaded = self.loop.beside_of(name, state)
            trained = self._trained(state.number, loaded, training_rows(self.session.workspace, loaded), f" {name}")
            self.beside[name] = model_reference(trained["model"])
            tokens += int(trained["trained"]["tokens"])
        return tokens

    def _evaluated(self, number: int, alpha: float) -> Row:
        """The measures of the newest model, beside those of all models before; of the first model too, once."""
        ws = self.session.workspace
        students = [Student(f"r{place}", 0, {"model": model}) for place, model in enumerate(self.models)]
        names = {student.name: model for student, model in zip(students, self.models, strict=True)}
        # All models so far in one evaluation: changes are paired by problem, and stored completions cost nothing.
        cells = self._cells(self.loop.evaluation_of(names), f"evaluation-{len(self.models)}")
        counts: StudentCounts = count_cells(ws, cells, students)
        # Answers of earlier models do not change, so their texts are read once.
        for student in students[len(self.answers) :]:
            self.answers.append(model_answers(ws, cells, student.name))
        if not self.before:
            self.before = measured(counts, 0, alpha, self.answers)
        return {**measured(counts, number, alpha, self.answers), **self._picked(number)}

    def _picked(self, number: int) -> Row:
        """Accuracy of the completion that the scorer chooses, and of the majority, at all samples."""
        if self.loop.recipe.evaluate.pick is None:
            return {}
        row, model = f"r{number}-0", self.models[number]  # the student's name in `_evaluated`: round and seed 0
        cells = self._cells(self.loop.picks_of(row, model, self.beside), f"picked-{number}")
        return {name: pooled(cells, metric) for name, metric in (("picked@k", "selected@k"), ("majority@k", "maj@k"))}

    def _cells(self, evaluation: EvaluationRecipe, name: str) -> Sequence[Row]:
        state = state_folder(self.session.workspace, self.loop.name)
        # A file of its own for each round: runs stay resumable by the file that they were made from.
        path = written(evaluation, state / f"{name}.yaml")
        job = Job(str(self.session.workspace.root), str(path), profile=self.job.profile, verb="evaluate")
        cells: Sequence[Row] = drive(Evaluate(job, out=state / "evaluation"), DIRECT, self.session.progress)["cells"]
        return cells


def pooled(cells: Sequence[Mapping[str, Any]], metric: str) -> float | None:
    """The mean over all problems of a metric at its largest k, over the cells that have it."""
    # Rows ascend in k, so the last is at the largest; a cell without the metric gives an empty list.
    last = [[row for row in cell["metrics"] if row["metric"] == metric][-1:] for cell in cells]
    rows = [row[0] for row in last if row and row[0]["value"] is not None]
    problems = sum(row["n"] for row in rows)
    return sum(row["value"] * row["n"] for row in rows) / problems if problems else None


def real_share(data: Sequence[Row], versions: Sequence[str]) -> float:
    """Share of the trained rows that no round of the loop made."""
    rows = sum(part["rows"] for part in data)
    return sum(part["rows"] for part in data if part["version"] not in versions) / rows if rows else 0.0
