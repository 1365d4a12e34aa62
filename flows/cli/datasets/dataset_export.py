"""`rollmill dataset export`: a version, or a mix of several, as a file that trainers read."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.datasets.dataset_sharing import RECIPES, datasets_folder
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.flows.cli.recipe import TrustCode
from rollmill.ground.errors import FoundWanting, SetupError, unknown_name

if TYPE_CHECKING:
    from rollmill.storage.exports import ExportFile, ExportValidation, Format, LaterRows, MixPart
    from rollmill.storage.versions.resolve import VersionInfo


FormatName = Annotated[
    str, typer.Option("--format", help="Format of a row, one of `rollmill dataset formats`, or FILE.py:CLASS.")
]


def register(group: typer.Typer) -> None:
    """Add the verb to `rollmill dataset`."""
    group.command("export")(export)
    group.command("formats")(formats)


def formats(
    name: Annotated[str | None, typer.Argument(metavar="FORMAT", help="A format, to see its options.")] = None,
    *,
    json: AsJson = False,
) -> None:
    """List the formats of `dataset export`, or the options that --set gives one, with type and default.

    Example: rollmill dataset formats sft
    """
    from rollmill.flows.cli.make.methods import described
    from rollmill.flows.recipe.method_options import options_of_class
    from rollmill.roles.registries import registry
    from rollmill.storage.exports import EXPORTS, type_words

    if name is None:
        known = registry("export")
        rows = [{"format": fmt, "what it is": described(fmt, kind)} for fmt, kind in known.items()]
    else:
        chosen = format_of(name)
        options = options_of_class("export", EXPORTS[chosen] if isinstance(chosen, str) else chosen)
        rows = [
            {"option": part.name, "type": type_words(part.annotation), "default": part.default, "meaning": part.help}
            for part in options
        ]
    if json:
        return as_json(rows)
    line(columns(list(rows[0]), [["" if cell is None else str(cell) for cell in row.values()] for row in rows]))
    then = f"export DATASET --format {name} --out FILE --set OPTION=VALUE" if name else "formats sft"
    return line(f"Next: rollmill dataset {then}")


def format_of(name: str) -> "Format":
    """The format of this name: the product's, that of an installed package, or the class `FILE.py:CLASS` of a file here.

    SetupError for any other name, and for a class that is no format. A file that the person names is his own code.
    """
    from rollmill.flows.recipe.methods import method_class
    from rollmill.pipelines.method_checks import PAGES, has_role_call
    from rollmill.roles.registries import registry
    from rollmill.storage.exports import EXPORTS

    if name in EXPORTS:
        return name
    known = registry("export")
    if ":" not in name and name not in known:
        raise unknown_name("export format", name, known, next_command="rollmill dataset formats")
    cls, _, _ = method_class("export", name, Path())
    if not has_role_call("export", cls):
        raise SetupError(f"export {name!r} has no 'rows'.", next_command=f"{PAGES['export']} lists its members")
    return cls


def export(  # noqa: PLR0913 (a verb's parameters are its options)
    references: Annotated[list[str], typer.Argument(metavar="DATASET...", hidden=True)],
    *,
    fmt: FormatName = "sft",
    out: Annotated[Path, typer.Option(help="The file to write: .jsonl or .parquet.")],
    options: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="An option of the format; `rollmill dataset formats FORMAT` lists them."
        ),
    ] = None,
    validation: Annotated[Path | None, typer.Option(help="File for validation rows: some whole templates.")] = None,
    share: Annotated[float | None, typer.Option(help="Least share of rows for validation, 0.1 by default.")] = None,
    hub: Annotated[
        bool, typer.Option("--hub", help="Write --out as a folder for the Hugging Face Hub: Parquet and the card.")
    ] = False,
    take: Annotated[
        list[str] | None,
        typer.Option("--take", metavar="DATASET=N", help="Whole problems of this dataset, until N rows are reached."),
    ] = None,
    trust_code: TrustCode = None,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Write a version (NAME, NAME@v2 or NAME@tag), or a mix of several, as a file that trainers read.

    Example: rollmill dataset export arithmetic --format pairs --out pairs.jsonl --set max_pairs=2
    """
    from rollmill.pipelines.own_code import trusting
    from rollmill.storage.exports import EXPORTS, ExportValidation

    parts = _parts(references, take or ())
    names = ", ".join(part.info.ref for part in parts)
    chosen, settings = _chosen(fmt, options or ())
    if hub:
        folder, out, validation = out, *_hub_files(parts, out, validation, split=share is not None)
    if share is not None and validation is None:
        raise SetupError("--share is of a second file.", next_command=f"--validation validation{out.suffix}")
    outs = _different(out, validation)
    if dry_run:
        text = f"Would write {names} as {fmt} to {' and '.join(map(str, outs))}."
        return as_json({"version": names, "format": fmt, "formats": sorted(EXPORTS)}) if json else line(text)
    _ask_before_replacing(outs)
    with trusting(trust_code or ()):
        second = None if validation is None else ExportValidation(validation, 0.1 if share is None else share)
        export_file = _write(parts, chosen, out, second, settings)
    _require_rows(names, fmt, export_file)
    if hub:
        _write_card(parts[0].info, folder, fmt, export_file)
    return _say_written(names, export_file, json=json)


def _write(
    parts: "Sequence[MixPart]", fmt: "Format", out: Path, validation: "ExportValidation | None", options: dict[str, Any]
) -> "ExportFile":
    """Write one version, or a mix of several."""
    from rollmill.flows.recipe.servers import server_keys
    from rollmill.storage.exports import export as export_one
    from rollmill.storage.exports import export_mix
    from rollmill.storage.versions.leaks import refuse_in_version

    for part in parts:
        refuse_in_version(part.info, server_keys(part.info.path.parents[2]))
    beside = [_beside(part.info, fmt, options) for part in parts]
    if len(parts) == 1 and parts[0].most is None:
        return export_one(parts[0].info, fmt, out, beside[0], validation=validation, **options)
    return export_mix(parts, fmt, out, beside, validation=validation, **options)


def _beside(info: "VersionInfo", fmt: "Format", options: dict[str, Any]) -> "LaterRows":
    """Data that a format reads in addition to the version: later scores and the outcomes used for planning.

    Scores are read where the options ask for them, outcomes where the format shows the prompts.
    """
    from rollmill.flows.rejudging.planned_outcomes import planned_outcomes
    from rollmill.storage.exports import SHOW_WHAT_WAS_ASKED, LaterRows

    scored = options.get("scores") is True or "score" in options
    return LaterRows(
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
    """FoundWanting for a file without rows, which is removed, because a trainer would accept it."""
    if any(file.rows for file in export_file.files):
        return
    from rollmill.storage.exports.origin import TAKEN_BY

    for file in export_file.files:
        file.path.unlink(missing_ok=True)
    left_out = "".join(f" Left out: {count:,} {what}." for what, count in export_file.left_out.items())
    takes = next((option for what, option in TAKEN_BY.items() if export_file.left_out.get(what)), None)
    raise FoundWanting(
        f"no row of {names} is of the format {fmt}; nothing was written.{left_out}",
        next_command=f"the same command with --set {takes}"
        if takes
        else "docs/how-to/export-for-a-trainer.md says what each format needs",
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
    """The version's card in the folder of the data files, with a front matter that names them and their numbers of rows."""
    from rollmill.ground.files import write_text
    from rollmill.storage.versions.content.card import Folder, card
    from rollmill.storage.versions.read import load_manifest

    splits = {file.path.stem: str(file.path.relative_to(folder)) for file in export_file.files}
    rows = sum(file.rows for file in export_file.files)
    write_text(folder / "README.md", card(load_manifest(info), Folder(fmt, splits, rows, export_file.left_out)))


def _parts(references: Sequence[str], takes: Sequence[str]) -> "list[MixPart]":
    """The versions of a mix, each with what --take says of it."""
    from rollmill.storage.exports import MixPart
    from rollmill.storage.versions.resolve import resolve

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


def _chosen(name: str, texts: Sequence[str]) -> "tuple[Format, dict[str, Any]]":
    """The format of this name and its options as typed, KEY=VALUE each; SetupError for a class that is no format."""
    from rollmill.pipelines.method_checks import check_method
    from rollmill.storage.exports import built_export, parsed

    fmt = format_of(name)
    pairs = [text.partition("=") for text in texts]
    for key, sign, _ in pairs:
        if not sign:
            raise SetupError(f"--set {key!r} is not KEY=VALUE.", next_command="--set max_pairs=2")
    options = parsed(fmt, {key: value for key, _, value in pairs})
    if not isinstance(fmt, str):
        check_method("export", name, built_export(fmt, options))
    return fmt, options


def _later_scores(info: "VersionInfo") -> Any:
    """The scores that the workspace has of the version's run, those made after it too."""
    from rollmill.storage.scores import later_scores
    from rollmill.storage.versions.read import load_manifest
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        return later_scores(workspace, str(load_manifest(info).get("run")))
