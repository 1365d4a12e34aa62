"""Forecasts of a recipe's run, and their scores once it has ended. Knows recipes, pilots, past runs and the ledger.

A forecast is scored on draws that it did not see: the pilot has a stream of its own, and past runs give no problem of the
recipe itself. One made after the run began is not scored.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from flows.forecasting.evidence import evidence_of, past_runs, tokens_per_second
from flows.forecasting.pilot import Pilot, run_pilots, subject_of
from flows.identity import unopened_run
from pipelines.budget.forecast import ForecastProblem, Question, forecast, outcome_of, totals_of
from pipelines.budget.posterior_predictive import Observation
from pipelines.protocols import CountsPromptTokens
from pipelines.stats import Prediction, score_prediction
from storage.errors import SetupError
from storage.records import Decision

if TYPE_CHECKING:
    from flows.rounds import OpenRun, RunSpec
    from flows.session import RecipeRun, Session
    from storage.records import Problem
    from storage.run_records import Forecast

PILOT_PER_LEVEL = 8
PILOT_DRAWS = 8
LEAST_PROBLEMS = 8  # observed problems below which past runs are no evidence
TOTALS = ("draws", "tokens_in", "tokens_out", "tokens", "units", "seconds", "kept", "solved")


@dataclass(frozen=True, slots=True)
class Wish:
    """How to forecast. `pilot` None: from past runs where there are some, else from a pilot of the default size."""

    pilot: int | None = None
    draws: int = PILOT_DRAWS
    simulations: int = 100


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a forecast rests on, by arm; "" where the recipe has none.

    `rates`: tokens out per second, of the arms where they are known; `tokens_in`: of observed problems' prompts.
    """

    source: str
    runs: tuple[str, ...]
    observed: Mapping[str, Sequence[Observation]]
    rates: Mapping[str, float]
    tokens_in: Mapping[str, Mapping[str, int]]
    spent: int = 0


def plan_run(session: "Session", wish: Wish) -> "Forecast":
    """Forecast the run of this session's recipe and keep it in the ledger."""
    with unopened_run(session, store=True) as run:
        return _planned(run, wish)


def _planned(run: "RecipeRun", wish: Wish) -> "Forecast":
    spec, loaded, prices = run.spec, run.loaded, run.session.profile.prices
    _check(spec)
    found = _evidence(run, wish)
    asked = _asked(run.open, found)
    question = Question(
        spec.budget,
        asked,
        kept_rule(spec.selector),
        _units(run.open),
        wish.simulations,
        loaded.recipe.seed,
        [arm.name for arm in spec.arms],
        found.rates,
    )
    observed = found.observed if spec.arms else found.observed[""]
    quantities = {name: asdict(one) for name, one in forecast(question, observed).items()}
    row = {
        "quantities": quantities,
        "evidence": _told(found),
        "simulations": wish.simulations,
        "rate": found.rates.get(""),
        "rates": dict(found.rates) if spec.arms else {},
        "currency": None if prices is None else prices.currency,
        "budget": spec.budget.name,
        "problems": dict(sorted(Counter(str(one.subject.level) for one in asked).items())),
    }
    return run.workspace.forecasts.add(loaded.recipe_hash, loaded.recipe.name, found.source, row)


def kept_rule(selector: Any) -> Callable[[int, int], int] | None:
    """How many of so many correct and distinct answers of a problem this selector keeps; None where it cannot be told."""
    rules: dict[str, Callable[[int, int], int]] = {
        "all_correct": lambda correct, _: correct,
        "distinct": lambda _, distinct: distinct,
        "quota": lambda _, distinct: min(distinct, selector.per_problem),
    }
    return rules.get(selector.name)


def score_run(run: "RecipeRun", decisions: Sequence[Decision]) -> dict[str, Any] | None:
    """Score the latest forecast that was made before this ended run began, keep it, and give what to show of it."""
    began, forecasts = run.workspace.runs.get(run.id).started_at, run.workspace.forecasts
    before = [one for one in forecasts.list() if one.recipe_hash == run.loaded.recipe_hash]
    made = next((one for one in before if one.run == run.id or (one.score is None and one.made_at <= began)), None)
    if made is None:
        return None
    if made.score is None:
        made = forecasts.score(made.id, run.id, scores_of(made.forecast, actual_totals(run, decisions)))
    return shown(made)


def scores_of(row: Mapping[str, Any], actual: Mapping[str, float]) -> dict[str, Any]:
    """Every quantity of a forecast beside what came, and how many intervals held."""
    pairs = {name: Prediction(**one) for name, one in row["quantities"].items() if name in actual}
    found = {name: asdict(score_prediction(one, actual[name])) for name, one in pairs.items()}
    return {"quantities": found, **coverage(found)}


def coverage(found: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """How many intervals there are and how many held what came. Quantities of one run are not independent of each other."""
    inside = {name: sum(bool(one[name]) for one in found.values()) for name in ("inside80", "inside95")}
    return {"n": len(found), **inside}


def shown(made: "Forecast") -> dict[str, Any]:
    """A scored forecast as JSON values, totals only: median, 95% interval, actual, error, whether it held."""
    score = made.score or {"quantities": {}, "n": 0, "inside80": 0, "inside95": 0}
    rows = {
        name: {**made.forecast["quantities"][name], **score["quantities"][name]}
        for name in TOTALS
        if name in score["quantities"]
    }
    told = {key: score[key] for key in ("n", "inside80", "inside95")}
    return {"id": made.id, "source": made.source, "evidence": made.forecast["evidence"], "totals": rows, **told}


def actual_totals(run: "RecipeRun", decisions: Sequence[Decision]) -> dict[str, float]:
    """The same quantities of the run as it came, by its own completions, whoever drew them."""
    from flows.rounds.gather import tallies_of

    spec, workspace = run.spec, run.workspace
    rows = [row for plan in workspace.runs.plans(spec.run) for row in plan]
    stops = {stop.problem_id: stop.reason for stop in workspace.runs.stops(spec.run)}
    kept = Counter(one.problem_id for one in decisions if one.kept)
    sent = workspace.segments.column("completions", "tokens_in", [row.completion_id for row in rows])
    tokens_in: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        tokens_in[row.problem_id][row.arm] += sent.get(row.completion_id) or 0
    units = _units(run.open)
    ended = [
        outcome_of(one, tokens_in[one.problem_id], stops.get(one.problem_id), kept[one.problem_id], units)
        for one in tallies_of(workspace, run.open, rows)
    ]
    found = totals_of(ended)
    drawing = next((one for one in workspace.runs.progress_of(spec.run) if one.stage == "draw"), None)
    whole = drawing is not None and drawing.tokens >= found["tokens_out"]  # else others drew a part, in their own time
    return {**found, "seconds": drawing.seconds} if drawing is not None and whole else found


def _units(run: "OpenRun") -> dict[str, Callable[[int, int], int]]:
    """What tokens cost on every arm; nothing without prices."""
    prices = run.spec.prices
    if prices is None:
        return {}
    return {arm.name: prices.of(run.engine(arm.name).model).units for arm in run.spec.every_arm()}


def _check(spec: "RunSpec") -> None:
    if spec.generator is None:
        raise SetupError(
            "imported rollouts are there already: there is nothing to forecast.", next_command="rollmill curate"
        )


def _evidence(run: "RecipeRun", wish: Wish) -> Evidence:
    spec = run.spec
    if wish.pilot is None and not spec.arms:
        past = _past(run)
        if past is not None:
            return past
    count, draws = pilot_size(spec.problems, spec.budget.prefix, wish)
    pilots: dict[str, Pilot] = run_pilots(run, count, draws)
    return Evidence(
        "pilot",
        tuple(pilot.run for pilot in pilots.values()),
        {arm: pilot.observed for arm, pilot in pilots.items()},
        {arm: pilot.rate for arm, pilot in pilots.items() if pilot.rate is not None},
        {arm: pilot.tokens_in for arm, pilot in pilots.items()},
        sum(pilot.tokens for pilot in pilots.values()),
    )


def pilot_size(problems: Sequence["Problem"], prefix: int, wish: Wish) -> tuple[int, int]:
    """How many problems a pilot draws, and how often each: never more completions than the run draws at the least."""
    levels = len({problem.level for problem in problems})
    count, draws = min(len(problems), wish.pilot or PILOT_PER_LEVEL * levels), wish.draws
    if prefix:
        count = max(1, min(count, len(problems) * prefix // draws))
    return count, draws


def done_run(session: "Session") -> str | None:
    """The run of this very recipe that is done: there is nothing left to forecast."""
    runs = session.workspace.runs.list()
    mine = (run for run in runs if run.recipe_hash == session.loaded.recipe_hash and not run.is_pilot)
    return next((run.id for run in mine if run.status == "done"), None)


def _past(run: "RecipeRun") -> Evidence | None:
    spec, workspace = run.spec, run.workspace
    mine = {problem.id for problem in spec.problems}
    observed: dict[str, Observation] = {}
    used: list[str] = []
    for past in past_runs(run):
        found = [one for one in evidence_of(workspace, past, mine) if one.subject.problem_id not in observed]
        observed |= {one.subject.problem_id: one for one in found}
        used += [past.id] if found else []
    levels = {problem.level for problem in spec.problems}
    if len(observed) < LEAST_PROBLEMS or not levels <= {one.subject.level for one in observed.values()}:
        return None
    rate = next((speed for name in used if (speed := tokens_per_second(workspace, name)) is not None), None)
    rates = {} if rate is None else {"": rate}
    return Evidence("past runs", tuple(used), {"": list(observed.values())}, rates, {"": {}})


def _asked(run: "OpenRun", found: Evidence) -> list[ForecastProblem]:
    """The problems with the tokens of their prompts on every arm."""
    sizes = {arm: _sizes(run, arm, known) for arm, known in found.tokens_in.items()}
    return [
        ForecastProblem(subject_of(problem), {arm: size[problem.id] for arm, size in sizes.items()})
        for problem in run.spec.problems
    ]


def _sizes(run: "OpenRun", arm: str, known: Mapping[str, int]) -> dict[str, int]:
    """The tokens of each problem's prompt: counted, or by their bytes as those of the observed ones."""
    engine, spec = run.engine(arm), run.spec
    rendered = {problem.id: engine.render(spec.arm(arm).asked(problem.prompt)) for problem in spec.problems}
    if isinstance(engine, CountsPromptTokens):
        return {key: engine.prompt_tokens(text) for key, text in rendered.items()}
    seen = {key: tokens for key, tokens in known.items() if key in rendered and tokens}
    per_byte = sum(seen.values()) / max(1, sum(len(rendered[key].encode()) for key in seen)) if seen else 0.25
    return {key: round(len(text.encode()) * per_byte) for key, text in rendered.items()} | seen


def _told(found: Evidence) -> dict[str, Any]:
    every = list(found.observed.values())
    samples = sum(len(one.samples) for members in every for one in members)
    told = {"source": found.source, "runs": list(found.runs), "problems": len(every[0]), "samples": samples}
    return {**told, "tokens_spent": found.spent}
