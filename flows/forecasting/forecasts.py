"""`rollmill plan`: forecasts of a recipe's run, and their scores once it has ended.

A forecast is scored on draws that it did not see: the pilot has a stream of its own, and past runs give no problem of the
recipe itself. One made after the run began is not scored.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rollmill.flows.forecasting.evidence import ForecastEvidence, evidence_for, stored_evidence
from rollmill.flows.forecasting.follow_ups import FollowUpForecast, follow_up_rows, tokens_of
from rollmill.flows.forecasting.kept import KeptOfSteps, counting_selector, kept_forecast_refusal, no_rule, selected_steps
from rollmill.flows.forecasting.pilots import ForecastRequest, subject_of
from rollmill.flows.forecasting.scores import scores_of, shown_forecast
from rollmill.flows.identity import resolved_parts, unopened_run
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Decision, PlanRow
from rollmill.ground.solutions import key_of_completion
from rollmill.pipelines.budget.forecasts.forecast import (
    ForecastProblem,
    ProblemOutcome,
    Question,
    forecast,
    outcome_of,
    totals_of,
)
from rollmill.pipelines.budget.forecasts.later_verdicts import LaterVerdicts
from rollmill.pipelines.budget.forecasts.posterior_predictive import Observation
from rollmill.pipelines.budget.search import Search
from rollmill.roles.engine_roles import CountsPromptTokens
from rollmill.stats import Prediction
from rollmill.steps.to_come import LEAST, TooLittleSeenError

if TYPE_CHECKING:
    from rollmill.flows.recipe.load import LoadedRecipe
    from rollmill.flows.rounds import OpenRun, RunSpec
    from rollmill.flows.session import Session
    from rollmill.storage.run_records import Forecast

LEAST_OPEN = 0.05  # share of answers: fewer that the plan leaves open are those of a verifier's own limits
BYTES_A_TOKEN = 4  # where an engine does not count and no prompt was observed


def plan_run(session: "Session", loaded: "LoadedRecipe", request: ForecastRequest) -> "Forecast":
    """Forecast the run of a recipe and keep it in the ledger."""
    check_can_be_forecast(session, loaded)
    with unopened_run(session, loaded, store=True) as run:
        evidence = evidence_for(_drawing(run), request)
        return _keep(run, evidence, forecast_row(run, evidence, request.simulations))


def plan_stored(session: "Session", loaded: "LoadedRecipe", simulations: int) -> "Forecast | None":
    """Forecast from stored evidence alone, without drawing a pilot, kept in the ledger; None if the evidence is
    insufficient.
    """
    check_can_be_forecast(session, loaded)
    with unopened_run(session, loaded, store=True) as run:
        evidence = stored_evidence(_drawing(run))
        return former_forecast(run) if evidence is None else _keep(run, evidence, forecast_row(run, evidence, simulations))


def preview_forecast(run: "OpenRun", simulations: int) -> dict[str, Any] | None:
    """The forecast that `plan_stored` makes, as JSON values; it is not kept."""
    evidence = stored_evidence(_drawing(run))
    if evidence is not None:
        return forecast_row(run, evidence, simulations)
    former = former_forecast(run)
    return None if former is None else former.forecast


def former_forecast(run: "OpenRun") -> "Forecast | None":
    """The latest forecast of this exact recipe by a pilot of the same model and verifiers; None without one."""
    parts, runs = resolved_parts(run), {other.id: other for other in run.workspace.runs.list()}
    mine = (row for row in run.workspace.forecasts.list() if row.recipe_hash == run.loaded.recipe_hash)
    for row in mine:
        pilots = [runs.get(name) for name in row.forecast["evidence"]["runs"]]
        if row.source == "pilot" and all(pilot is not None and pilot.recipe["resolved"] == parts for pilot in pilots):
            return row
    return None


def check_can_be_forecast(session: "Session", loaded: "LoadedRecipe") -> None:
    """Raise SetupError for a recipe with budget `search`. A pilot would see only the first pieces of each answer, so its
    forecast would be too low.
    """
    if isinstance(loaded.budget.build(), Search):
        raise SetupError(
            f"{loaded.recipe.name!r} searches: its draws depend on scores of its own pieces, which no pilot "
            "shows, so nothing is forecast.",
            next_command=f"{session.job.command} --max-tokens N, a limit that holds",
        )


def _drawing(run: "OpenRun") -> "OpenRun":
    """The run; SetupError if its rollouts were imported."""
    if run.spec.takes_imports:
        raise SetupError(
            "imported rollouts are there already: there is nothing to forecast.", next_command="rollmill curate"
        )
    return run


def _keep(run: "OpenRun", evidence: ForecastEvidence, row: dict[str, Any]) -> "Forecast":
    return run.workspace.forecasts.add(run.loaded.recipe_hash, run.loaded.recipe.name, evidence.source, row)


def forecast_row(run: "OpenRun", evidence: ForecastEvidence, simulations: int) -> dict[str, Any]:
    """A forecast from this evidence, as JSON values."""
    spec, loaded, prices = run.spec, run.loaded, run.session.profile.prices
    problems, silent = _problems(run, evidence), quantities_without_forecast(run, evidence)
    question = Question(
        spec.budget,
        problems,
        None if "kept" in silent else _kept_rule(spec),
        _units(run),
        simulations,
        loaded.recipe.seed,
        list(spec.routed),
        evidence.rates,
        _beside(run, evidence),
        _later(spec, evidence),
    )
    observed = evidence.observed if spec.routed else evidence.observed[""]
    quantities_kept, left_out = _forecast_kept(question, observed, run, (evidence, silent))
    return {
        "quantities": {
            name: asdict(values) for name, values in quantities_kept.items() if name.rsplit(".", 1)[-1] not in silent
        },
        "evidence": evidence.row(),
        "simulations": simulations,
        "rate": evidence.rates.get(""),
        "rates": dict(evidence.rates) if spec.routed else {},
        "currency": None if prices is None else prices.currency,
        "budget": spec.budget.name,
        "follow_ups": question.beside is not None and not left_out,
        "not_forecast": left_out,
        "silent": silent,
        "problems": dict(sorted(Counter(str(problem.subject.level) for problem in problems).items())),
    }


def _forecast_kept(
    question: Question, observed: Any, run: "OpenRun", known: tuple[ForecastEvidence, dict[str, str]]
) -> tuple[Mapping[str, Prediction], Mapping[str, str]]:
    """The forecast with the kept follow-up answers; `known`: the evidence, and what is silent and why, to
    which what was too little is added.
    """
    (evidence, silent), spec = known, run.spec
    if evidence.follow_ups is None or "kept" in silent or not _selects_follow_ups(spec):
        return _forecast(question, observed, spec)
    kept = KeptOfSteps.of(spec, evidence.follow_ups.solutions)
    subjects = [subject_of(problem) for problem in spec.problems]
    beside = FollowUpForecast(evidence.follow_ups, subjects, _units(run), kept)
    try:
        return forecast(replace(question, beside=beside), observed), {}
    except TooLittleSeenError as little:
        silent["kept"] = f"the pilot has fewer than {LEAST} {little}; a larger --pilot may have more"
        return _forecast(question, observed, spec)


def _forecast(question: Question, observed: Any, spec: "RunSpec") -> tuple[Mapping[str, Prediction], Mapping[str, str]]:
    """The forecast, and why which steps are left out of it."""
    following = [step.name for step in spec.steps if step.follows]
    try:
        return forecast(question, observed), {}
    except TooLittleSeenError as little:
        why = f"the pilot has fewer than {LEAST} {little}; a larger --pilot may have more"
        return forecast(replace(question, beside=None), observed), dict.fromkeys(following, why)


def _beside(run: "OpenRun", evidence: ForecastEvidence) -> FollowUpForecast | None:
    """Forecast of the follow-ups of simulated budgets; None if no follow-up was drawn for the forecast."""
    if evidence.follow_ups is None:
        return None
    return FollowUpForecast(evidence.follow_ups, [subject_of(problem) for problem in run.spec.problems], _units(run))


def _later(spec: "RunSpec", evidence: ForecastEvidence) -> LaterVerdicts | None:
    """Forecast of final outcomes; None if the budget uses the same verdicts."""
    if evidence.recount is None:
        return None
    subjects = [subject_of(problem) for problem in spec.problems]
    return LaterVerdicts(subjects, evidence.observed[""], evidence.recount, spec.prefix or 0)


def quantities_without_forecast(run: "OpenRun", evidence: ForecastEvidence) -> dict[str, str]:
    """Quantities that are not forecast, each with its reason."""
    spec = run.spec
    unjudged = [step.name for step in spec.roots if not spec.judged(step.name)]
    if unjudged:
        return dict.fromkeys(("solved", "kept"), f"nobody judges {unjudged[0]}")
    if run.verifiers.outcomes_may_change and spec.routed:
        return dict.fromkeys(("solved", "kept", "pass_rate"), "votes decide on the answers of several roots")
    if evidence.recount is not None and _leaves_open(evidence.observed[""]):
        why = "wrong answers stay undecided until the votes are counted, and their spread over problems is unknown"
        return dict.fromkeys(("solved", "kept", "pass_rate"), why)
    if _selects_follow_ups(spec):
        why = kept_forecast_refusal(spec, 0 if evidence.follow_ups is None else evidence.follow_ups.draws)
        why = (
            "other verdicts than the plan's decide on answers that follow others"
            if run.verifiers.outcomes_may_change
            else why
        )
        return {"kept": why} if why else {}
    if set(selected_steps(spec)) != {step.name for step in spec.roots}:
        return {"kept": f"selector {spec.selector.name} decides on some of the roots alone"}
    if counting_selector(spec) is None:
        return {"kept": no_rule(spec)}
    return {}


def _leaves_open(observed: Sequence[Observation]) -> bool:
    """True if many planning verdicts are still undecided while others are correct, as under `any_of` before the votes.

    Undecided outcomes would be simulated with one share over all problems, though they come from hard problems.
    """
    outcomes = Counter(sample.outcome for entry in observed for sample in entry.samples)
    return outcomes["correct"] > 0 and outcomes["undecided"] > LEAST_OPEN * outcomes.total()


def _selects_follow_ups(spec: "RunSpec") -> bool:
    """True if the selector decides on follow-up answers."""
    return not {step.name for step in spec.roots}.issuperset(selected_steps(spec))


def _kept_rule(spec: "RunSpec") -> Callable[[int, int], int] | None:
    """Selector's rule from (correct, distinct) answers of a problem to kept rows; None if it declares none."""
    selector = counting_selector(spec)
    return None if selector is None else selector.kept_of


def _problems(run: "OpenRun", evidence: ForecastEvidence) -> list[ForecastProblem]:
    """The problems with the tokens of their prompts on every step."""
    sizes = {step: _prompt_tokens(run, step, known) for step, known in evidence.tokens_in.items()}
    return [
        ForecastProblem(subject_of(problem), {step: size[problem.id] for step, size in sizes.items()})
        for problem in run.spec.problems
    ]


def _prompt_tokens(run: "OpenRun", step: str, known: Mapping[str, int]) -> dict[str, int]:
    """The tokens of each problem's prompt: counted, or by their bytes as those of the observed ones."""
    engine, spec = run.engine(step), run.spec
    rendered = {
        problem.id: engine.render(spec.step(step or spec.roots[0].name).prompt_for(problem)) for problem in spec.problems
    }
    if isinstance(engine, CountsPromptTokens):
        return {key: engine.prompt_tokens(text) for key, text in rendered.items()}
    observed = {key: tokens for key, tokens in known.items() if key in rendered and tokens}
    sent = sum(len(rendered[key].encode()) for key in observed)
    per_byte = sum(observed.values()) / max(1, sent) if observed else 1 / BYTES_A_TOKEN
    return {key: round(len(text.encode()) * per_byte) for key, text in rendered.items()} | observed


def _units(run: "OpenRun") -> dict[str, Callable[[int, int], int]]:
    """Cost function of the tokens of each step; empty without prices."""
    prices = run.spec.prices
    if prices is None:
        return {}
    of: dict[str, Callable[[int, int], int]] = {
        step.name: prices.of(run.engine(step.name).model).units for step in run.spec.drawing
    }
    root = run.spec.roots[0].name
    return of if run.spec.routed or root not in of else {**of, "": of[root]}  # a tally of one root does not name it


def done_run(session: "Session", loaded: "LoadedRecipe") -> str | None:
    """The finished run of this exact recipe, if there is one: nothing is left to forecast."""
    runs = session.workspace.runs.list()
    mine = (run for run in runs if run.recipe_hash == loaded.recipe_hash and not run.is_pilot)
    return next((run.id for run in mine if run.status == "done"), None)


def score_run(run: "OpenRun", decisions: Sequence[Decision]) -> dict[str, Any] | None:
    """Score the latest forecast that was made before this ended run began, keep it, and give what to show of it."""
    began, forecasts = run.workspace.runs.get(run.id).started_at, run.workspace.forecasts
    mine = [row for row in forecasts.list() if row.recipe_hash == run.loaded.recipe_hash]
    latest = next((row for row in mine if row.run == run.id or (row.score is None and row.made_at <= began)), None)
    if latest is None:
        return None
    if latest.score is None:  # a second end of the run shows the first score
        came = actual_totals(run, decisions, follow=bool(latest.forecast.get("follow_ups")))
        latest = forecasts.score(latest.id, run.id, scores_of(latest.forecast, came))
    return shown_forecast(latest)


def actual_totals(run: "OpenRun", decisions: Sequence[Decision], *, follow: bool = True) -> dict[str, float]:
    """The actual values of the forecast quantities, over all completions of the run, including those another run drew;
    `follow`: all steps' ones.
    """
    from rollmill.flows.rounds.planning.tallies import tallies_of

    spec, workspace = run.spec, run.workspace
    plans, roots = workspace.runs.plans(run.id), {step.name for step in spec.roots}
    rows = [row for plan in plans for row in plan if row.step in roots]
    stops = {stop.problem_id: stop.reason for stop in workspace.runs.stops(run.id)}
    kept = Counter(decision.problem_id for decision in decisions if decision.kept)
    sent = workspace.segments.column("completions", "tokens_in", [row.completion_id for row in rows])
    tokens_in: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        tokens_in[row.problem_id][row.step if spec.routed else ""] += sent.get(row.completion_id) or 0
    units = _units(run)
    ended = [
        outcome_of(tally, tokens_in[tally.problem_id], stops.get(tally.problem_id), kept[tally.problem_id], units)
        for tally in tallies_of(run, rows)
    ]
    if run.verifiers.outcomes_may_change and not spec.routed:
        ended = _recounted_outcomes(run, rows, ended)
    if follow:
        ended = _with_follow_ups(run, plans, ended, units)
    totals = totals_of(ended)
    drawing = next((stage for stage in workspace.runs.progress_of(run.id) if stage.stage == "draw"), None)
    if drawing is None or drawing.tokens < totals["tokens_out"]:
        return totals  # others drew a part, in their own time
    return {**totals, "seconds": drawing.seconds}


def _recounted_outcomes(run: "OpenRun", rows: Sequence[PlanRow], ended: Sequence[ProblemOutcome]) -> list[ProblemOutcome]:
    """Outcome of each problem by the final verdicts, in order of problem id."""
    outcomes = dict(zip(sorted_ids(run), ended, strict=True))
    for problem_id, rollouts in run.reader().rollouts(rows, run.verifiers.counted):
        right = [rollout.completion for rollout in rollouts if rollout.verdict.outcome == "correct"]
        first = [
            rollout.verdict.outcome for rollout in rollouts if rollout.completion.sample_index < (run.spec.prefix or 0)
        ]
        outcomes[problem_id] = outcomes[problem_id]._replace(
            correct=len(right),
            distinct=len({key_of_completion(completion) for completion in right} - {None}),
            prefix_judged=len(first) - first.count("undecided"),
            prefix_correct=first.count("correct"),
        )
    return list(outcomes.values())


def _with_follow_ups(
    run: "OpenRun",
    plans: "Sequence[Sequence[PlanRow]]",
    ended: Sequence[ProblemOutcome],
    units: Mapping[str, Callable[[int, int], int]],
) -> list[ProblemOutcome]:
    """Outcome of each problem with its follow-ups, in order of problem id."""
    rows = follow_up_rows(run, plans)
    added: defaultdict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for row, (tokens_in, tokens_out) in zip(rows, tokens_of(run.workspace, rows), strict=True):
        price = units[row.step](tokens_in, tokens_out) if row.step in units else 0
        added[row.problem_id].append((tokens_in, tokens_out, price))
    return [
        outcome._replace(
            drawn=outcome.drawn + len(more),
            tokens_in=outcome.tokens_in + sum(sent for sent, _, _ in more),
            tokens_out=outcome.tokens_out + sum(drawn for _, drawn, _ in more),
            units=None if outcome.units is None else outcome.units + sum(price for _, _, price in more),
        )
        for outcome, more in ((outcome, added[key]) for key, outcome in zip(sorted_ids(run), ended, strict=True))
    ]


def sorted_ids(run: "OpenRun") -> list[str]:
    """The problems in the order of tallies."""
    return sorted({problem.id for problem in run.spec.problems})
