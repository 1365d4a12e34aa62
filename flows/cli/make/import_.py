"""`rollmill import problems|rollouts|list|show|remove`: files made elsewhere come into the workspace, or leave it again."""

import json as json_
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line, note
from rollmill.ground.errors import FoundWanting, SetupError

if TYPE_CHECKING:
    from rollmill.storage.imports.removal import ImportContents, Removal
    from rollmill.storage.imports.spec import ImportReport, ImportSpec
    from rollmill.storage.workspace import Workspace

_PROBLEMS_HELP = """Import a file of problems (JSONL, Parquet, CSV; also .gz): all rows, or none.

With --benchmark a published file is read by the definition of that name (rollmill benchmark list), and checked against it.
Usual column names are recognised (prompt, question, problem; reference, answer, solution; id, level, tests, ...);
other columns are kept with the problem. Importing a file again adds only what is new.

Example: rollmill import problems gsm8k.jsonl --name gsm8k --map prompt=question --set licence=MIT
"""
_ROLLOUTS_HELP = """Import a file of rollouts (JSONL, Parquet, CSV; also .gz): all rows, or none.

Each row holds one answer of a model: a text, or messages with code and execution turns. A column is_correct is kept as a
label beside the rollout, for this import alone; --update corrects it. Without --problems, the rows must carry their
problems (prompt and reference).

Example: rollmill import rollouts answers.parquet --name gpt3 --problems gsm8k
"""
_File = Annotated[Path, typer.Argument(help="The file; its suffix names the format.", show_default=False)]
_NewName = Annotated[str, typer.Option("--name", help="The name of this import; recipes refer to it.", show_default=False)]
_Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="Which column feeds a field; may be repeated.", show_default=False),
]
_Benchmark = Annotated[
    str | None,
    typer.Option("--benchmark", metavar="NAME", help="Read the file as this benchmark's (a name, or a YAML file)."),
]
_Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="The value of every row without one; may be repeated.", show_default=False
    ),
]
_Problems = Annotated[str | None, typer.Option("--problems", help="The imported problem set that the rollouts answer.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check everything, show the mapping, store nothing.")]
_SetAside = Annotated[
    Path | None,
    typer.Option("--set-aside", metavar="FILE", help="Import the good rows, and write the others here with their faults."),
]
_MaxBytes = Annotated[
    int | None,
    typer.Option(
        "--max-bytes", min=1, help="Largest unpacked size of the file; by default 256 MiB or 100 times its size, if larger."
    ),
]
_Whole = Annotated[
    list[str] | None,
    typer.Option(
        "--whole", metavar="COLUMN", help="A column whose list belongs to the row and is not split over its answers."
    ),
]
_Update = Annotated[
    bool,
    typer.Option("--update", help="Replace labels of stored answers by the file's; old labels stay stored."),
]
_Name = Annotated[str, typer.Argument(help="The name given at import.", show_default=False)]
verbs = group("import", "Bring problems and rollouts made elsewhere into the workspace.")


@verbs.command("problems", help=_PROBLEMS_HELP)
def problems(  # noqa: PLR0913 - one parameter per option of the command
    file: _File,
    name: _NewName,
    benchmark: _Benchmark = None,
    map_: _Map = None,
    set_: _Set = None,
    *,
    set_aside: _SetAside = None,
    max_bytes: _MaxBytes = None,
    dry_run: _DryRun = False,
    json: AsJson = False,
) -> None:
    """Import problems."""
    from rollmill.storage.imports.spec import ImportSpec

    spec = ImportSpec(file, name, _pairs(map_, "--map"), _pairs(set_, "--set"), set_aside=set_aside, max_bytes=max_bytes)
    if benchmark is not None:
        from rollmill.flows.recipe.benchmarks import layout_of

        layout, constants = layout_of(benchmark, Path())
        spec = replace(spec, layout=layout, constants={**constants, **spec.constants})
    _import("problems", spec, dry_run=dry_run, json=json)


@verbs.command("rollouts", help=_ROLLOUTS_HELP)
def rollouts(  # noqa: PLR0913 - one parameter per option of the command
    file: _File,
    name: _NewName,
    problems: _Problems = None,
    map_: _Map = None,
    set_: _Set = None,
    *,
    whole: _Whole = None,
    update: _Update = False,
    set_aside: _SetAside = None,
    max_bytes: _MaxBytes = None,
    dry_run: _DryRun = False,
    json: AsJson = False,
) -> None:
    """Import rollouts."""
    from rollmill.storage.imports.spec import ImportSpec

    spec = ImportSpec(file, name, _pairs(map_, "--map"), _pairs(set_, "--set"), problems)
    spec = replace(spec, update=update, whole=tuple(whole or ()), set_aside=set_aside, max_bytes=max_bytes)
    _import("rollouts", spec, dry_run=dry_run, json=json)


def _import(kind: Literal["problems", "rollouts"], spec: "ImportSpec", *, dry_run: bool, json: bool) -> None:
    from rollmill.storage.imports.problems import import_problems
    from rollmill.storage.imports.rollouts import import_rollouts
    from rollmill.storage.versions.publish import finish_interrupted
    from rollmill.storage.workspace import Workspace

    # What a killed command left is settled first, as by every command that writes.
    load = import_problems if kind == "problems" else import_rollouts
    with Workspace.open() as workspace:
        messages = [] if dry_run else [*workspace.recover(), *finish_interrupted(workspace)]
        try:
            report = load(workspace, spec, dry_run=dry_run)
        except SetupError as error:
            again = f"correct it, then rollmill import {kind} {spec.path} --name {spec.name} --dry-run"
            raise SetupError(error.message, choices=error.choices, next_command=error.next_command or again) from error
    for message in messages:
        note(message)
    as_json(report.to_json()) if json else line("\n".join(_report_lines(report, spec.set_aside)))
    if report.faults and not report.set_aside:
        count = sum(kind.count for kind in report.faults)
        raise FoundWanting(
            f"{count:,} rows of {spec.path} have faults; nothing was stored.",
            next_command="correct them, or --set-aside FILE",
        )


def _pairs(items: list[str] | None, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in items or ():
        name, equals, value = item.partition("=")
        if not (name and equals and value):
            raise SetupError(f"{option} {item!r} is not of the form FIELD=VALUE.")
        if name in pairs:
            raise SetupError(f"{option} names {name!r} twice.")
        pairs[name] = value
    return pairs


def _report_lines(report: "ImportReport", set_aside: Path | None) -> list[str]:
    """The report as a person reads it."""
    would = "would be " if report.dry_run else ""
    lines = [f"{report.file}: {report.rows:,} rows"]
    for noun, count in (("problems", report.problems), ("completions", report.completions)):
        if count.new or count.already:
            lines.append(f"  {noun:<12} {count.new:>9,} {would}new  {count.already:>9,} already stored")
    constant = ", ".join(f"{name} {value}" for name, value in sorted(report.mapping.items()) if value.startswith("= "))
    lines += [f"  format       {report.format}"] if report.format else []
    lines += _columns_lines(report) + ([f"  every row    {constant}"] if constant else [])
    lines.extend(f"  note         {text}" for text in report.notes)
    for kind in report.faults:
        more = f" and {kind.count - len(kind.places):,} more" if kind.count > len(kind.places) else ""
        lines += [f"  fault        {kind.count:,} rows: {kind.reason}", f"               {', '.join(kind.places)}{more}"]
    if report.set_aside:
        lines.append(f"  set aside    {report.set_aside:,} rows {would}written to {set_aside}")
    for number, values in enumerate(report.samples if report.dry_run else (), start=1):
        lines.append(f"  row {number}")
        lines.extend(f"    {name:<14} {json_.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    if report.dry_run:
        return [*lines, "  nothing was stored (--dry-run)"]
    if not (report.problems.new or report.completions.new):
        lines.append("  nothing new: everything was already stored")
    return [*lines, _next(report)]


def _columns_lines(report: "ImportReport") -> list[str]:
    """The account of the columns, a line each."""
    given = {"each": ", one for each answer", "all": ", the same for all answers of a row", "": ""}
    wide = max((len(use.column) for use in report.uses), default=0)
    words = [
        f"{use.column:<{min(wide, 32)}}  {use.use}{given[use.given]} (in {use.filled:,} row{'s' * (use.filled != 1)})"
        for use in report.uses
    ]
    return [f"  {'columns' if place == 0 else '':<12} {text}" for place, text in enumerate(words)]


def _next(report: "ImportReport") -> str:
    """Next command after an import."""
    rollouts = report.completions.new or report.completions.already
    if report.format.startswith("benchmark "):
        return f"Next: rollmill benchmark show {report.format.removeprefix('benchmark ')}"
    if not rollouts:
        return (
            f"{_first_recipe(report.name, report.name)}\n"
            f"      or rollmill import rollouts FILE --name NAME --problems {report.name}"
        )
    problems = report.name if report.problems.new or report.problems.already else report.of
    return _first_recipe(report.name, problems or report.name)


def _first_recipe(name: str, problems: str) -> str:
    return f"Next: rollmill recipe new {name} --problems {problems}, then rollmill curate recipes/{name}.yaml"


def _held(workspace: "Workspace") -> "list[ImportContents]":
    from rollmill.storage.imports.removal import imports_held

    return imports_held(workspace)


@verbs.command("list")
def list_(*, json: AsJson = False) -> None:
    """Every import: its problems, its rollouts by model, and the problem set that they answer.

    Example: rollmill import list
    """
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        imports = [] if workspace.unused else _held(workspace)
    if json:
        return as_json([contents.row() for contents in imports])
    if not imports:
        return line("Nothing was imported. Next: rollmill import problems FILE --name NAME")
    rows = [
        [
            contents.name,
            contents.problems,
            contents.rollouts,
            contents.lost is None,
            contents.of or "-",
            ", ".join(contents.models) or "-",
        ]
        for contents in imports
    ]
    return line(columns(("name", "problems", "rollouts", "whole", "answers", "models"), rows))


@verbs.command("show")
def show(name: _Name, *, json: AsJson = False) -> None:
    """Contents of an import: its files, the mapping of their columns, rollouts by model, and its users.

    Example: rollmill import show gsm8k
    """
    from rollmill.storage.imports.removal import contents_of, plan_removal
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        contents, used_by = contents_of(workspace, name), plan_removal(workspace, name).used_by
    if json:
        return as_json({**contents.row(), "used_by": list(used_by)})
    return line("\n".join([*_contents_lines(contents), f"  used by      {', '.join(used_by) or 'nothing yet'}"]))


@verbs.command("remove")
def remove(name: _Name, *, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Remove an import that no run, dataset version or other import uses; rows that another import also holds stay there.

    Verdicts on its rollouts stay too, so that rollouts imported again are not judged again. The disk space is freed by the
    next command that writes, after a quarter of an hour.

    Example: rollmill import remove gsm8k --dry-run
    """
    from rollmill.storage.imports import removal
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        if not dry_run:
            workspace.recover()
        removed = removal.plan_removal(workspace, name) if dry_run else removal.remove(workspace, name)
    if json:
        return as_json({**asdict(removed), "used_by": list(removed.used_by), "removed": not dry_run})
    return line("\n".join(_removal_lines(removed, dry_run=dry_run)))


def _contents_lines(contents: "ImportContents") -> list[str]:
    lines = [f"{contents.name}: {contents.problems:,} problems, {contents.rollouts:,} rollouts"]
    if contents.of is not None:
        lines.append(f"  answers      the problem set {contents.of}")
    lines += [f"  model        {count:>9,}   {model}" for model, count in contents.models.items()]
    lines += [f"  lost         {contents.lost}"] if contents.lost is not None else []
    for record in contents.row()["records"]:
        new = f"{record['problems']:,} problems and {record['completions']:,} rollouts of them new"
        mapping = ", ".join(f"{field} <- {column}" for field, column in sorted(record["mapping"].items()))
        lines.append(f"  file         {record['file']}, {record['rows']:,} rows, {new} ({record['imported_at']})")
        lines += [f"  columns      {mapping}", *(f"  note         {text}" for text in record["notes"])]
    return lines if contents.records else [*lines, "  file         not recorded (imported by an older Rollmill)"]


def _removal_lines(removed: "Removal", *, dry_run: bool) -> list[str]:
    verb = "Would remove" if dry_run else "Removed"
    lines = [f"{verb} {removed.name}: {removed.problems:,} problems, {removed.rollouts:,} rollouts."]
    if removed.shared:
        lines.append(f"  {removed.shared:,} of these rows are also held elsewhere and stay there.")
    if removed.used_by:
        lines = [f"{removed.name} cannot be removed: it is used by {', '.join(removed.used_by)}."]
    return [*lines, "Nothing was removed (--dry-run)."] if dry_run else lines
