"""Contents of a dataset version, before it has a number, a folder or a hash.

Arrow tables with the schemas of the segment kinds, and the manifest of its maker. It knows nothing of runs or the
ledger; `completions` are all completions of the plan, kept or not. Tables with texts may be a TableFile in key order,
which offers the parts of an Arrow table's interface that are used here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce, singledispatch
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollmill.ground.errors import SetupError
from rollmill.ground.id_keys import id_keys, places
from rollmill.storage.segments.keys import Kind
from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.segments.table_file import TableFile
from rollmill.storage.versions.content.catalogue import KEYS, OPTIONAL, TABLES

_COMPARED = 8_192  # keys compared at a time


def empty_table(kind: Kind) -> pa.Table:
    """No rows, with the columns of a kind."""
    return SCHEMAS[kind].empty_table()


@dataclass(frozen=True)
class Snapshot:
    """The rows of a version, and its manifest: recipe, recipe_hash, run, fingerprint, verifiers, funnel, metrics.

    `prompts`: the messages that models got, by digest; `sent`: the digest of each drawn completion. Both are outside of the
    content hash: the id of a drawn completion covers its prompt, and older versions have none.
    """

    name: str
    problems: pa.Table
    completions: pa.Table
    verdicts: pa.Table = field(default_factory=lambda: empty_table("verdicts"))
    scores: pa.Table = field(default_factory=lambda: empty_table("scores"))
    decisions: pa.Table = field(default_factory=lambda: empty_table("decisions"))
    manifest: Mapping[str, Any] = field(default_factory=dict)
    threads: pa.Table = field(default_factory=lambda: empty_table("threads"))
    prompts: pa.Table = field(default_factory=lambda: empty_table("prompts"))
    sent: pa.Table = field(default_factory=lambda: empty_table("sent"))

    def table(self, kind: Kind) -> pa.Table:
        """The table of one kind."""
        table: pa.Table = getattr(self, kind)
        return table

    def tables(self) -> Iterator[tuple[Kind, pa.Table]]:
        """(kind, table) in the order of TABLES."""
        return ((kind, self.table(kind)) for kind in TABLES)

    def written(self) -> Iterator[tuple[Kind, pa.Table]]:
        """(kind, table) of the written tables: without optional tables that are empty."""
        return ((kind, table) for kind, table in self.tables() if kind not in OPTIONAL or table.num_rows)


@singledispatch
def in_key_order(
    table: pa.Table, kind: Kind, rows: int, *, columns: Sequence[str] = (), chosen: pa.ChunkedArray | None = None
) -> Iterator[pa.Table]:
    """The rows of a table sorted by the kind's key, `rows` at a time, copied only if they are not sorted yet.

    `chosen`: a mask of the wanted rows; by default all.
    """
    order = _order(kind, table)
    narrow = table.select(list(columns)) if columns else table
    if _is_sorted(order):
        return _chosen((narrow.slice(start, rows) for start in range(0, narrow.num_rows, rows)), chosen)
    if chosen is not None:
        # The mask is in the order of the table, and the numbers are in key order.
        order = order[np.asarray(chosen)[order]]
    return (narrow.take(order[start : start + rows]) for start in range(0, len(order), rows))


@in_key_order.register
def _(
    table: TableFile, _kind: Kind, rows: int, *, columns: Sequence[str] = (), chosen: pa.ChunkedArray | None = None
) -> Iterator[pa.Table]:
    """The rows of a file, which are in that order already."""
    return _chosen(table.parts(rows, columns), chosen)


def _chosen(parts: Iterable[pa.Table], chosen: pa.ChunkedArray | None) -> Iterator[pa.Table]:
    """The chosen rows of each part; selecting them by number would copy every text for each part."""
    start = 0
    for whole in parts:
        part = whole if chosen is None else whole.filter(chosen.slice(start, whole.num_rows))
        start += whole.num_rows
        if part.num_rows:
            yield part


def sorted_by_key(kind: Kind, table: pa.Table) -> pa.Table:
    """The table in key order; itself if it is sorted already."""
    order = _order(kind, table)
    return table if _is_sorted(order) else table.take(order)


def _order(kind: Kind, table: pa.Table) -> Any:
    keys = [(key, "ascending") for key in KEYS[kind]]
    return pc.sort_indices(table.select(list(KEYS[kind])), sort_keys=keys).to_numpy()


def _is_sorted(order: Any) -> bool:
    return bool((order == np.arange(len(order))).all())


def checked(snapshot: Snapshot) -> Snapshot:
    """The snapshot with its columns in schema order and type.

    Raises SetupError for missing columns, for two rows with one key, and for decisions on missing rows and threads of
    them: the content of such a snapshot is undefined.
    """
    tables = {kind: _conform(kind, table) for kind, table in snapshot.tables()}
    # Before the look-ups below, which take the first of equal keys.
    for kind, table in tables.items():
        _refuse_duplicates(kind, table)
    _refuse_unknown_rows("decisions", tables["decisions"], "completion_id", tables["completions"])
    _refuse_unknown_rows("decisions", tables["decisions"], "problem_id", tables["problems"])
    _refuse_unknown_rows("threads", tables["threads"], "completion_id", tables["completions"])
    _refuse_unknown_rows("sent", tables["sent"], "completion_id", tables["completions"])
    _refuse_unknown_rows("sent", tables["sent"], "prompt", tables["prompts"])
    return Snapshot(snapshot.name, **tables, manifest=snapshot.manifest)


def _conform(kind: Kind, table: pa.Table) -> pa.Table:
    missing = [name for name in SCHEMAS[kind].names if name not in table.column_names]
    if missing:
        raise SetupError(f"the {kind} of a dataset version lack the columns {', '.join(missing)}.")
    # Only if it differs: of a TableFile all rows would be read into memory.
    return table if table.schema == SCHEMAS[kind] else table.select(SCHEMAS[kind].names).cast(SCHEMAS[kind])


def _refuse_duplicates(kind: Kind, table: pa.Table) -> None:
    keys = list(KEYS[kind])
    if not _repeats(kind, table):
        return
    # One thread, so that the same one of several repeated keys is named each time.
    counted = table.select(keys).group_by(keys, use_threads=False).aggregate([([], "count_all")])
    twice = counted.filter(pc.field("count_all") > 1).slice(0, 1).to_pylist()[0]
    raise SetupError(
        f"{kind} hold {twice['count_all']} rows of {', '.join(str(twice[key]) for key in keys)}; one is allowed."
    )


def _repeats(kind: Kind, table: pa.Table) -> bool:
    """True for a table in key order with a repeated key."""
    last: list[pa.Table] = []
    for part in in_key_order(table, kind, _COMPARED, columns=KEYS[kind]):
        rows = pa.concat_tables([*last, part])
        same = [pc.equal(rows[key][1:], rows[key][:-1]) for key in KEYS[kind]]
        if pc.any(reduce(pc.and_, same)).as_py():
            return True
        # Kept for the next part, as two equal keys may be in two parts.
        last = [part.slice(part.num_rows - 1)]
    return False


def _refuse_unknown_rows(kind: Kind, table: pa.Table, column: str, owners: pa.Table) -> None:
    named = table[column]
    unknown = np.flatnonzero(places(id_keys(named), id_keys(owners["id"])) < 0)
    if len(unknown):
        raise SetupError(
            f"{len(unknown)} {kind} name a {column} that the version does not hold, first {named[int(unknown[0])]}."
        )
