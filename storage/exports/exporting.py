"""Files of a format, made from one published version or from several."""

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.storage.exports import EXPORTS
from rollmill.storage.exports.mix import Member, Mix, MixPart
from rollmill.storage.exports.thread_rows import PLANNED, STORED
from rollmill.storage.exports.write import TOOLS, Export, ExportFile, Row, export_rows, with_tools
from rollmill.storage.segments.schema import SCHEMAS
from rollmill.storage.versions.content.prompts import json_problems
from rollmill.storage.versions.read import open_version, reading
from rollmill.storage.versions.resolve import VersionInfo

Format = str | type[Export]
"""The name of a format, or the class of one that is not the product's."""
SHOW_WHAT_WAS_ASKED = frozenset({"thread"})
"""Formats that fill the templates of steps again, and therefore read the outcomes that the plan used."""


@dataclass(frozen=True, slots=True)
class LaterRows:
    """Rows about a version that are stored elsewhere: scores made after its publication, and outcomes that its plan used
    where others are accepted in it (completion_id, problem_id, outcome).
    """

    scores: pa.Table | None = None
    planned: pa.Table | None = None


_NOTHING = LaterRows()
_ANY = """select exists (select 1 from rollouts where contains(messages, '"kind":"tool_'))
    or exists (select 1 from problems where contains(prompt::varchar, '"kind":"tool_'))"""
# An import keeps the column with the completion, or with the problem where that has a file of its own.
_OFFERED = """
select d.completion_id, d.problem_id, coalesce(r.meta::json -> '$.tools', p.meta::json -> '$.tools')::varchar as offered
from decisions d join rollouts r on r.id = d.completion_id join problems p on p.id = d.problem_id
where contains(r.meta::varchar, '"tools"') or contains(p.meta::varchar, '"tools"')
"""


@dataclass(frozen=True, slots=True)
class ExportValidation:
    """The file of the validation rows and their least share of all rows; whole templates are drawn by the seed.

    A problem without a template is a cluster of its own.
    """

    out: Path
    share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise SetupError(f"a validation share of {self.share}; it is above 0 and below 1.")

    def clusters(self, chosen: Export, connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
        """The clusters of the validation file; SetupError if one template has all rows."""
        sizes = Counter(_cluster(row) for row in chosen.rows(connection))
        if len(sizes) < 2:
            raise SetupError(
                f"{len(sizes)} template among the rows: it cannot be on one side only.", next_command="export one file"
            )
        clusters: set[str] = set()
        rows = 0
        for name in sorted(sizes, key=lambda name: digest128(["validation", self.seed, name])):
            # One cluster stays for training, however large the share.
            if rows >= self.share * sizes.total() or len(clusters) == len(sizes) - 1:
                break
            clusters.add(name)
            rows += sizes[name]
        return frozenset(clusters)


def type_words(annotation: Any) -> str:
    """The type of an option in words."""
    return _KINDS.get(annotation, "a text")


_KINDS = {int: "a whole number", bool: "true or false", float: "a number"}


def parsed(fmt: Format, texts: Mapping[str, str]) -> dict[str, Any]:
    """Options in a person's spelling: a text stays text, `system=Note: be brief` for example; anything else is YAML."""
    cls = EXPORTS.get(fmt) if isinstance(fmt, str) else fmt
    known = {} if cls is None else inspect.signature(cls).parameters
    values: dict[str, Any] = dict(texts)
    for option, text in texts.items():
        if option in known and known[option].annotation in _KINDS:
            try:
                values[option] = yaml.safe_load(text)
            except yaml.YAMLError:
                continue  # export says what it must be
    return values


def export(
    info: VersionInfo,
    fmt: Format,
    out: Path,
    beside: LaterRows = _NOTHING,
    *,
    validation: ExportValidation | None = None,
    **options: Any,
) -> ExportFile:
    """Write a version as `fmt` to `out` (.jsonl or .parquet); options are the format's own.

    `validation`: some templates go to a separate file, `validation` of the result.
    """
    chosen = built_export(fmt, options)
    with _opened(info, beside) as connection:
        return _write(chosen, connection, out, validation)


def export_mix(
    parts: Sequence[MixPart],
    fmt: Format,
    out: Path,
    beside: Sequence[LaterRows] = (),
    *,
    validation: ExportValidation | None = None,
    **options: Any,
) -> ExportFile:
    """Write several versions as one file, one after the other; every row has the column `dataset`.

    `beside`: the second file of each part.
    """
    with ExitStack() as stack:
        members = [
            Member(part, built_export(fmt, options), stack.enter_context(_opened(part.info, rows)))
            for part, rows in zip(parts, beside or [_NOTHING] * len(parts), strict=True)
        ]
        mix = Mix(members)
        return replace(_write(mix, members[0].connection, out, validation), short=mix.short)


def built_export(fmt: Format, options: Mapping[str, Any]) -> Export:
    """The format with its options checked."""
    if isinstance(fmt, str) and fmt not in EXPORTS:
        raise unknown_name("export format", fmt, EXPORTS, next_command="rollmill dataset formats")
    cls = EXPORTS[fmt] if isinstance(fmt, str) else fmt
    name = fmt if isinstance(fmt, str) else cls.__name__
    # Annotations are read as types, so the formats' modules must not postpone them (PEP 563).
    known = inspect.signature(cls).parameters
    for option, value in options.items():
        if option not in known:
            raise unknown_name(f"option of {name}", option, known, next_command=f"rollmill dataset formats {name}")
        kind = known[option].annotation
        allowed = (int, float) if kind is float else kind
        if not isinstance(value, allowed) or (kind in (int, float) and isinstance(value, bool)):
            raise SetupError(f"{option} is {value!r}, and must be {_KINDS.get(kind, 'a text')}.")
    return cls(**options)


@contextmanager
def _opened(info: VersionInfo, beside: LaterRows) -> Iterator[duckdb.DuckDBPyConnection]:
    with reading(info), open_version(info) as connection:
        json_problems(connection)
        connection.register(STORED, SCHEMAS["scores"].empty_table() if beside.scores is None else beside.scores)
        connection.register(PLANNED, SCHEMAS["outcomes"].empty_table() if beside.planned is None else beside.planned)
        yield connection


def _write(
    chosen: Export, connection: duckdb.DuckDBPyConnection, out: Path, validation: ExportValidation | None
) -> ExportFile:
    clusters = frozenset() if validation is None else validation.clusters(chosen, connection)
    read = chosen.connections if isinstance(chosen, Mix) else [connection]
    calls = _has_calls(read)
    schema = with_tools(chosen.schema) if calls else chosen.schema

    def side(*, inside: bool) -> Iterator[Row]:
        rows = _side(chosen.rows(connection), clusters, inside=inside)
        return _with_offered(rows, read) if calls else rows

    written = export_rows(side(inside=False), schema, out)
    # Complete after the rows of one side: each pass goes through all rows, and counts anew.
    left_out = {what: count for what, count in chosen.left_out.items() if count}
    if validation is not None:
        written = replace(written, validation=export_rows(side(inside=True), schema, validation.out))
    return replace(written, left_out=left_out)


def _cluster(row: Row) -> str:
    """Cluster of a row: its template, else its problem; SetupError for a row that names neither."""
    template, problem = row.get("template"), row.get("problem_id")
    if not template and problem is None:
        raise SetupError(
            "the rows of this format name no `problem_id`, by which validation rows are chosen.",
            next_command="the same command without --validation, or a format whose rows have it",
        )
    return f"template {template}" if template else f"problem {problem}"


def _side(rows: Iterator[Row], clusters: frozenset[str], *, inside: bool) -> Iterator[Row]:
    """The rows inside the clusters, or those outside: all of them without clusters."""
    if not clusters and not inside:
        return rows
    return (row for row in rows if (_cluster(row) in clusters) == inside)


def _has_calls(connections: Iterable[duckdb.DuckDBPyConnection]) -> bool:
    """True if a turn of one of these versions calls a tool, or is the result of a call."""
    return any(connection.execute(_ANY).fetchall()[0][0] for connection in connections)


def _with_offered(rows: Iterator[Row], connections: Sequence[duckdb.DuckDBPyConnection]) -> Iterator[Row]:
    """The rows with the tools of their completion, as JSON text; a row of several completions has those of its problem."""
    texts: dict[str, str] = {}
    known: dict[str, str | None] = {}
    for connection in connections:
        for completion, problem, offered in connection.execute(_OFFERED).fetchall():
            text = None if offered is None else texts.setdefault(offered, offered)
            known |= {completion: text, problem: known.get(problem) or text}
    for row in rows:
        yield row | {TOOLS: known.get(str(row.get("id"))) or known.get(str(row.get("problem_id")))}
