"""Verbs that dataset and model share for marks on versions and for their index: tag, untag, yank, unyank, sign-off, rebase,
rebuild-index. They change index.json and never a version.
"""

import inspect
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from rollmill.flows.cli.output import AsJson, DryRun, as_json, line

if TYPE_CHECKING:
    from rollmill.storage.artifacts.kind import ArtifactKind
    from rollmill.storage.artifacts.rebase import Side

Ref = Annotated[str, typer.Argument(metavar="VERSION", help="NAME@v2, NAME@3f9a0c1d or NAME@tag.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The bare name, without a version.")]
Tag = Annotated[str, typer.Argument(metavar="TAG", help="The tag, for example release.")]


def kind_of(noun: str) -> "ArtifactKind[Any, Any]":
    """The kind of artifacts that a group of commands is about."""
    if noun == "dataset":
        from rollmill.storage.versions.kind import DATASETS

        return DATASETS
    from rollmill.storage.models.kind import MODEL_KIND

    return MODEL_KIND


def register(group: typer.Typer, verbs: object, names: str, words: dict[str, str]) -> None:
    """Add methods of `verbs` to a group, under their names with hyphens. `words`: what braces in their help stand for."""
    for name in names.split():
        method = getattr(verbs, name.replace("-", "_"))
        group.command(name, help=inspect.cleandoc(method.__doc__).format_map(words))(method)


class ArtifactMarks:
    """The verbs of one kind, `noun`."""

    NAMES = "tag untag yank unyank sign-off rebase rebuild-index"

    def __init__(self, noun: str) -> None:
        self.noun = noun

    def tag(
        self,
        reference: Ref,
        name: Tag,
        *,
        move: Annotated[bool, typer.Option("--move", help="Take the tag off another version.")] = False,
        dry_run: DryRun = False,
        json: AsJson = False,
    ) -> None:
        """Give a version a name.

        Example: rollmill {noun} tag {name}@v2 release
        """
        from rollmill.storage.artifacts import marks

        self._mark(partial(marks.tag, move=move), (reference, name), f"{name} points to", dry_run=dry_run, json=json)

    def untag(self, reference: Ref, name: Tag, *, dry_run: DryRun = False, json: AsJson = False) -> None:
        """Take a name off a version.

        Example: rollmill {noun} untag {name}@v2 release
        """
        from rollmill.storage.artifacts import marks

        self._mark(marks.untag, (reference, name), f"{name} is off", dry_run=dry_run, json=json)

    def yank(
        self,
        reference: Ref,
        *,
        reason: Annotated[str, typer.Option(help="Reason, shown to readers.")],
        dry_run: DryRun = False,
        json: AsJson = False,
    ) -> None:
        """Withdraw a version: it can still be named by its number, but the bare name no longer means it.

        Example: rollmill {noun} yank {name}@v1 --reason "{reason}"
        """
        from rollmill.storage.artifacts import marks

        self._mark(marks.yank, (reference, reason), "withdrawn:", dry_run=dry_run, json=json)
        self.warn_users(reference)

    def unyank(self, reference: Ref, *, dry_run: DryRun = False, json: AsJson = False) -> None:
        """Take a withdrawal back.

        Example: rollmill {noun} unyank {name}@v1
        """
        from rollmill.storage.artifacts import marks

        self._mark(marks.unyank, (reference,), "usable again:", dry_run=dry_run, json=json)

    def sign_off(
        self,
        reference: Ref,
        *,
        by: Annotated[str, typer.Option(help="Name of the person who signs.")],
        note: Annotated[str, typer.Option(help="What the person checked.")] = "",
        dry_run: DryRun = False,
        json: AsJson = False,
    ) -> None:
        """Record a person's sign-off of a version, with the day; index.json and `{noun} show` name the signer.

        Example: rollmill {noun} sign-off {name}@v2 --by ann --note "read 100 rows"
        """
        from rollmill.storage.artifacts import marks

        self._mark(marks.sign_off, (reference, by, note), f"{by} stands for", dry_run=dry_run, json=json)

    def rebase(
        self,
        name: Name,
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

        Example: rollmill {noun} rebase {name}
        """
        from rollmill.ground.errors import unknown_name
        from rollmill.storage.artifacts.rebase import rebase as settle
        from rollmill.storage.workspace import Workspace

        if keep not in (None, "theirs", "ours"):
            raise unknown_name("side", keep, ("theirs", "ours"))
        with Workspace.open() as workspace:
            settled = settle(kind_of(self.noun), workspace, name, keep=cast("Side | None", keep))
        if json:
            return as_json(asdict(settled))
        for old, new in settled.renamed.items():
            line(f"{old} is now {new}")
        for tag, folder in settled.tags_kept.items():
            line(f"the tag {tag!r}, which both sides gave, stays with {folder}")
        add = settled.git_add
        return line("Settled." if add is None else f"Next: {add} && {settled.git_next}, then git push")

    def rebuild_index(self, name: Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
        """Write a lost index.json again, from the manifests of the versions; sign-offs do not come back.

        Where git has the file, `git checkout` is better.

        Example: rollmill {noun} rebuild-index {name} --dry-run
        """
        from rollmill.storage.artifacts.repair import rebuild_index as rebuild
        from rollmill.storage.workspace import Workspace

        with Workspace.open() as workspace:
            rebuilt = rebuild(kind_of(self.noun), workspace, name, dry_run=dry_run)
        folders = [entry.folder for entry in rebuilt.index.versions]
        if json:
            left = list(rebuilt.left_out)
            return as_json({self.noun: name, "versions": folders, "left_out": left, "dry_run": dry_run})
        for entry in rebuilt.index.versions:
            line(f"{entry.folder}  {self.contents(entry)}, {entry.created_at}")
        for folder in rebuilt.left_out:
            line(f"{folder}  left out: its manifest is not here")
        if dry_run:
            return line("Nothing was written (--dry-run).")
        return line(f"Next: rollmill {self.noun} verify {name}, then git add the {self.noun}'s index.json")

    def warn_users(self, reference: str) -> None:
        """Name what was made from a withdrawn version and stays usable."""

    def contents(self, entry: Any) -> str:
        """Contents of an entry, in words."""
        raise NotImplementedError

    def _mark(self, change: Callable[..., Any], given: tuple[str, ...], phrase: str, *, dry_run: bool, json: bool) -> None:
        """Make a change to the version that `given` names first, and say so."""
        from rollmill.storage.workspace import Workspace

        kind = kind_of(self.noun)
        with Workspace.open() as workspace:
            version = kind.resolve(kind.root(workspace), given[0]) if dry_run else change(kind, workspace, *given)
        if json:
            row = {"version": version.ref, "tags": list(version.tags), "yanked": version.yanked}
            return as_json({**row, "dry_run": dry_run})
        return line(f"{'Would be: ' if dry_run else ''}{phrase} {version.ref}.")
