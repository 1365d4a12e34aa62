"""`score`: numbers for the stored rollouts of a run, by the scorers that are named or by its recipe's. Draws no rollout.

The run is read as the ledger has it, so its recipe may have changed since. A scorer's requests to a model are charged to
the run, within its limit, and stored; stored replies are reused.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rollmill.flows.job import Job
from rollmill.flows.progress import Progress, Stage
from rollmill.flows.recipe.benchmarks import ASKS
from rollmill.flows.recipe.load import LoadedRecipe
from rollmill.flows.recipe.methods import MethodSpec, resolve
from rollmill.flows.recipe.schema import Generate
from rollmill.flows.recipe.step_rules import words_of
from rollmill.flows.recipe.user_files import stored_methods
from rollmill.flows.rounds.judging.score import RunRows, score_rows
from rollmill.flows.rounds.judging.votes import stored_votes
from rollmill.flows.rounds.memory import Memory
from rollmill.flows.rounds.plan_rows import of_steps, together
from rollmill.flows.rounds.threads import RunThreads
from rollmill.flows.run_spec import engine_settings, paid_samplers
from rollmill.flows.sampling.steps import Step
from rollmill.flows.session import Session, open_session, read_session, recipe_of, stored_job
from rollmill.flows.worked_examples import Examples
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.recipe_steps import recorded_steps, step_names
from rollmill.ground.records import Outcome, PlanRow, Problem, Prompt
from rollmill.pipelines.verify.acceptance import Policy, accepted_verdict, planned_verdict, policy_part
from rollmill.steps.graph import Node, StepGraph
from rollmill.steps.recorded import recorded_graph
from rollmill.storage.rollouts import Accept, Pair, RunReader
from rollmill.storage.scores import RunMarks, run_scores
from rollmill.storage.workspace import Workspace

if TYPE_CHECKING:
    from rollmill.ground.pool import Pool
    from rollmill.storage.runs import Run

TOLD_EVERY = 0.5  # seconds between two entries of progress in the ledger
CALIBRATION = ("auroc", "auroc_within", "brier", "calibration")


@dataclass(frozen=True)
class RecordedRun:
    """Steps and problems of a stored run; `reader` and `planned_by` give the outcomes that its plan used."""

    workspace: Workspace
    id: str
    graph: StepGraph
    steps: Mapping[str, Step]
    problems: Mapping[str, Problem]
    reader: RunReader
    planned_by: Accept
    memory: Memory = field(default_factory=Memory)

    @property
    def spec(self) -> "RecordedRun":
        """Itself: it is all that is known of it."""
        return self

    def step(self, name: str = "") -> Step:
        """The step of this name."""
        return self.steps[name]

    def problem(self, problem_id: str) -> Problem:
        """The problem with this id."""
        return self.problems[problem_id]

    def judged(self, step: str) -> bool:
        """True if the completions of a step are judged."""
        return step in self.graph.answers

    def outcomes(self, rows: Sequence[PlanRow]) -> Mapping[Pair, Outcome]:
        """Outcomes of judged rows at the time when the follow-ups were requested."""
        return {pair: verdict.outcome for pair, verdict in self.reader.accepted(rows, self.planned_by).items()}

    def prompts(self, plans: Sequence[Sequence[PlanRow]]) -> Callable[[Sequence[PlanRow]], Iterable[Prompt]]:
        """Function from rows to the prompt that each of them answers."""
        if not self.graph.follow_ups:
            return lambda rows: [self.step(row.step).prompt_for(self.problem(row.problem_id)) for row in rows]
        threads = RunThreads(self)
        threads.note(plans)
        return threads.questions


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Request of one command: a run (default: the latest), scorers with options (default: the recipe's), a profile.

    `max_tokens` and `max_cost` limit the run over all its commands; `dry_run`: report the missing scores, make none.
    """

    root: Path
    run: str | None = None
    scorers: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    profile: str | None = None
    max_tokens: int | None = None
    max_cost: str | None = None
    dry_run: bool = False
    watcher: Callable[[Stage], None] | None = field(default=None, repr=False)


def score(request: ScoreRequest) -> dict[str, Any]:
    """Counts of new and stored scores, and the distribution of all stored scores of the run, as JSON values."""
    run, job = _run(request)
    loaded, began = recipe_of(job), time.monotonic()
    # A dry run must not repair what a killed command left.
    with (read_session if request.dry_run else open_session)(job) as session:
        methods = [_resolved(loaded, name, options) for name, options in request.scorers or _of_recipe(run)]
        with _scorers(session, run, methods) as scorers:
            rows = _rows(session, loaded, run)
            counts = score_rows(rows, scorers, _tell(session, run, request), dry_run=request.dry_run)
        columns = sorted(run_scores(session.workspace, run).items())
        stored = [_summary(name, column) for name, column in columns]
        names = [name for name, _ in columns if not counts or name.partition("@")[0] in {count.scorer for count in counts}]
        judged = [] if request.dry_run else against_verdicts(session.workspace, run, names)
    return {
        "run": run.id,
        "scored": [asdict(count) for count in counts],
        "scores": stored,
        "calibration": judged,
        "dry_run": request.dry_run,
        "seconds": round(time.monotonic() - began, 3),
    }


@contextmanager
def opened_rows(request: ScoreRequest, more: Sequence[str] = ()) -> Iterator[tuple[str, RunRows, list[Any]]]:
    """A run's id and rows, and the scorers of a request, or of its recipe and `more` names, for who stores no score."""
    run, job = _run(request)
    loaded = recipe_of(job)
    with open_session(job) as session:
        named = request.scorers or _of_recipe(run)
        known = {name for name, _ in named}
        methods = [_resolved(loaded, name, options) for name, options in named]
        methods += [_resolved(loaded, name, {}) for name in more if name not in known]
        with _scorers(session, run, methods) as scorers:
            yield run.id, _rows(session, loaded, run), scorers


def _run(request: ScoreRequest) -> "tuple[Run, Job]":
    """The run, and its job with this command's profile and limits."""
    from rollmill.storage.workspace import Workspace

    with Workspace.open(request.root) as workspace:
        run = workspace.runs.chosen(request.run)
    job = replace(stored_job(run, request.root, profile=request.profile), keep_going=False)
    return run, replace(job, max_tokens=request.max_tokens, max_cost=request.max_cost)


def _of_recipe(run: "Run") -> list[tuple[str, Mapping[str, Any]]]:
    """The scorers that the run's recipe names, as the run recorded them."""
    return [(part["method"], part["options"]) for part in run.recipe.get("score", ())]


def _resolved(loaded: LoadedRecipe, name: str, options: Mapping[str, Any]) -> MethodSpec:
    """A scorer by name; a user's file is searched here, then in the recipe's folder."""
    here = ":" in name and Path(name.rpartition(":")[0]).is_file()
    return resolve("scorer", name, options, base=Path.cwd() if here else loaded.base)


@contextmanager
def _scorers(session: Session, run: "Run", methods: list[MethodSpec]) -> Iterator[list[Any]]:
    """The scorers, built; their requests to a model are charged to the run. The models are released at the end."""
    with paid_samplers(session, run.id) as samplers:
        yield [method.build(**engine_settings(session), samplers=samplers) for method in methods]


def _rows(session: Session, loaded: LoadedRecipe, run: "Run") -> RunRows:
    """The run's planned rows with the verifiers and the policy that it recorded."""
    workspace, recipe = session.workspace, run.recipe
    plans = workspace.runs.plans(run.id)
    if not plans:
        raise SetupError(f"run {run.id} has planned no rollouts.", next_command=session.job.command)
    every = together(plans)
    graph = recorded_graph(recorded_steps(recipe))
    plan = of_steps(every, graph.answers)
    chain = [(name, version) for name, version in recipe["resolved"]["verifiers"]]
    problems = _problems(workspace, run, plan.column("problem_id").unique().to_pylist())
    steps = step_names(recipe)
    reader = RunReader(workspace, problems.__getitem__, chain, lambda step: steps.index(step) if step in steps else 0)
    part = policy_part(recipe)
    accept = partial(accepted_verdict, _policy(loaded, part), chain)
    planned_by = partial(planned_verdict, _policy(loaded, part.get("planned_under") or part), chain)
    asked = _steps(session, loaded, run, graph, list(problems.values()))
    asking = RecordedRun(workspace, run.id, graph, asked, problems, reader, planned_by)
    votes = stored_votes(workspace, graph, every)
    marks, followers = RunMarks(run, every), [node.step.name for node in graph.follow_ups]
    return RunRows(workspace, run.id, [plan], reader, accept, marks, asking.prompts(plans), votes, followers)


def _steps(
    session: Session, loaded: LoadedRecipe, run: "Run", graph: StepGraph, problems: Sequence[Problem]
) -> dict[str, Step]:
    """The steps of the run as they asked, by the words that it recorded; "" if it has none."""
    parts = recorded_steps(run.recipe) or [{**run.recipe["generate"], "name": ""}]
    examples = Examples(session.workspace, loaded, problems)
    forms = {part["name"]: examples.form_of(_words(part, graph.nodes[part["name"]])) for part in parts}
    taken = run.recipe["resolved"].get("examples")
    if taken is not None and taken != digest128([form.examples for form in forms.values()]):
        raise SetupError(
            f"the problem set that run {run.id} took its worked examples from has changed since.",
            next_command=f"{session.job.command}, which asks with the examples of today",
        )
    return {name: Step(graph.nodes[name], None, form=form) for name, form in forms.items()}


def _words(part: Mapping[str, Any], node: Node) -> Generate:
    """The words of a recorded step or `generate`; a step's template was recorded under its first name."""
    words = {key: part[key] for key in ASKS if key in part}
    recorded = {key: value for key, value in words.items() if key in ("examples", "examples_from")}
    return Generate.model_validate({**words, **(words_of(node, recorded) if part["name"] else {})})


def _problems(workspace: Workspace, run: "Run", ids: list[str]) -> dict[str, Problem]:
    problems: dict[str, Problem] = {problem.id: problem for problem in workspace.segments.fetch("problems", ids)}
    if len(problems) < len(ids):
        lost = f"{len(ids) - len(problems)} of {len(ids)} problems of run {run.id} are not stored."
        raise SetupError(lost, next_command=f"rollmill runs resume {run.id}")
    return problems


def _policy(loaded: LoadedRecipe, part: Mapping[str, Any]) -> Policy:
    """A policy as the run recorded it."""
    with stored_methods("the run", {"accept": part}, None, base=loaded.base) as methods:
        policy: Policy = methods.resolve("policy", part).build()
    return policy


def _tell(session: Session, run: "Run", request: ScoreRequest) -> Callable[[int, int], None]:
    """Progress for who watches here, and now and then for the ledger."""
    began, last, watched = time.monotonic(), 0.0, Progress(request.watcher)

    def tell(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        stage = Stage("score", done, total, seconds=now - began)
        watched.tell(stage)
        if not request.dry_run and (done == total or now - last > TOLD_EVERY):
            last = now
            session.progress.report(stage, session.workspace.runs, run.id)

    return tell


def against_verdicts(workspace: Workspace, run: "Run", names: Sequence[str]) -> list[dict[str, Any]]:
    """Discrimination and calibration of scores against verdicts, on rollouts fixed beforehand.

    A metric that this run or score does not allow gives a row with the reason.
    """
    from rollmill.metrics.registry import measure
    from rollmill.metrics.sample import Options
    from rollmill.storage.queries import Reader, run_scope
    from rollmill.storage.queries.pools import scope_pool

    rows: list[dict[str, Any]] = []
    pool: Pool | None = None
    for name in names:
        for metric in CALIBRATION:
            try:
                # Read once for all metrics, and inside the block: a pool that cannot be read is a reason in each row.
                pool = scope_pool(run_scope(Reader(workspace), run.id)).pool if pool is None else pool
                measured = [number.row() for number in measure(pool, metric, Options(score=name))]
            except SetupError as error:
                measured = [{"metric": metric, "value": None, "low": None, "high": None, "why": error.message}]
            rows += [{"scorer": name, **row} for row in measured]
    return rows


def _summary(name: str, column: "np.ndarray[Any, np.dtype[np.float64]]") -> dict[str, Any]:
    """Distribution of one scorer's scores over the run's rows."""
    known = column[~np.isnan(column)]
    low, median, high = (float(value) for value in np.quantile(known, (0.05, 0.5, 0.95)))
    mean = float(np.mean(known))
    return {
        "scorer": name,
        "rows": len(column),
        "scored": len(known),
        "mean": mean,
        "q05": low,
        "median": median,
        "q95": high,
    }
