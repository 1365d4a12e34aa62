"""`rollmill plan`: what a recipe will take, before it is drawn, and how right earlier forecasts were. Formats only."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.curate import MaxTokens, ProfilePath
from flows.cli.forecast_lines import NAMES, number
from flows.cli.output import AsJson, DryRun, as_json, columns, line
from flows.cli.recipe import Sets
from storage.errors import SetupError

if TYPE_CHECKING:
    from storage.run_records import Forecast

LEVEL_HEAD = ["level", "problems", "pass rate", "95%", "met", "capped", "hopeless", "kept", "95%"]
RecipeOrNone = Annotated[Path | None, typer.Argument(metavar="RECIPE", help="The recipe's YAML file.")]
PilotSize = Annotated[
    int | None,
    typer.Option("--pilot", metavar="N", min=1, help="Draw a pilot on N problems, whatever past runs there are."),
]
PilotDraws = Annotated[int, typer.Option("--pilot-draws", metavar="N", min=2, help="Completions of each pilot problem.")]
Simulations = Annotated[int, typer.Option("--simulations", metavar="N", min=20, help="How often the budget is simulated.")]
Scores = Annotated[bool, typer.Option("--scores", help="Show how right the forecasts of this workspace were.")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("plan")(plan)


def plan(  # noqa: PLR0913 (a verb's parameters are its options)
    recipe: RecipeOrNone = None,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    pilot: PilotSize = None,
    pilot_draws: PilotDraws = 8,
    simulations: Simulations = 100,
    max_tokens: MaxTokens = None,
    scores: Scores = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Forecast a recipe's completions, tokens, time, money and difficulty by level, with intervals, and keep the forecast.

    It rests on past runs of the same model and sampling on other problems, or on a pilot: a few completions in a stream of
    their own, which are kept, shown by runs list, and never mixed with the run's. The run that follows scores it. With arms
    there is a pilot on each, of the same problems. A pilot draws no more than the run surely would, and within
    --max-tokens; a run that is done needs none.

    Example: rollmill plan recipes/arithmetic.yaml --pilot 64
    """
    if scores:
        return _show_scores(json=json)
    if recipe is None:
        raise SetupError("plan needs a recipe.", next_command="rollmill plan recipes/arithmetic.yaml, or --scores")
    from flows.forecasting.forecasts import Wish, done_run, plan_run
    from flows.job import Job
    from flows.session import open_session

    job = Job.here(recipe, sets or (), profile, max_tokens=max_tokens)
    wish = Wish(pilot, pilot_draws, simulations)
    if dry_run:
        return _preview(job, wish, json=json)
    with open_session(job) as session:
        done = None if pilot else done_run(session)
        if done is not None:
            text = f"Run {done} of this recipe is done: curate would draw nothing. Next: rollmill runs show {done}"
            return as_json({"done": done}) if json else line(text)
        made = plan_run(session, wish)
    if json:
        return as_json({"id": made.id, "recipe_hash": made.recipe_hash, "source": made.source, **made.forecast})
    line(forecast_text(made))
    return line(f"\nNext: {job.command}")


def forecast_text(made: "Forecast") -> str:
    """A forecast for people."""
    row, told, found = made.forecast, made.forecast["evidence"], made.forecast["quantities"]
    spent = f", {told['tokens_spent']:,} tokens" if told["tokens_spent"] else ""
    head = ["", "median", "80% interval", "95% interval"]
    lines = [
        f"{made.name}: forecast {made.id} of budget {row['budget']}, from {told['source']} ({', '.join(told['runs'])}): "
        f"{told['problems']:,} problems, {told['samples']:,} completions{spent}; {row['simulations']} simulated runs.",
        "",
        columns(head, [_total(row, name) for name in NAMES if name in found]),
        "",
        columns(LEVEL_HEAD, [_level(row, level) for level in row["problems"]]),
        "",
        "Pass rates are of the first completions of each problem; met, capped and hopeless are shares of problems.",
    ]
    if "seconds" in found:
        rates = row["rates"] or {"": row["rate"]}
        speed = ", ".join(f"{rate:,.0f} tokens out a second" + (f" of {arm}" if arm else "") for arm, rate in rates.items())
        lines.append(f"Seconds are at the {speed} in the {told['source']}; their interval is that of the tokens.")
    return "\n".join(lines)


def _total(row: dict[str, Any], name: str) -> list[str]:
    one = row["quantities"][name]
    told = NAMES[name] if name != "units" else f"money ({row['currency']})"
    spans = [f"{number(name, one[f'low{c}'])} .. {number(name, one[f'high{c}'])}" for c in (80, 95)]
    return [told, number(name, one["median"]), *spans]


def _level(row: dict[str, Any], level: str) -> list[Any]:
    def of(name: str) -> dict[str, float] | None:
        found: dict[str, float] | None = row["quantities"].get(f"level.{level}.{name}")
        return found

    shares = ["-" if (one := of(name)) is None else f"{one['median']:.0%}" for name in ("met", "capped", "hopeless")]
    rate, kept = of("pass_rate"), of("kept")
    rates = ["-", "-"] if rate is None else [f"{rate['median']:.2f}", f"{rate['low95']:.2f} .. {rate['high95']:.2f}"]
    keeps = ["-", "-"] if kept is None else [f"{kept['median']:,.0f}", f"{kept['low95']:,.0f} .. {kept['high95']:,.0f}"]
    return [level, row["problems"][level], *rates, *shares, *keeps]


def _show_scores(*, json: bool) -> None:
    from flows.forecasting.history import history
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        found = history(workspace.forecasts.list())
    if json:
        return as_json(found)
    if not found["forecasts"]:
        return line("No forecast yet. Next: rollmill plan recipes/arithmetic.yaml")
    cells = [[one["id"], one["recipe"], one["source"], one["run"], one["error"], one["held"]] for one in found["forecasts"]]
    line(columns(["forecast", "recipe", "source", "run", "tokens off by", "95% held"], cells))
    if found["quantities"]:
        head = ["quantity", "forecasts", "in 80%", "in 95%", "mean |error|", "interval score 95%"]
        line("\n" + columns(head, [[*row.values()] for row in found["quantities"]]))
        line("\nInterval scores are in the quantity's unit, smaller is better; quantities of one run are not independent.")
    return line("\nNext: rollmill runs show RUN")


def _preview(job: Any, wish: Any, *, json: bool) -> None:
    from flows.forecasting.forecasts import pilot_size
    from flows.problems import preview_problems
    from flows.session import read_session

    with read_session(job) as opened:
        made = preview_problems(opened.workspace, opened.loaded)
        arms = max(1, len(opened.loaded.arms))
        count, draws = pilot_size(made.problems, opened.loaded.budget.build().prefix, wish)
    row = {"problems": len(made.problems), "pilot_problems": count, "pilot_completions": count * draws * arms}
    if json:
        return as_json(row)
    always = "" if wish.pilot or arms > 1 else ", unless past runs on other problems tell enough"
    what = f"{row['pilot_completions']:,} completions on {count} of {row['problems']:,} problems"
    return line(
        f"Would draw a pilot of {what}{always}, then simulate the budget {wish.simulations} times. Nothing was written. "
        "Next: the same command without --dry-run"
    )
