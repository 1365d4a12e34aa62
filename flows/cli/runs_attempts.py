"""`rollmill runs attempts`: accuracy by attempt of a recipe whose answers are criticised and answered again."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, line
from rollmill.flows.cli.runs_cost import require_runs

if TYPE_CHECKING:
    from rollmill.stats import Estimate
    from rollmill.storage.queries.attempts import AttemptTable

Pool = Annotated[str | None, typer.Argument(metavar="RUN", help="A run's id or a version; the latest run by default.")]
Steps = Annotated[
    list[str] | None,
    typer.Option("--step", metavar="NAME", help="A step that answers again, by default one that repeats; may be repeated."),
]
Threads = Annotated[bool, typer.Option("--threads", help="Also list each thread, and why it stopped.")]
HEAD = ["after attempt", "right", "low", "high", "gain", "low", "high", "asked", "wrong to right", "right to wrong"]


def attempts(
    pool: Pool = None,
    steps: Steps = None,
    *,
    threads: Threads = False,
    json: AsJson = False,
) -> None:
    """Show how often a thread's answer is right after each attempt, its flips, and why threads stopped.

    Attempt 1 is an answer of the first step. Intervals are over problems, with templates as clusters; the gain is the
    paired difference to attempt 1.

    Example: rollmill runs attempts recheck-3f9a0c1d
    """
    require_runs(pool)
    from rollmill.ground.errors import unknown_name
    from rollmill.storage.queries import Reader
    from rollmill.storage.queries.attempts import attempt_table
    from rollmill.storage.queries.scope import named_scope, run_scope

    with Reader.open() as reader:
        if pool is None:
            scope = run_scope(reader, reader.runs.chosen(None).id)
        else:
            named = named_scope(reader, pool)
            if named is None:
                raise unknown_name("run or dataset", pool, [run.id for run in reader.runs.list()])
            scope = named
        name, table = scope.name, attempt_table(scope, steps or ())
    return as_json(attempts_row(name, table, each=threads)) if json else line(_page(name, table, each=threads))


def attempts_row(name: str, table: "AttemptTable", *, each: bool = False) -> dict[str, Any]:
    """The table as JSON values. `each`: add a row for every thread."""
    listed = {"each": [asdict(thread) for thread in table.each]} if each else {}
    return {
        **listed,
        "of": name,
        "steps": list(table.steps),
        "threads": table.threads,
        "problems": table.problems,
        "left_out": table.left_out,
        "attempts": [
            {
                "attempt": rate.attempt,
                "asked": rate.asked,
                "accuracy": _number(rate.accuracy),
                "gain": _number(rate.gain),
                "wrong_to_right": rate.fixed,
                "right_to_wrong": rate.broken,
            }
            for rate in table.rates
        ],
        "stopped": dict(table.stops),
    }


def _number(estimate: "Estimate | None") -> dict[str, Any] | None:
    if estimate is None:
        return None
    return {name: getattr(estimate, name) for name in ("value", "low", "high", "n", "clusters")}


def _page(name: str, table: "AttemptTable", *, each: bool) -> str:
    rows = []
    for rate in table.rates:
        gain = [""] * 3 if rate.gain is None else _ends(rate.gain, "+.3f")
        rows.append([rate.attempt, *_ends(rate.accuracy, ".3f"), *gain, rate.asked, rate.fixed, rate.broken])
    stops = ", ".join(f"{stop} {count:,}" for stop, count in table.stops.items())
    again = f"{', '.join(table.steps)} {'answers' if len(table.steps) == 1 else 'answer'} again"
    lines = [
        f"{name}: {table.threads:,} threads of {table.problems:,} problems; {again}.",
        columns(HEAD, rows),
        f"stopped: {stops}",
    ]
    if table.left_out:
        lines.append(f"{table.left_out:,} threads with an undecided attempt are in no rate.")
    if each:
        listed = [[at.problem, at.completions[-1], ", ".join(at.outcomes), at.stop] for at in table.each]
        lines.append("\n" + columns(["problem", "last attempt", "outcomes", "stopped"], listed))
    return "\n".join([*lines, f"Next: rollmill {'dataset' if '@' in name else 'runs'} show {name}"])


def _ends(estimate: "Estimate", form: str) -> list[str]:
    return [format(end, form) for end in (estimate.value, estimate.low, estimate.high)]
