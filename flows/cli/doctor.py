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
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Register the segment files anew whose ledger was deleted or is lost.")
    ] = False,
    profile: Annotated[Path | None, typer.Option("--profile", help="Look at this profile's servers too.")] = None,
    json: AsJson = False,
) -> None:
    """Look everything over; exit status 1 when something is not sound.

    Example: rollmill doctor
    """
    from flows.recipe import load_profile
    from flows.workspace.health import examine
    from storage.workspace import Workspace

    if rebuild:
        return _rebuild(json=json)
    with Workspace.open(read_only=quick) as workspace:
        findings = []
        for finding in examine(workspace, deep=not quick, profile=load_profile(profile)):
            findings.append(finding)
            if not json:  # each as it is found: the deep ones take long
                line(f"{'ok ' if finding.ok else 'BAD'}  {finding.area:<12} {finding.name:<20} {finding.detail}")
    bad = [finding for finding in findings if not finding.ok]
    if json:
        as_json({"ok": not bad, "findings": [asdict(finding) for finding in findings]})
    if bad:
        raise FoundWanting(f"{len(bad)} findings are not sound: {', '.join(finding.name for finding in bad)}.")
    return None


def _rebuild(*, json: bool) -> None:
    from storage.segments.rebuild import lines_of
    from storage.versions.ledger import reindex
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        done = workspace.rebuild()
        reindex(workspace)
    if json:
        return as_json({"files": done.files, "rows": done.rows, "left_aside": done.left, "imports": done.imports})
    for text in lines_of(done):
        line(text)
    line("Lost with the ledger: what runs paid, forecasts, people's judgements, records of imports.")
    return line("\nNext: the same `rollmill curate RECIPE` as before; it draws only what is missing")
