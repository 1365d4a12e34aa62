"""`rollmill dataset list|show|diff|verify|export|why` and the marks on versions."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import group
from flows.cli.datasets import dataset_marks, dataset_sharing, dataset_upkeep
from flows.cli.datasets.dataset_sharing import RECIPES, Base, Version, check_base, datasets_folder
from flows.cli.output import AsJson, DryRun, as_json, columns, line
from storage.ground.errors import FoundWanting, SetupError

if TYPE_CHECKING:
    from storage.exports import Beside, ExportFile, ExportValidation, MixPart
    from storage.versions.resolve import VersionInfo

SHOWN = 10  # differences of a kind that are printed
verbs = group("dataset", "See, compare, check and export dataset versions.")


@verbs.command("list")
def list_(*, json: AsJson = False) -> None:
    """Every version of every dataset.

    Example: rollmill dataset list
    """
    from storage.versions.index import dataset_names
    from storage.versions.resolve import lost_indexes, versions

    folder = datasets_folder()
    rows: list[dict[str, Any]] = []
    broken: list[str] = []
    for name in sorted([*dataset_names(folder), *lost_indexes(folder)]):
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
    from flows.cli.datasets.dataset_pages import version_page
    from storage.versions.content.card import card
    from storage.versions.read import is_here, load_manifest, require_published
    from storage.versions.resolve import resolve

    info = resolve(datasets_folder(), reference)
    manifest = load_manifest(info)
    if is_here(info):
        require_published(info)
    if json:
        return as_json({**_row(info), "path": str(info.path), "manifest": manifest})
    return typer.echo(card(manifest), nl=False) if full else line(version_page(info, manifest, here=is_here(info)))


@verbs.command("path")
def path(
    reference: Version,
    *,
    file: Annotated[bool, typer.Option("--file", help="The database file instead of the folder.")] = False,
    json: AsJson = False,
) -> None:
    """Path of a version's files, for scripts; where they are not in this clone, the command that fetches them.

    Example: rollmill dataset path arithmetic --file
    """
    from storage.versions.index import load_index, point_latest
    from storage.versions.read import fetch_command, is_here, materialise
    from storage.versions.resolve import resolve
    from storage.workspace import STATE

    info = resolve(datasets_folder(), reference)
    if not is_here(info):
        raise SetupError(f"the rows of {info.ref} are not in this clone.", next_command=fetch_command(info))
    point_latest(info.path.parent.parent, load_index(info.path.parent.parent, info.name))
    whole = info.path / "dataset.duckdb"
    place = info.path
    if file:  # of a version of shards it is written when somebody asks for it, outside of the version
        elsewhere = info.path.parents[2] / STATE / "materialised" / f"{info.name}-{info.folder}.duckdb"
        place = whole if whole.exists() else materialise(info, elsewhere)
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
    from storage.versions.diff import describe
    from storage.versions.diff import diff as compare
    from storage.versions.resolve import resolve, versions

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
    json: AsJson = False,
) -> None:
    """Check a version: recompute its hashes, derive every decision again, judge its kept rollouts again.

    --all judges the others too, by each verifier that they were shown to. Exit status 1 if anything differs.

    Example: rollmill dataset verify arithmetic@v1
    """
    from flows.rejudging.verification import verify_version
    from storage.versions.resolve import resolve

    check_base(base)
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
        if not every and (left := counts["decisions"] - counts["rejudged"]):
            line(f"Not judged again: {left:,} rollouts that are not kept; --all does it.")
        for kind, differences in verification.differences.items():
            line(f"  {kind:<10} {'all the same' if not differences else f'{len(differences):,} differ'}")
            for text in differences[:SHOWN]:
                line(f"    {text}")
    if not verification.passed:
        total = sum(len(differences) for differences in verification.differences.values())
        raise FoundWanting(f"{verification.version} does not verify: {total:,} differences.")


@verbs.command("export")
def export(  # noqa: PLR0913 (a verb's parameters are its options)
    references: Annotated[list[str], typer.Argument(metavar="DATASET...", hidden=True)],
    *,
    fmt: Annotated[
        str, typer.Option("--format", help="Format of a row (docs/how-to/export-for-a-trainer.md); a wrong name lists all.")
    ] = "sft",
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl or .parquet.")],
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="An option of the format.")
    ] = None,
    validation: Annotated[
        Path | None, typer.Option("--validation", help="Some whole templates go to this file instead.")
    ] = None,
    share: Annotated[
        float | None, typer.Option("--share", help="The least share of rows for validation, 0.1 by default.")
    ] = None,
    hub: Annotated[
        bool, typer.Option("--hub", help="--out is a folder as the Hugging Face Hub has it: Parquet and the card.")
    ] = False,
    take: Annotated[
        list[str] | None,
        typer.Option("--take", metavar="DATASET=N", help="Of this one whole problems, until N rows are reached."),
    ] = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Write a version (NAME, NAME@v2 or NAME@tag), or a mix of several, as a file that trainers read.

    Example: rollmill dataset export arithmetic --format pairs --out pairs.jsonl --set max_pairs=2
    """
    from storage.exports import EXPORTS, ExportValidation

    parts = _parts(references, take or ())
    names = ", ".join(part.info.ref for part in parts)
    settings = _options(fmt, options or ())
    if hub:
        folder, out, validation = out, *_hub_files(parts, out, validation, split=share is not None)
    if share is not None and validation is None:
        raise SetupError("--share is of a second file.", next_command=f"--validation validation{out.suffix}")
    outs = _different(out, validation)
    if dry_run:
        text = f"Would write {names} as {fmt} to {' and '.join(map(str, outs))}."
        return as_json({"version": names, "format": fmt, "formats": sorted(EXPORTS)}) if json else line(text)
    _ask_before_replacing(outs)
    second = None if validation is None else ExportValidation(validation, 0.1 if share is None else share)
    export_file = _write(parts, fmt, out, second, settings)
    _require_rows(names, fmt, export_file)
    if hub:
        _write_card(parts[0].info, folder, fmt, export_file)
    return _say_written(names, export_file, json=json)


def _write(
    parts: "Sequence[MixPart]", fmt: str, out: Path, validation: "ExportValidation | None", options: dict[str, Any]
) -> "ExportFile":
    """Write one version as it is, or a mix of several."""
    from flows.recipe.servers import server_keys
    from storage.exports import export as export_one
    from storage.exports import export_mix
    from storage.versions.leaks import refuse_in_version

    for part in parts:
        refuse_in_version(part.info, server_keys(part.info.path.parents[2]))
    beside = [_beside(part.info, fmt, options) for part in parts]
    if len(parts) == 1 and parts[0].most is None:
        return export_one(parts[0].info, fmt, out, beside[0], validation=validation, **options)
    return export_mix(parts, fmt, out, beside, validation=validation, **options)


def _beside(info: "VersionInfo", fmt: str, options: dict[str, Any]) -> "Beside":
    """Data that a format reads beside the version: later scores and the outcomes used for planning.

    Scores are read where the options ask for them, outcomes where the format shows the prompts.
    """
    from flows.rejudging.planned_outcomes import planned_outcomes
    from storage.exports import SHOW_WHAT_WAS_ASKED, Beside

    scored = options.get("scores") is True or "score" in options
    return Beside(
        scores=_later_scores(info) if scored else None,
        planned=planned_outcomes(info, base=RECIPES) if fmt in SHOW_WHAT_WAS_ASKED else None,
    )


def _different(out: Path, validation: Path | None) -> list[Path]:
    if out == validation:
        raise SetupError(f"--out and --validation are both {out}.", next_command="--validation another file")
    return [out] if validation is None else [out, validation]


def _ask_before_replacing(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.exists() and sys.stdin.isatty() and not typer.confirm(f"{path} exists. Replace it?"):
            raise FoundWanting(f"{path} was left as it is.", next_command="--out OTHER")


def _say_written(names: str, export_file: "ExportFile", *, json: bool) -> None:
    files = [{"path": str(file.path), "rows": file.rows, "sha256": file.sha256} for file in export_file.files]
    if json:
        beside = {"validation": files[1]} if len(files) > 1 else {}
        short = {"short": dict(export_file.short)} if export_file.short else {}
        return as_json({**files[0], "version": names, "left_out": dict(export_file.left_out), **short, **beside})
    lines = [f"Left out: {count:,} {what}." for what, count in export_file.left_out.items()]
    lines += [f"{name} has {count:,} rows, fewer than --take asks for." for name, count in export_file.short.items()]
    lines += [f"{file.rows:,} rows of {names} in {file.path} (sha256 {file.sha256[:16]})." for file in export_file.files]
    return line("\n".join(lines))


def _require_rows(names: str, fmt: str, export_file: "ExportFile") -> None:
    """FoundWanting for a file without a row, which is removed: a trainer would go on with nothing."""
    if any(file.rows for file in export_file.files):
        return
    for file in export_file.files:
        file.path.unlink(missing_ok=True)
    left_out = "".join(f" Left out: {count:,} {what}." for what, count in export_file.left_out.items())
    raise FoundWanting(
        f"no row of {names} is of the format {fmt}; nothing was written.{left_out}",
        next_command="docs/how-to/export-for-a-trainer.md says what each format needs",
    )


def _hub_files(
    parts: "Sequence[MixPart]", folder: Path, validation: Path | None, *, split: bool
) -> tuple[Path, Path | None]:
    """The files of the splits in a folder for the Hugging Face Hub."""
    if validation is not None or len(parts) > 1 or folder.suffix in (".jsonl", ".parquet"):
        raise SetupError(
            "--hub writes a folder of one version, with the split `validation` where --share is given.",
            next_command=f"rollmill dataset export {parts[0].info.ref} --hub --out FOLDER --share 0.1",
        )
    return folder / "data" / "train.parquet", folder / "data" / "validation.parquet" if split else None


def _write_card(info: "VersionInfo", folder: Path, fmt: str, export_file: "ExportFile") -> None:
    """The version's card beside the data files, with a front matter that names them and how many rows they hold."""
    from storage.ground.files import write_text
    from storage.versions.content.card import Folder, card
    from storage.versions.read import load_manifest

    splits = {file.path.stem: str(file.path.relative_to(folder)) for file in export_file.files}
    rows = sum(file.rows for file in export_file.files)
    write_text(folder / "README.md", card(load_manifest(info), Folder(fmt, splits, rows, export_file.left_out)))


def _parts(references: Sequence[str], takes: Sequence[str]) -> "list[MixPart]":
    """The versions of a mix, each with what --take says of it."""
    from storage.exports import MixPart
    from storage.versions.resolve import resolve

    folder = datasets_folder()
    infos = {reference: resolve(folder, reference) for reference in references}
    if len({info.path for info in infos.values()}) < len(references):
        raise SetupError(f"{' '.join(references)} names a version twice.", next_command="name each once")
    most = {reference: number for reference, _, number in (text.rpartition("=") for text in takes)}
    for reference, number in most.items():
        if reference not in infos or not number.isdigit():
            raise SetupError(
                f"--take {reference}={number} is not DATASET=N of a dataset named here.",
                choices=[f"{name}=1000" for name in infos],
            )
    return [MixPart(info, int(most[reference]) if reference in most else None) for reference, info in infos.items()]


def _options(fmt: str, texts: Sequence[str]) -> dict[str, Any]:
    """The options of a format as they are typed, KEY=VALUE each."""
    from storage.exports import parsed

    pairs = [text.partition("=") for text in texts]
    for key, sign, _ in pairs:
        if not sign:
            raise SetupError(f"--set {key!r} is not KEY=VALUE.", next_command="--set max_pairs=2")
    return parsed(fmt, {key: value for key, _, value in pairs})


def _later_scores(info: "VersionInfo") -> Any:
    """The scores that the workspace has of the version's run, those made after it too."""
    from storage.scores import later_scores
    from storage.versions.read import load_manifest
    from storage.workspace import Workspace

    with Workspace.open() as workspace:
        return later_scores(workspace, str(load_manifest(info).get("run")))


@verbs.command("why")
def why(
    reference: Annotated[str, typer.Argument(metavar="DATASET|RUN", help="As elsewhere, or the id of a run.")],
    identity: Annotated[str, typer.Argument(metavar="ID", help="The first digits of a completion's or problem's id.")],
    *,
    json: AsJson = False,
) -> None:
    """History of one completion or problem in a version: prompt, seed, verdicts, decision, versions.

    For a run, or a dataset without a version, the history comes from the plan; this shows rows that the gate held back.

    Example: rollmill dataset why arithmetic 3f9a0c1d
    """
    from flows.cli.datasets.dataset_pages import history_page
    from storage.queries import Reader, named_scope
    from storage.queries.browse.why import run_of, why_in_run
    from storage.queries.browse.why import why as look_up
    from storage.versions.resolve import resolve

    with Reader.open() as reader:
        scope = named_scope(reader, reference)
        if scope is not None and scope.version is not None:
            history = look_up(scope.version, identity)
        elif (run := run_of(reader, reference)) is not None:
            history = why_in_run(reader, run, identity)
        else:
            history = look_up(resolve(reader.datasets, reference), identity)  # says what there is
    return as_json(history.json()) if json else line(history_page(history))


dataset_marks.register(verbs)
dataset_sharing.register(verbs)
dataset_upkeep.register(verbs)


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
