"""`rollmill dataset reproduce|recipe|rewrite`: make a version again, and write its recipe, or its files as this program
writes them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.artifacts.files import Version
from rollmill.flows.cli.datasets.dataset_sharing import RECIPES, Base, check_base, datasets_folder
from rollmill.flows.cli.output import AsJson, DryRun, as_json, doing, line, note
from rollmill.flows.cli.recipe import ProfilePath
from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.formats.rate_texts import interval_text
from rollmill.ground.temporary import temporary_folder

if TYPE_CHECKING:
    from rollmill.storage.versions.resolve import VersionInfo


def register(group: typer.Typer) -> None:
    """Add the verbs to `dataset`."""
    for verb in (reproduce, recipe, rewrite):
        group.command(verb.__name__)(verb)


def rewrite(reference: Version, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Write the files of a version that an older Rollmill published as this one writes them; its content hash stays.

    Such versions open as they are. Afterwards they share files with later versions, and `load_dataset` reads them.

    Example: rollmill dataset rewrite arithmetic@v1
    """
    from rollmill.storage.versions.publish import rewrite as write_again
    from rollmill.storage.versions.resolve import resolve
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        info = resolve(workspace.datasets, reference)
        lines = [] if dry_run else write_again(workspace, info)
    if json:
        return as_json({"version": info.ref, "path": str(info.path), "messages": lines, "dry_run": dry_run})
    return line("\n".join([f"{'Would write' if dry_run else 'Wrote'} {info.ref} again: {info.path}", *lines]))


def reproduce(
    reference: Version,
    *,
    into: Annotated[Path | None, typer.Option("--into", metavar="FOLDER", help="Keep the new workspace there.")] = None,
    base: Base = RECIPES,
    profile: ProfilePath = None,
    json: AsJson = False,
) -> None:
    """Make a version again from its recipe in an empty workspace, and compare the two.

    Exit status 1 if the fingerprint is the same and the content hash is not. Under another fingerprint (engine,
    libraries, processor) texts may differ: then pass rates of the same problems are compared, paired, with n and interval.

    Example: rollmill dataset reproduce arithmetic@v1
    """
    from rollmill.flows.cli.live import watching
    from rollmill.flows.jobs.reproduce import reproduce as again
    from rollmill.flows.progress import Progress
    from rollmill.storage.versions.resolve import resolve

    check_base(base)
    info = resolve(datasets_folder(), reference)
    doing(f"{info.ref}: making it again in an empty workspace")
    with temporary_folder() as scratch, watching() as watcher:
        folder = (into or scratch / "workspace").resolve()
        place = base.resolve() if base.is_dir() else Path.cwd()
        result = again(info, folder, base=place, profile=profile, progress=Progress(watcher))
    if into is None:
        result["workspace"] = None
    if json:
        as_json(result)
    else:
        line(_page(result))
    if not (result["equal"] or result["fingerprint"]):
        raise FoundWanting(f"{info.ref} was not reproduced: same recipe, same fingerprint, another content.")


def recipe(
    reference: Version,
    *,
    out: Annotated[Path | None, typer.Option(help="The file to write; printed by default.")] = None,
    json: AsJson = False,
) -> None:
    """The recipe of a version as a file, to run again or to change. Python files that it names must be in the same folder.

    Example: rollmill dataset recipe arithmetic@v1 --out recipes/arithmetic-v1.yaml
    """
    import yaml

    from rollmill.flows.recipe.load import as_recipe
    from rollmill.ground.files import write_text
    from rollmill.storage.versions.read import load_manifest
    from rollmill.storage.versions.resolve import resolve

    info = resolve(datasets_folder(), reference)
    manifest = load_manifest(info)
    data = as_recipe(manifest["recipe"])
    if json and out is None:
        return as_json({"version": info.ref, "recipe_hash": info.recipe_hash, "recipe": data})
    text = f"# The recipe of {info.ref}, with every default.\n{yaml.safe_dump(data, sort_keys=False, allow_unicode=True)}"
    if out is None:
        return typer.echo(text, nl=False)
    if out.exists() and out.read_text(encoding="utf-8") != text:
        raise SetupError(f"{out} is there already, with another text.", next_command="--out OTHER")
    write_text(out, text)
    changed = _changed_since(out, info, manifest["recipe"])
    if changed is not None:
        note(f"{out}: {changed}")
    row = {"version": info.ref, "path": str(out), "changed": changed}
    return as_json(row) if json else line(f"The recipe of {info.ref} is in {out}. Next: rollmill curate {out}")


def _changed_since(path: Path, info: "VersionInfo", recipe: Mapping[str, Any]) -> str | None:
    """Reason why the recipe in a file is not that of the version today; None if it is."""
    from rollmill.flows.recipe.load import load_recipe
    from rollmill.flows.recipe.user_files import stored_methods

    recipe_hash = info.recipe_hash
    try:
        with stored_methods(info.ref, recipe, None, base=path.parent) as methods:
            methods.require_own()  # reading the file loads the code that it names
        now = load_recipe(path).recipe_hash
    except SetupError as error:
        return str(error)
    if now == recipe_hash:
        return None
    return f"its hash is {now[:8]} today and was {recipe_hash[:8]}: a method, a default or one of its own files changed"


def _page(result: Mapping[str, Any]) -> str:
    if result["equal"]:
        return f"{result['version']} reproduced: content hash {result['content_hash'][:16]} again."
    difference = result["difference"]
    lines = [f"{result['version']} has content hash {result['content_hash'][:16]}; made again {result['reproduced'][:16]}."]
    lines += [
        f"  fingerprint {change['key']}: then {change['then']}, now {change['now']}" for change in result["fingerprint"]
    ]
    if "why" in difference:
        return "\n".join([*lines, f"  no comparison of rates: {difference['why']}"])
    lines.append(
        f"  pass rate now - then, paired over {difference['problems']:,} problems: {difference['difference']:+.3f} "
        f"{interval_text(difference['low'], difference['high'], '+')} ({difference['interval']})"
    )
    return "\n".join(lines)
