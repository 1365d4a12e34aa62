"""The gate of a mixture: each source's rows under its own verifiers and policy, and the sums of its counts."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rollmill.flows.mixing.mix_recipe import MixGate
from rollmill.flows.mixing.mix_snapshot import MixturePart
from rollmill.flows.mixing.reconciliation import SourceCounts
from rollmill.ground.records import Problem

if TYPE_CHECKING:
    from rollmill.pipelines.gate import GateResult
    from rollmill.pipelines.gate.checks import Check


def check_parts(parts: Sequence[MixturePart], bounds: MixGate, counts: Sequence[SourceCounts]) -> "GateResult":
    """All checks in the order of the sources. No source may hold a problem that the recipe of any source holds out."""
    from rollmill.pipelines.gate import Gate, GateResult, Provenance

    apart = {problem.id: problem for part in parts for problem in part.source.apart}
    gate = Gate(max_undecided=bounds.max_undecided, min_kept=bounds.min_kept)
    checks: list[Check] = []
    facts: dict[str, object] = {}
    for part in parts:
        evaluation: Sequence[Problem] = tuple(apart.values())
        provenance = Provenance(
            verifiers=part.source.chain,
            drawn=part.snapshot.decisions.num_rows,
            prefix=part.source.prefix,
            evaluation=evaluation,
            policy=part.source.policy,
        )
        result = gate.check(part.snapshot, provenance)
        checks += [replace(check, name=f"{part.source.name}: {check.name}") for check in result.checks]
        facts = facts or dict(result.facts)
    return GateResult((*checks, *_of_counts(counts)), facts, result.engine)


def _of_counts(counts: Sequence[SourceCounts]) -> "Iterator[Check]":
    from rollmill.pipelines.gate.checks import Check

    for row in counts:
        adds_up = row.rows == row.kept + sum(row.dropped.values())
        yield Check(
            f"{row.source}: counts",
            adds_up,
            f"{row.rows:,} rows = kept + dropped",
            f"{row.kept:,} kept + {sum(row.dropped.values()):,} dropped",
        )
