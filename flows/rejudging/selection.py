"""`rollmill select`: what another policy or selector would keep of rollouts that exist; judges, draws and publishes none.

The rollouts are those of a run, by name, or of a recipe's newest finished run that differs from it in nothing but
acceptance, selection, scores and publication; the verdicts are the run's own. The run's own selection is shown for
comparison.

A budget counts correct completions while it draws. Under another policy it would plan other rows, so the new recipe names
the policy under which the run was planned (`accept.planned_under`), and reuses the run's plan.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.identity import imported_digest, unopened_run
from rollmill.flows.job import Job
from rollmill.flows.recipe.user_files import stored_methods
from rollmill.flows.rejudging.reverify_target import check_same
from rollmill.flows.rounds.judging.decide import select_checked
from rollmill.flows.rounds.judging.score import preview_scores, rows_of
from rollmill.flows.rounds.plan_rows import answers_of, in_order
from rollmill.flows.session import read_session, recipe_of, stored_job
from rollmill.ground.errors import SetupError
from rollmill.ground.recipe_steps import has_follow_ups
from rollmill.ground.records import Rollout, Score
from rollmill.metrics import PairedDecisions, moves_rows
from rollmill.pipelines.budget import reads_verdicts
from rollmill.pipelines.verify.acceptance import Policy, accepted_verdict, check_names, missing_verdicts, policy_part
from rollmill.storage.rollouts import GradedCompletion, IncompleteRound, Key, Pair
from rollmill.storage.runs import BESIDE_RECIPE

if TYPE_CHECKING:
    from rollmill.flows.recipe.load import LoadedRecipe
    from rollmill.flows.rounds import OpenRun
    from rollmill.flows.session import Session
    from rollmill.roles.protocols import Selector
    from rollmill.storage.runs import Run

# Keys of the canonical recipe that change no rollout and no verdict.
_AFTER_JUDGING = BESIDE_RECIPE | {"name", "score", "select", "gate", "evaluation", "dataset", "accept", "recipe_schema"}


@dataclass(frozen=True, slots=True)
class SelectRequest:
    """Request of one command: a run's id or a recipe's path, overrides, and a policy with its options."""

    root: Path
    target: str
    sets: tuple[str, ...] = ()
    policy: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """Deciding methods of a run: the accepting policy and the selector."""

    policy: Policy
    selector: "Selector"

    def row(self) -> dict[str, list[str]]:
        """Names and versions as JSON values."""
        return {
            "policy": [self.policy.name, self.policy.version],
            "selector": [self.selector.name, self.selector.version],
        }


def selection_of(request: SelectRequest) -> tuple[dict[str, Any], Job]:
    """Kept and dropped, by reason and by level, before and now, as JSON values; and the job that publishes it.

    SetupError if there are no rollouts to select from, or if the policy needs verdicts that the run does not have.
    """
    with selecting_run(request) as selecting:
        return {**_comparison(selecting.recipe, selecting.run), "up_to_date": selecting.up_to_date}, selecting.job


@dataclass(frozen=True, slots=True)
class SelectingRun:
    """A finished run with the recipe that selects from it, and the job that publishes this selection."""

    recipe: "OpenRun"
    run: "Run"
    job: Job

    @property
    def up_to_date(self) -> bool:
        """True if the run was judged by the verifiers of today."""
        verifiers: list[list[str]] = self.run.recipe["resolved"]["verifiers"]
        return [list(key) for key in self.recipe.verifiers.chain] == verifiers

    @property
    def chain(self) -> list[Key]:
        """The run's verifiers, in order."""
        return [(name, version) for name, version in self.run.recipe["resolved"]["verifiers"]]


@contextmanager
def selecting_run(request: SelectRequest) -> Iterator[SelectingRun]:
    """The run of a request under its recipe; SetupError if there is none."""
    request = replace(request, target=_run_or_recipe(request))
    job = _job(request)
    # The run is found under the recipe as it is written; only then is it known what its budget planned under.
    written = recipe_of(job)
    with read_session(job) as session:
        run = _run(session, written, request)
    job = replace(job, sets=(*job.sets, *_policy_sets(run, written, request.policy, request.options)))
    with read_session(job) as session, unopened_run(session, recipe_of(job)) as selecting:
        selecting.bind(run.id)
        _check_imports(selecting, run)
        yield SelectingRun(selecting, run, job)


def _run_or_recipe(request: SelectRequest) -> str:
    """The target of a request; of a dataset version the run that made it."""
    from rollmill.storage.artifacts.index import artifact_names
    from rollmill.storage.queries.reader import Reader, version_manifest

    if request.target.partition("@")[0] not in artifact_names(request.root / "datasets"):
        return request.target
    with Reader.open(request.root) as reader:
        run = version_manifest(reader, request.target).get("run")
    if run is None:
        raise SetupError(
            f"{request.target} is a mixture: no run has its rollouts.", next_command="a version of one of its sources"
        )
    return str(run)


def _job(request: SelectRequest) -> Job:
    path = Path(request.target)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return Job(str(request.root), str(path.resolve()), request.sets)
    from rollmill.storage.workspace import Workspace

    with Workspace.open(request.root) as workspace:
        job = stored_job(workspace.runs.get(request.target), request.root)
    return replace(job, sets=(*job.sets, *request.sets), keep_going=False)


def _run(session: "Session", loaded: "LoadedRecipe", request: SelectRequest) -> "Run":
    """The named run, or the newest finished one with these rollouts."""
    runs = session.workspace.runs.list()
    named = next((run for run in runs if run.id == request.target), None)
    if named is not None:
        check_same(session.job, loaded, named, _AFTER_JUDGING)
        return named
    rows = rows_decided_by(loaded.canonical())
    for run in runs:
        if run.status == "done" and not run.is_pilot and rows_decided_by(run.recipe) == rows:
            return run
    raise SetupError(
        f"no finished run drew rollouts for {loaded.recipe.name!r} with this generation and budget.",
        next_command=session.job.command,
    )


def _check_imports(selecting: "OpenRun", run: "Run") -> None:
    """A run of the same recipe may have taken other imported rollouts, before more were imported or by an older default."""
    if selecting.spec.takes_imports and imported_digest(selecting) != run.recipe["resolved"]["imported"]:
        raise SetupError(
            f"the imported rollouts that the recipe takes are not those of run {run.id}.",
            next_command=selecting.session.job.command,
        )


def rows_decided_by(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a canonical recipe that decides rollouts and verdicts."""
    return {key: value for key, value in recipe.items() if key not in _AFTER_JUDGING}


def _policy_sets(run: "Run", loaded: "LoadedRecipe", policy: str | None, options: Mapping[str, Any]) -> list[str]:
    """The overrides that make the recipe accept by this policy and plan as the run did; none without a policy."""
    if policy is None:
        return []
    written = loaded.recipe.accept
    sets = [f"accept.method={policy}"]
    # The written options belong to the written policy and would be merged into this one.
    if options or (written is not None and written.options):
        sets.append(f"accept.options={json.dumps(dict(options))}")
    planned = _planned_under(run, loaded)
    if planned is not None and planned != {"method": policy, "options": dict(options)}:
        sets.append(f"accept.planned_under.method={planned['method']}")
        if planned["options"] or (written is not None and written.planned_under is not None):
            sets.append(f"accept.planned_under.options={json.dumps(planned['options'])}")
    elif written is not None and written.planned_under is not None:
        sets.append("accept.planned_under=null")
    return sets


def _planned_under(run: "Run", loaded: "LoadedRecipe") -> dict[str, Any] | None:
    """The policy that the run's budget counted by, None if its plan does not depend on one."""
    fixed = reads_verdicts(loaded.budget.cls) is False and not has_follow_ups(run.recipe)
    if fixed or not loaded.engines():
        return None
    accept = policy_part(run.recipe)
    part = accept.get("planned_under") or accept
    return {"method": part["method"], "options": dict(part["options"])}


def _comparison(selecting: "OpenRun", run: "Run") -> dict[str, Any]:
    """Both selections over every rollout of the run, problem by problem."""
    spec = selecting.spec
    parts = (("policy", policy_part(run.recipe)), ("selector", run.recipe["select"]))
    # The run's own methods are built from its record, as the recipe's file may name others.
    with stored_methods(f"run {run.id}", run.recipe, None, base=selecting.loaded.base) as methods:
        built = [methods.resolve(role, part).build() for role, part in parts]
    before, now = Selection(*built), Selection(spec.accept, spec.selector)
    chain = [(name, version) for name, version in run.recipe["resolved"]["verifiers"]]
    check_names(now.policy, [name for name, _ in chain])
    decisions = PairedDecisions()
    missing: Counter[Key] = Counter()
    problems, rows = 0, 0
    scored = rows_of(selecting) if spec.scorers else None
    for members in graded_parts(selecting, run, chain):
        rows += len(members)
        for graded in members:
            missing.update(missing_verdicts(now.policy, chain, graded.verdicts))
        if missing:  # only counted to the end, for the error
            continue
        scores = preview_scores(scored, spec.scorers, members) if scored is not None else {}
        sides = [[graded_rollout(graded, side.policy, chain, scores) for graded in members] for side in (before, now)]
        pairs = zip((before, now), sides, strict=True)
        decisions.add(*((rollouts, select_checked(side.selector, run.id, rollouts)) for side, rollouts in pairs))
        problems += 1
    if missing:
        raise _missing(selecting.session.job, run, now.policy, missing, rows)
    # None cannot be compared with numbers; problems without a level come last.
    levels = sorted({p.level for p in spec.problems}, key=lambda level: (level is None, level))
    return {
        "run": run.id,
        "problems": problems,
        "rollouts": rows,
        **now.row(),
        "kept": decisions.after.kept,
        "dropped": dict(sorted(decisions.after.dropped.items())),
        "levels": {str(level): decisions.kept_after[level] for level in levels},
        "before": {
            **before.row(),
            "kept": decisions.before.kept,
            "dropped": dict(sorted(decisions.before.dropped.items())),
            "levels": {str(level): decisions.kept_before[level] for level in levels},
        },
        "moves": moves_rows(decisions.moves),
    }


def graded_parts(selecting: "OpenRun", run: "Run", chain: Sequence[Key]) -> Iterator[list[GradedCompletion]]:
    """The rollouts of the run, problem by problem; SetupError if some are lost."""
    try:
        rows = answers_of(selecting.spec, in_order(selecting.workspace.runs.plans(run.id)))
        for _, members in selecting.reader(chain).by_problem(rows):
            yield members
    except IncompleteRound as error:
        again = "rollmill curate RECIPE makes the lost rows again"
        raise SetupError(f"run {run.id} is no longer whole: {error}.", next_command=again) from None


def graded_rollout(
    graded: GradedCompletion, policy: Policy, chain: Sequence[Key], scores: Mapping[Pair, tuple[Score, ...]]
) -> Rollout:
    """A rollout with its accepted verdict and its scores."""
    verdict = accepted_verdict(policy, chain, graded.verdicts)
    if verdict is None:
        raise SetupError(
            "the run has rows that it has not judged to the end.", next_command="rollmill runs resume, then this again"
        )
    return graded.rollout(verdict, scores.get(graded.pair, ()))


def _missing(job: Job, run: "Run", policy: Policy, missing: Mapping[Key, int], rows: int) -> SetupError:
    named = ", ".join(f"{name} on {count:,} of {rows:,} rollouts" for (name, _), count in sorted(missing.items()))
    return SetupError(
        f"policy {policy.name!r} needs verdicts that run {run.id} does not have: {named}.",
        next_command=f"{job.command} (judges what is missing and draws nothing)",
    )
