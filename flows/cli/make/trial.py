"""`rollmill trial`: students trained on two or more datasets, compared with an interval over seeds and problems."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.cli.recipe import ProfilePath, Sets
from rollmill.ground.errors import SetupError

if TYPE_CHECKING:
    from rollmill.flows.trials.trial_recipe import LoadedTrial

BASE, EVALUATION = Path("recipes/training/student.yaml"), Path("recipes/evaluations/heldout.yaml")


def trial(  # noqa: PLR0913 (a verb's parameters are its options)
    arms: Annotated[list[str], typer.Argument(metavar="RECIPE | DATASET...", hidden=True)],
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    base: Annotated[Path, typer.Option(help="Training recipe of all DATASET arguments.")] = BASE,
    evaluate: Annotated[Path, typer.Option(help="Evaluation recipe of all DATASET arguments.")] = EVALUATION,
    seeds: Annotated[int, typer.Option(min=1, help="Students trained on each DATASET argument.")] = 5,
    plan: Annotated[bool, typer.Option("--plan", help="Say what it would train, draw and show; train nothing.")] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Train even if the seeds cannot show the wanted difference.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Train students on each dataset under equal conditions, evaluate them, and say which data are better.

    RECIPE is a trial's YAML file; DATASET... are versions, compared under --base and --evaluate.
    Stored trainings and completions are reused, and a killed trial resumes when it is run again. A report is written to
    reports/NAME/trial.md.

    Example: rollmill trial recipes/trials/arithmetic.yaml --plan
    """
    from rollmill.flows.cli.jobs import run_job
    from rollmill.flows.trials.trial_job import Trial, plan_of

    if len(arms) == 1 and not Path(arms[0]).suffix and not Path(arms[0]).exists():
        raise SetupError(
            f"{arms[0]} is one dataset, and a trial compares two or more.",
            next_command=f"rollmill trial {arms[0]} DATASET, or name a recipe",
        )
    job, loaded, command = _job(arms, tuple(sets or ()), profile), None, None
    if len(arms) > 1:
        loaded = _of_versions(arms, base, evaluate, seeds)
        options = [f"--base={base}", f"--evaluate={evaluate}", f"--seeds={seeds}"]
        command = shlex.join(["rollmill", "trial", *arms, *options, *([] if profile is None else [f"--profile={profile}"])])
    if plan:
        from rollmill.flows.trials.trial_recipe import load_trial

        row = plan_of(job, loaded or load_trial(Path(job.recipe), sets=job.sets))
        return as_json(row) if json else line(_planned(row))
    return run_job(Trial(job, loaded, anyway=anyway, command=command), _page, json=json)


def _job(arms: list[str], sets: tuple[str, ...], profile: Path | None) -> Any:
    from rollmill.flows.job import Job

    return Job.here(arms[0], sets, profile, verb="trial")


def _of_versions(arms: list[str], base: Path, evaluate: Path, seeds: int) -> "LoadedTrial":
    from rollmill.flows.trials.trial_recipe import trial_of

    files = [arm for arm in arms if arm.endswith((".yaml", ".yml"))]
    if files:
        raise SetupError(f"{files[0]} is a file among {len(arms)} names.", next_command=f"rollmill trial {files[0]}")
    return trial_of(arms, base, evaluate, seeds=seeds, evaluate={"same_templates": True})


def _planned(row: dict[str, Any]) -> str:
    from rollmill.flows.training.training_price import TrainingPrice

    names = " against ".join(arm["arm"] for arm in row["arms"])
    if row["unmade"]:
        missing = [f"  the data of {part['arm']} is not made yet: {part['command']}" for part in row["unmade"]]
        head = f"{row['trial']}: {names}, {row['seeds']} seeds each: {row['trainings']} trainings"
        return "\n".join(
            [head, *missing, "The plan depends on these rows. Next: these commands, or the trial, which makes them"]
        )
    seconds = (
        "time unknown before the first training" if row["seconds_left"] is None else f"about {row['seconds_left']:,.0f} s"
    )
    lines = [
        f"{row['trial']}: {names}, {row['seeds']} seeds each, equal {row['equal'].replace('_', ' ')}"
        + (f" ({row['equal_tokens']:,} each)" if row["equal_tokens"] else ""),
        *(
            f"  {arm['arm']}: {arm['rows']:,} rows of {', '.join(part['version'] for part in arm['data'])}"
            for arm in row["arms"]
        ),
        f"  {row['trainings_left']} of {row['trainings']} trainings left: {row['tokens_left']:,} tokens, {seconds}"
        + TrainingPrice(currency=row["currency"]).words(row["money_left"]),
        f"  {row['completions']:,} completions in all, of {sum(row['problems'].values()):,} problems",
    ]
    lines += [f"  {sentence}" for sentence in row["leaks"]]
    if row["can_show"]:
        shown = row["can_show"]
        by_seeds = sorted(shown["by_seeds"].items(), key=lambda item: int(item[0]))
        effects = ", ".join(f"{seeds} seeds {effect:.3f}" for seeds, effect in by_seeds)
        lines.append(f"  shown four times in five, by {shown['from_seeds']} students of an arm: {effects}")
    else:
        lines.append("  what difference it can show is known after the first students (detect: in the recipe)")
    return "\n".join([*lines, "Nothing was trained. Next: the same without --plan"])


def _page(outcome: dict[str, Any]) -> str:
    from rollmill.flows.trials.trial_report import sentence

    head = ("arm", "against", "measure", "before", "after", "difference", "low", "high", "p")
    rows = [
        (row["arm"], row["against"], row["measure"], row["value_before"], row["value_after"], row["difference"],
         row["low"], row["high"], row["p"])
        for row in outcome["comparisons"]
    ]  # fmt: skip
    sentences = [sentence(row) for row in outcome["comparisons"] if row["primary"]]
    return "\n".join([*outcome["messages"], columns(head, rows), *sentences, f"Report: {outcome['reports'][1]}"])
