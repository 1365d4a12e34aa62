"""`rollmill reward check|serve|show|publish`: verifiers as rewards of a training, and the rollouts that it rewarded."""

import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, as_json, columns, inert, line, note
from rollmill.ground.errors import FoundWanting
from rollmill.ground.formats.rate_texts import with_interval

if TYPE_CHECKING:
    from rollmill.flows.rewards.reward import VerifierReward

Source = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A recipe's file, or the name of a verifier.", show_default=False)
]
Undecided = Annotated[
    float | None, typer.Option("--undecided", help="Reward if no verifier could decide; by default no reward.")
]
Truncated = Annotated[
    float | None, typer.Option("--truncated", help="Reward of a completion cut at its length limit; without it judged.")
]
LogName = Annotated[str, typer.Argument(metavar="NAME", help="The name of the log.", show_default=False)]
Workers = Annotated[
    int, typer.Option("--workers", min=0, max=4096, help="Completions judged in parallel; 0: one per core.")
]
Profile = Annotated[Path | None, typer.Option("--profile", help="Profile of this machine.")]
verbs = group("reward", "Verifiers as rewards of a training.")


@verbs.command("check")
def check(  # noqa: PLR0913 (options, all by name)
    source: Source,
    *,
    trainer: Annotated[
        str, typer.Option("--for", metavar="TRAINER", help="trl, verl, openrlhf, verifiers, skyrl.")
    ] = "trl",
    undecided: Undecided = None,
    truncated: Truncated = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; reward_TRAINER.py by default.")] = None,
    profile: Profile = None,
    workers: Workers = 0,
    json: AsJson = False,
) -> None:
    """Judge a few rows as a trainer would, and write a Python file with the reward function for the trainer.

    The rows are rollouts of the recipe's newest run in this workspace, else the plain questions of the verifier's suite.

    Example: rollmill reward check recipes/arithmetic.yaml --for verl --undecided 0
    """
    from rollmill.flows.rewards import checking
    from rollmill.ground.files import write_text

    checking.require_package(trainer)
    with _reward(source, undecided, truncated, profile, workers) as reward:
        origin, rows = checking.rows_to_check(reward)
        checked = [replace(row, value=checking.trainer_reward(reward, trainer, row)) for row in rows]
        values, absolute = reward.values, reward.source.name
    wrong = [row for row in checked if row.value != getattr(values, row.expected)]
    path = out or Path(f"reward_{trainer}.py")
    if not wrong:
        given = {"undecided": undecided, "truncated": truncated}
        options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        options |= {"workers": workers} if workers else {}
        options |= {"profile": str(profile.resolve())} if profile else {}
        write_text(path, checking.trainer_file(trainer, absolute, options))  # replaces a link of that name
    report = {"trainer": trainer, "rows": [row.json() for row in checked], "from": origin, "file": str(path)}
    as_json(report) if json else line(_checked_page(report, written=not wrong))
    if wrong:
        raise FoundWanting(
            f"{len(wrong)} of {len(checked)} rows got another reward than their outcome has; no file was written.",
            next_command=f"rollmill certify {source}" if not source.endswith((".yaml", ".yml")) else "rollmill reverify",
        )


@verbs.command("serve")
def serve(  # noqa: PLR0913 (options, all by name)
    source: Source,
    *,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 is any that is free.")] = 8600,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; others than loopback need a token.")
    ] = "127.0.0.1",
    token_env: Annotated[
        str | None,
        typer.Option("--token-env", metavar="NAME", help="Environment variable with the token that callers send."),
    ] = None,
    workers: Workers = 0,
    queue: Annotated[int, typer.Option("--queue", min=1, max=1_000_000, help="Completions that may wait.")] = 4096,
    log: Annotated[
        str | None, typer.Option("--log", metavar="NAME", help="Keep every rewarded completion under this name.")
    ] = None,
    undecided: Undecided = None,
    truncated: Truncated = None,
    profile: Profile = None,
) -> None:
    """Serve rewards over HTTP until Ctrl-C: POST /v1/judge and /openrlhf, GET /health and /metrics.

    The printed address carries the secret of this start; with --token-env callers send `Authorization: Bearer TOKEN`.
    A full queue answers 429 with Retry-After; items still queued at the deadline are `undecided`.

    Example: rollmill reward serve recipes/arithmetic.yaml --port 8600 --log run7
    """
    from rollmill.flows.rewards.reward_server import address, listen, run, token_of

    token = token_of(token_env, host)
    limits = {"most_waiting": queue, "log": log}
    with listen(host, port) as socket, _reward(source, undecided, truncated, profile, workers, limits) as reward:
        for message in reward.log.messages if reward.log is not None else ():
            note(message)
        shown = address(socket, "" if token_env else token, host)  # a token of the caller's own is not printed
        line(f"{shown}/v1/judge   (Ctrl-C ends it)")
        sys.stdout.flush()
        run(reward, token, socket, host)


@verbs.command("show")
def show(
    name: LogName,
    *,
    second: Annotated[
        str | None,
        typer.Option("--second", metavar="RECIPE", help="Another recipe or verifier, which judges a sample again."),
    ] = None,
    sample: Annotated[int, typer.Option("--sample", min=1, help="Completions of each step that --second judges.")] = 100,
    json: AsJson = False,
) -> None:
    """Rewards of a training by step, and whether they rise by a second verifier, or by people, as well.

    People's judgements count once the log is published (rollmill reward publish) and audited.

    Example: rollmill reward show run7 --second recipes/strict.yaml
    """
    from rollmill.flows.rewards.history import history

    report = history(name, second, sample)
    return as_json(report) if json else line(_history_page(report))


@verbs.command("publish")
def publish(
    name: LogName,
    *,
    as_: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Name of the import; that of the log by default.")
    ] = None,
    first: Annotated[int | None, typer.Option("--from-step", help="The first step to take.")] = None,
    last: Annotated[int | None, typer.Option("--to-step", help="The last step to take.")] = None,
    json: AsJson = False,
) -> None:
    """Import a log as rollouts, with label, step and reward of each; a second call adds the new rows.

    Example: rollmill reward publish run7 --as run7-late --from-step 400
    """
    from rollmill.flows.rewards.reward_log import publish as publish_log
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        for message in workspace.recover():
            note(message)
        report = publish_log(workspace, name, as_ or name, (first, last))
    if json:
        return as_json(report.to_json())
    return line(
        f"{report.name}: {report.completions.new:,} rollouts new, {report.completions.already:,} already stored, of "
        f"{report.problems.new + report.problems.already:,} problems ({report.file}).\n"
        f"Next: rollmill curate RECIPE, where the recipe has problems: {{imported: {report.name}}} and generate: "
        f"{{engine: imported, imports: [{report.name}]}}, then rollmill audit verifier NAME"
    )


def _reward(
    source: str,
    undecided: float | None,
    truncated: float | None,
    profile: Path | None,
    workers: int,
    more: Mapping[str, Any] | None = None,
) -> "VerifierReward":
    from rollmill.flows.rewards.reward import reward

    cut: Any = "judge" if truncated is None else truncated
    return reward(source, undecided, cut, profile=profile, workers=workers, **(more or {}))


def _checked_page(report: Mapping[str, Any], *, written: bool) -> str:
    rows = [
        [
            row["expected"],
            "none" if row["reward"] is None else row["reward"],
            inert(row["reference"])[:20],
            _end(row["text"]),
        ]
        for row in report["rows"]
    ]
    table = columns(["outcome", "reward", "reference", "end of the text"], rows)
    last = f"{report['file']} written; its first line says which option names it." if written else "Nothing was written."
    return f"{report['from']}, as {report['trainer']} asks:\n{table}\n{last}"


def _end(text: str) -> str:
    return " ".join(inert(text).split())[-50:]


def _history_page(report: Mapping[str, Any]) -> str:
    """Readable log of rewards: one row per step, the comparison with other judges, and the alert."""
    rows = [
        [
            "-" if row["step"] is None else row["step"],
            row["n"],
            _estimate(row["reward"]),
            f"{row['undecided']:.3f}",
            *(_estimate(row[key]) for key in ("second", "people") if report[key]),
        ]
        for row in report["steps"]
    ]
    head = ["step", "n", "mean reward [95%]", "undecided"]
    head += [f"precision by {report[key]}" for key in ("second", "people") if report[key]]
    return "\n".join(
        [f"{report['log']}: {report['n']:,} rewards", columns(head, rows), *report["notes"], *report["alerts"]]
    )


def _estimate(estimate: Mapping[str, Any] | None) -> str:
    if estimate is None:
        return "-"
    if not math.isfinite(estimate["high"] - estimate["low"]):
        return f"{estimate['value']:.3f} ({estimate['n']})"
    return f"{with_interval(estimate['value'], estimate['low'], estimate['high'])} ({estimate['n']})"
