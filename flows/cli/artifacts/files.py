"""Verbs that dataset and model share for the files of versions: push, pull, checkout, gc, remove, rename."""

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.artifacts.marks import Name, kind_of
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.ground.errors import SetupError

if TYPE_CHECKING:
    from rollmill.storage.artifacts.references import ArtifactVersion

Reference = Annotated[
    str | None, typer.Argument(metavar="NAME", help="NAME (all its versions), NAME@v2 or NAME@tag; all of them by default.")
]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="NAME, NAME@v2, NAME@3f9a0c1d or NAME@tag.")]
Remote = Annotated[str | None, typer.Option("--remote", metavar="NAME", help="A DVC remote; the default one.")]


class ArtifactFiles:
    """The verbs of one kind, `noun`. `key`: key of a recipe with the name under which it publishes."""

    NAMES = "push pull checkout gc remove rename"

    def __init__(self, noun: str, key: str) -> None:
        self.noun, self.key = noun, key

    def push(
        self,
        reference: Reference = None,
        *,
        remote: Remote = None,
        dry_run: DryRun = False,
        json: AsJson = False,
    ) -> None:
        """Copy the {files} of versions to a DVC remote, so that other clones can pull them.

        Without a name every version whose {files} are here.

        Example: rollmill {noun} push {name}
        """
        from rollmill.storage.artifacts import sharing

        kind = kind_of(self.noun)
        versions = self.named(reference, lambda version: kind.is_here(version) and version.pointer.exists())
        if dry_run:
            return say_only("Would push", [version.ref for version in versions], json=json)
        shared = sharing.push(kind, versions, remote)
        if json:
            return as_json({"versions": shared.versions, "dvc": shared.summary, "git": shared.git})
        then = f"git commit && git push, then there: rollmill {self.noun} pull"
        commit = "" if shared.git is None else f"\nNext: {shared.git} && {then}"
        return line(f"Pushed {', '.join(shared.versions)}: {shared.summary}{commit}")

    def pull(
        self, reference: Reference = None, *, remote: Remote = None, dry_run: DryRun = False, json: AsJson = False
    ) -> None:
        """Fetch the {files} of versions from a DVC remote, and compare them with what was published.

        Without a name: every version whose {files} are not here. The list of versions is in git: run `git pull` first.

        Example: rollmill {noun} pull {name}@v2
        """
        from rollmill.storage.artifacts import sharing

        kind = kind_of(self.noun)
        versions = self.named(reference, lambda version: not kind.is_here(version))
        if dry_run:
            return say_only("Would pull", [version.ref for version in versions], json=json)
        shared = sharing.pull(kind, versions, remote)
        if json:
            return as_json({"versions": shared.versions, "dvc": shared.summary})
        told = f"Pulled {', '.join(shared.versions)}: {shared.summary}"
        return line(f"{told}\nNext: rollmill {self.noun} show {shared.versions[-1]}")

    def checkout(self, reference: Version, *, dry_run: DryRun = False, json: AsJson = False) -> None:
        """Restore the published files of a version from DVC's cache in this clone; contacts no remote.

        For {files} that were removed, damaged or edited here; `{noun} pull` fetches files that the cache lacks. A bare name
        means an older version once the newer ones are withdrawn: `{noun} yank`.

        Example: rollmill {noun} checkout {name}@v1
        """
        from rollmill.storage.artifacts import sharing

        kind = kind_of(self.noun)
        version = self.resolved(reference)
        whole = kind.is_whole(version)
        if not dry_run:
            sharing.restore(kind, [version])
        if json:
            return as_json({"version": version.ref, "path": str(version.path), "was_whole": whole, "dry_run": dry_run})
        before = "its files were whole" if whole else "files were missing or damaged"
        return line(
            f"{'Would put' if dry_run else 'Put'} {version.ref} back as it was published ({before}): {version.path}"
        )

    def gc(
        self,
        reference: Reference = None,
        *,
        keep: Annotated[int, typer.Option("--keep", metavar="N", help="The newest N of each name stay.")] = 1,
        remote: Remote = None,
        dry_run: DryRun = False,
        json: AsJson = False,
    ) -> None:
        """Remove the {files} of old versions from this clone, if a DVC remote has a copy; nothing is lost.

        The newest version stays, as do versions with a tag or a sign-off, and the parent of each of these. Freed versions
        are listed and shown as before; `{noun} pull` brings their {files} back. `rollmill gc` tidies segments.

        Example: rollmill {noun} gc {name} --dry-run
        """
        from rollmill.storage.artifacts.freeing import free, holdings
        from rollmill.storage.workspace import Workspace

        kind = kind_of(self.noun)
        held = [
            holding
            for _, members in groupby(self.named(reference, kind.is_here), key=lambda version: version.name)
            for holding in holdings(kind, list(members), keep=keep, remote=remote)
        ]
        total = sum(holding.bytes for holding in held)
        rows: list[dict[str, Any]] = [
            {"version": holding.version.ref, "needed": holding.needed, "bytes": holding.bytes} for holding in held
        ]
        if not dry_run:
            with Workspace.open() as workspace:
                free(kind, workspace, held)
        if json:
            return as_json({"versions": rows, "bytes": total, "dry_run": dry_run})
        done = "would go" if dry_run else "gone"
        table = [
            [row["version"], f"{row['bytes'] / 1e6:,.1f} MB", f"stays: {row['needed']}" if row["needed"] else done]
            for row in rows
        ]
        going = sum(holding.needed is None for holding in held)
        line(columns(["version", "frees", f"{kind.files} here"], table))
        return line(f"{'Would free' if dry_run else 'Freed'} {total / 1e6:,.1f} MB of {going} versions.")

    def remove(self, name: Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
        """Remove a {noun} with all of its versions from this clone; refused while a model or a dataset rests on it.

        {kept}

        Example: rollmill {noun} remove trial-run --dry-run
        """
        from rollmill.storage.artifacts import removing
        from rollmill.storage.workspace import Workspace

        with Workspace.open() as workspace:
            count = removing.remove(kind_of(self.noun), workspace, name, self.users, dry_run=dry_run)
        if json:
            return as_json({self.noun: name, "versions": count, "removed": not dry_run})
        verb = f"Would remove {name}" if dry_run else f"Removed {name}"
        return line(f"{verb}, {count} version{'' if count == 1 else 's'}. Next: git add -A {self.noun}s/{name}")

    def rename(self, name: Name, new: Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
        """Give a {noun} another name; refused while a model or a dataset rests on it.

        Its recipe needs the key `{key}` with the new name, or it publishes under the old one.

        Example: rollmill {noun} rename trial-run {name}-2
        """
        from rollmill.storage.artifacts import removing
        from rollmill.storage.workspace import Workspace

        with Workspace.open() as workspace:
            count = removing.rename(kind_of(self.noun), workspace, (name, new), self.users, dry_run=dry_run)
        if json:
            return as_json({self.noun: new, "before": name, "versions": count, "renamed": not dry_run})
        told = f"{'Would rename' if dry_run else 'Renamed'} {name} to {new}. Its recipe needs {self.key}: {new}."
        return line(f"{told} Next: git add -A {self.noun}s/{name} {self.noun}s/{new}")

    def users(self, version: Any) -> Iterable[str]:  # noqa: ARG002 (other kinds look)
        """Names of what else rests on a version, beside what its kind finds."""
        return ()

    def resolved(self, reference: str) -> Any:
        """The version of a reference."""
        from rollmill.storage.workspace import Workspace

        kind = kind_of(self.noun)
        with Workspace.open() as workspace:
            return kind.resolve(kind.root(workspace), reference)

    def named(self, reference: str | None, condition: "Callable[[Any], bool]") -> "list[ArtifactVersion]":
        """The versions that a reference names; without one, all versions that match."""
        from rollmill.storage.artifacts.index import artifact_names
        from rollmill.storage.workspace import Workspace

        kind = kind_of(self.noun)
        with Workspace.open() as workspace:
            root = kind.root(workspace)
        if reference is None:
            versions = [version for version in kind.every(root) if condition(version)]
        else:
            known = reference in artifact_names(root)
            versions = kind.versions(root, reference) if known else [kind.resolve(root, reference)]
        if not versions:
            raise SetupError(
                "there is no version to share: all are shared already, or none is published.",
                next_command=f"rollmill {self.noun} list",
            )
        return versions


def say_only(what: str, versions: list[str], *, json: bool) -> None:
    """Print what a command would do to these versions."""
    return as_json({"versions": versions}) if json else line(f"{what} {', '.join(versions)}.")
