"""The gate: checks the rows of a dataset, and how they were made, and returns a result. Publishes nothing.

A dataset that fails its gate is not published; the result names the rows that failed. The result also holds the numbers
that a report shows, counted from the same rows by rollmill.metrics.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollmill.ground.ids import digits
from rollmill.ground.pool import Pool, pool_of
from rollmill.ground.records import Problem
from rollmill.ground.replies.faults import SEVERAL
from rollmill.ground.temporary import temporary_folder
from rollmill.metrics import Drift, counts_of, funnel_of, pass_rates
from rollmill.pipelines.contamination import ContaminationCertificate, Overlaps, RecallFloor, Scan, certify
from rollmill.pipelines.gate.checks import Check, GateResult, checks_of
from rollmill.pipelines.gate.engine import Engine
from rollmill.pipelines.gate.suite import FEWEST, TYPES, Entry, GateBounds, GateMeasurements, columns_of, of_bounds
from rollmill.pipelines.gate.tables import KINDS, connect, load, load_columns, parts
from rollmill.pipelines.verify.acceptance import PLAIN, Policy

_HOSTS = 1_000  # kept answers that copies are put into


@dataclass(frozen=True, slots=True)
class Provenance:
    """Provenance of the rows: how they were judged and planned, and which problems they must not contain.

    `verifiers` are the recorded (name, version) in their order, `policy` says which of their verdicts counts. `drawn` is
    the number of planned rollouts, None without a plan. `prefix` is the fixed number of completions per problem that rates
    use. `evaluation` are the problems that must not be inside, `scan` is their index if there is one. `drifts` are measured
    from the version `before`. `replies` are the counts of their texts (rollmill.ground.replies).
    """

    verifiers: tuple[tuple[str, str], ...]
    drawn: int | None = None
    prefix: int | None = None
    step: str = ""
    evaluation: Sequence[Problem] = ()
    scan: Scan | None = None
    policy: Policy = PLAIN
    before: str | None = None
    drifts: Sequence[Drift] = ()
    replies: Mapping[str, Any] = field(default_factory=dict)


class Tables(Protocol):
    """The rows of a dataset to be, in the schemas of the segment kinds; a snapshot of a version is one."""

    @property
    def problems(self) -> pa.Table: ...

    @property
    def completions(self) -> pa.Table: ...

    @property
    def verdicts(self) -> pa.Table: ...

    @property
    def decisions(self) -> pa.Table: ...

    @property
    def threads(self) -> pa.Table: ...


class Gate:
    """The gate of a recipe: bounds, and expectations of its own beside those that the bounds expand to."""

    def __init__(self, bounds: GateBounds | None = None, suite: Sequence[Entry] = (), **keys: Any) -> None:
        self.bounds, self.own = bounds or GateBounds(**keys), tuple(suite)

    def suite(self, provenance: Provenance) -> list[Entry]:
        """Every expectation of the gate."""
        chain = ", ".join(f"{name} {version}" for name, version in provenance.verifiers)
        several = provenance.replies.get(SEVERAL, 0) >= FEWEST
        size, before = len(provenance.evaluation), provenance.before
        bounds = of_bounds(self.bounds, chain=chain, drawn=provenance.drawn, size=size, before=before, several=several)
        return [*bounds, *(own for own in self.own if own not in bounds)]

    def check(self, tables: Tables, provenance: Provenance) -> GateResult:
        """Validate every expectation."""
        return check_suite(self.suite(provenance), tables, provenance, self.bounds.contamination)


def check_suite(
    suite: Sequence[Entry], tables: Tables, provenance: Provenance, floor: RecallFloor | None = None
) -> GateResult:
    """Validate expectations of the rows. With a broken schema the others are not validated, and the gate fails."""
    every: dict[str, Any] = {name: getattr(tables, kind) for name, kind in KINDS.items()}
    every["threads"] = tables.threads
    suite = sorted(suite, key=lambda own: own["type"] != TYPES)
    schemas = [own for own in suite if own["type"] == TYPES]
    facts: dict[str, Any] = {}
    with temporary_folder() as folder, closing(connect(folder)) as connection:
        engine = Engine(connection)
        load_columns(connection, every)
        results = engine.run(schemas, GateMeasurements())
        sound = all(result.success for result in results)
        if sound:
            pool = pool_of(every["problems"], every["rollouts"], every["decisions"])
            pool = pool.measured(provenance.prefix, provenance.step)
            measured = _measured(every, provenance, floor)
            facts = _facts(every, pool, provenance, measured)
            rates = _rates(pool)
            del pool  # it is not held beside the tables
            load(connection, every, columns_of(suite[len(schemas) :]), (provenance.verifiers, provenance.policy), rates)
            results += engine.run(suite[len(schemas) :], measured, first=len(schemas))
        validation = engine.result(results)
    skipped = Check("all others", None, "a sound schema first", "the schema check failed")
    checks = (*checks_of(validation), *(() if sound else (skipped,)))
    return GateResult(checks, facts, engine.name, suite, validation)


def _measured(tables: Mapping[str, Any], provenance: Provenance, floor: RecallFloor | None) -> GateMeasurements:
    """Overlaps with the evaluation problems, the recall of their search, drift, and counts of replies."""
    overlaps, certificate = Overlaps(), None
    if provenance.evaluation:
        decisions = tables["decisions"]
        kept = decisions["completion_id"].filter(pc.fill_null(decisions["kept"], fill_value=False))
        scan = provenance.scan or Scan(provenance.evaluation)
        scan.problems([tables["problems"]], overlaps)
        scan.completions(_of_ids(tables["rollouts"], kept), overlaps)
        certificate = None if floor is None else _certificate(tables["rollouts"], kept, provenance, floor)
    size, replies = len(provenance.evaluation), provenance.replies
    return GateMeasurements(size, overlaps, certificate, provenance.drifts, replies)


def _certificate(
    completions: Any, kept: pa.ChunkedArray, provenance: Provenance, floor: RecallFloor
) -> ContaminationCertificate:
    """Recall on planted copies; they are put into the first kept answers."""
    # Sorted, so that the same rows have the same hosts and the same measured recall.
    hosts = _of_ids(completions, kept.unique().sort()[:_HOSTS])
    texts = {row["id"]: row["text"] for part in hosts for row in part.select(["id", "text"]).to_pylist()}
    answers = [texts[row] for row in sorted(texts) if texts[row] is not None]
    return certify(provenance.evaluation, answers, copies=floor.copies)


def _rates(pool: Pool) -> pa.Table:
    """Texts by which problems are recognised, for expectations of them."""
    counts = counts_of(pool)
    rate = counts.correct / np.maximum(1, counts.judged)
    columns: dict[str, Any] = {"judged": counts.judged, "kept": counts.kept, "pass_rate": rate}
    return pa.table({"id": pa.array(pool.problems, pa.string()), **columns})


def _facts(tables: Mapping[str, Any], pool: Pool, provenance: Provenance, measured: GateMeasurements) -> dict[str, Any]:
    """The numbers that a report shows, counted from the same rows."""
    certificate = measured.certificate
    return {
        "funnel": funnel_facts(pool, tables["threads"]),
        "levels": level_facts(pool),
        "prefix": provenance.prefix,
        "verifiers": [list(pair) for pair in provenance.verifiers],
        "models": sorted(tables["rollouts"]["model"].drop_null().unique().to_pylist()),
        "drift": drift_facts(provenance.before, provenance.drifts),
        "evaluation": {
            "problems": measured.size,
            "classes": measured.overlaps.by_class(),
            **({} if certificate is None else {"certificate": certificate.json()}),
        },
    }


def _of_ids(completions: pa.Table, ids: pa.Array) -> Iterator[pa.Table]:
    """The completions with these ids, some at a time."""
    chosen, start = pc.is_in(completions["id"], value_set=ids), 0
    for batch in parts(completions):
        part = pa.Table.from_batches([batch])
        yield part.filter(chosen.slice(start, part.num_rows))
        start += part.num_rows


def drift_facts(before: str | None, drifts: Sequence[Drift]) -> dict[str, Any]:
    """Drift of the dataset from the version before, by kind; empty if nothing was compared."""
    return {"before": before, "kinds": {drift.kind: drift.row() for drift in drifts}} if drifts else {}


def funnel_facts(pool: Pool, threads: pa.Table) -> dict[str, Any]:
    """Counts from problems made to rollouts kept, dropped ones by reason."""
    funnel = funnel_of(pool, threads)
    return {
        "problems": funnel.problems,
        "drawn": funnel.planned,
        "unjudged": funnel.unjudged,
        "outcomes": funnel.outcomes(),
        "kept": funnel.kept,
        "dropped": funnel.dropped,
        "kept_problems": funnel.kept_problems,
        "dropped_by_reason": dict(funnel.dropped_by_reason),
    }


def level_facts(pool: Pool) -> list[dict[str, Any]]:
    """Facts by level, None last: problems, rollouts, pass rate with interval, kept rollouts and their share."""
    rates = pass_rates(counts_of(pool), "level")
    total_kept = sum(rate.kept for rate in rates)
    entries = []
    for rate in rates:
        row, estimate = rate.row(), rate.estimate
        entries.append(
            {
                "level": rate.group,
                "problems": rate.problems,
                "rollouts": rate.rollouts,
                "measured": rate.judged + rate.undecided,
                "undecided": rate.undecided,
                "rate": row["pass_rate"],
                "low": row["low"],
                "high": row["high"],
                "clusters": 0 if estimate is None else estimate.clusters,
                "method": None if estimate is None else estimate.method,
                "bounds": row["undecided_bounds"],
                "kept": rate.kept,
                "kept_share": digits(rate.kept / total_kept) if total_kept else None,
            }
        )
    return entries
