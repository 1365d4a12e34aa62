"""Stored contents of each import: ids and counts, never texts; and the problem set of each rollout import.

Rollouts of another import may answer the same prompts: they were imported for other problems and count only for a recipe
that names their import.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.storage.import_records import PREFIX, producer_of
from rollmill.storage.segments.keys import Kind, Segment
from rollmill.storage.segments.schema import text_array
from rollmill.storage.segments.store import SegmentStore
from rollmill.storage.segments.views import select

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace


SAME_ANSWER = "same_answer_as"
"""The key in a completion's meta of the id that its text alone would have; see rollmill.storage.imports.labels."""
ANSWER = f"coalesce(meta ->> '$.{SAME_ANSWER}', id)"
_ROW = f"id, prompt_id, sample_index, seed, meta ->> '$.problem_id' AS problem, {ANSWER} AS answer"
_IDS = {"problem_id": "id", "prompt_id": "prompt_id"}
UPDATE = "-update-"
"""Mark in front of the number in the version of a segment of updated labels."""


@dataclass(frozen=True, slots=True)
class StoredProblem:
    """The two ids of a stored problem."""

    id: str
    prompt_id: str


def stored_problems(store: SegmentStore, name: str) -> dict[str, StoredProblem]:
    """The problems of an import by every name they have: external id, further external ids, own id, prompt id."""
    problems: dict[str, StoredProblem] = {}
    for row in _columns(store, "problems", name, "id, prompt_id, external_id, meta"):
        problem = StoredProblem(row["id"], row["prompt_id"])
        others = json.loads(row["meta"] or "{}").get("external_ids", [])
        # A column of a file may have this name too, and may hold anything.
        further = [key for key in others if isinstance(key, str)] if isinstance(others, list) else []
        problems |= {key: problem for key in (row["external_id"], *further, row["id"]) if key is not None}
        problems.setdefault(problem.prompt_id, problem)  # several references of one prompt: its first problem
    return problems


def _columns(store: SegmentStore, kind: Kind, name: str, columns: str) -> list[dict[str, Any]]:
    """A few columns of an import's rows; texts are not even read."""
    with store.cursor() as connection:
        query = f"SELECT {columns} FROM ({rows_of(store, kind, name)})"  # noqa: S608 - our own names only
        rows: list[dict[str, Any]] = connection.sql(query).to_arrow_table().to_pylist()
    return rows


@dataclass(frozen=True, slots=True)
class ModelCount:
    """Rollouts of one import by one model, and how many problems (prompts) they are of."""

    name: str
    model: str
    rollouts: int
    prompts: int


def names_of(store: SegmentStore, kind: Kind) -> list[str]:
    """The names under which rows of a kind were imported."""
    producers = {segment.producer for segment in store.registry.segments(kind)}
    return sorted(producer[len(PREFIX) :] for producer in producers if producer.startswith(PREFIX))


def answering(ws: "Workspace", problem_set: str) -> tuple[str, ...]:
    """The rollout imports made for a problem set.

    An import older than the ledger's records counts if all problems of its rollouts are in the set, and it has no problems
    of its own.
    """
    sets = {record.name: record.of for record in ws.imports.list() if record.of is not None}
    owners = set(names_of(ws.segments, "problems"))
    names = []
    for name in sorted({*names_of(ws.segments, "completions"), *sets}):  # an import without any rows left is still one
        of = sets.get(name) or (name if name in owners else None)
        if of == problem_set or (of is None and _all_within(ws.segments, name, problem_set)):
            names.append(name)
    return tuple(names)


def model_counts(
    store: SegmentStore, names: Sequence[str], prompt_ids: Collection[str], left_out: Collection[str] = ()
) -> list[ModelCount]:
    """Rollouts of these prompts by import and model, in the order of `names`; one that several imports hold counts with
    the first of them, and one that names a problem `left_out` with none.
    """
    if not names:
        return []
    # NOT IN gives null for a null, which WHERE takes for no.
    columns = f"{ANSWER} AS id, model, prompt_id, coalesce(meta ->> '$.problem_id', '') AS problem"
    parts = (
        f"SELECT {place} AS place, {columns} FROM ({current_rows(store, name)})"  # noqa: S608
        for place, name in enumerate(names)
    )
    once = (
        "SELECT id, min(place) AS place, any_value(model) AS model, any_value(prompt_id) AS prompt_id "  # noqa: S608
        f"FROM ({' UNION ALL '.join(parts)}) SEMI JOIN wanted USING (prompt_id) "
        "WHERE problem NOT IN (SELECT id FROM others) GROUP BY id"
    )
    query = (
        "SELECT place, model, count(*), count(DISTINCT prompt_id) "  # noqa: S608
        f"FROM ({once}) GROUP BY place, model ORDER BY place, model"
    )
    with store.cursor() as connection:
        connection.register("wanted", pa.table({"prompt_id": text_array(sorted(prompt_ids))}))
        connection.register("others", pa.table({"id": text_array(sorted(left_out))}))
        return [ModelCount(names[place], *counts) for place, *counts in connection.execute(query).fetchall()]


def rows_of(store: SegmentStore, kind: Kind, name: str) -> str:
    """The SELECT of everything imported under a name, also where the same rows are stored under another as well."""
    return select(kind, _segments(store, kind, name), store.path)


def current_rows(store: SegmentStore, name: str) -> str:
    """The SELECT of an import's completions with the labels that count: of an answer that was updated the last ones."""
    by_update: dict[int, list[Segment]] = {}
    for segment in _segments(store, "completions", name):
        by_update.setdefault(update_of(segment.version), []).append(segment)
    if len(by_update) < 2:
        return rows_of(store, "completions", name)
    parts = (
        f"SELECT *, {update} AS update FROM ({select('completions', segments, store.path)})"  # noqa: S608
        for update, segments in by_update.items()
    )
    return (
        f"SELECT * EXCLUDE (update) FROM ({' UNION ALL '.join(parts)}) "  # noqa: S608
        f"QUALIFY row_number() OVER (PARTITION BY {ANSWER} ORDER BY update DESC) = 1"
    )


def imported_rows(
    ws: "Workspace", imports: Sequence[str], problems: Sequence[Problem], left_out: Collection[str] = ()
) -> pa.Table:
    """The completions of these problems in these imports (if none is named, in all): columns problem_id, prompt_id,
    completion_id, sample_index, seed, in the order of problem, index and id.

    One that names its problem belongs to that problem; if it names none of these (its reference was repaired since), to
    every problem with the same prompt; if it names one that is `left_out`, to none.
    """
    names = imports or names_of(ws.segments, "completions")
    parts = [f"SELECT {place} AS place, * FROM ({_imported_as(ws, name)})" for place, name in enumerate(names)]  # noqa: S608
    if not imports:  # of those that were registered again without a name too, and behind all others
        held = [f"SELECT id FROM ({rows_of(ws.segments, 'completions', name)})" for name in names]  # noqa: S608
        known = " UNION ALL ".join([*held, "SELECT ''"])
        rest = f"SELECT * FROM completions WHERE engine = 'imported' AND id NOT IN ({known})"  # noqa: S608
        parts.append(f"SELECT {len(names)} AS place, {_ROW} FROM ({rest})")  # noqa: S608
    taken = (
        f"SELECT DISTINCT ON (answer) * FROM ({' UNION ALL '.join(parts)}) SEMI JOIN wanted USING (prompt_id) "  # noqa: S608
        "WHERE coalesce(problem, '') NOT IN (SELECT id FROM others) ORDER BY answer, place"
    )
    query = (
        "SELECT w.problem_id, t.prompt_id, t.id AS completion_id, t.sample_index, coalesce(t.seed, 0) AS seed "  # noqa: S608
        f"FROM ({taken}) t JOIN wanted w ON w.prompt_id = t.prompt_id "
        "LEFT JOIN wanted n ON n.problem_id = t.problem AND n.prompt_id = t.prompt_id "
        "WHERE n.problem_id IS NULL OR n.problem_id = w.problem_id ORDER BY w.problem_id, t.sample_index, t.id"
    )
    connection = ws.segments.connect()
    try:
        ids = {name: text_array(getattr(row, field) for row in problems) for name, field in _IDS.items()}
        connection.register("wanted", pa.table(ids))
        connection.register("others", pa.table({"id": text_array(sorted(left_out))}))
        rows: pa.Table = connection.sql(query).to_arrow_table()
        return rows
    finally:
        connection.close()


def _imported_as(ws: "Workspace", name: str) -> str:
    """The SELECT of the rows imported under one name, even if the same rows are also stored under another."""
    if name not in names_of(ws.segments, "completions"):
        again = f"rollmill import rollouts FILE --name {name}"
        raise SetupError(f"no rollouts were imported as {name!r}.", next_command=again)
    return f"SELECT {_ROW} FROM ({current_rows(ws.segments, name)})"  # noqa: S608


def updates(store: SegmentStore, name: str) -> int:
    """Number of updates of an import's labels."""
    return max((update_of(segment.version) for segment in _segments(store, "completions", name)), default=0)


def update_of(version: str) -> int:
    """The number of the update that wrote a segment, 0 for a plain import."""
    return int(version.rpartition(UPDATE)[2]) if UPDATE in version else 0


def _segments(store: SegmentStore, kind: Kind, name: str) -> list[Segment]:
    return [segment for segment in store.readable(store.registry.segments(kind)) if segment.producer == producer_of(name)]


def _all_within(store: SegmentStore, name: str, problem_set: str) -> bool:
    """True if the problems of all of an import's rollouts are in the set."""
    problem = "json_extract_string(meta, '$.problem_id')"
    query = (
        f"SELECT count(*) FROM ({rows_of(store, 'completions', name)}) WHERE {problem} IS NULL OR {problem} NOT IN "  # noqa: S608
        f"(SELECT id FROM ({rows_of(store, 'problems', problem_set)}))"
    )
    with store.cursor() as connection:
        [(outside,)] = connection.execute(query).fetchall()
    return not outside
