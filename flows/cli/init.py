"""`rollmill init`: a folder becomes a workspace, with recipes to start from, under git and DVC. Knows no run."""

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from flows import CHECKOUT
from flows.cli.output import AsJson, DryRun, as_json, line, program_in

SHIPPED = ("recipes/arithmetic.yaml", "recipes/imported.yaml", "recipes/code.yaml", "profiles/local.yaml")

# `dvc repro` draws only what is missing; dataset versions have .dvc files of their own, made when one is published.
STAGES = {
    "params.yaml": "recipe: recipes/arithmetic.yaml   # what the stages of dvc.yaml run on\n",
    "dvc.yaml": """\
stages:
  synthesize:
    cmd: rollmill synthesize ${recipe}
    params:
      - ${recipe}:
          - name
          - seed
          - problems
    outs:
      - reports/arithmetic/problems.json:
          cache: false
  curate:
    cmd: rollmill curate ${recipe}
    deps:
      - reports/arithmetic/problems.json
    params:
      - ${recipe}:
    outs:
      - reports/arithmetic/content.json:
          cache: false
    metrics:
      - reports/arithmetic/metrics.json:
          cache: false
    plots:
      - reports/arithmetic/levels.json:
          cache: false
          x: level
          y: pass_rate
          title: Pass rate by level
""",
}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="The folder; made when absent.")] = Path(),
    *,
    bare: Annotated[bool, typer.Option("--bare", help="Copy no recipe and no profile.")] = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Make a folder a workspace: rollmill.toml, .rollmill/, recipes to start from, dvc.yaml; git and DVC where it has none.

    A repository that the folder lies in is left as it is, and nothing is overwritten: running it again harms nothing.

    Example: rollmill init milling && cd milling && rollmill curate recipes/arithmetic.yaml
    """
    copies = [] if bare else [name for name in (*SHIPPED, *STAGES) if not (folder / name).exists()]
    tools = [] if bare else _missing(folder)
    if not dry_run:
        from storage.workspace import Workspace

        Workspace.init(folder).close()
        for name in copies:
            _write(folder / name, name)
        tools = [tool for tool in tools if _start(tool, folder)]
    if json:
        return as_json({"workspace": str(folder.resolve()), "copied": copies, "tools": tools, "dry_run": dry_run})
    made, under = "".join(f", with {name}" for name in copies), f" Under {' and '.join(tools)}." if tools else ""
    line(f"{'Would make' if dry_run else 'Workspace in'} {folder.resolve()}{made}.{under}")
    there = folder.resolve() == Path.cwd()
    enter = "" if there else f"cd {shlex.quote(str(folder))} && "
    recipe = "RECIPE" if bare and not (folder / SHIPPED[0]).exists() else "recipes/arithmetic.yaml"
    return line(f"Next: {enter}{program_in(folder)} curate {recipe}")


def _write(path: Path, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if name in STAGES:
        path.write_text(STAGES[name], encoding="utf-8")
    else:
        shutil.copyfile(CHECKOUT / name, path)


def _missing(folder: Path) -> list[str]:
    """The tools to begin with: git and DVC in a folder of no repository, nothing in a user's own."""
    from storage.dvc import repository

    if shutil.which("git") is None or repository(folder.resolve(), ".git") is not None:
        return []
    return ["git", "dvc"]


def _start(tool: str, folder: Path) -> bool:
    """Whether `git init` or `dvc init` worked; without them versions are published untracked, with a warning."""
    from storage import dvc

    if tool == "dvc":
        return dvc.run(["init", "-q"], folder).returncode == 0
    return subprocess.run(["git", "init", "-q"], cwd=folder, capture_output=True).returncode == 0
