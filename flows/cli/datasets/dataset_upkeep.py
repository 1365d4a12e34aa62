"""`rollmill dataset checkout|gc|reproduce`: rows put back, taken out of this clone, and made again from their recipe."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.cli.datasets.dataset_sharing import (
    RECIPES,
    Base,
    Reference,
    Remote,
    Version,
    check_base,
    datasets_folder,
    named_versions,
)
from flows.cli.output import AsJson, DryRun, as_json, columns, doing, line
from flows.cli.recipe import ProfilePath
from storage.ground.errors import FoundWanting


def register(group: typer.Typer) -> None:
    """Add the verbs to `dataset`."""
    for verb in (checkout, gc, reproduce):
        group.command(verb.__name__)(verb)


def checkout(reference: Version, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Put the files of a version back as they were published, from DVC's cache in this clone; asks no remote.

    For rows that were removed, damaged or edited here; `dataset pull` fetches what the cache does not have. A bare name
    means an older version once the newer ones are withdrawn: `dataset yank`.

    Example: rollmill dataset checkout arithmetic@v1
    """
    from storage.versions.read import is_whole
    from storage.versions.resolve import resolve
    from storage.versions.upkeep import sharing

    info = resolve(datasets_folder(), reference)
    whole = is_whole(info)
    if not dry_run:
        sharing.restore([info])
    if json:
        return as_json({"version": info.ref, "path": str(info.path), "was_whole": whole, "dry_run": dry_run})
    before = "its files were whole" if whole else "files were missing or damaged"
    return line(f"{'Would put' if dry_run else 'Put'} {info.ref} back as it was published ({before}): {info.path}")


def gc(
    reference: Reference = None,
    *,
    keep: Annotated[int, typer.Option("--keep", metavar="N", help="The newest N of each dataset stay.")] = 1,
    remote: Remote = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Take rows of old versions out of this clone, of which a DVC remote has a copy; no row is lost.

    The newest version stays, what a tag or a sign-off names, and the version that each of these came after. Freed versions
    are listed and shown as before; `dataset pull` brings their rows back. `rollmill gc` tidies segments.

    Example: rollmill dataset gc arithmetic --dry-run
    """
    from itertools import groupby

    from storage.versions.read import is_here
    from storage.versions.upkeep.freeing import free, holdings
    from storage.workspace import Workspace

    version_holdings = [
        holding
        for _, members in groupby(named_versions(reference, is_here), key=lambda info: info.name)
        for holding in holdings(list(members), keep=keep, remote=remote)
    ]
    rows: list[dict[str, Any]] = [
        {"version": holding.info.ref, "needed": holding.needed, "bytes": holding.bytes} for holding in version_holdings
    ]
    total = sum(holding.bytes for holding in version_holdings)
    if not dry_run:
        with Workspace.open() as workspace:
            free(workspace, version_holdings)
    if json:
        return as_json({"versions": rows, "bytes": total, "dry_run": dry_run})
    done = "would go" if dry_run else "gone"
    table = [
        [row["version"], f"{row['bytes'] / 1e6:,.1f} MB", f"stays: {row['needed']}" if row["needed"] else done]
        for row in rows
    ]
    going = sum(holding.needed is None for holding in version_holdings)
    line(columns(["version", "frees", "rows here"], table))
    return line(f"{'Would free' if dry_run else 'Freed'} {total / 1e6:,.1f} MB of {going} versions.")


def reproduce(
    reference: Version,
    *,
    into: Annotated[Path | None, typer.Option("--into", metavar="FOLDER", help="Keep the new workspace there.")] = None,
    base: Base = RECIPES,
    profile: ProfilePath = None,
    json: AsJson = False,
) -> None:
    """Make a version again from its recipe in an empty workspace, and compare the two.

    Exit status 1 where the fingerprint is the same and the content hash is not. Under another fingerprint (engine,
    libraries, processor) texts may differ: then pass rates of the same problems are compared, paired, with n and interval.

    Example: rollmill dataset reproduce arithmetic@v1
    """
    from flows.cli.live import watching
    from flows.jobs.reproduce import reproduce as again
    from flows.progress import Progress
    from storage.versions.resolve import resolve

    check_base(base)
    info = resolve(datasets_folder(), reference)
    doing(f"{info.ref}: making it again in an empty workspace")
    with tempfile.TemporaryDirectory(prefix="rollmill-") as scratch, watching() as watcher:
        folder = (into or Path(scratch) / "workspace").resolve()
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
        f"[{difference['low']:+.3f}, {difference['high']:+.3f}] ({difference['interval']})"
    )
    return "\n".join(lines)
