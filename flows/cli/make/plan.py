"""`rollmill plan`: what a recipe will take, before it is drawn, and how right earlier forecasts were."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.jobs import run_job
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.flows.cli.recipe import MaxTokens, ProfilePath, Sets
from rollmill.flows.cli.summary import FORECAST_NAMES, forecast_number
from rollmill.ground.errors import SetupError

if TYPE_CHECKING:
    from rollmill.flows.problems import RecipeProblems
    from rollmill.flows.recipe.load import LoadedRecipe

LEVEL_HEAD = ["level", "problems", "pass rate", "95%", "met", "capped", "hopeless", "kept", "95%"]
RecipeOrNone = Annotated[Path | None, typer.Argument(metavar="RECIPE", help="The recipe's YAML file.")]
PilotSize = Annotated[
    int | None,
    typer.Option("--pilot", metavar="N", min=1, help="Draw a pilot on N problems, even if past runs suffice."),
]
NoPilot = Annotated[
    bool, typer.Option("--no-pilot", help="Draw nothing: forecast from past runs or former pilots, if they suffice.")
]
PilotDraws = Annotated[int, typer.Option("--pilot-draws", metavar="N", min=2, help="Completions of each pilot problem.")]
Simulations = Annotated[int, typer.Option("--simulations", metavar="N", min=20, help="How often the budget is simulated.")]
Scores = Annotated[bool, typer.Option("--scores", help="Show how accurate the forecasts of this workspace were.")]


def plan(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: RecipeOrNone = None,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    pilot: PilotSize = None,
    no_pilot: NoPilot = False,
    pilot_draws: PilotDraws = 8,
    simulations: Simulations = 100,
    max_tokens: MaxTokens = None,
    scores: Scores = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Forecast a recipe's completions, tokens, time, money and difficulty by level, with intervals, and keep the forecast.

    The forecast uses past runs of the same model and sampling on other problems, or else a pilot. A pilot draws a few
    completions, which are stored apart from the run's and listed by `runs list`. In a recipe of steps it covers each root
    step and its follow-ups. It draws no more than the run is certain to draw, within --max-tokens. With --no-pilot, former
    pilots are used too. With --dry-run the forecast is shown and not kept. A kept one is later compared with the run.

    Example: rollmill plan recipes/arithmetic.yaml --pilot 64
    """
    if scores:
        return _show_scores(json=json)
    if recipe is None:
        raise SetupError("plan needs a recipe.", next_command="rollmill plan recipes/arithmetic.yaml, or --scores")
    if no_pilot and pilot is not None:
        raise SetupError("--pilot draws one, and --no-pilot draws none.", next_command="leave one of them out")
    from rollmill.flows.forecasting.pilots import ForecastRequest
    from rollmill.flows.forecasting.plan_job import Plan
    from rollmill.flows.job import Job

    job = Job.here(recipe, sets or (), profile, max_tokens=max_tokens)
    request = ForecastRequest(pilot, pilot_draws, simulations)
    if dry_run:
        return _preview_stored(job, request, json=json) if no_pilot else _preview(job, request, json=json)
    kind = Plan(job, request, stored=no_pilot)
    return run_job(kind, lambda outcome: _page(outcome, job.command), json=json, row=_row)


def _row(outcome: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in outcome.items() if key != "recipe"}


def _page(outcome: dict[str, Any], command: str) -> str:
    if "done" in outcome:
        run = outcome["done"]
        return f"Run {run} of this recipe is done: curate would draw nothing. Next: rollmill runs show {run}"
    name = f"{outcome['recipe']}: forecast {outcome['id']}"
    return f"{forecast_page(name, outcome)}\n\nNext: {command}"


def forecast_page(name: str, row: dict[str, Any]) -> str:
    """A forecast for people; `name`: that of its recipe, and the forecast's number where it was kept."""
    evidence, quantities = row["evidence"], row["quantities"]
    spent = f", {evidence['tokens_spent']:,} tokens" if evidence["tokens_spent"] else ""
    follow = f" and {evidence['follow_ups']:,} that follow them" if "follow_ups" in evidence else ""
    head = ["", "median", "80% interval", "95% interval"]
    lines = [
        f"{name} of budget {row['budget']}, from {evidence['source']} "
        f"({', '.join(evidence['runs'])}): {evidence['problems']:,} problems, {evidence['samples']:,} completions"
        f"{follow}{spent}; {row['simulations']} simulated runs.",
        "",
        columns(head, [_total(row, name) for name in FORECAST_NAMES if name in quantities]),
        "",
        columns(LEVEL_HEAD, [_level(row, level) for level in row["problems"]]),
        "",
        "Pass rates are of the first completions of each problem; met, capped and hopeless are shares of problems.",
    ]
    lines += _about_follow_ups(row)
    if "seconds" in quantities:
        rates = row["rates"] or {"": row["rate"]}
        speed = ", ".join(
            f"{rate:,.0f} tokens out a second" + (f" of {step}" if step else "") for step, rate in rates.items()
        )
        lines.append(f"Seconds are at the {speed} in the {evidence['source']}; their interval is that of the tokens.")
    return "\n".join(lines)


def _about_follow_ups(row: dict[str, Any]) -> list[str]:
    """Sentences on follow-up steps: the quantities that the forecast includes and those that it leaves out."""
    left_out, follow = row.get("not_forecast") or {}, bool(row.get("follow_ups"))
    sentences = []
    if left_out:
        why = "; ".join(dict.fromkeys(left_out.values())) if isinstance(left_out, dict) else ""  # a list in older forecasts
        sentences.append(
            f"Not in these numbers are the steps that follow others, {', '.join(left_out)}{': ' if why else ''}{why}."
        )
    elif follow:
        solved = "; problems solved are those that the roots solve"
        sentences.append(f"All steps are in these numbers{solved if 'solved' in row['quantities'] else ''}.")
    silent: dict[str, str] = row.get("silent") or {}
    if silent:
        names = " and ".join(FORECAST_NAMES.get(name, name.replace("_", " ")) for name in silent)
        sentences.append(f"Not forecast: {names}, as {'; '.join(dict.fromkeys(silent.values()))}.")
    return sentences


def _total(row: dict[str, Any], name: str) -> list[str]:
    quantity = row["quantities"][name]
    label = FORECAST_NAMES[name] if name != "units" else f"money ({row['currency']})"
    spans = [
        f"{forecast_number(name, quantity[f'low{c}'])} .. {forecast_number(name, quantity[f'high{c}'])}" for c in (80, 95)
    ]
    return [label, forecast_number(name, quantity["median"]), *spans]


def _level(row: dict[str, Any], level: str) -> list[Any]:
    def of(name: str) -> dict[str, float] | None:
        quantity: dict[str, float] | None = row["quantities"].get(f"level.{level}.{name}")
        return quantity

    shares = ["-" if (share := of(name)) is None else f"{share['median']:.0%}" for name in ("met", "capped", "hopeless")]
    rate, kept = of("pass_rate"), of("kept")
    rates = ["-", "-"] if rate is None else [f"{rate['median']:.2f}", f"{rate['low95']:.2f} .. {rate['high95']:.2f}"]
    keeps = ["-", "-"] if kept is None else [f"{kept['median']:,.0f}", f"{kept['low95']:,.0f} .. {kept['high95']:,.0f}"]
    return [level, row["problems"][level], *rates, *shares, *keeps]


def _show_scores(*, json: bool) -> None:
    from rollmill.flows.forecasting.scores import history
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        scores = history(workspace.forecasts.list())
    if json:
        return as_json(scores)
    if not scores["forecasts"]:
        return line("No forecast yet. Next: rollmill plan recipes/arithmetic.yaml")
    keys = ("id", "recipe", "source", "run", "error", "held")
    cells = [[row[key] for key in keys] for row in scores["forecasts"]]
    line(columns(["forecast", "recipe", "source", "run", "tokens off by", "95% held"], cells))
    if scores["quantities"]:
        head = ["quantity", "forecasts", "in 80%", "in 95%", "mean |error|", "interval score 95%"]
        line("\n" + columns(head, [[*row.values()] for row in scores["quantities"]]))
        line("\nInterval scores are in the quantity's unit, smaller is better; quantities of one run are not independent.")
    return line("\nNext: rollmill runs show RUN")


def _preview(job: Any, request: Any, *, json: bool) -> None:
    from rollmill.flows.forecasting.forecasts import check_can_be_forecast
    from rollmill.flows.problems import preview_problems
    from rollmill.flows.session import read_session, recipe_of

    loaded = recipe_of(job)
    with read_session(job) as session:
        check_can_be_forecast(session, loaded)
        row = _pilot_row(loaded, preview_problems(session.workspace, loaded), request)
    named, followed = loaded.names, bool(loaded.graph.follow_ups)
    if json:
        return as_json(row)
    always = "" if request.pilot or named else ", unless past runs on other problems suffice"
    return line(
        f"Would draw a pilot of {_pilot_words(row, followed=followed)}{always}, then simulate the budget "
        f"{request.simulations} times. Nothing was written. Next: the same command without --dry-run"
    )


def _preview_stored(job: Any, request: Any, *, json: bool) -> None:
    """The forecast from stored evidence, or the pilot that would be drawn without it. Nothing is written."""
    from rollmill.flows.forecasting.forecasts import check_can_be_forecast, done_run, preview_forecast
    from rollmill.flows.forecasting.plan_job import TOO_LITTLE
    from rollmill.flows.identity import unopened_run
    from rollmill.flows.session import read_session, recipe_of

    loaded = recipe_of(job)
    with read_session(job) as session:
        done = done_run(session, loaded)
        row: dict[str, Any] = {"recipe_hash": loaded.recipe_hash, "done": done, "forecast": None}
        if done is None:
            check_can_be_forecast(session, loaded)
            with unopened_run(session, loaded) as run:
                row["forecast"] = preview_forecast(run, request.simulations)
                row |= _pilot_row(loaded, run.spec.problem_set, request)
    name, followed = loaded.recipe.name, bool(loaded.graph.follow_ups)
    if json:
        return as_json(row)
    if done is not None:
        return line(f"Run {done} of this recipe is done: curate would draw nothing. Next: rollmill runs show {done}")
    if row["forecast"] is not None:
        return line(f"{forecast_page(f'{name}: forecast', row['forecast'])}\n\nIt is not kept. Next: {job.command}")
    return line(
        f"{TOO_LITTLE} A pilot would draw {_pilot_words(row, followed=followed)}. Nothing was written. "
        "Next: the same command without --no-pilot"
    )


def _pilot_row(loaded: "LoadedRecipe", problem_set: "RecipeProblems", request: Any) -> dict[str, Any]:
    """The size of the pilot that would be drawn."""
    from rollmill.flows.forecasting.pilots import pilot_size

    budget = loaded.budget.build()
    follow = {node.step.name for node in loaded.graph.follow_ups}
    count, draws = pilot_size(problem_set.problems, budget.prefix, request, followed=bool(follow))
    completions = count * draws * (len(loaded.steps) - len(follow))
    return {"problems": len(problem_set.problems), "pilot_problems": count, "pilot_completions": completions}


def _pilot_words(row: dict[str, Any], *, followed: bool) -> str:
    what = f"{row['pilot_completions']:,} completions on {row['pilot_problems']} of {row['problems']:,} problems"
    return what + (", with what follows them" if followed else "")
