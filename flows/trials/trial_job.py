"""The job `trial`: students of every arm trained and evaluated, look by look, and compared over seeds and problems."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rollmill.flows.driver import DIRECT, Executor, drive
from rollmill.flows.job import Job
from rollmill.flows.jobs.curate import Curate
from rollmill.flows.progress import Progress
from rollmill.flows.training.train_job import ExperimentKind, TrainingSession, tokens_a_second, training_session
from rollmill.flows.trials.comparison import by_benchmark, compared, decided, detectable
from rollmill.flows.trials.students import Student, StudentCounts, TrialWork
from rollmill.flows.trials.trial_recipe import PILOT, LoadedTrial, load_trial
from rollmill.flows.trials.trial_report import sentence, write_trial
from rollmill.ground.errors import FoundWanting
from rollmill.ground.files import json_text, read_object, write_text
from rollmill.ground.formats.rate_texts import with_interval
from rollmill.stats import holm
from rollmill.storage.artifacts.index import artifact_names

Row = dict[str, Any]


class Trial(ExperimentKind):
    """A trial to its report. `anyway`: go on where the pilot says that the seeds cannot show the wanted difference.

    `command`: the command line that does it again, where the job has no recipe.
    """

    def __init__(
        self, job: Job, trial: LoadedTrial | None = None, *, anyway: bool = False, command: str | None = None
    ) -> None:
        self.job, self.anyway, self._command = job, anyway, command
        self.trial = trial or load_trial(Path(job.recipe), sets=job.sets)

    @property
    def command(self) -> str:
        """The command line that goes on with it."""
        return (self._command or self.job.command) + (" --anyway" if self.anyway else "")

    @property
    def name(self) -> str:
        """Name of the trial."""
        return self.trial.recipe.name

    def stages(self, session: TrainingSession, executor: Executor) -> Row:
        """Train, evaluate and compare, at each look; the plan is recorded before the first training."""
        # `_outcome` and `report` read it too, and speak of the versions that were trained.
        trial = self.trial = self.with_data(session)
        work = TrialWork(trial, session, self.job)
        problems = work.check_apart()
        record = _recorded(work)
        messages = [*work.leaks, *unplanned_seed_notes(record, trial.looks)]
        pilot = self._pilot(work, executor)
        p_by_look: list[list[float]] = []
        students: list[Student] = []
        for number, seeds in enumerate(trial.looks, 1):
            session.progress.begin(f"look {number} of {len(trial.looks)}: {seeds} seeds of {len(trial.arms)} arms")
            # Only the seeds that this look adds; earlier students stay.
            students += work.train(range(len(students) // len(trial.arms), seeds), executor)
            counts = work.evaluate(students)
            # Below three seeds nothing is said of other trainings, so no error is spent on looks.
            looks = trial.looks[:number] if trial.looks[0] >= PILOT else ()
            _keep_detectable(work, counts)
            rows = compared(counts, trial.ks, trial.recipe.alpha, looks)
            p_by_look.append([row["p"] for row in rows if row["primary"]])
            shown = decided(p_by_look, looks, trial.recipe.alpha)
            if all(shown):
                break
        outcome = self._outcome(work, students, counts, rows, shown)
        record["looks"].append({"seeds": seeds, "at": datetime.now(UTC).isoformat(timespec="seconds")})
        _record(work, record)
        detail = {"problems_by_benchmark": problems, "pilot": pilot, "looks_so_far": record["looks"]}
        return {**outcome, **detail, "messages": messages}

    def with_data(self, session: TrainingSession) -> LoadedTrial:
        """The trial with the dataset versions that its recipes make, made now where they are not there."""
        versions = {}
        for arm, curated in self.trial.curated.items():
            session.progress.begin(f"data of {arm}: {curated.dataset}")
            job = Job(str(session.workspace.root), str(curated.recipe), curated.sets, self.job.profile)
            made = drive(Curate(job), DIRECT, Progress(begin=session.progress.begin))
            versions[arm] = f"{made['dataset']}@v{made['version']}"
        return self.trial.with_versions(versions)

    def _pilot(self, work: TrialWork, executor: Executor) -> Row | None:
        """The difference that the trial can show, from some seeds of the first arm; FoundWanting where it is too large."""
        wanted, trial = self.trial.recipe.detect, self.trial
        if wanted is None:
            return None
        first = work.trial.arms[:1]
        # The pilot trains the first seeds of the first arm, which the first look finds trained.
        students = work.train(range(min(PILOT, trial.recipe.seeds)), executor, first)
        can = detectable(
            work.evaluate(students),
            trial.recipe.seeds,
            trial.samples,
            arms=len(trial.arms),
            alpha=trial.recipe.alpha,
        )
        if can is not None and can["effect"] > wanted and not self.anyway:
            enough = [seeds for seeds, effect in can["by_seeds"].items() if effect <= wanted]
            more = f"seeds={enough[0]}" if enough else "more problems in the evaluation"
            raise FoundWanting(
                f"{trial.recipe.seeds} seeds show a difference of {can['effect']:.3f} four times in five, by a pilot of "
                f"{can['from_seeds']} students, and detect is {wanted}.",
                next_command=f"{more}, a larger detect, or --anyway; the students are kept",
            )
        return can

    def _outcome(
        self,
        work: TrialWork,
        students: Sequence[Student],
        counts: StudentCounts,
        rows: Sequence[Row],
        shown: Sequence[bool],
    ) -> Row:
        trial = self.trial
        primary = [row for row in rows if row["primary"]]
        corrected = holm([row["p"] for row in primary])
        for row, is_shown, p in zip(primary, shown, corrected, strict=True):
            row["shown"], row["p_holm"] = bool(is_shown), p
            row["sentence"] = sentence(row)
        return {
            "trial": trial.recipe.name,
            "trial_id": work.trial_id,
            "equal": trial.recipe.equal,
            "equal_tokens": work.tokens,
            "seeds": max(student.seed for student in students) + 1,  # fewer than planned where a look stopped it
            "samples": trial.samples,
            "problems": len(counts.problems),
            "alpha": trial.recipe.alpha,
            "currency": work.session.price.currency,
            "arms": [arm_row(work, arm, students, counts) for arm in trial.arms],
            "comparisons": list(rows),
            "by_benchmark": by_benchmark(counts, trial.ks[0]),
        }

    def report(self, outcome: Row) -> Row:
        """Write trial.json and trial.md; `reports` are their paths."""
        folder = Path(self.job.workspace) / "reports" / self.trial.recipe.name
        return {**outcome, "reports": [str(path) for path in write_trial(folder, outcome)]}

    def line(self, outcome: Row) -> str:
        """The first comparison."""
        row = outcome["comparisons"][0]
        return f"{outcome['trial']}: {row['arm']} {with_interval(row['difference'], row['low'], row['high'], '+')}"


def arm_row(work: TrialWork, arm: str, students: Sequence[Student], counts: StudentCounts) -> Row:
    """Data, students and cost of an arm."""
    mine = [student for student in students if student.arm == arm]
    trained = [student.outcome["trained"] for student in mine]
    rows, seconds = work.rows[arm], sum(part["seconds"] for part in trained)
    return {
        "arm": arm,
        "data": [dict(part) for part in rows.lineage],
        "rows": rows.rows,
        "students": [str(student.outcome["model"]) for student in mine],
        "trained_tokens": sum(part["tokens"] for part in trained),
        "tokens_each": [part["tokens"] for part in trained],
        "epochs": sum(part["epochs"] for part in trained) / len(trained),
        "seconds": seconds,
        "money": work.session.price.of(seconds),
        "tokens_out": counts.tokens[arm],
    }


def plan_of(job: Job, trial: LoadedTrial) -> Row:
    """Trainings and completions that a trial needs, and the difference that it could show. Trains nothing.

    `unmade`: arms whose data the trial makes first; where there are any, what depends on their rows is absent.
    """
    with training_session(job, Progress()) as session:
        made = artifact_names(session.workspace.datasets)
        unmade = [
            {"arm": arm, "dataset": curated.dataset, "command": curated.command}
            for arm, curated in trial.curated.items()
            if curated.dataset not in made
        ]
        whole: Row = {
            "trial": trial.recipe.name,
            "equal": trial.recipe.equal,
            "seeds": trial.recipe.seeds,
            "looks": list(trial.looks),
            "trainings": trial.recipe.seeds * len(trial.arms),
            "unmade": unmade,
        }
        # Without the rows of an arm there is no id of a student, so nothing can be said to be trained already.
        if unmade:
            return {**whole, "arms": [{"arm": arm} for arm in trial.arms]}
        work = TrialWork(trial, session, job)
        problems = work.check_apart()
        students = [(arm, work.opened(arm, seed)) for seed in range(trial.recipe.seeds) for arm in trial.arms]
        left = [(arm, training) for arm, training in students if training.version is None]
        forecasts = {arm: work.opened(arm, 0).forecast() for arm in trial.arms}
        rate = tokens_a_second(session.workspace, trial.trainings[trial.arms[0]])
        tokens = sum(forecast.tokens for arm, _ in left if (forecast := forecasts[arm]) is not None)
        seconds = None if rate is None else tokens / rate
        return {
            **whole,
            "arms": [{"arm": arm, "rows": work.rows[arm].rows, "data": list(work.rows[arm].lineage)} for arm in trial.arms],
            "equal_tokens": work.tokens,
            "trainings_left": len(left),
            "tokens_left": tokens,
            "seconds_left": seconds,
            "money_left": session.price.of(seconds),
            "currency": session.price.currency,
            "problems": problems,
            "completions": len(students) * sum(problems.values()) * trial.samples,
            "can_show": _can_show(work),
            "leaks": work.leaks,
        }


def _keep_detectable(work: TrialWork, counts: StudentCounts) -> None:
    """Keep the difference that the trial can show by the students so far, for its next plan."""
    trial = work.trial
    can = detectable(counts, trial.recipe.seeds, trial.samples, arms=len(trial.arms), alpha=trial.recipe.alpha)
    if can is not None:
        write_text(work.state / "detectable.json", json_text(can))


def _can_show(work: TrialWork) -> Row | None:
    """The difference that it can show by the students of an earlier command."""
    path = work.state / "detectable.json"
    if not path.is_file():
        return None
    return dict(read_object(path, next_command="rollmill trial RECIPE"))


def _recorded(work: TrialWork) -> Row:
    """The record of a trial: its plan, and its looks so far; made before the first training."""
    path = work.state / "plan.json"
    if path.is_file():
        return read_object(path, next_command=f"rm {path}")
    trial = work.trial
    record: Row = {
        "trial": trial.recipe.name,
        "seeds": trial.recipe.seeds,
        "planned_looks": list(trial.looks),
        "samples": trial.samples,
        "measure": f"pass@{trial.ks[0]}",
        "equal_tokens": work.tokens,
        "looks": [],
    }
    _record(work, record)
    return record


def _record(work: TrialWork, record: Mapping[str, Any]) -> None:
    write_text(work.state / "plan.json", json_text(dict(record)))


def unplanned_seed_notes(record: Mapping[str, Any], looks: Sequence[int]) -> list[str]:
    """A line where results were seen before, and this command has more seeds than were planned then."""
    from rollmill.stats import false_alarm

    # A look that the recipe plans now is accounted for by its sequential test.
    seen = sorted({look["seeds"] for look in record["looks"]} - set(looks))
    if not seen or seen[0] < PILOT:
        return []
    every = sorted({*seen, *looks})
    # Somebody who adds seeds until it suffices tests at .05 each time.
    chance = false_alarm(every, [0.05] * len(every))
    return [
        f"results were looked at before, with {', '.join(map(str, seen))} seeds, and {looks[-1]} were not planned then: "
        f"at .05 each, such looks err in {chance:.0%} of trials of equal arms."
    ]
