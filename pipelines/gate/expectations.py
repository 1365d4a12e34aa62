"""Expectations that Great Expectations lacks, registered by name when this module is imported.

In a project of that library: `import rollmill.pipelines.gate.expectations`, then `expect_one_reference_of_each_prompt` and
the rest work on batches of pandas and of SQL. A parameter `evaluation` or `before` is rows (a list of mappings) or, over
SQL, the name of a table of the same database. The gate measures some of them before, for its report (`GateMeasurements`).
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from great_expectations.expectations.expectation import BatchExpectation

from rollmill.ground.formats.rate_texts import with_interval
from rollmill.ground.pool import Composition, pool_of
from rollmill.ground.records import Problem
from rollmill.ground.replies.faults import DRAWS, ONE_TEXT, SEVERAL, TEXTS
from rollmill.ground.solutions import asked, plain_reference
from rollmill.metrics import Drift
from rollmill.metrics.drift import drifts
from rollmill.pipelines.contamination import REQUIRED, ContaminationCertificate, Overlaps, Scan, certify
from rollmill.pipelines.contamination.planted_copies import COPIES
from rollmill.pipelines.gate.suite import FEWEST, GateMeasurements

_PART = 8_192  # rows read at once
_NAMED = 1_000  # rows that a result names
_TYPES = {"VARCHAR": "string", "BIGINT": "int64", "BOOLEAN": "bool"}
_DRIFTING = [
    "problem_id",
    "template",
    "level",
    "source",
    "completion_id",
    "tokens_out",
    "kept",
    "outcome",
    "prompt",
    "text",
]
_DECIDED = ("problem_id", "completion_id", "kept", "outcome")
Rows = str | list[dict[str, Any]]


Number = tuple[str, float, float | None, float | None, str]
"""A number that an expectation measured: what, value, least, most, and the last word of the option that sets these ends."""


class RowsExpectation(BatchExpectation):  # type: ignore[misc] # the library is not followed
    """Base of the expectations of this module: `measured` says what is against them."""

    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: dict[str, Any] | None = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        del runtime_configuration
        return self.against(_Batch(execution_engine, self.batch_id, metrics, getattr(execution_engine, "measured", None)))

    def against(self, batch: "_Batch") -> dict[str, Any]:
        """The library's result."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows of a batch, of pandas or of SQL."""

    engine: Any
    id: str | None
    metrics: Mapping[str, Any]
    known: GateMeasurements | None

    def rows(self, *columns: str, table: str = "") -> Iterator[tuple[Any, ...]]:
        """Some columns of the batch, or of another table of the same database."""
        records = sa.table(table) if table else self.engine.get_domain_records({"batch_id": self.id})
        if isinstance(records, pd.DataFrame):
            yield from records[list(columns)].itertuples(index=False, name=None)
            return
        query = sa.select(*(sa.column(name) for name in columns)).select_from(records)
        for part in self.engine.execute_query(query).partitions(_PART):
            yield from map(tuple, part)

    def counts(self, column: str) -> dict[str, int]:
        """Counts of a column's values in the batch; `none` is no value."""
        records = self.engine.get_domain_records({"batch_id": self.id})
        if isinstance(records, pd.DataFrame):
            rows: Any = records[column].value_counts(dropna=False).items()
        else:
            query: Any = sa.select(sa.column(column), sa.func.count()).select_from(records).group_by(sa.column(column))
            rows = self.engine.execute_query(query).fetchall()
        return {"none" if pd.isna(value) else str(value): int(count) for value, count in rows}

    def others(self, given: Rows, *columns: str) -> Iterator[tuple[Any, ...]]:
        """Rows that a parameter names or holds."""
        if isinstance(given, str):
            return self.rows(*columns, table=given)
        return (tuple(row.get(name) for name in columns) for row in given)


def _result(
    success: bool,
    observed: str,
    against: Sequence[tuple[str, Any]] = (),
    total: int | None = None,
    numbers: Sequence[Number] = (),
) -> dict[str, Any]:
    """A result in the library's form. `against`: column and value that name a row."""
    result: dict[str, Any] = {"observed_value": observed, "unexpected_count": len(against)}
    if total is not None:
        result["element_count"] = total
    result["partial_unexpected_index_list"] = [{name: value} for name, value in against[:_NAMED]]
    if numbers:
        keys = ("what", "value", "least", "most", "part")
        result["details"] = {"numbers": [dict(zip(keys, number, strict=True)) for number in numbers]}
    return {"success": success, "result": result}


class ExpectColumnsToHaveTypes(RowsExpectation):
    """Expect columns to be there with their types: names of Arrow for DuckDB (string, int64, bool), else the database's."""

    types: dict[str, str]
    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.column_types",)

    def against(self, batch: _Batch) -> dict[str, Any]:
        kinds = {row["name"]: str(row["type"]) for row in batch.metrics["table.column_types"]}
        held = {name: _TYPES.get(kinds[name], kinds[name]) if name in kinds else "missing" for name in self.types}
        wrong = [("column", f"{name} ({held[name]})") for name, kind in self.types.items() if held[name] != kind]
        return _result(not wrong, f"{len(wrong)} of {len(held)} columns", wrong, len(held))


class ExpectOneReferenceOfEachPrompt(RowsExpectation):
    """Expect every prompt to have one reference: with two, training would teach both answers.

    Prompts are texts, or JSON of a text or of turns; references that are one number or text spelled in two ways are equal.
    """

    prompt_column: str = "prompt"
    reference_column: str = "reference"
    tests_column: str | None = None
    id_column: str = "id"
    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.columns",)

    def against(self, batch: _Batch) -> dict[str, Any]:
        tests = [name for name in (self.tests_column,) if name in batch.metrics["table.columns"]]
        columns = [self.id_column, self.prompt_column, self.reference_column, *map(str, tests)]
        first: dict[int, str] = {}
        several: set[int] = set()
        example, rows = "", []
        for row, prompt, reference, *tested in batch.rows(*columns):
            text, plain = asked(_question(prompt)), plain_reference(reference or "")
            key = hash((text, str(tested)))
            before = first.setdefault(key, plain)
            if before != plain:
                several.add(key)
                example = example or f"{before[:40]!r} and {plain[:40]!r} for {text[:60]}"
            rows.append((row, key))
        against = [(self.id_column, row) for row, key in rows if key in several]
        words = f": {example}; correct them, or drop all but one" if against else ""
        return _result(not against, f"{rows_words(len(against), len(rows), 'problems')}{words}", against, len(rows))


class ExpectNoEvaluationProblems(RowsExpectation):
    """Expect no held-out problem among the prompts, or in the answers if `texts_column` is given.

    `overlap`: `exact`, the same prompt, or `same problem`, an edited one. `evaluation`: rows with prompt and reference.
    """

    evaluation: Rows = "evaluation"
    overlap: Literal["exact", "same problem"] = "exact"
    prompt_column: str = "prompt"
    texts_column: str | None = None
    id_column: str = "id"
    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.row_count",)

    def against(self, batch: _Batch) -> dict[str, Any]:
        overlaps = batch.known.overlaps if batch.known else self._found(batch)
        kind = "completion" if self.texts_column else "problem"
        leaks = dict.fromkeys(hit.row for of, hit in overlaps.leaks if of == kind and hit.overlap == self.overlap)
        against, total = [(self.id_column, row) for row in leaks], batch.metrics["table.row_count"]
        words = rows_words(len(against), total, "rows")
        if self.overlap != "exact":
            new = overlaps.by_class()["new numbers"]
            words = (
                f"{len(against):,} edited copies; {new:,} with the same wording or graph and new numbers (reported only)"
            )
        return _result(not against, words, against, total)

    def _found(self, batch: _Batch) -> Overlaps:
        problems = [
            Problem(_question(prompt), str(reference))
            for prompt, reference in batch.others(self.evaluation, "prompt", "reference")
        ]
        scan, overlaps = Scan(problems), Overlaps()
        rows = list(batch.rows(self.id_column, self.texts_column or self.prompt_column))
        ids = pa.array([str(row) for row, _ in rows], pa.string())
        texts = [text if self.texts_column else json.dumps(_question(text)) for _, text in rows]
        if self.texts_column:
            scan.completions([pa.table({"id": ids, "text": pa.array(texts, pa.string())})], overlaps)
        else:
            own = [Problem(json.loads(text), "").prompt_id for text in texts]
            columns = {"id": ids, "prompt_id": own, "prompt": texts, "meta": pa.nulls(len(rows), pa.string())}
            scan.problems([pa.table(columns)], overlaps)
        return overlaps


class ExpectPlantedCopiesToBeFound(RowsExpectation):
    """Expect the search for held-out problems to find edited copies of them that are planted among the rows.

    `min_recall`: the lower limit of the 95% interval, for each kind of copy. `max_false_flags`: the largest share of pairs
    that are no copies and are called some. Give one of the two.
    """

    evaluation: Rows = "evaluation"
    min_recall: float | None = None
    max_false_flags: float | None = None
    edits: list[str] | None = None
    copies: int = COPIES
    texts_column: str = "text"

    def against(self, batch: _Batch) -> dict[str, Any]:
        certificate = batch.known.certificate if batch.known else self._certificate(batch)
        if self.max_false_flags is not None:
            return self._flags(certificate)
        least = self.min_recall or 0.0
        edits = REQUIRED if self.edits is None else self.edits
        # An edit that changes none of the problems has no copies and no rate.
        rows = [row for row in (certificate.recall if certificate else ()) if row.edit in edits and row.rate.n]
        lows = {f"{row.edit} in a {row.place}: {row.rate.found} of {row.rate.n}": row.rate.json()["low"] for row in rows}
        lowest = min(lows.values(), default=0.0)  # a floor that nothing was measured for is not reached
        against = [
            ("copies", text) for text, low in (lows or {"no planted copy could be made": 0.0}).items() if low < least
        ]
        numbers = [("lowest limit of recall", lowest, least, None, "min_recall")]
        return _result(
            not against, f"lowest limit {lowest:.3f} over {len(lows)} kinds of copies", against, len(lows), numbers
        )

    def _flags(self, certificate: ContaminationCertificate | None) -> dict[str, Any]:
        most = self.max_false_flags or 0.0
        rows = [row for row in (certificate.false_flags if certificate else ()) if row.rate.n]
        shares = {
            f"{row.pairs} in a {row.place}: {row.rate.found} of {row.rate.n}": row.rate.json()["share"] for row in rows
        }
        highest = max(shares.values(), default=math.nan)  # above no limit: without pairs nothing was called a leak
        against = [("pairs", text) for text, share in shares.items() if share > most]
        numbers = [("highest share of false flags", highest, None, most, "max_false_flags")]
        words = f"highest share {highest:.2%} over {len(shares)} kinds of pairs"
        return _result(not against, words, against, len(shares), numbers)

    def _certificate(self, batch: _Batch) -> ContaminationCertificate:
        given = batch.others(self.evaluation, "prompt", "reference")
        problems = [Problem(_question(prompt), str(reference)) for prompt, reference in given]
        return certify(problems, [str(text) for (text,) in batch.rows(self.texts_column) if text], copies=self.copies)


class ExpectColumnSharesToBeBetween(RowsExpectation):
    """Expect the share of rows with a value in a column to lie within bounds, by value; rows without one count too."""

    column: str
    shares: dict[str, tuple[float, float]]

    def against(self, batch: _Batch) -> dict[str, Any]:
        counts = batch.counts(self.column)
        total = sum(counts.values())
        held = {
            value: counts.get(value, 0) / max(1, total) for value in sorted({*counts, *self.shares}, key=_numbers_first)
        }
        outside = [value for value, (low, high) in self.shares.items() if not low <= held[value] <= high]
        against = [(self.column, f"{self.column} {value} ({held[value]:.1%})") for value in outside]
        numbers = [(f"{self.column} {value}", held[value], *ends, value) for value, ends in self.shares.items()]
        words = ", ".join(f"{value}: {share:.1%}" for value, share in held.items()) if total else "nothing kept"
        return _result(not against, words, against, None, numbers)


class ExpectDriftToBeAtMost(RowsExpectation):
    """Expect little drift from an earlier version, with templates as clusters, and enough rows to tell.

    `kind`: `level`, `length`, `source`, `duplicates` or `pass_rate`. `before`: rows of the earlier version's view `joined`.
    """

    kind: Literal["level", "length", "source", "duplicates", "pass_rate"]
    max_value: float
    before: Rows = "before"

    def against(self, batch: _Batch) -> dict[str, Any]:
        measured = batch.known.drifts if batch.known else self._drifts(batch)
        drift = next((drift for drift in measured if drift.kind == self.kind), None)
        if drift is None:
            return _result(success=True, observed="the first version: nothing to compare with")
        if drift.shift is None:  # a drift that cannot be measured never passes
            return _result(success=False, observed=drift.missing, numbers=[("", 1.0, None, 0.0, "")])
        distance, chance = drift.shift.distance, drift.shift.chance
        told = distance.value > self.max_value or (distance.clusters > 1 and chance <= self.max_value)
        of = f"{drift.rows[0]:,} and {drift.rows[1]:,} rows of {distance.clusters:,} clusters"
        words = f"{with_interval(distance.value, distance.low, distance.high)}, {of}"
        few = (
            f"; too few to tell: chance alone gives {chance:.3f}"
            if distance.clusters > 1
            else "; one cluster tells nothing"
        )
        pairs = (("distance", distance.value), ("chance alone", chance))
        numbers = [(what, value, None, self.max_value, self.kind) for what, value in pairs]
        within = told and all(value <= self.max_value for _, value in pairs)
        return _result(within, words if told else words + few, numbers=numbers)

    def _drifts(self, batch: _Batch) -> list[Drift]:
        return drifts(_composition(batch.others(self.before, *_DRIFTING)), _composition(batch.rows(*_DRIFTING)))


class ExpectPassRatesToBeBetween(RowsExpectation):
    """Expect each problem with kept rollouts to have a pass rate within bounds; one of too few verdicts is outside."""

    min_value: float = 0.0
    max_value: float = 1.0
    least_judged: int = 0
    id_column: str = "id"

    def against(self, batch: _Batch) -> dict[str, Any]:
        rows = [row for row in batch.rows(self.id_column, "judged", "pass_rate", "kept") if row[3]]
        enough = max(1, self.least_judged)
        against = [
            (self.id_column, row)
            for row, judged, rate, _ in rows
            if judged < enough or not self.min_value <= rate <= self.max_value
        ]
        return _result(not against, f"{len(against):,} of {len(rows):,} problems outside", against, len(rows))


class ExpectDrawsOfPromptsToDiffer(RowsExpectation):
    """Expect the draws of most prompts to be different texts: a server may ignore the seed, or a cache hold whole replies.

    Judged from 8 prompts that are drawn several times.
    """

    max_share: float
    prompt_column: str = "prompt_id"
    texts_column: str = "text"

    def against(self, batch: _Batch) -> dict[str, Any]:
        counts = batch.known.replies if batch.known else self._counts(batch)
        several, alike = counts.get(SEVERAL, 0), counts.get(ONE_TEXT, 0)
        share = alike / several if several else 0.0
        words = f"{alike:,} of {several:,}; {counts.get(TEXTS, 0):,} different texts in {counts.get(DRAWS, 0):,} draws"
        number = ("share of prompts", share, None, self.max_share, "")
        return _result(several < FEWEST or share <= self.max_share, words, numbers=[number])

    def _counts(self, batch: _Batch) -> dict[str, int]:
        texts: dict[Any, list[int]] = {}
        for prompt, text in batch.rows(self.prompt_column, self.texts_column):
            texts.setdefault(prompt, []).append(hash(text))
        several = [draws for draws in texts.values() if len(draws) > 1]
        alike = sum(len(set(draws)) == 1 for draws in several)
        different = sum(len(set(draws)) for draws in several)
        return {SEVERAL: len(several), ONE_TEXT: alike, TEXTS: different, DRAWS: sum(map(len, several))}


def rows_words(against: int, total: int, noun: str) -> str:
    """`3 of 156 rows against it`, or `all of 156 rows`."""
    return f"{against:,} of {total:,} {noun} against it" if against else f"all of {total:,} {noun}"


def _question(cell: Any) -> str:
    """The text of a prompt: itself, or JSON of a text or of turns."""
    if not isinstance(cell, str):
        return ""
    prompt = json.loads(cell) if cell[:1] in ('"', "[") else cell
    return prompt if isinstance(prompt, str) else "\n".join(str(turn["content"]) for turn in prompt)


def _numbers_first(value: str) -> tuple[bool, float, str]:
    number = float(value) if value.replace(".", "", 1).isdigit() else math.inf
    return (value == "none", number, value)


def _composition(rows: Iterator[tuple[Any, ...]]) -> Composition:
    """Rows of `joined` (columns _DRIFTING) as measures of drift take them."""
    columns = dict(zip(_DRIFTING, zip(*rows, strict=True), strict=True)) or dict.fromkeys(_DRIFTING, ())
    problems = {row[0]: row for row in zip(*(columns[name] for name in _DRIFTING[:4]), strict=True)}.values()
    names = ("id", *_DRIFTING[1:4])
    pool = pool_of(
        pa.table({name: [row[at] for row in problems] for at, name in enumerate(names)}),
        pa.table({"id": columns["completion_id"], "tokens_out": pa.array(columns["tokens_out"], pa.int64())}),
        pa.table({**{name: columns[name] for name in _DECIDED}, "reason": pa.nulls(len(columns["kept"]), pa.string())}),
    ).measured(None)
    seen: set[int] = set()
    repeated = []
    for kept, *both in zip(columns["kept"], columns["prompt"], columns["text"], strict=True):
        repeated.append(bool(kept) and hash(tuple(both)) in seen)
        seen |= {hash(tuple(both))} if kept else set()
    return Composition(pool, np.array(repeated, dtype=bool))
