"""`rollmill import problems|rollouts`: bring a file of one's own into the workspace. Knows options and printing only."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.cli import import_held
from flows.cli.program import group
from storage.errors import SetupError

if TYPE_CHECKING:
    from storage.imports import ImportReport, ImportSpec

_PROBLEMS_HELP = """Import a file of problems (JSONL, Parquet, CSV; also .gz): all rows, or none.

Known column names are found by themselves (prompt, question, problem; reference, answer, solution; id, level, tests, ...);
other columns are kept with the problem. Importing a file again adds only what is new.

Example: rollmill import problems gsm8k.jsonl --name gsm8k --map prompt=question --set licence=MIT
"""
_ROLLOUTS_HELP = """Import a file of rollouts (JSONL, Parquet, CSV; also .gz): all rows, or none.

Each row holds one answer of a model: a text, or messages with code and execution turns. A column is_correct is kept as a
label beside the rollout. Without --problems, the rows must carry their problems (prompt and reference).

Example: rollmill import rollouts answers.parquet --name gpt3 --problems gsm8k
"""
_File = Annotated[Path, typer.Argument(help="The file; its suffix names the format.", show_default=False)]
_Name = Annotated[str, typer.Option("--name", help="The name of this import; recipes refer to it.", show_default=False)]
_Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="Which column feeds a field; may be repeated.", show_default=False),
]
_Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="FIELD=VALUE", help="The value of every row without one; may be repeated.", show_default=False
    ),
]
_Problems = Annotated[str | None, typer.Option("--problems", help="The imported problem set that the rollouts answer.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and check everything, show the mapping, store nothing.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the report as JSON.")]


def register(app: typer.Typer) -> None:
    """Add the verb `import` with its two nouns."""
    verb = group("import", "Bring problems and rollouts made elsewhere into the workspace.")
    verb.command("problems", help=_PROBLEMS_HELP)(problems)
    verb.command("rollouts", help=_ROLLOUTS_HELP)(rollouts)
    import_held.register(verb)
    app.add_typer(verb)


def problems(
    file: _File,
    name: _Name,
    map_: _Map = None,
    set_: _Set = None,
    dry_run: _DryRun = False,
    as_json: _Json = False,
) -> None:
    """Import problems."""
    from storage.imports import ImportSpec

    spec = ImportSpec(file, name, _pairs(map_, "--map"), _pairs(set_, "--set"))
    _run("problems", spec, dry_run=dry_run, as_json=as_json)


def rollouts(  # noqa: PLR0913 - one parameter per option of the command
    file: _File,
    name: _Name,
    problems: _Problems = None,
    map_: _Map = None,
    set_: _Set = None,
    dry_run: _DryRun = False,
    as_json: _Json = False,
) -> None:
    """Import rollouts."""
    from storage.imports import ImportSpec

    spec = ImportSpec(file, name, _pairs(map_, "--map"), _pairs(set_, "--set"), problems)
    _run("rollouts", spec, dry_run=dry_run, as_json=as_json)


def _run(kind: Literal["problems", "rollouts"], spec: "ImportSpec", *, dry_run: bool, as_json: bool) -> None:
    from storage.imports import import_problems, import_rollouts
    from storage.versions import finish_interrupted
    from storage.workspace import Workspace

    load = import_problems if kind == "problems" else import_rollouts
    with Workspace.open() as ws:
        recovered = [] if dry_run else [*ws.recover(), *finish_interrupted(ws)]
        try:
            report = load(ws, spec, dry_run=dry_run)
        except SetupError as error:
            again = f"mend it, then rollmill import {kind} {spec.path} --name {spec.name} --dry-run"
            raise SetupError(error.message, choices=error.choices, next_command=error.next_command or again) from error
    for line in recovered:
        typer.echo(line, err=True)
    lines = [json.dumps(report.to_json(), ensure_ascii=False, indent=2)] if as_json else described(report)
    typer.echo("\n".join(lines))


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


def described(report: "ImportReport") -> list[str]:
    """The report as a person reads it."""
    would = "would be " if report.dry_run else ""
    lines = [f"{report.file}: {report.rows:,} rows"]
    for noun, count in (("problems", report.problems), ("completions", report.completions)):
        if count.new or count.already:
            lines.append(f"  {noun:<12} {count.new:>9,} {would}new  {count.already:>9,} already there")
    mapping = ", ".join(f"{name} <- {column}" for name, column in sorted(report.mapping.items()))
    lines += [f"  format       {report.format}"] if report.format else []
    lines.append(f"  columns      {mapping}")
    lines.extend(f"  note         {note}" for note in report.notes)
    for number, values in enumerate(report.samples if report.dry_run else (), start=1):
        lines.append(f"  row {number}")
        lines.extend(f"    {name:<14} {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    if report.dry_run:
        return [*lines, "  nothing was stored (--dry-run)"]
    if not (report.problems.new or report.completions.new):
        lines.append("  nothing new: everything was already there")
    return [*lines, _next(report)]


def _next(report: "ImportReport") -> str:
    """What to do with what was imported."""
    rollouts = report.completions.new or report.completions.already
    if not rollouts:
        return f"Next: rollmill import rollouts FILE --name NAME --problems {report.name}"
    problems = report.name if report.problems.new or report.problems.already else report.of
    return (
        "Next: rollmill curate RECIPE, where the recipe has "
        f"problems: {{imported: {problems}}} and generate: {{engine: imported, imports: [{report.name}]}} "
        f"(without imports it takes all rollouts imported for {problems})"
    )
