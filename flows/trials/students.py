"""Students of a trial: trained, evaluated, and counted problem by problem."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.flows.driver import DIRECT, Executor, drive
from rollmill.flows.job import Job
from rollmill.flows.jobs.evaluate import Evaluate
from rollmill.flows.problems import preview_problems
from rollmill.flows.training.train_job import TrainingSession
from rollmill.flows.training.training import OpenTraining, open_training
from rollmill.flows.training.training_data import training_rows
from rollmill.flows.trials.apart import RowTexts
from rollmill.flows.trials.references import KEY, reference_logprobs
from rollmill.flows.trials.trial_recipe import LoadedTrial, written
from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.pipelines.contamination import Scan
from rollmill.stats.trials.counts import ArmCounts

Row = dict[str, Any]
Doubles = npt.NDArray[np.float64]
Key = tuple[str, str]
"""Benchmark and id of a problem."""


@dataclass(frozen=True, slots=True)
class Student:
    """A trained model of an arm. `outcome`: result of its training job."""

    arm: str
    seed: int
    outcome: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of its row in the evaluation."""
        return f"{self.arm}-{self.seed}"


@dataclass(frozen=True, slots=True)
class StudentCounts:
    """Judged and correct completions of each arm, as arrays (seeds, problems) over the same problems in the same order.

    `problems`: (benchmark, id) of each problem. `templates`: template of each problem, None for a problem without one.
    `tokens`: mean tokens of a completion, by arm. `logprobs`: mean log-probability per token of each problem's reference
    solution, by arm, (seeds, problems); NaN if unknown.
    """

    problems: Sequence[Key]
    templates: Sequence[str | None]
    arms: Mapping[str, ArmCounts]
    tokens: Mapping[str, float]
    logprobs: Mapping[str, Doubles] = field(default_factory=dict)

    @property
    def clusters(self) -> Sequence[str | None] | None:
        """Templates as clusters of problems; None where no problem has one."""
        return self.templates if any(template is not None for template in self.templates) else None

    def with_draws(self, k: int) -> "StudentCounts":
        """The problems of which every student has at least k judged completions; an undecided one is no draw."""
        fewest = np.min([np.asarray(arm.judged).min(axis=0) for arm in self.arms.values()], axis=0)
        return self.at(np.flatnonzero(fewest >= k).tolist())

    def with_references(self) -> "StudentCounts":
        """The problems whose reference solution has a log-probability under every student."""
        if not self.logprobs:
            return self.at([])
        known = np.all([np.isfinite(table).all(axis=0) for table in self.logprobs.values()], axis=0)
        return self.at(np.flatnonzero(known).tolist())

    def at(self, places: Sequence[int]) -> "StudentCounts":
        """The problems at some places."""
        arms = {name: ArmCounts(*(np.asarray(part)[:, list(places)] for part in arm)) for name, arm in self.arms.items()}
        problems = [self.problems[place] for place in places]
        logprobs = {name: table[:, list(places)] for name, table in self.logprobs.items()}
        return StudentCounts(problems, [self.templates[place] for place in places], arms, self.tokens, logprobs)


class TrialWork:
    """Training and evaluation of a trial's students; what is there already is not made again."""

    def __init__(self, trial: LoadedTrial, session: TrainingSession, job: Job) -> None:
        self.trial, self.session, self.job = trial, session, job
        self.ws = session.workspace
        self.rows = {arm: training_rows(self.ws, training) for arm, training in trial.trainings.items()}
        self.trial_id = trial.trial_id({arm: rows.sha256 for arm, rows in self.rows.items()})
        self.tokens = self._equal_tokens()
        self.leaks: list[str] = []

    @property
    def state(self) -> Any:
        """Folder of the trial in the workspace."""
        return self.ws.state / "trials" / self.trial_id[:16]

    def _equal_tokens(self) -> int | None:
        """Trained tokens that every student has; None where another length is equal, or none."""
        if self.trial.recipe.equal != "loss_tokens":
            return None
        first = self.trial.arms[0]
        training = self.trial.trainings[first]
        forecast = open_training(self.ws, training, self.rows[first]).forecast()
        if forecast is None:
            raise SetupError(f"the learner {training.learner.name!r} cannot say how many tokens it trains.")
        return forecast.tokens

    def opened(self, arm: str, seed: int) -> OpenTraining:
        """The training of a student; its id and version are known before it is trained."""
        return open_training(self.ws, self.trial.student(arm, seed, self.tokens), self.rows[arm])

    def check_apart(self) -> Mapping[str, int]:
        """Numbers of problems; FoundWanting where an arm's rows leak an evaluation's problem or have a template of one.

        Leaks that the recipe allows are kept in `leaks`, as sentences.
        """
        benchmarks = {}
        for cell in self.trial.evaluation.cells:
            assert cell.cell is not None
            if cell.cell.benchmark not in benchmarks:
                benchmarks[cell.cell.benchmark] = preview_problems(self.ws, cell).problems
        scans = {benchmark: Scan(problems) for benchmark, problems in benchmarks.items()}
        for arm, rows in self.rows.items():
            texts = RowTexts.of(rows)
            for benchmark, problems in benchmarks.items():
                self._check_leaks(arm, benchmark, len(texts.leaked(scans[benchmark])), len(problems))
                shared = {problem.template for problem in problems if problem.template} & texts.templates
                if shared and not self.trial.recipe.evaluate.same_templates:
                    raise FoundWanting(
                        f"arm {arm!r} has rows of {len(shared)} templates of {benchmark!r} ({min(shared)}).",
                        next_command="evaluate: {same_templates: true} if unseen instances are what it should speak of",
                    )
        return {benchmark: len(problems) for benchmark, problems in benchmarks.items()}

    def _check_leaks(self, arm: str, benchmark: str, leaked: int, asked: int) -> None:
        if not leaked:
            return
        reason = self.trial.recipe.evaluate.leaks_because
        told = f"arm {arm!r} was trained on {leaked} of {asked} problems of {benchmark!r}"
        if reason is None:
            raise FoundWanting(
                f"{told}, edited and quoted copies included.",
                next_command="another benchmark, a dataset without them, or evaluate: {leaks_because: REASON}",
            )
        self.leaks.append(f"{told}, which the recipe allows: {reason}")

    def train(self, seeds: Sequence[int], executor: Executor, arms: Sequence[str] | None = None) -> list[Student]:
        """The students of these seeds, seed by seed, so that arms are at one place whenever it stops."""
        students = []
        for seed in seeds:
            for arm in arms or self.trial.arms:
                self.session.progress.begin(f"training {arm}-{seed}")
                watcher = self.session.reporter(f"{arm}-{seed} · ")
                work = partial(
                    self.opened(arm, seed).train,
                    watcher,
                    self.session.threads,
                    None,  # no job of its own
                    self.session.python,
                    self.session.profile,
                )
                students.append(Student(arm, seed, executor.stage("train", work, model=f"{arm}-{seed}")))
        return students

    def evaluate(self, students: Sequence[Student]) -> StudentCounts:
        """Draw and judge the students' completions, and count them."""
        refs = {student.name: str(student.outcome["model"]) for student in students}
        # Each number of students has its own file, so that runs of an earlier look keep the one they were made from.
        path = written(self.trial.evaluation_of(refs), self.state / f"evaluation-{len(refs)}.yaml")
        job = Job(str(self.ws.root), str(path), profile=self.job.profile, verb="evaluate")
        kind = Evaluate(job, out=self.state / "evaluation", also=reference_logprobs)
        outcome = drive(kind, DIRECT, self.session.progress)
        return count_cells(self.ws, outcome["cells"], students)


def count_cells(ws: Any, cells: Sequence[Mapping[str, Any]], students: Sequence[Student]) -> StudentCounts:
    """Judged and correct completions of every student on every problem, from the runs of an evaluation's cells.

    Log-probabilities of reference solutions are taken from the cells that have them.
    """
    from rollmill.storage.queries import Reader, run_scope
    from rollmill.storage.queries.pools import scope_pool

    counted: dict[str, dict[Key, tuple[int, int]]] = {student.name: {} for student in students}
    logprobs: dict[str, dict[Key, float]] = {student.name: {} for student in students}
    templates: dict[Key, str | None] = {}
    tokens: dict[str, list[int]] = {}
    reader = Reader(ws)
    for cell in cells:
        pool = scope_pool(run_scope(reader, cell["run"])).pool
        correct, wrong = pool.has("correct"), pool.has("incorrect") | pool.has("unparsed")
        size = len(pool.problems)
        # `minlength` gives every problem a place, the last ones without a right completion too.
        right = np.bincount(pool.problem[pool.in_prefix & correct], minlength=size)
        judged = right + np.bincount(pool.problem[pool.in_prefix & wrong], minlength=size)
        groups = pool.strata.get("template", (None,) * size)
        tokens.setdefault(cell["model"], []).extend(pool.tokens[pool.in_prefix & (pool.tokens >= 0)].tolist())
        for place, problem in enumerate(pool.problems):
            key = (cell["benchmark"], problem)
            counted[cell["model"]][key] = int(judged[place]), int(right[place])
            templates[key] = None if groups[place] is None else str(groups[place])
        logprobs[cell["model"]] |= {(cell["benchmark"], problem): value for problem, value in cell.get(KEY, {}).items()}
    counts = _tabled(counted, templates, tokens, students)
    return replace(counts, logprobs=_logprob_tables(logprobs, counts, students))


def _tabled(
    counted: Mapping[str, Mapping[Key, tuple[int, int]]],
    templates: Mapping[Key, str | None],
    tokens: Mapping[str, Sequence[int]],
    students: Sequence[Student],
) -> StudentCounts:
    """Tables over the problems that every student answered."""
    common = set(templates)
    for row in counted.values():
        # A problem that is undecided for one student has no rate there, and cells are compared in pairs.
        common &= {key for key, (judged, _) in row.items() if judged}
    # One order for all arms: a column of every table is the same problem.
    problems = sorted(common)
    if not problems:
        raise FoundWanting("no problem has a judged completion of every student.", next_command="rollmill runs list")
    arms: dict[str, ArmCounts] = {}
    means: dict[str, float] = {}
    for arm in dict.fromkeys(student.arm for student in students):
        names = [student.name for student in students if student.arm == arm]
        table = np.array([[counted[name][key] for key in problems] for name in names], dtype=np.int64)
        arms[arm] = ArmCounts(table[:, :, 0], table[:, :, 1])
        means[arm] = float(np.mean([length for name in names for length in tokens.get(name, ())] or [0]))
    return StudentCounts(problems, [templates[key] for key in problems], arms, means)


def _logprob_tables(
    logprobs: Mapping[str, Mapping[Key, float]], counts: StudentCounts, students: Sequence[Student]
) -> dict[str, Doubles]:
    """Log-probabilities of references, (seeds, problems) of each arm; none where no cell has any."""
    if not any(logprobs.values()):
        return {}
    return {
        arm: np.array(
            [
                [logprobs[student.name].get(key, np.nan) for key in counts.problems]
                for student in students
                if student.arm == arm
            ]
        )
        for arm in counts.arms
    }
