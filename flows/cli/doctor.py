"""`rollmill doctor`: whether environment, workspace, segments and versions are sound. Knows printing only."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.output import AsJson, as_json, line
from storage.errors import FoundWanting


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor")(doctor)


def doctor(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read sizes only, no checksums, no content hashes; change nothing.")
    ] = False,
    profile: Annotated[Path | None, typer.Option("--profile", help="Look at this profile's servers too.")] = None,
    json: AsJson = False,
) -> None:
    """Look everything over; exit status 1 when something is not sound.

    Example: rollmill doctor
    """
    from flows.health import examine
    from flows.recipe import load_profile
    from storage.workspace import Workspace

    with Workspace.open(read_only=quick) as workspace:
        findings = list(examine(workspace, deep=not quick, profile=load_profile(profile)))
    bad = [finding for finding in findings if not finding.ok]
    if json:
        as_json({"ok": not bad, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            line(f"{'ok ' if finding.ok else 'BAD'}  {finding.area:<12} {finding.name:<20} {finding.detail}")
    if bad:
        raise FoundWanting(f"{len(bad)} findings are not sound: {', '.join(finding.name for finding in bad)}.")
