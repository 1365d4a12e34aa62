"""`rollmill init|doctor|gc`: a workspace is made, looked over and tidied.

`init` makes a folder one, with recipes to start from, under git and DVC. None of the three touches a run.
"""

import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rollmill.flows import CHECKOUT
from rollmill.flows.cli.output import AsJson, DryRun, as_json, line, program_in
from rollmill.ground.errors import FoundWanting

# `dvc repro` draws only what is missing; dataset versions have .dvc files of their own, made when one is published.
STAGES = {
    "params.yaml": """\
# The recipes that the stages of dvc.yaml run, NAME: FILE with the recipe's own name; `dvc repro curate@NAME` runs one.
recipes:
  arithmetic: recipes/arithmetic.yaml
""",
    "dvc.yaml": """\
stages:
  methods:                # what the rows follow from beside the recipe; never skipped, for the program may have changed
    foreach: ${recipes}
    do:
      cmd: rollmill recipe methods ${item} --name ${key}
      always_changed: true
      outs:
        - reports/${key}/methods.json:
            cache: false
  synthesize:
    foreach: ${recipes}
    do:
      cmd: rollmill synthesize ${item}
      deps:
        - reports/${key}/methods.json
      params:
        - ${item}:
            - name
            - seed
            - problems
      outs:
        - reports/${key}/problems.json:
            cache: false
  curate:
    foreach: ${recipes}
    do:
      cmd: rollmill curate ${item}
      deps:
        - reports/${key}/methods.json
        - reports/${key}/problems.json
      params:
        - ${item}:
      outs:
        - reports/${key}/content.json:
            cache: false
      metrics:
        - reports/${key}/metrics.json:
            cache: false
      plots:
        - reports/${key}/levels.json:
            cache: false
            x: level
            y: pass_rate
            title: Pass rate by level
""",
    "recipes/evaluations/dvc.yaml": """\
stages:
  evaluate:
    wdir: ../..
    cmd: rollmill evaluate recipes/evaluations/arithmetic.yaml
    params:
      - recipes/evaluations/arithmetic.yaml:
    outs:
      - reports/arithmetic-eval/evaluation.json:
          cache: false
      - reports/arithmetic-eval/results.json:
          cache: false
    metrics:
      - reports/arithmetic-eval/metrics.json:
          cache: false
""",
}


def init(
    folder: Annotated[Path, typer.Argument(help="The folder; made when absent.")] = Path(),
    *,
    bare: Annotated[bool, typer.Option("--bare", help="Copy no recipe and no profile.")] = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Make a folder a workspace: rollmill.toml, .rollmill/, recipes to start from, dvc.yaml; git and DVC if it has no git.

    An existing repository is left unchanged, and the command says if DVC is missing there. Nothing is overwritten: the
    command can be repeated safely.

    Example: rollmill init sums && cd sums && rollmill curate recipes/arithmetic.yaml
    """
    from rollmill.flows.recipe.shipped import FIRST

    copies = [] if bare else [name for name in (*FIRST, *_profiles(), *STAGES) if not (folder / name).exists()]
    tools = [] if bare else _missing(folder)
    if not dry_run:
        from rollmill.storage.workspace import Workspace

        Workspace.init(folder).close()
        for name in copies:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if name in STAGES:
                (folder / name).write_text(STAGES[name], encoding="utf-8")
            else:
                shutil.copyfile(CHECKOUT / name, folder / name)
        tools = [tool for tool in tools if _start(tool, folder)]
    if json:
        row = {"workspace": str(folder.resolve()), "copied": copies, "tools": tools, "dry_run": dry_run}
        return as_json(row | {"untracked": _untracked(folder, tools) is not None})
    under = f", under {' and '.join(tools)}" if tools else ""
    line(f"{'Would make' if dry_run else 'Workspace in'} {folder.resolve()}{under}.")
    if copies:
        line(f"  files  {_brief(copies)}")
    if text := _untracked(folder, tools):
        line(text)
    enter = "" if folder.resolve() == Path.cwd() else f"cd {shlex.quote(str(folder))} && "
    recipe = "RECIPE" if bare and not (folder / FIRST[0]).exists() else FIRST[0]
    if copies:
        line("  more   rollmill recipe list --all, rollmill recipe get NAME")
    return line(f"Next: {enter}{program_in(folder)} curate {recipe}")


def _profiles() -> list[str]:
    """The profiles that come with the program."""
    return [str(path.relative_to(CHECKOUT)) for path in sorted((CHECKOUT / "profiles").glob("*.yaml"))]


def _brief(copies: Sequence[str]) -> str:
    """Files on a line: those of a folder are counted."""
    counts = Counter(f"{Path(name).parts[0]}/" if "/" in name else name for name in copies)
    return ", ".join(f"{count} in {name}" if name.endswith("/") else name for name, count in counts.items())


def _missing(folder: Path) -> list[str]:
    """The tools to begin with: git and DVC in a folder of no repository, nothing in a user's own."""
    from rollmill.storage.dvc import repository

    if shutil.which("git") is None or repository(folder.resolve(), ".git") is not None:
        return []
    return ["git", "dvc"]


def _untracked(folder: Path, started: Sequence[str]) -> str | None:
    """A sentence where versions would be published untracked: no DVC in the repository that the folder lies in."""
    from rollmill.storage.dvc import repository

    root = repository(folder, ".git")
    if root is None or "dvc" in started or repository(folder, ".dvc") is not None:
        return None
    begin = "dvc init" if root == folder.resolve() else "dvc init --subdir"
    return f"  note   the git repository {root} has no DVC: without `{begin}` here, versions are not tracked"


def _start(tool: str, folder: Path) -> bool:
    """Run `git init` or `dvc init`; False if it failed: versions are then published untracked, with a warning."""
    from rollmill.storage import dvc

    if tool == "dvc":
        return dvc.run(["init", "-q"], folder).returncode == 0
    return subprocess.run(["git", "init", "-q"], cwd=folder, capture_output=True).returncode == 0


def doctor(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read sizes only, no checksums, no content hashes; change nothing.")
    ] = False,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Register the segment files again after the ledger was deleted or lost.")
    ] = False,
    profile: Annotated[Path | None, typer.Option("--profile", help="Look at this profile's servers too.")] = None,
    json: AsJson = False,
) -> None:
    """Check the installation and the workspace; exit status 1 if a check fails.

    Example: rollmill doctor
    """
    from rollmill.flows.recipe.profile import load_profile
    from rollmill.flows.workspace.maintenance import examine
    from rollmill.storage.workspace import Workspace

    if rebuild:
        return _rebuild_ledger(json=json)
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
        named = ", ".join(finding.name for finding in bad)
        raise FoundWanting(f"{len(bad)} {'finding is' if len(bad) == 1 else 'findings are'} not sound: {named}.")
    return None


def _rebuild_ledger(*, json: bool) -> None:
    from rollmill.storage.segments.upkeep.rebuild import lines_of
    from rollmill.storage.versions.ledger import reindex
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        # First: what makes the segments this ledger's own is the last step, after which nothing is left to rebuild.
        reindex(workspace)
        rebuilt = workspace.rebuild()
    if json:
        counts = {"files": rebuilt.files, "rows": rebuilt.rows}
        return as_json({**counts, "left_aside": rebuilt.left, "imports": rebuilt.imports})
    for text in lines_of(rebuilt):
        line(text)
    line("Lost with the ledger: what runs paid, forecasts, people's judgements, records of imports.")
    return line("\nNext: the same `rollmill curate RECIPE` as before; it draws only what is missing")


def gc(*, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Merge small segments into large ones and remove leftovers of killed commands. No row is lost.

    Example: rollmill gc --dry-run
    """
    from rollmill.flows.workspace.maintenance import collect
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        report = collect(workspace, dry_run=dry_run)
    if json:
        return as_json(report)
    if dry_run:
        counts = ", ".join(f"{kind} {count}" for kind, count in report["files"].items() if count)
        line(f"Segments: {counts or 'none'}. Would merge: {', '.join(report['would_merge']) or 'nothing'}.")
        return line(f"Would remove: {', '.join(report['would_remove'])}.") if report["would_remove"] else None
    for kind, row in report["merged"].items():
        line(f"{kind}: {row['files_before']} files to {row['files_after']}, {row['rows']:,} rows")
    for text in report["messages"]:
        line(text)
    return line(f"Removed: {', '.join(report['removed']) or 'no leftovers'}.")
