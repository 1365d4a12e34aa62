"""Imported completions that a run plans: those of its problems, in the imports that its recipe names."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import pyarrow as pa

from flows.rounds.open_run import OpenRun
from storage.ground.errors import SetupError
from storage.imports.stored import ANSWER, current_rows, names_of, rows_of
from storage.workspace import Workspace


def of_imports(ws: Workspace, run: OpenRun) -> Iterator[tuple[str, str, int, int]]:
    """(problem, completion, sample index, seed) of imported completions.

    One that names its problem belongs to that problem; if it names none of this recipe's (its reference was repaired
    since), to every problem with the same prompt; if it names one that the recipe left out, to none.
    """
    by_prompt: dict[str, list[str]] = {}
    for problem in run.spec.problems:
        by_prompt.setdefault(problem.prompt_id, []).append(problem.id)
    for cid, prompt_id, index, seed, meta in imported_rows(ws, run.spec.imports, sorted(by_prompt), run.spec.left_out):
        candidates = by_prompt[prompt_id]
        named = json.loads(meta or "{}").get("problem_id")
        for problem_id in [named] if named in candidates else candidates:
            yield problem_id, cid, index, seed or 0


_ROW = ("id", "prompt_id", "sample_index", "seed", "meta")


def imported_rows(
    ws: Workspace, imports: Sequence[str], prompt_ids: Sequence[str], left_out: Collection[str] = ()
) -> list[Any]:
    """(id, prompt id, sample index, seed, meta) of the completions of these prompts in these imports (if none is
    named, in all), but of those that name a problem `left_out`.
    """
    connection = ws.segments.connect()
    try:
        connection.register("wanted", pa.table({"prompt_id": pa.array(prompt_ids, pa.string())}))
        connection.register("others", pa.table({"id": pa.array(sorted(left_out), pa.string())}))
        names = imports or names_of(ws.segments, "completions")
        parts = [f"SELECT {place} AS place, * FROM ({_imported_as(ws, name)})" for place, name in enumerate(names)]  # noqa: S608
        if not imports:  # of those that were registered again without a name too, and behind all others
            held = [f"SELECT id FROM ({rows_of(ws.segments, 'completions', name)})" for name in names]  # noqa: S608
            known = " UNION ALL ".join([*held, "SELECT ''"])
            rest = f"SELECT * FROM completions WHERE engine = 'imported' AND id NOT IN ({known})"  # noqa: S608
            parts.append(f"SELECT {len(names)} AS place, {', '.join(_ROW)} FROM ({rest})")  # noqa: S608
        return connection.execute(
            f"SELECT DISTINCT ON ({ANSWER}) {', '.join(_ROW)} FROM ({' UNION ALL '.join(parts)}) "  # noqa: S608
            "WHERE prompt_id IN (SELECT prompt_id FROM wanted) "
            "AND coalesce(meta ->> '$.problem_id', '') NOT IN (SELECT id FROM others) "
            f"ORDER BY {ANSWER}, place"
        ).fetchall()
    finally:
        connection.close()


def _imported_as(ws: Workspace, name: str) -> str:
    """The SELECT of the rows imported under one name, even if the same rows are also stored under another."""
    if name not in names_of(ws.segments, "completions"):
        again = f"rollmill import rollouts FILE --name {name}"
        raise SetupError(f"no rollouts were imported as {name!r}.", next_command=again)
    return f"SELECT {', '.join(_ROW)} FROM ({current_rows(ws.segments, name)})"  # noqa: S608
