"""`rollmill dataset tag|untag|yank|sign-off|rebase|...`: later marks on versions, in index.json only."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, DryRun, as_json, line, note

Ref = Annotated[str, typer.Argument(metavar="DATASET", help="NAME@v2, NAME@3f9a0c1d or NAME@tag.")]
Tag = Annotated[str, typer.Argument(metavar="TAG", help="The tag, for example release.")]


def register(group: typer.Typer) -> None:
    """Add the verbs to `dataset`."""
    for verb in (tag, untag, yank, unyank, rebase):
        group.command(verb.__name__)(verb)
    group.command("sign-off")(sign_off)
    group.command("rebuild-index")(rebuild_index)


def tag(
    reference: Ref,
    name: Tag,
    *,
    move: Annotated[bool, typer.Option("--move", help="Take the tag off another version.")] = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Give a version a name.

    Example: rollmill dataset tag arithmetic@v2 release
    """
    from rollmill.storage.versions.upkeep import marks

    def change(workspace: Any) -> Any:
        return marks.tag(workspace, reference, name, move=move)

    _mark(reference, change, f"{name} points to", dry_run=dry_run, json=json)


def untag(reference: Ref, name: Tag, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Take a name off a version.

    Example: rollmill dataset untag arithmetic@v2 release
    """
    from rollmill.storage.versions.upkeep import marks

    _mark(reference, lambda ws: marks.untag(ws, reference, name), f"{name} is off", dry_run=dry_run, json=json)


def yank(
    reference: Ref,
    *,
    reason: Annotated[str, typer.Option(help="Reason, shown to readers.")],
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Withdraw a version: it stays readable by number, but the dataset's bare name no longer means it.

    Example: rollmill dataset yank arithmetic@v1 --reason "wrong references in template ages"
    """
    from rollmill.storage.versions.upkeep import marks

    _mark(reference, lambda ws: marks.yank(ws, reference, reason), "withdrawn:", dry_run=dry_run, json=json)
    from rollmill.flows.cli.datasets.dataset_models import users_of
    from rollmill.flows.cli.datasets.dataset_sharing import datasets_folder
    from rollmill.storage.versions.resolve import resolve

    if users := [user["model"] for user in users_of(resolve(datasets_folder(), reference)) if user["yanked"] is None]:
        then = f"rollmill model yank {users[0]} --reason TEXT"
        note(f"Models trained on it, which stay usable: {', '.join(users)}. Next: {then}")


def unyank(reference: Ref, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Take a withdrawal back.

    Example: rollmill dataset unyank arithmetic@v1
    """
    from rollmill.storage.versions.upkeep import marks

    _mark(reference, lambda ws: marks.unyank(ws, reference), "usable again:", dry_run=dry_run, json=json)


def sign_off(
    reference: Ref,
    *,
    by: Annotated[str, typer.Option(help="Name of the person who signs.")],
    note: Annotated[str, typer.Option(help="What the person checked.")] = "",
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Record a person's sign-off of a version, with the day; index.json and `dataset show` name the signer.

    Example: rollmill dataset sign-off arithmetic@v2 --by ann --note "read 100 rows"
    """
    from rollmill.storage.versions.upkeep import marks

    _mark(reference, lambda ws: marks.sign_off(ws, reference, by, note), f"{by} stands for", dry_run=dry_run, json=json)


def rebase(
    name: Annotated[str, typer.Argument(metavar="DATASET", help="The dataset's bare name.")],
    *,
    keep: Annotated[
        str | None,
        typer.Option(help="Side that keeps its numbers, in git's words: ours or theirs. By default the other clone's."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Settle two clones that both made the same version number: one side's versions get the next free numbers.

    By default the versions from the other side keep their numbers: those that a merge brings in, or those below your
    commits in a git rebase.

    Example: rollmill dataset rebase arithmetic
    """
    from rollmill.ground.errors import unknown_name
    from rollmill.storage.versions.upkeep.rebase import rebase as settle
    from rollmill.storage.workspace import Workspace

    if keep not in (None, "theirs", "ours"):
        raise unknown_name("side", keep, ("theirs", "ours"))
    with Workspace.open() as workspace:
        side: Any = keep
        settled = settle(workspace, name, keep=side)
    if json:
        return as_json(asdict(settled))
    for old, new in settled.renamed.items():
        line(f"{old} is now {new}")
    for tag, folder in settled.tags_kept.items():
        line(f"the tag {tag!r}, which both sides gave, stays with {folder}")
    return line("Settled." if settled.git_add is None else f"Next: {settled.git_add} && {settled.git_next}, then git push")


def rebuild_index(
    name: Annotated[str, typer.Argument(metavar="DATASET", help="The dataset's bare name.")],
    *,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Write the lost index.json of a dataset again, from the manifests of its versions; sign-offs do not come back.

    Where git has the file, `git checkout` is better.

    Example: rollmill dataset rebuild-index arithmetic --dry-run
    """
    from rollmill.storage.versions.upkeep.repair import rebuild_index as rebuild
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        rebuilt = rebuild(workspace, name, dry_run=dry_run)
    if json:
        folders = [entry.folder for entry in rebuilt.index.versions]
        return as_json({"dataset": name, "versions": folders, "left_out": list(rebuilt.left_out), "dry_run": dry_run})
    for entry in rebuilt.index.versions:
        line(f"{entry.folder}  {entry.rows:,} rollouts, {entry.kept:,} kept, {entry.created_at}")
    for folder in rebuilt.left_out:
        line(f"{folder}  left out: its manifest is not here")
    if dry_run:
        return line("Nothing was written (--dry-run).")
    return line(f"Next: rollmill dataset verify {name}, then git add the dataset's index.json")


def _mark(reference: str, change: Any, phrase: str, *, dry_run: bool, json: bool) -> None:
    from rollmill.storage.versions.resolve import resolve
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        info = resolve(workspace.datasets, reference) if dry_run else change(workspace)
    if json:
        return as_json({"version": info.ref, "tags": list(info.tags), "yanked": info.yanked, "dry_run": dry_run})
    return line(f"{'Would be: ' if dry_run else ''}{phrase} {info.ref}.")
