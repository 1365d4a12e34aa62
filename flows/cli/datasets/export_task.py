"""`rollmill export-task`: a version's problems as a task of another evaluation tool, judged by the version's verifiers."""

from pathlib import Path
from typing import Annotated

import typer

from rollmill.flows.cli.output import AsJson, as_json, line, note


def export_task(
    reference: Annotated[str, typer.Argument(metavar="DATASET", help="NAME, NAME@v2, NAME@3f9a0c1d or NAME@tag.")],
    *,
    tool: Annotated[str, typer.Option("--for", metavar="TOOL", help="The tool: lm-eval or inspect.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The folder to write.")],
    split: Annotated[str | None, typer.Option("--split", help="Only the problems of this split.")] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, help="Most tokens of an answer.")] = 1024,
    json: AsJson = False,
) -> None:
    """Write the problems of a version as a task of lm-eval or Inspect, with the version's verifiers as its scorer.

    The base install of Rollmill must be in the tool's environment. Undecided answers are left out of the mean and counted.

    Example: rollmill export-task arithmetic --for lm-eval --out tasks/arithmetic
    """
    from rollmill.flows.evaluation.exported_task import write_task
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        row = write_task(workspace, reference, tool, out, split=split, max_tokens=max_tokens)
    if json:
        return as_json(row)
    for reason, count in row["left_out"].items():
        note(f"left out: {count:,} problems {reason}")
    line(f"{row['problems']:,} problems of {row['version']} as the task {row['task']} in {out}.")
    lm_eval = f"lm_eval --include_path {out} --tasks {row['task']} --model MODEL"
    inspect = f"inspect eval {out}/{row['task']}.py --model MODEL"
    return line(f"Next: {lm_eval if tool == 'lm-eval' else inspect}")
