"""Exports: files that a trainer reads, made from one published version. One format per file, one line per format here."""

import inspect
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import yaml

from storage.errors import SetupError, unknown_name
from storage.exports.completions import PromptCompletion, Unpaired
from storage.exports.conversations import Conversations
from storage.exports.mix import Member, Mix, Part
from storage.exports.pairs import Pairs, Redi
from storage.exports.process_labels import ProcessLabels
from storage.exports.prompts import Prompts
from storage.exports.ranked_pairs import RankedPairs
from storage.exports.rl import Rl
from storage.exports.search_trees import PiecePairs, SearchTree
from storage.exports.sft import Sft
from storage.exports.threads import STORED
from storage.exports.write import Export, ExportFile, Row, export_rows
from storage.ids import digest128
from storage.segments.schema import SCHEMAS
from storage.versions.prompts import json_problems
from storage.versions.read import open_version, reading
from storage.versions.resolve import VersionInfo

__all__ = ["EXPORTS", "ExportFile", "Part", "Validation", "export", "export_mix", "parsed"]

EXPORTS: Mapping[str, type[Export]] = {
    "sft": Sft,
    "prompt_completion": PromptCompletion,
    "unpaired": Unpaired,
    "pairs": Pairs,
    "ranked_pairs": RankedPairs,
    "redi": Redi,
    "rl": Rl,
    "prompts": Prompts,
    "thread": Conversations,
    "process_labels": ProcessLabels,
    "tree": SearchTree,
    "piece_pairs": PiecePairs,
}


@dataclass(frozen=True, slots=True)
class Validation:
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
        """The clusters of the validation file; SetupError where one template has all rows."""
        sizes = Counter(_cluster(row) for row in chosen.rows(connection))
        if len(sizes) < 2:
            raise SetupError(
                f"{len(sizes)} template among the rows: it cannot be on one side only.", next_command="export one file"
            )
        clusters: set[str] = set()
        rows = 0
        for name in sorted(sizes, key=lambda name: digest128(["validation", self.seed, name])):
            # One cluster is left for training, however large the share.
            if rows >= self.share * sizes.total() or len(clusters) == len(sizes) - 1:
                break
            clusters.add(name)
            rows += sizes[name]
        return frozenset(clusters)


_KINDS = {int: "a whole number", bool: "true or false", float: "a number"}


def parsed(fmt: str, texts: Mapping[str, str]) -> dict[str, Any]:
    """Options as a person types them: a text stays as it is, `system=Note: be brief` for one, anything else is YAML."""
    known = inspect.signature(EXPORTS[fmt]).parameters if fmt in EXPORTS else {}
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
    fmt: str,
    out: Path,
    stored_scores: pa.Table | None = None,
    *,
    validation: Validation | None = None,
    **options: Any,
) -> ExportFile:
    """Write a version as `fmt` to `out` (.jsonl or .parquet); options are the format's own.

    `stored_scores`: rows that were stored after the version was published, for formats that are asked for scores.
    `validation`: some templates go to a file of their own, `validation` of what is given back.
    """
    chosen = _built(fmt, options)
    with _opened(info, stored_scores) as connection:
        return _write(chosen, connection, out, validation)


def export_mix(
    parts: Sequence[Part],
    fmt: str,
    out: Path,
    stored_scores: Sequence[pa.Table | None] = (),
    *,
    validation: Validation | None = None,
    **options: Any,
) -> ExportFile:
    """Write several versions as one file, one after the other; every row has the column `dataset`.

    `stored_scores`: those of each part, as in `export`.
    """
    with ExitStack() as stack:
        members = [
            Member(part, _built(fmt, options), stack.enter_context(_opened(part.info, scores)))
            for part, scores in zip_longest(parts, stored_scores)
        ]
        mix = Mix(members)
        return replace(_write(mix, members[0].connection, out, validation), short=mix.short)


def _built(fmt: str, options: Mapping[str, Any]) -> Export:
    """The format with its options checked."""
    if fmt not in EXPORTS:
        raise unknown_name("export format", fmt, EXPORTS, next_command="rollmill dataset export --help")
    # Annotations are read as types, so the formats' modules must not postpone them (PEP 563).
    known = inspect.signature(EXPORTS[fmt]).parameters
    for option, value in options.items():
        if option not in known:
            raise unknown_name(f"option of {fmt}", option, known)
        kind = known[option].annotation
        allowed = (int, float) if kind is float else kind
        if not isinstance(value, allowed) or (kind in (int, float) and isinstance(value, bool)):
            raise SetupError(f"{option} is {value!r}, and must be {_KINDS.get(kind, 'a text')}.")
    return EXPORTS[fmt](**options)


@contextmanager
def _opened(info: VersionInfo, stored_scores: pa.Table | None) -> Iterator[duckdb.DuckDBPyConnection]:
    with reading(info), open_version(info) as connection:
        json_problems(connection)
        connection.register(STORED, SCHEMAS["scores"].empty_table() if stored_scores is None else stored_scores)
        yield connection


def _write(chosen: Export, connection: duckdb.DuckDBPyConnection, out: Path, validation: Validation | None) -> ExportFile:
    clusters = frozenset() if validation is None else validation.clusters(chosen, connection)
    written = export_rows(_side(chosen.rows(connection), clusters, inside=False), chosen.schema, out)
    # Complete after the rows of one side: each pass goes through all rows, and counts anew.
    left_out = {what: count for what, count in chosen.left_out.items() if count}
    if validation is not None:
        rows = _side(chosen.rows(connection), clusters, inside=True)
        written = replace(written, validation=export_rows(rows, chosen.schema, validation.out))
    return replace(written, left_out=left_out)


def _cluster(row: Row) -> str:
    """What stays together: the template, else the problem."""
    template: Any = row.get("template")
    return f"template {template}" if template else f"problem {row['problem_id']}"


def _side(rows: Iterator[Row], clusters: frozenset[str], *, inside: bool) -> Iterator[Row]:
    """The rows of one side."""
    return (row for row in rows if (_cluster(row) in clusters) == inside)
