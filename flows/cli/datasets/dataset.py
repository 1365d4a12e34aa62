"""`rollmill dataset list|show|path|diff|verify|why`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.artifacts.files import Version
from rollmill.flows.cli.artifacts.marks import ArtifactMarks
from rollmill.flows.cli.artifacts.marks import register as register_shared
from rollmill.flows.cli.datasets import (
    dataset_checks,
    dataset_export,
    dataset_models,
    dataset_rows,
    dataset_sharing,
    dataset_upkeep,
)
from rollmill.flows.cli.datasets.dataset_sharing import RECIPES, Base, DatasetFiles, check_base, datasets_folder
from rollmill.flows.cli.output import AsJson, as_json, columns, line, note
from rollmill.flows.cli.recipe import TrustCode
from rollmill.flows.cli.runs_cost import require_runs
from rollmill.ground.errors import FoundWanting, SetupError

if TYPE_CHECKING:
    from rollmill.storage.versions.resolve import VersionInfo

SHOWN = 10  # differences of a kind that are printed
verbs = group("dataset", "See, compare, check and export dataset versions.")


WORDS = {
    "noun": "dataset",
    "name": "arithmetic",
    "files": "rows",
    "key": "dataset",
    "reason": "wrong references in template ages",
    "kept": "Completions and verdicts stay in the workspace: the same recipe publishes it again and draws nothing.",
}


class DatasetMarks(ArtifactMarks):
    """The marks on dataset versions; a withdrawal names the models that were trained on the version."""

    def warn_users(self, reference: str) -> None:
        """Name the models that were trained on it."""
        from rollmill.storage.versions.resolve import resolve

        used = dataset_models.users_of(resolve(datasets_folder(), reference))
        if users := [user["model"] for user in used if user["yanked"] is None]:
            then = f"rollmill model yank {users[0]} --reason TEXT"
            note(f"Models trained on it, which stay usable: {', '.join(users)}. Next: {then}")

    def contents(self, entry: Any) -> str:
        """Its counts."""
        return f"{entry.rows:,} rollouts, {entry.kept:,} kept"


@verbs.command("list")
def list_(*, json: AsJson = False) -> None:
    """Every version of every dataset.

    Example: rollmill dataset list
    """
    from rollmill.storage.artifacts.index import artifact_names
    from rollmill.storage.artifacts.references import lost_indexes
    from rollmill.storage.versions.resolve import versions

    folder = datasets_folder()
    rows: list[dict[str, Any]] = []
    broken: list[str] = []
    for name in sorted([*artifact_names(folder), *lost_indexes(folder)]):
        try:
            rows += [_row(info) for info in versions(folder, name)]
        except SetupError as error:  # its own trouble: the others are listed all the same
            broken.append(str(error))
    if json:
        as_json(rows)
    elif rows:
        keys = ("version", "content", "problems", "rollouts", "kept", "tags", "made")
        shown = [{**row, "made": row["made"][:16].replace("T", " ")} for row in rows]
        line(columns(keys, [[row[key] for key in keys] for row in shown]))
        line(f"Next: rollmill dataset show {rows[-1]['version']}")
    elif not broken:
        line("No datasets. Next: rollmill curate recipes/arithmetic.yaml")
    if broken:
        raise FoundWanting("\n".join(broken))


@verbs.command("show")
def show(
    reference: Version,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Print the whole card instead: every metric, recipe, hashes.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Contents of a version: counts, origin, pass rates by level; --full prints its card.

    Example: rollmill dataset show arithmetic@v1
    """
    from rollmill.flows.cli.datasets.dataset_pages import version_page
    from rollmill.storage.versions.content.card import card
    from rollmill.storage.versions.read import is_here, load_manifest, require_published
    from rollmill.storage.versions.resolve import resolve

    info = resolve(datasets_folder(), reference)
    manifest = load_manifest(info)
    if is_here(info):
        require_published(info)
    if json:
        users = [user["model"] for user in dataset_models.users_of(info)]
        return as_json({**_row(info), "path": str(info.path), "used_by": users, "manifest": manifest})
    return typer.echo(card(manifest), nl=False) if full else line(version_page(info, manifest, here=is_here(info)))


@verbs.command("path")
def path(
    reference: Version,
    *,
    file: Annotated[bool, typer.Option("--file", help="The database file instead of the folder.")] = False,
    json: AsJson = False,
) -> None:
    """Path of a version's files, for scripts; where they are not in this clone, the command that fetches them.

    Writes `dataset.duckdb` for the place where the folder is now, and the files of kept rows if they are missing.

    Example: rollmill dataset path arithmetic --file
    """
    from rollmill.storage.versions.index import load_index, point_latest
    from rollmill.storage.versions.read import fetch_command, is_here, write_derived
    from rollmill.storage.versions.resolve import resolve

    info = resolve(datasets_folder(), reference)
    if not is_here(info):
        raise SetupError(f"the rows of {info.ref} are not in this clone.", next_command=fetch_command(info))
    point_latest(info.path.parent.parent, load_index(info.path.parent.parent, info.name))
    write_derived(info)
    place = info.path / "dataset.duckdb" if file else info.path
    return as_json({"version": info.ref, "path": str(place)}) if json else typer.echo(str(place))


@verbs.command("diff")
def diff(
    before: Annotated[str, typer.Argument(help="The earlier version.")],
    after: Annotated[str | None, typer.Argument(help="The later version; the newest by default.")] = None,
    *,
    json: AsJson = False,
) -> None:
    """Differences between two versions and their causes: recipe, verifiers, problems, rollouts, outcomes, metrics.

    Example: rollmill dataset diff arithmetic@v1 arithmetic@v2
    """
    from rollmill.storage.versions.diff import describe
    from rollmill.storage.versions.diff import diff as compare
    from rollmill.storage.versions.resolve import resolve, versions

    folder = datasets_folder()
    old, new = resolve(folder, before), resolve(folder, after or before.partition("@")[0])
    if after is None and old.folder == new.folder:
        raise _nothing_after(new, [info.ref for info in versions(folder, new.name) if info.folder != new.folder])
    changes = compare(old, new)
    return as_json(changes.json()) if json else line("\n".join(describe(changes)))


@verbs.command("verify")
def verify(
    reference: Version,
    *,
    base: Base = RECIPES,
    every: Annotated[bool, typer.Option("--all", help="Judge every rollout again, not only those kept.")] = False,
    trust_code: TrustCode = None,
    json: AsJson = False,
) -> None:
    """Check a version: recompute its hashes, derive every decision again, judge its kept rollouts again.

    --all judges the others too, with each verifier that judged them before. Exit status 1 if anything differs. Verdicts and
    decisions that only another version of their method could reproduce are listed; they do not count as differences. Nor do
    those of Python files that came with the version: --trust-code names one after you read it, and it runs in the sandbox.

    Example: rollmill dataset verify arithmetic@v1
    """
    from rollmill.flows.rejudging.verification import verify_version
    from rollmill.pipelines.own_code import trusting
    from rollmill.storage.versions.resolve import resolve

    check_base(base)
    with trusting(trust_code or ()):
        verification = verify_version(resolve(datasets_folder(), reference), base=base, every=every)
    if json:
        as_json(verification.json())
    else:
        counts = verification.checked
        line(
            f"{verification.version}: {counts['decisions']:,} decisions of {counts['problems']:,} problems derived again, "
            f"{counts['rejudged']:,} {'rollouts, all,' if every else 'kept rollouts'} judged again, "
            f"{counts['hashes']} hashes recomputed."
        )
        if verification.left_out:
            line(f"Not judged again: {verification.left_out:,} rollouts that are not kept; --all does it.")
        for part in verification.unchecked:
            done = "judged" if part.kind == "verdicts" else "derived"
            line(f"Not {done} again: {part.count:,} {part.kind} of {part.method}; {part.why}.")
        for kind, differences in verification.differences.items():
            line(f"  {kind:<10} {verification.result(kind)}")
            for text in differences[:SHOWN]:
                line(f"    {text}")
    if not verification.passed:
        total = sum(len(differences) for differences in verification.differences.values())
        raise FoundWanting(f"{verification.version} does not verify: {total:,} differences.")


@verbs.command("why")
def why(
    reference: Annotated[str, typer.Argument(metavar="DATASET|RUN", help="As elsewhere, or the id of a run.")],
    identity: Annotated[str, typer.Argument(metavar="ID", help="The first digits of a completion's or problem's id.")],
    *,
    json: AsJson = False,
) -> None:
    """History of one completion or problem in a version: prompt, seed, verdicts, decision, versions.

    For a run, or a dataset without a version, the history comes from the run's plan, even if the gate refused the rows.

    Example: rollmill dataset why arithmetic 3f9a0c1d
    """
    require_runs(reference)
    from rollmill.flows.cli.datasets.dataset_pages import history_page
    from rollmill.storage.queries import Reader, named_scope
    from rollmill.storage.queries.browse.why import run_of, why_in_run
    from rollmill.storage.queries.browse.why import why as look_up
    from rollmill.storage.versions.resolve import resolve

    with Reader.open() as reader:
        scope = named_scope(reader, reference)
        if scope is not None and scope.version is not None:
            history = look_up(scope.version, identity)
        elif (run := run_of(reader, reference)) is not None:
            history = why_in_run(reader, run, identity)
        else:
            history = look_up(resolve(reader.datasets, reference), identity)  # says what there is
    return as_json(history.json()) if json else line(history_page(history))


dataset_checks.register(verbs)
dataset_export.register(verbs)
register_shared(verbs, DatasetMarks("dataset"), DatasetMarks.NAMES, WORDS)
dataset_models.register(verbs)
dataset_rows.register(verbs)
dataset_sharing.register(verbs)
dataset_upkeep.register(verbs)
register_shared(verbs, DatasetFiles("dataset", "dataset"), DatasetFiles.NAMES, WORDS)


def _nothing_after(newest: "VersionInfo", others: list[str]) -> SetupError:
    if others:
        command = f"rollmill dataset diff {others[-1]} {newest.ref}"
        return SetupError(f"{newest.ref} is the newest; name an earlier version too.", choices=others, next_command=command)
    return SetupError(
        f"{newest.ref} is the only version: there is nothing to compare.", next_command="rollmill curate RECIPE"
    )


def _row(info: "VersionInfo") -> dict[str, Any]:
    return {
        "version": info.ref,
        "content": info.content_hash[:8],
        "problems": info.problems,
        "rollouts": info.rows,
        "kept": info.kept,
        "parent": info.parent[:8] if info.parent else None,
        "tags": ", ".join(info.tags) + (f" (yanked: {info.yanked})" if info.yanked else ""),
        "made": info.created_at,
        "signed_off": [{"by": signoff.by, "at": signoff.at, "note": signoff.note} for signoff in info.signoffs],
        "content_hash": info.content_hash,
    }
