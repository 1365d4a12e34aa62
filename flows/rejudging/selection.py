"""What another policy or selector would keep of rollouts that exist: judges, plans, draws and publishes nothing.

The rollouts are those of a run, by name, or of a recipe's newest finished run that differs from it in nothing but
acceptance, selection, scores and publication; the verdicts are the run's own. Beside them stands what the run itself kept.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.identity import imported_digest, unopened_run
from flows.job import Job
from flows.recipe import resolve
from flows.rejudging.reselection import chosen_sets, policy_of
from flows.rounds.plan_rows import in_order
from flows.session import read_session
from pipelines.score import scores_of
from pipelines.verify.acceptance import Policy, accepted, check_names, lacking
from storage.errors import SetupError
from storage.records import Decision, Rollout, Score
from storage.rollouts import Accept, GradedCompletion, IncompleteRound, Key
from storage.runs import BESIDE_RECIPE

if TYPE_CHECKING:
    from flows.session import RecipeRun, Session
    from pipelines.protocols import Selector
    from storage.runs import Run

# Keys of the canonical recipe that change no rollout and no verdict.
_AFTER_JUDGING = BESIDE_RECIPE | {"name", "score", "select", "gate", "evaluation", "dataset", "accept", "recipe_schema"}


@dataclass(frozen=True, slots=True)
class SelectRequest:
    """What one command asks: a run's id or a recipe's path, overrides, and a policy with its options."""

    root: Path
    target: str
    sets: tuple[str, ...] = ()
    policy: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Way:
    """A policy and a selector, and what they would keep."""

    policy: Policy
    selector: "Selector"
    kept: Counter[int | None] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def decide(self, run: str, rollouts: Sequence[Rollout]) -> list[Decision]:
        """The decisions on one problem's rollouts, counted."""
        decisions = list(self.selector.select(run, rollouts))
        self.kept[rollouts[0].problem.level] += sum(decision.kept for decision in decisions)
        self.dropped.update(decision.reason for decision in decisions if not decision.kept)
        return decisions

    def row(self, levels: Sequence[int | None]) -> dict[str, Any]:
        """As JSON values."""
        return {
            "policy": [self.policy.name, self.policy.version],
            "selector": [self.selector.name, self.selector.version],
            "kept": sum(self.kept.values()),
            "dropped": dict(sorted(self.dropped.items())),
            "levels": {str(level): self.kept[level] for level in levels},
        }


def selection_of(wanted: SelectRequest) -> tuple[dict[str, Any], Job]:
    """Kept and dropped, by reason and by level, before and now, as JSON values; and the job that publishes it.

    SetupError where there are no rollouts to select from, or where the policy needs verdicts that the run does not have.
    """
    job = _job(wanted)
    with read_session(job) as session:
        run = _run(session, wanted)
        job = replace(job, sets=(*job.sets, *chosen_sets(run, session.loaded, wanted.policy, wanted.options)))
    with read_session(job) as session, unopened_run(session) as selecting:
        selecting.open.spec = replace(selecting.spec, run=run.id)
        _check_imports(selecting, run)
        row = _compared(selecting, run)
        return {
            **row,
            "up_to_date": [list(key) for key in selecting.open.chain()] == run.recipe["resolved"]["verifiers"],
        }, job


def _job(wanted: SelectRequest) -> Job:
    path = Path(wanted.target)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return Job(str(wanted.root), str(path.resolve()), wanted.sets)
    from storage.workspace import Workspace

    with Workspace.open(wanted.root) as workspace:
        made = Job.of_run(workspace.runs.get(wanted.target).recipe["job"], wanted.root)
    return replace(made, sets=(*made.sets, *wanted.sets), keep_going=False)


def _run(session: "Session", wanted: SelectRequest) -> "Run":
    """The named run, or the newest finished one with these rollouts."""
    rows = _rows_decided_by(session.loaded.canonical())
    runs = session.workspace.runs.list()
    named = next((run for run in runs if run.id == wanted.target), None)
    if named is not None:
        now, before = rows, _rows_decided_by(named.recipe)
        keys = sorted(key for key in {**now, **before} if now.get(key) != before.get(key))
        if keys:
            raise SetupError(
                f"the recipe of run {named.id} has changed since in {', '.join(keys)}.", next_command=session.job.command
            )
        return named
    for run in runs:
        if run.status == "done" and not run.is_pilot and _rows_decided_by(run.recipe) == rows:
            return run
    raise SetupError(
        f"no finished run drew rollouts for {session.loaded.recipe.name!r} with this generation and budget.",
        next_command=session.job.command,
    )


def _check_imports(selecting: "RecipeRun", run: "Run") -> None:
    """A run of the same recipe may have taken other imported rollouts, before more were imported or by an older default."""
    if selecting.spec.generator is None and imported_digest(selecting) != run.recipe["resolved"]["imported"]:
        raise SetupError(
            f"the imported rollouts that the recipe takes are not those of run {run.id}.",
            next_command=selecting.session.job.command,
        )


def _rows_decided_by(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in recipe.items() if key not in _AFTER_JUDGING}


def _compared(selecting: "RecipeRun", run: "Run") -> dict[str, Any]:
    """Both ways over every rollout of the run, problem by problem."""
    spec, base = selecting.spec, selecting.loaded.base
    part = run.recipe["select"]
    selector = resolve("selector", part["method"], part["options"], base=base).build()
    before, now = Way(policy_of(run.recipe, base), selector), Way(spec.accept, spec.selector)
    chain = [(name, version) for name, version in run.recipe["resolved"]["verifiers"]]
    check_names(now.policy, [name for name, _ in chain])
    moves: Counter[tuple[str, str]] = Counter()
    missing: Counter[Key] = Counter()
    problems, rows = 0, 0
    ways = [(way, partial(accepted, way.policy, chain)) for way in (before, now)]
    for members in _graded(selecting, run, chain):
        rows += len(members)
        for graded in members:
            missing.update(lacking(now.policy, chain, graded.verdicts))
        if missing:
            continue
        scores = scores_of(spec.scorers, members[0].problem, [graded.completion for graded in members])
        sides = [[_rollout(graded, accept, scores) for graded in members] for _, accept in ways]
        made = [way.decide(run.id, side) for (way, _), side in zip(ways, sides, strict=True)]
        moves.update((a.reason, b.reason) for a, b in zip(*made, strict=True) if a.reason != b.reason)
        problems += 1
    if missing:
        raise _missing(selecting.session.job, run, now.policy, missing, rows)
    levels = sorted({p.level for p in spec.problems}, key=lambda level: (level is None, level))
    ordered = sorted(moves.items(), key=lambda item: (-item[1], item[0]))
    return {
        "run": run.id,
        "problems": problems,
        "rollouts": rows,
        **now.row(levels),
        "before": before.row(levels),
        "moves": [{"before": old, "after": new, "rows": count} for (old, new), count in ordered],
    }


def _graded(selecting: "RecipeRun", run: "Run", chain: Sequence[Key]) -> Iterator[list[GradedCompletion]]:
    """The rollouts of the run, problem by problem; SetupError where some are lost."""

    try:
        rows = in_order(selecting.workspace.runs.plans(run.id))
        for _, members in selecting.open.reader(selecting.workspace, chain).by_problem(rows):
            yield members
    except IncompleteRound as error:
        again = "rollmill curate RECIPE makes the lost rows again"
        raise SetupError(f"run {run.id} is no longer whole: {error}.", next_command=again) from None


def _rollout(graded: GradedCompletion, accept: Accept, scores: Mapping[str, tuple[Score, ...]]) -> Rollout:
    verdict = accept(graded.verdicts)
    if verdict is None:
        raise SetupError(
            "the run has rows that it has not judged to the end.", next_command="rollmill runs resume, then this again"
        )
    return graded.rollout(verdict, scores.get(graded.completion.id, ()))


def _missing(job: Job, run: "Run", policy: Policy, missing: Mapping[Key, int], rows: int) -> SetupError:
    named = ", ".join(f"{name} on {count:,} of {rows:,} rollouts" for (name, _), count in sorted(missing.items()))
    return SetupError(
        f"policy {policy.name!r} needs verdicts that run {run.id} does not have: {named}.",
        next_command=f"{job.command} (judges what is missing and draws nothing)",
    )
