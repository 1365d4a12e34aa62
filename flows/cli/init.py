"""`rollmill init`: a folder becomes a workspace, with the shipped recipe to start from. Knows no run."""

import shlex
import shutil
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.output import AsJson, DryRun, as_json, line, program_in

CHECKOUT = Path(__file__).resolve().parents[2]
SHIPPED = ("recipes/arithmetic.yaml", "recipes/imported.yaml", "recipes/code.yaml", "profiles/local.yaml")


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
    """Make a folder a workspace: rollmill.toml, .rollmill/ and a recipe to start from. Running it again harms nothing.

    Example: rollmill init milling && cd milling && rollmill curate recipes/arithmetic.yaml
    """
    copies = [] if bare else [name for name in SHIPPED if not (folder / name).exists()]
    if not dry_run:
        from storage.workspace import Workspace

        Workspace.init(folder).close()
        for name in copies:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / name, folder / name)
    if json:
        return as_json({"workspace": str(folder.resolve()), "copied": copies, "dry_run": dry_run})
    line(f"{'Would make' if dry_run else 'Workspace in'} {folder.resolve()}{''.join(f', with {name}' for name in copies)}.")
    there = folder.resolve() == Path.cwd()
    enter = "" if there else f"cd {shlex.quote(str(folder))} && "
    recipe = "RECIPE" if bare and not (folder / SHIPPED[0]).exists() else "recipes/arithmetic.yaml"
    return line(f"Next: {enter}{program_in(folder)} curate {recipe}")
