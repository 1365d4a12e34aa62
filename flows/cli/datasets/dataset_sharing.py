"""`rollmill dataset log|push`: history of a dataset, and transfer of its rows to other clones and to the Hub."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.artifacts.files import ArtifactFiles, Reference, Remote, say_only
from rollmill.flows.cli.datasets.dataset_models import users_of
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.ground.errors import SetupError

if TYPE_CHECKING:
    pass

Base = Annotated[Path, typer.Option(help="Folder of the recipe's own Python files, if it names any.")]
RECIPES = Path("recipes")
MOST_CHANGES = 3


def register(group: typer.Typer) -> None:
    """Add the verbs to `dataset`."""
    for verb in (log, push):
        group.command(verb.__name__)(verb)


def log(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A dataset.")],
    *,
    json: AsJson = False,
) -> None:
    """The versions of a dataset, the newest first: rows, changes of the kept rows, and changes of the recipe.

    Example: rollmill dataset log arithmetic
    """
    rows = _history(name)
    if json:
        return as_json(rows)
    head = ["version", "made", "problems", "rollouts", "kept", "change", "pass rate", "change", "what changed"]
    table = [
        [
            row["version"] + "".join(f" ({tag})" for tag in row["tags"]) + (" yanked" if row["yanked"] else ""),
            row["made"][:16].replace("T", " "),
            row["problems"],
            row["rollouts"],
            row["kept"],
            "-" if row["kept_change"] is None else f"{row['kept_change']:+,}",
            "-" if row["pass_rate"] is None else f"{row['pass_rate']:.3f}",
            "-" if row["pass_rate_change"] is None else f"{row['pass_rate_change']:+.3f}",
            _changed_lines(row["changes"]),
        ]
        for row in rows
    ]
    following = f"Next: rollmill dataset diff {rows[1]['version']} {rows[0]['version']}" if len(rows) > 1 else ""
    return line("\n".join([columns(head, table), *([following] if following else [])]))


def push(
    reference: Reference = None,
    *,
    remote: Remote = None,
    hub: Annotated[
        str | None,
        typer.Option("--hub", metavar="REPO", help="A dataset repository of the Hugging Face Hub instead."),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Make a new repository of the Hub public.")] = False,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Copy the rows of versions to a DVC remote, so that other clones can pull them, or one version to the Hub.

    Without a name every version whose rows are here. On the Hub the version is a tag of the repository, which is private
    unless --public; the token comes from HF_TOKEN or `hf auth login`.

    Example: rollmill dataset push arithmetic
    """
    if hub is not None:
        return _push_to_hub(reference, hub, public=public, dry_run=dry_run, json=json)
    return DatasetFiles("dataset", "dataset").push(reference, remote=remote, dry_run=dry_run, json=json)


class DatasetFiles(ArtifactFiles):
    """The verbs on the files of dataset versions, which models may have been trained on."""

    NAMES = "pull checkout gc remove rename"

    def users(self, version: Any) -> list[str]:
        """The models that were trained on a version."""
        return [f"model {user['model']}" for user in users_of(version)]


def _push_to_hub(reference: str | None, hub: str, *, public: bool, dry_run: bool, json: bool) -> None:
    from rollmill.storage.versions.hub import push_to_hub
    from rollmill.storage.versions.resolve import resolve

    if reference is None:
        raise SetupError("--hub takes one version.", next_command=f"rollmill dataset push NAME@v1 --hub {hub}")
    info = resolve(datasets_folder(), reference)
    if dry_run:
        return say_only(f"Would push to the Hub's {hub}:", [info.ref], json=json)
    pushed = push_to_hub(info, hub, private=not public)
    if json:
        return as_json({"version": info.ref, **asdict(pushed)})
    loaded = f'datasets.load_dataset("{hub}", revision="{pushed.tag}")'
    return line(f"{info.ref} is {pushed.url}\n  in Python  {loaded}")


def datasets_folder() -> Path:
    """The folder of the workspace's datasets."""
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        return workspace.datasets


def check_base(base: Path) -> None:
    """SetupError for a folder of the recipe's files that was named and is not there."""
    if base != RECIPES and not base.is_dir():
        raise SetupError(f"no folder {base}.", next_command="--base FOLDER, the folder of the recipe's own Python files")


def _history(name: str) -> list[dict[str, Any]]:
    """One row per version, the newest first, with the differences of its manifest from its parent's."""
    from rollmill.storage.versions.history import history

    return [step.json() for step in history(datasets_folder(), name.partition("@")[0])]


def _changed_lines(changed: list[dict[str, Any]]) -> str:
    """The first changes in words; versions of verifiers are long, and which changed is enough."""
    shown = [
        f"{change['key'].removeprefix('recipe.')}"
        + ("" if change["key"].startswith("verifier.") else f" {change['old']} -> {change['new']}")
        for change in changed[:MOST_CHANGES]
    ]
    more = len(changed) - len(shown)
    return "; ".join(shown) + (f"; {more} more" if more > 0 else "")
