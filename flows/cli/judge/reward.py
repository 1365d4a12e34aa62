"""`rollmill reward check|serve|show|publish`: verifiers as the rewards of a training, and what a training was rewarded for."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import group
from flows.cli.output import AsJson, as_json, columns, inert, line
from storage.ground.errors import FoundWanting, SetupError

if TYPE_CHECKING:
    from flows.rewards.reward import VerifierReward

Source = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A recipe's file, or the name of a verifier.", show_default=False)
]
Undecided = Annotated[
    float | None, typer.Option("--undecided", help="Reward where no verifier could decide; without it none.")
]
Truncated = Annotated[
    float | None, typer.Option("--truncated", help="Reward of a completion cut at its length limit; without it judged.")
]
Workers = Annotated[int, typer.Option("--workers", min=0, max=4096, help="Completions judged at once; 0: one a core.")]
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
    """Judge a few rows as a trainer would, and write the file that the trainer's option names.

    Rows are rollouts of the recipe's newest run here; without one, the plain questions of the verifier's suite.

    Example: rollmill reward check recipes/arithmetic.yaml --for verl --undecided 0
    """
    from flows.rewards import checking

    checking.require_package(trainer)
    with _reward(source, undecided, truncated, profile, workers) as reward:
        origin, rows = checking.rows_to_check(reward)
        checked = [replace(row, value=checking.through(reward, trainer, row)) for row in rows]
        values, absolute = reward.values, reward.source.name
    wrong = [row for row in checked if row.value != getattr(values, row.expected)]
    path = out or Path(f"reward_{trainer}.py")
    if not wrong:
        given = {"undecided": undecided, "truncated": truncated}
        options = {name: value for name, value in given.items() if value is not None}
        options |= {"workers": workers} if workers else {}
        options |= {"profile": str(profile.resolve())} if profile else {}
        path.write_text(checking.trainer_file(trainer, absolute, options), encoding="utf-8")
    report = {"trainer": trainer, "rows": [row.json() for row in checked], "from": origin, "file": str(path)}
    as_json(report) if json else line(_checked_page(report, written=not wrong))
    if wrong:
        raise FoundWanting(
            f"{len(wrong)} of {len(checked)} rows got another reward than their outcome has; no file was written.",
            next_command=f"rollmill certify {source}" if not source.endswith((".yaml", ".yml")) else "rollmill reverify",
        )


def _reward(
    source: str, undecided: float | None, truncated: float | None, profile: Path | None, workers: int
) -> "VerifierReward":
    from flows.rewards.reward import reward

    return reward(source, undecided, "judge" if truncated is None else truncated, profile=profile, workers=workers)


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
