"""The gate: checks the rows of a dataset, and how they were made, and returns a result. Publishes nothing.

A dataset that fails its gate is not published; the result names the rows that failed. The result also holds the numbers
that a report shows, counted from the same rows by pipelines.metrics.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.contamination import ContaminationCertificate, Overlaps, RecallFloor, Scan, certify
from pipelines.gate import rule_frames, rules
from pipelines.gate.rate_rules import ANY_RATE, RateBounds, rate_rules
from pipelines.gate.rule_engine import Check, Engine, GateResult
from pipelines.gate.rule_frames import REQUIRED, Links
from pipelines.gate.rules import GateRule
from pipelines.gate.text_rules import text_rules
from pipelines.metrics import Drift, counts_of, funnel_of, pass_rates
from pipelines.verify.acceptance import PLAIN, Policy
from storage.ground.ids import digits
from storage.ground.pool import Pool, pool_of
from storage.ground.records import Problem

_HOSTS = 1_000  # kept answers that copies are put into


@dataclass(frozen=True, slots=True)
class Provenance:
    """Provenance of the rows: how they were judged and planned, and which problems they must not contain.

    `verifiers` are the recorded (name, version) in their order, `policy` says which of their verdicts counts. `drawn` is
    the number of planned rollouts, None without a plan. `prefix` is the fixed number of completions per problem that rates
    use. `evaluation` are the problems that must not be inside, `scan` is their index if there is one. `drifts` are measured
    from the version `before`. `replies` are the counts of their texts (storage.ground.replies).
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
    """The checks of one recipe: its gate block as keyword options.

    `max_undecided`: largest share of undecided rollouts. `min_kept`: fewest kept rollouts. `level_shares`: for some levels,
    the least and greatest share of the kept rollouts. `contamination`: how much of planted copies must be found.
    `max_drift`: for some kinds of drift (pipelines.metrics.drift), the largest distance from the version before.
    `max_one_text`: largest share of the prompts drawn several times whose draws are one text.
    """

    def __init__(
        self,
        *,
        max_undecided: float = 0.01,
        min_kept: int = 1,
        level_shares: Mapping[int, tuple[float, float]] | None = None,
        contamination: RecallFloor | None = None,
        max_drift: Mapping[str, float] | None = None,
        max_one_text: float = 1.0,
    ) -> None:
        self.max_undecided = max_undecided
        self.min_kept = min_kept
        self.level_shares = dict(level_shares or {})
        self.contamination = contamination
        self.max_drift = dict(max_drift or {})
        self.max_one_text = max_one_text

    def check(self, tables: Tables, provenance: Provenance, rates: RateBounds = ANY_RATE) -> GateResult:
        """Run every check. With a broken schema the other checks do not run, and the gate fails.

        `rates`: bounds of the pass rates of problems with kept rollouts.
        """
        every = {kind: getattr(tables, kind) for kind in (*REQUIRED, "threads")}
        engine = Engine()
        checks = engine.check(rules.schema_rules(every))
        if not all(check.passed for check in checks):
            skipped = Check("all others", None, "a sound schema first", "the schema check failed")
            return GateResult((*checks, skipped), {}, engine.name)
        content_rules, numbers = self._rules(every, provenance)
        content_rules += rate_rules(every, provenance.prefix, provenance.step, rates)
        return GateResult((*checks, *engine.check(content_rules)), numbers, engine.name)

    def _rules(self, tables: Mapping[str, pa.Table], provenance: Provenance) -> tuple[list[GateRule], dict[str, Any]]:
        counted = _counted(tables, provenance)  # before the links: the pool is not held beside them
        links = Links.of(tables)
        rollouts = rule_frames.rollouts_frame(tables, links, provenance.verifiers, provenance.policy)
        chain = ", ".join(f"{name} {version}" for name, version in provenance.verifiers)
        size, kept = len(provenance.evaluation), tables["decisions"]["completion_id"].filter(rollouts["kept"])
        overlaps, certificate = Overlaps(), self._certificate(tables, provenance, kept)
        if size:
            scan = provenance.scan or Scan(provenance.evaluation)
            scan.problems([tables["problems"]], overlaps)
            scan.completions(_of_ids(tables["completions"], kept), overlaps)
        content_rules = [
            *rules.table_rules(tables, links),
            *rules.evaluation_rules(tables, overlaps, size),
            *(rules.recall_rules(certificate, self.contamination) if certificate and self.contamination else ()),
            *rules.rollout_rules(tables, links, rollouts, chain),
            *rules.amount_rules(
                tables, rollouts, drawn=provenance.drawn, max_undecided=self.max_undecided, min_kept=self.min_kept
            ),
            *text_rules(provenance.replies, self.max_one_text),
            *rules.level_rules(counted["levels"], self.level_shares),
            *rules.drift_rules(provenance.before, provenance.drifts, self.max_drift),
        ]
        numbers = {
            **counted,
            "prefix": provenance.prefix,
            "verifiers": [list(pair) for pair in provenance.verifiers],
            "models": sorted(tables["completions"]["model"].drop_null().unique().to_pylist()),
            "drift": drift_facts(provenance.before, provenance.drifts),
            "evaluation": {
                "problems": size,
                "classes": overlaps.by_class(),
                **({} if certificate is None else {"certificate": certificate.json()}),
            },
        }
        return content_rules, numbers

    def _certificate(
        self, tables: Mapping[str, pa.Table], provenance: Provenance, kept: pa.ChunkedArray
    ) -> ContaminationCertificate | None:
        """Measured if the recipe requires it; the copies are put into the first kept answers."""
        if self.contamination is None or not provenance.evaluation:
            return None
        # Sorted, so that the same rows have the same hosts and the same measured recall.
        hosts = _of_ids(tables["completions"], kept.unique().sort()[:_HOSTS])
        texts = {row["id"]: row["text"] for part in hosts for row in part.select(["id", "text"]).to_pylist()}
        return certify(
            provenance.evaluation,
            [texts[row] for row in sorted(texts) if texts[row] is not None],
            copies=self.contamination.copies,
        )


def _counted(tables: Mapping[str, pa.Table], provenance: Provenance) -> dict[str, Any]:
    """The funnel and the levels of the rows."""
    pool = pool_of(tables["problems"], tables["completions"], tables["decisions"])
    pool = pool.measured(provenance.prefix, provenance.step)
    return {"funnel": funnel_facts(pool, tables["threads"]), "levels": level_facts(pool)}


def _of_ids(completions: pa.Table, ids: pa.Array) -> Iterator[pa.Table]:
    """The completions with these ids, some at a time."""
    chosen, start = pc.is_in(completions["id"], value_set=ids), 0
    for part in rule_frames.parts(completions):
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
