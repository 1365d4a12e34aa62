"""The SQL that reads registered segments. Knows columns and identities; knows neither the ledger nor a connection.

Rows with the same identity may be stored twice only in segments marked `overlaps`; only those are de-duplicated, so a
workspace without them is read at full speed. The row registered first wins.
"""

# ruff: noqa: S608 (the SQL is made of our own column names and of quoted paths)

from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from rollmill.ground.recipe_steps import OLD_COLUMN
from rollmill.storage.segments.keys import COLUMNS, Kind, Segment

IDENTITY: Mapping[Kind, tuple[str, ...]] = {
    "problems": ("id",),
    "completions": ("id",),
    "verdicts": ("completion_id", "problem_id", "verifier", "version"),
    "scores": ("completion_id", "problem_id", "scorer", "version"),
}
SEPARATOR = "\x1f"

PathOf = Callable[[Segment], str]


WITH_OLD_COLUMN = frozenset({"de9faa7ecb89", "4def2bd97bc8"})
"""Plans and decisions of the time when a step was called an arm."""


def select(kind: Kind, segments: Sequence[Segment], path_of: PathOf, *, only: Set[int] | None = None) -> str:
    """SELECT of every row of these segments, in registration order, each identity once.

    `only`: numbers of the segments whose rows to give; the winner of an identity is chosen among all segments.
    """
    plain = [segment for segment in segments if not segment.overlaps]
    extra = [segment for segment in segments if segment.overlaps]
    given = [segment for segment in plain if only is None or segment.seq in only]
    # Of kinds without an identity, such as plans and decisions, no row counts as repeated.
    if not extra or kind not in IDENTITY:
        given += [segment for segment in extra if only is None or segment.seq in only]
        return _rows(kind, given, path_of)
    names = _names(COLUMNS[kind])
    identity = ", ".join(IDENTITY[kind])
    winners = (
        f"SELECT * FROM ({_numbered(kind, extra, path_of)}) AS extra "
        f"ANTI JOIN (SELECT {identity} FROM ({_rows(kind, plain, path_of)})) AS plain USING ({identity}) "
        f"QUALIFY row_number() OVER (PARTITION BY {identity} ORDER BY segment_seq, file_row_number) = 1"
    )
    chosen = "true" if only is None else f"segment_seq IN ({','.join(map(str, only))})"
    return (
        f"SELECT {names} FROM ({_rows(kind, given, path_of)}) UNION ALL "
        f"(SELECT {names} FROM ({winners}) WHERE {chosen} ORDER BY segment_seq, file_row_number)"
    )


def key_sql(kind: Kind) -> str:
    """SQL expression for the 128-bit key of a row's identity."""
    return f"md5_number(concat_ws('{SEPARATOR}', {', '.join(IDENTITY[kind])}))"


def keys(kind: Kind, segments: Sequence[Segment], path_of: PathOf) -> str:
    """SELECT of (key, seq): the identity of every row, repeated ones included, and the number of its segment."""
    # DuckDB names the file of a row, from which the number of its segment follows.
    paths = files([path_of(segment) for segment in segments])
    numbers = ",".join(str(segment.seq) for segment in segments)
    return (
        f"SELECT {key_sql(kind)} AS key, seq FROM read_parquet({paths}, filename=true, hive_partitioning=false) "
        f"JOIN (SELECT unnest({paths}) AS filename, unnest([{numbers}]) AS seq) USING (filename)"
    )


def quoted_name(name: str) -> str:
    """A name of a table or column, in quotation marks for SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted(text: str) -> str:
    """A SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def files(paths: Sequence[str]) -> str:
    """A SQL list of paths."""
    return "[" + ",".join(map(quoted, paths)) + "]"


def _rows(kind: Kind, segments: Sequence[Segment], path_of: PathOf) -> str:
    groups: dict[str, list[str]] = {}
    for segment in segments:
        groups.setdefault(segment.columns, []).append(path_of(segment))
    parts = [_scan(kind, columns, files(paths)) for columns, paths in groups.items()]
    return " UNION ALL ".join(parts) if parts else no_rows(kind)


def _scan(kind: Kind, columns: str, paths: str) -> str:
    """Scan of files with one schema, so that only the first is opened to bind; columns missing in older ones are null."""
    from rollmill.storage.segments.schema import CURRENT  # loads Arrow, which readers of versions need not have

    names = _names(COLUMNS[kind])
    if columns == CURRENT[kind]:
        # A workspace in a folder called a=b would otherwise get a column `a` in every row.
        return f"SELECT {names} FROM read_parquet({paths}, hive_partitioning=false)"
    chosen = f"* RENAME ({OLD_COLUMN} AS step)" if columns in WITH_OLD_COLUMN else "*"
    old = f"SELECT {chosen} FROM read_parquet({paths}, hive_partitioning=false)"
    return f"SELECT {names} FROM ({no_rows(kind)} UNION ALL BY NAME {old})"


def _numbered(kind: Kind, segments: Sequence[Segment], path_of: PathOf) -> str:
    """The rows of these segments, numbered by registration and position in their file."""
    from rollmill.storage.segments.schema import CURRENT

    names = _names(COLUMNS[kind])
    paths = files([path_of(segment) for segment in segments])
    # By name only if needed: then each file is opened to bind, not the first alone.
    old = any(segment.columns != CURRENT[kind] for segment in segments)
    options = f"filename=true, file_row_number=true, hive_partitioning=false, union_by_name={str(old).lower()}"
    rows = f"SELECT * FROM read_parquet({paths}, {options})"
    if old:
        rows = f"{no_rows(kind)} UNION ALL BY NAME {rows}"
    numbers = ",".join(str(segment.seq) for segment in segments)
    order = f"SELECT unnest({paths}) AS filename, unnest([{numbers}]) AS segment_seq"
    return f"SELECT {names}, segment_seq, file_row_number FROM ({rows}) JOIN ({order}) USING (filename)"


def no_rows(kind: Kind) -> str:
    """SELECT of no rows with the columns of a kind, for a union by name."""
    columns = ", ".join(f'CAST(NULL AS {sql}) AS "{name}"' for name, sql in COLUMNS[kind].items())
    return f"SELECT {columns} WHERE false"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
