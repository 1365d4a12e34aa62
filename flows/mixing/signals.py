"""The signal table of a mixture: a row for each rollout of each source, computed once and stored under its content's name.

Thresholds are applied to it later by query, so another threshold computes nothing again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from rollmill.flows.mixing.mix_recipe import LoadedMixture, TextSignals
from rollmill.flows.mixing.mix_sources import OpenedSource
from rollmill.flows.mixing.model_signals import SIMILAR, OpenedTarget, open_target, with_model_signals
from rollmill.flows.mixing.own_signals import with_own_columns
from rollmill.flows.problems import prompt_text
from rollmill.ground.failpoints import hit
from rollmill.ground.files import locked, sync
from rollmill.ground.ids import digest128, sha256_text
from rollmill.ground.pool import score_columns
from rollmill.pipelines.mix.text_vectors import k_means, text_vectors
from rollmill.pipelines.select.near_duplicates import near_duplicates
from rollmill.storage.artifacts.digests import digest as file_digest
from rollmill.storage.scores import later_scores
from rollmill.storage.segments.instance import closed
from rollmill.storage.segments.schema import prompt_from_json
from rollmill.storage.workspace import Workspace

VERSION = "1"
"""Version of the signals; it changes when equal sources would give other numbers."""
VECTOR = "vector"
_NAMED = 16  # hex digits of a table's own digest in its file's name
NAMES = ("source", "problem_id", "completion_id", "source_kept", "source_reason")
"""Columns of every signal table that are no signals."""
_ROWS = """
SELECT d.problem_id, d.completion_id, d.kept AS source_kept, d.reason AS source_reason, d.outcome,
       CAST(p.level AS DOUBLE) AS level, p.skill, p.template, p.licence, p.split, p.source AS problem_source, c.model,
       CAST(c.sample_index AS DOUBLE) AS sample_index, c.finish_reason, CAST(c.tokens_out AS DOUBLE) AS tokens_out,
       CAST(length(c.text) AS DOUBLE) AS characters,
       CAST(len(regexp_extract_all(c.text, '\\S+')) AS DOUBLE) AS words,
       c.logprob_sum / nullif(c.tokens_out, 0) AS logprob_mean, c.self_certainty, r.pass_rate
FROM decisions d JOIN problems p ON p.id = d.problem_id JOIN completions c ON c.id = d.completion_id
LEFT JOIN (
    SELECT problem_id, count(*) FILTER (outcome = 'correct') / count(*) AS pass_rate FROM decisions
    WHERE outcome IN ('correct', 'incorrect', 'unparsed') GROUP BY problem_id
) r ON r.problem_id = d.problem_id
ORDER BY d.problem_id, d.completion_id
"""
_TEXTS = """
SELECT p.prompt, c.text FROM decisions d JOIN problems p ON p.id = d.problem_id JOIN completions c ON c.id = d.completion_id
WHERE d.kept ORDER BY d.problem_id, d.completion_id
"""


@dataclass(frozen=True, slots=True)
class StoredSignals:
    """A stored table of signals. `digest`: hash of everything that it was computed from. `made`: True if this command
    computed it.
    """

    path: Path
    digest: str
    made: bool

    def names(self) -> list[str]:
        """Signals that a threshold may name."""
        return [name for name in pq.read_schema(self.path).names if name not in (*NAMES, VECTOR, SIMILAR)]


def signals_of(ws: Workspace, loaded: LoadedMixture, sources: Sequence[OpenedSource]) -> StoredSignals:
    """The signal table of these sources; computed and stored in `.rollmill/mixes/` unless it is there."""
    scores = [_scores(ws, source) for source in sources]
    signals = loaded.recipe.signals
    own = {name: file_digest(loaded.base / name) for name in signals.columns if (loaded.base / name).is_file()}
    content = [[source.name, source.identity, _digest(rows)] for source, rows in zip(sources, scores, strict=True)]
    target = open_target(ws, loaded)
    of_model = [] if target is None else target.identity
    digest = digest128(["signals", VERSION, content, signals.model_dump(mode="json"), own, loaded.recipe.seed, *of_model])
    with locked(ws.state / "mixes" / "signals.lock"):  # another command may compute the same table
        path = _whole(ws.state / "mixes", digest)
        if path is not None:
            path.touch()
            return StoredSignals(path, digest, made=False)
        return StoredSignals(
            _written(ws.state / "mixes", digest, _table(loaded, sources, scores, target)), digest, made=True
        )


def _table(
    loaded: LoadedMixture, sources: Sequence[OpenedSource], scores: Sequence[pa.Table], target: OpenedTarget | None
) -> pa.Table:
    """The signal table, computed."""
    parts = [_rows(source, rows) for source, rows in zip(sources, scores, strict=True)]
    table = pa.concat_tables(parts, promote_options="default")
    texts = [_texts(source) for source in sources]
    table = _with_texts(table, loaded, [pair for part in texts for pair in part], target)
    return with_own_columns(table, [loaded.base / name for name in loaded.recipe.signals.columns], NAMES)


def _whole(folder: Path, digest: str) -> Path | None:
    """The stored table of this digest, if its bytes are those that were written."""
    for path in sorted(folder.glob(f"signals-{digest}-*.parquet")):
        if path.stem.endswith(file_digest(path)[:_NAMED]):
            return path
        path.unlink()  # damaged: it is computed again
    return None


def _written(folder: Path, digest: str, table: pa.Table) -> Path:
    """The table as a file whose name ends with the beginning of its own SHA-256."""
    for left in folder.glob(".signals-*"):  # of a command that was killed; no other writes here now
        left.unlink()
    temporary = folder / f".signals-{digest}"
    pq.write_table(table, temporary, compression="zstd")
    sync(temporary)
    hit("signals.written")
    path = folder / f"signals-{digest}-{file_digest(temporary)[:_NAMED]}.parquet"
    temporary.replace(path)
    sync(folder)
    return path


def _scores(ws: Workspace, source: OpenedSource) -> pa.Table:
    """Scores of the version, and those that were stored about its run since."""
    run = source.snapshot.manifest.get("run")
    later = later_scores(ws, run) if isinstance(run, str) else None
    columns = ["completion_id", "problem_id", "scorer", "version", "value"]
    kept = source.snapshot.scores.select(columns)
    return (kept if later is None or not later.num_rows else later.select(columns)).sort_by(
        [(name, "ascending") for name in columns]
    )


def _digest(scores: pa.Table) -> str:
    return sha256_text(repr([column.to_pylist() for column in scores.columns]))[:32] if scores.num_rows else ""


def _rows(source: OpenedSource, scores: pa.Table) -> pa.Table:
    """The signals of one source's rollouts, without those of texts."""
    table = _query(source, _ROWS)
    for name, values in sorted(score_columns(table, scores).items()):
        table = table.append_column(f"score.{name}", pa.array(values, mask=~np.isfinite(values)))
    return table.add_column(0, "source", pa.array([source.name] * len(table), pa.string()))


def _texts(source: OpenedSource) -> list[tuple[str, str]]:
    """Prompt and text of each row that the source kept, in the order of its signals."""
    rows = _query(source, _TEXTS)
    prompts = [prompt_text(prompt_from_json(prompt)) for prompt in rows["prompt"].to_pylist()]
    return list(zip(prompts, rows["text"].to_pylist(), strict=True))


def _query(source: OpenedSource, query: str) -> pa.Table:
    with closed() as connection:
        for kind in ("problems", "completions", "decisions"):
            connection.register(kind, source.snapshot.table(kind).to_reader().read_all())
        return connection.sql(query).to_arrow_table()


def _with_texts(
    table: pa.Table, loaded: LoadedMixture, texts: Sequence[tuple[str, str]], target: OpenedTarget | None
) -> pa.Table:
    """The table with the signals of texts for the rows that their sources kept; null for others."""
    signals, kept = loaded.recipe.signals, np.flatnonzero(np.asarray(table["source_kept"])).tolist()
    if signals.text is not None:
        vectors = text_vectors([_shown(signals.text, *pair) for pair in texts], signals.text.dims)
        clusters = k_means(vectors, signals.text.clusters, loaded.recipe.seed)
        table = _spread(table, "cluster", [f"c{label}" for label in clusters], kept, pa.string())
        table = _spread(table, VECTOR, vectors.astype(np.float32).tolist(), kept, pa.list_(pa.float32()))
    if signals.near_copies is not None:
        first = near_duplicates([text for _, text in texts], signals.near_copies)
        ids = [table["completion_id"][int(at)].as_py() for at in kept]
        copies = [ids[place if of is None else of] for place, of in enumerate(first)]
        table = _spread(table, "copies", copies, kept, pa.string())
    return table if target is None else with_model_signals(table, target, texts, kept)


def _shown(signals: TextSignals, prompt: str, text: str) -> str:
    return {"prompt": prompt, "text": text, "both": f"{prompt}\n{text}"}[signals.of]


def _spread(table: pa.Table, name: str, values: Sequence[Any], places: Sequence[int], kind: pa.DataType) -> pa.Table:
    column: list[Any] = [None] * len(table)
    for place, value in zip(places, values, strict=True):
        column[place] = value
    return table.append_column(name, pa.array(column, kind))
