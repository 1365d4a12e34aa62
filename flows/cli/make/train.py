"""`rollmill train`: a model trained on dataset versions, or the shipped model made again from its templates."""

import importlib.util
import sys
import time
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, interruption, line, note
from rollmill.flows.cli.recipe import ProfilePath, Sets
from rollmill.flows.cli.terminal import rewrite
from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.training_settings import TrainSettings

if TYPE_CHECKING:
    from rollmill.pipelines.train.trainer import StepReport

DEFAULTS = TrainSettings()
SHOWN_EVERY = 0.5  # seconds between two writings of the line on a terminal


def train(  # noqa: PLR0913
    recipe: Annotated[
        Path | None, typer.Argument(metavar="RECIPE", help="A training recipe; none: the shipped model again.")
    ] = None,
    sets: Sets = None,
    *,
    profile: ProfilePath = None,
    out: Annotated[Path | None, typer.Option(help="Without a recipe: model folder to write.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of 64 problems each.")] = DEFAULTS.steps,
    seed: Annotated[int, typer.Option(min=0, help="Seed of weights and data.")] = DEFAULTS.seed,
    threads: Annotated[
        int, typer.Option(min=1, help="Threads of torch; losses are equal for equal threads.")
    ] = DEFAULTS.threads,
    minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop after so many minutes; --resume continues.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume from the last checkpoint of this folder.")] = False,
    measure: Annotated[
        int, typer.Option(min=0, help="Unseen problems per level to score with 64 samples each; 0: none.")
    ] = 200,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Train a model on dataset versions and publish it as a version of its own (extra: train).

    A finished training is not repeated; a killed one resumes from its checkpoint when it is run again.
    Without a recipe it trains a Llama of a million parameters from scratch on generated problems. The default settings
    give models/rollmill-tiny, in less than an hour on two cores. --out and the options after it apply to this case only.

    Example: rollmill train recipes/training/student.yaml --set seed=2
    """
    if recipe is not None:
        if out is not None or resume:
            raise SetupError(
                "--out and --resume are for a training without a recipe; one with a recipe resumes automatically."
            )
        return _train_recipe(recipe, tuple(sets or ()), profile, dry_run=dry_run, json=json)
    out = out or Path("models/trained")
    # The learning rate falls over the horizon: fewer steps are the beginning of the default training, not another one.
    settings = replace(DEFAULTS, steps=steps, horizon=max(steps, DEFAULTS.horizon), seed=seed, threads=threads)
    _check_folder(out, resume=resume)
    if dry_run:
        return as_json({"out": str(out), "settings": asdict(settings), "measure": measure})
    seconds = minutes * 60 if minutes is not None else float("inf")
    return _train_shipped(out, settings, seconds, measure, resume=resume, json=json)


def _train_shipped(out: Path, settings: TrainSettings, seconds: float, measure: int, *, resume: bool, json: bool) -> None:
    """Train from scratch on templates, for at most these seconds, and score the model."""
    if missing := [name for name in ("torch", "onnx") if importlib.util.find_spec(name) is None]:
        raise SetupError(f"training needs {' and '.join(missing)}.", next_command="pip install -e '.[train]'")
    from rollmill.pipelines.train.trainer import TrainingJob, train_model

    job = TrainingJob(out, settings, resume, seconds)
    try:
        with closing(_Watch(settings.steps, rewrite=sys.stderr.isatty())) as watch:
            trained = train_model(job, watch)
    except KeyboardInterrupt:
        interruption(f"Interrupted; resume from the last checkpoint: {_again(out, settings)}")
        raise
    if not trained.finished:
        note(f"Stopped at step {trained.progress.step} of {settings.steps}.")
        return line(f"Next: {_again(out, settings)}")
    scores = _scores_of_model(out, measure) if measure else {}
    if json:
        return as_json({"out": str(out), "scores": scores})
    line(f"Model in {out}.")
    if scores:
        levels = scores["heldout"]["levels"].items()
        rows = [(int(level), row["problems"], row["pass@1"]["value"], row["pass@64"]["value"]) for level, row in levels]
        line(columns(("level", "problems", "pass@1", "pass@64"), rows))
    return line(f"Next: name it in a recipe (generate: model: {out}) and rollmill curate it")


def _train_recipe(recipe: Path, sets: tuple[str, ...], profile: Path | None, *, dry_run: bool, json: bool) -> None:
    from rollmill.flows.cli.jobs import run_job
    from rollmill.flows.job import Job
    from rollmill.flows.training.train_job import Train, forecast_training

    job = Job.here(recipe, sets, profile, verb="train")
    if dry_run:
        row = forecast_training(job)
        return as_json(row) if json else line(_planned(row))
    return run_job(Train(job), _trained, json=json)


def _planned(row: dict[str, Any]) -> str:
    forecast = row["forecast"]
    bound = "at most " if forecast and forecast["at_most"] else ""
    amounts = (
        f"{forecast['steps']:,} steps, {bound}{forecast['tokens']:,} trained tokens"
        if forecast
        else "length not known before"
    )
    seconds = row["seconds"]
    time_taken = "time unknown: no such training was timed here" if seconds is None else f"about {seconds:,.0f} s"
    memory = "memory unknown" if row["memory_mib"] is None else f"{row['memory_mib']:,} MiB of memory"
    head = (
        f"{row['model']}: {row['rows']:,} rows of {', '.join(part['version'] for part in row['data'])}, from {row['init']}"
    )
    last = (
        f"trained already: {row['version']}" if row["version"] else "Nothing was trained. Next: the same without --dry-run"
    )
    left_out = [f"  left out: {count:,} {what}" for what, count in row["left_out"].items() if count]
    return "\n".join(
        [head, *left_out, f"  {amounts}; {time_taken}; {memory}", f"  training {row['training_id'][:12]}", last]
    )


def _trained(outcome: dict[str, Any]) -> str:
    from rollmill.flows.training.model_card import lengths_of

    trained = outcome["trained"]
    cost = "".join(f"{value} {name}, " for name, value in lengths_of(trained).items())
    data = ", ".join(f"{part['version']} ({part['rows']:,} rows)" for part in outcome["data"])
    lines = [
        *outcome["messages"],
        f"{outcome['model']}: {cost}{trained['seconds']:,.0f} s, on {data} from {outcome['init']['model']}",
        f"Next: generate: {{model: models/{outcome['model']}}} in a recipe, or rollmill model show {outcome['model']}",
    ]
    return "\n".join(lines)


def _again(out: Path, settings: TrainSettings) -> str:
    """The command that resumes."""
    changed = {name: getattr(settings, name) for name in ("steps", "seed", "threads")}
    options = "".join(f" --{name} {value}" for name, value in changed.items() if value != getattr(DEFAULTS, name))
    return f"rollmill train --out {out}{options} --resume"


def _check_folder(out: Path, *, resume: bool) -> None:
    from rollmill.pipelines.train.trainer import checkpoint_folder

    if out.exists() and not out.is_dir():
        raise SetupError(f"{out} is not a folder.", next_command="name another --out")
    begun = (checkpoint_folder(out) / "checkpoint.pt").is_file()
    if begun and not resume:
        raise SetupError(
            f"a training of {out} has begun.", next_command=f"rollmill train --out {out} --resume, or another --out"
        )
    if not begun and not resume and (out / "model.onnx").exists():
        raise SetupError(f"{out} already holds a model.", next_command="give another folder with --out")


class _Watch:
    """Shows step, smoothed loss, tokens a second and time left: on a terminal a line that rewrites itself, in a log one for
    each checkpoint.
    """

    def __init__(self, steps: int, *, rewrite: bool) -> None:
        self.steps, self.rewrite = steps, rewrite
        self.loss: float | None = None
        self.tokens, self.begun, self.first, self.shown = 0, time.monotonic(), 0, 0.0

    def __call__(self, report: "StepReport") -> None:
        """Take a step's report in and show it when it is time to."""
        self.first = self.first or report.step - 1
        self.tokens += report.tokens
        self.loss = report.loss if self.loss is None else 0.95 * self.loss + 0.05 * report.loss
        now = time.monotonic()
        if self.rewrite and now - self.shown >= SHOWN_EVERY:
            self.shown = now
            rewrite(self.text(report.step))
        elif not self.rewrite and report.saved:
            note(self.text(report.step))

    def text(self, step: int) -> str:
        """The line for a step."""
        passed = max(time.monotonic() - self.begun, 1e-9)
        left = (self.steps - step) * passed / max(1, step - self.first)
        rate = f"{self.tokens / passed:,.0f} tokens/s"
        return f"step {step}/{self.steps}  loss {self.loss:.4f}  {rate}  {left / 60:.0f} min left"

    def close(self) -> None:
        """Leave the rewritten line."""
        if self.rewrite:
            sys.stderr.write("\n")


def _scores_of_model(out: Path, per_level: int) -> dict[str, Any]:
    from rollmill.pipelines.generate.registry import GENERATORS
    from rollmill.pipelines.train.scoring import score_model

    def show(measured: int, total: int) -> None:
        if sys.stderr.isatty():
            rewrite(f"measuring {measured}/{total} problems", "\n" if measured == total else "")

    generator = GENERATORS["embedded"](model=str(out))
    try:
        return score_model(out, generator, per_level, report=show)
    finally:
        generator.close()
