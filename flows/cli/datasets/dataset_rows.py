"""`rollmill dataset head|eject`: the first rows of a version, and all rows as plain Parquet."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.artifacts.files import Version
from rollmill.flows.cli.datasets.dataset_sharing import datasets_folder
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, inert, line
from rollmill.flows.cli.runs_cost import require_runs
from rollmill.ground.errors import FoundWanting

if TYPE_CHECKING:
    pass

BRIEF = 48  # characters of a text in a table
_ROWS = """
SELECT j.problem_id, j.completion_id, j.prompt AS problem,
       coalesce(v.extracted, j.text) AS answer, j.reference, j.outcome AS verdict, j.kept, j.reason
FROM joined j LEFT JOIN verdicts v ON v.completion_id = j.completion_id AND v.problem_id = j.problem_id
     AND v.verifier = j.verifier AND v.version = j.verifier_version
WHERE {where} ORDER BY {order} LIMIT {count}
"""


def register(group: typer.Typer) -> None:
    """Add the verbs to `dataset`."""
    for command in (head, eject):
        group.command(command.__name__)(command)


def head(
    reference: Version,
    *,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=10_000, help="Rows to show.")] = 20,
    wrong: Annotated[bool, typer.Option("--wrong", help="Only rows whose answer is incorrect.")] = False,
    dropped: Annotated[bool, typer.Option("--dropped", help="Only rows that were not kept.")] = False,
    random: Annotated[
        bool, typer.Option("--random", help="Rows from all over the version, in an order by chance.")
    ] = False,
    json: AsJson = False,
) -> None:
    """The first rows of a version: problem, answer, reference, verdict, kept, reason.

    Example: rollmill dataset head arithmetic -n 20 --wrong --random
    """
    from rollmill.storage.versions.read import open_version, reading
    from rollmill.storage.versions.resolve import resolve

    info = resolve(datasets_folder(), reference)
    conditions = [*(["j.outcome = 'incorrect'"] if wrong else []), *(["NOT j.kept"] if dropped else [])]
    query = _ROWS.format(
        where=" AND ".join(conditions) or "true",
        order="random()" if random else "j.problem_id, j.completion_id",
        count=count,
    )
    with reading(info), open_version(info) as connection:
        cursor = connection.execute(query)
        names = [column[0] for column in cursor.description]
        rows: list[dict[str, Any]] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    if json:
        return as_json(rows)
    if not rows:
        raise FoundWanting(f"{info.ref} has no such row.", next_command=f"rollmill dataset head {info.ref}")
    keys = ("problem", "answer", "reference", "verdict", "kept", "reason")
    line(columns(keys, [[_brief(row[key]) for key in keys] for row in rows]))
    return line(f"Next: rollmill show {rows[0]['completion_id'][:12]} --of {info.ref}")


def eject(
    reference: Annotated[str, typer.Argument(metavar="DATASET|RUN", help="As elsewhere, or the id of a run.")],
    out: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    *,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Write all problems, completions, verdicts and decisions with their reasons as plain Parquet, with a README.

    The files mean the same without Rollmill: the README has the meaning of each column, and how pass rates and the kept set
    follow from them.

    Example: rollmill dataset eject arithmetic@v1 arithmetic-rows
    """
    require_runs(reference)
    from rollmill.flows.job import workspace_root
    from rollmill.flows.recipe.servers import server_keys
    from rollmill.flows.workspace.ejecting import eject as write_tables
    from rollmill.storage.queries import Reader, dataset_scope, named_scope

    with Reader.open() as reader:
        scope = named_scope(reader, reference)
        if scope is None:  # says what there is
            scope = dataset_scope(reader, reference)
        rows = {} if dry_run else write_tables(scope, out, server_keys(workspace_root()))
    if json:
        return as_json({"of": scope.name, "path": str(out), "rows": rows, "dry_run": dry_run})
    counts = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    return line(f"Would write {scope.name} to {out}." if dry_run else f"{scope.name} is in {out}: {counts}.")


def _brief(value: object) -> str:
    flat = inert(" ".join(("yes" if value is True else "no" if value is False else str(value or "-")).split()))
    return flat if len(flat) <= BRIEF else f"{flat[: BRIEF - 1]}…"
