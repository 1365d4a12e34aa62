"""Claims checked from their pools to their results. Draws missing completions and recomputes every measurement; caches
nothing.

A claim is measured on each seed separately; a pool serves all claims of a seed and is released before the next seed is
read. Published numbers and claims on recorded rollouts are measured on released outputs, as far as they were imported.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.methods import Effect, NotTestable, SetupError
from rollmill_papers.claims.chosen import chosen_claims
from rollmill_papers.claims.claim import Claim
from rollmill_papers.claims.evidence import Evidence
from rollmill_papers.claims.pools import (
    DRAWN_CELLS,
    PoolDrawing,
    drawn_evidence,
    recorded_evidence,
    recorded_runs,
)
from rollmill_papers.claims.released.imported_outputs import take_outputs
from rollmill_papers.claims.released.judged_outputs import released
from rollmill_papers.claims.released.number_rows import number_rows
from rollmill_papers.claims.released.published import published_table
from rollmill_papers.claims.results import result_of, write_results

SEEDS = 5


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """Request of one command: claims and numbers by name or board (default: all), number of seeds, source of pools.

    `outputs`: a folder with released outputs, imported before anything is measured.
    """

    drawing: PoolDrawing
    names: tuple[str, ...] = ()
    seeds: int = SEEDS
    outputs: Path | None = None


@dataclass(slots=True)
class _Result:
    """Result of a claim so far: effects by seed, or the reason for having none."""

    effects: dict[int, Sequence[Effect]]
    lacking: str = ""


def run_claims(request: ClaimsRequest) -> list[dict[str, Any]]:
    """The requested results, board by board, each also written to reports/claims."""
    if request.seeds < 1:
        raise SetupError(f"--seeds {request.seeds}: at least 1.", next_command="rollmill claims run --seeds 5")
    chosen, table = chosen_claims(request.names), published_table()
    if request.outputs is not None:
        take_outputs(request.drawing.root, request.outputs, table, request.drawing.begin)
    runs = recorded_runs(request.drawing, chosen.recorded)
    request.drawing.begin(f"measuring {len(chosen.numbers)} published numbers")
    rows = number_rows(table, chosen.numbers, released(request.drawing.root, runs))
    measured = {claim.name: _Result({}) for claim in chosen.claims}
    once = [claim for claim in chosen.claims if claim.recorded]
    if once:
        _measure(once, recorded_evidence(request.drawing, runs), 0, measured, request.drawing)
    many = [claim for claim in chosen.claims if not claim.recorded]
    # The range is empty where no claim needs a drawn pool.
    for seed in range(1, request.seeds + 1 if many else 1):
        evidence = drawn_evidence(request.drawing, seed, _drawn_pools(many))
        _measure(many, evidence, seed, measured, request.drawing)
    rows += [result_of(claim, measured[claim.name].effects, measured[claim.name].lacking) for claim in chosen.claims]
    write_results(request.drawing.root, rows)
    return rows


def _drawn_pools(claims: Iterable[Claim]) -> set[str]:
    return {pool for claim in claims for pool in claim.pools if pool in DRAWN_CELLS}


def _measure(
    claims: Sequence[Claim], evidence: Evidence, seed: int, measured: dict[str, _Result], drawing: PoolDrawing
) -> None:
    """Add the results of one seed to the results of each claim."""
    drawing.begin(f"measuring {len(claims)} claims" + (f", seed {seed}" if seed else ", recorded rollouts"))
    for claim in claims:
        try:
            # A pool that lacks completions is named before any of the claim is computed.
            for pool in claim.pools:
                evidence.table(pool, claim.least)
            effects = claim.measure(evidence)
            # Every comparison with NaN is false, so a verdict on it would mean nothing.
            if not all(math.isfinite(effect.value) for effect in effects):
                raise NotTestable("an effect is undefined on this pool: what it compares does not vary")
            measured[claim.name].effects[seed] = effects
        except NotTestable as reason:
            measured[claim.name].lacking = _words(claim, evidence, str(reason))


def _words(claim: Claim, evidence: Evidence, reason: str) -> str:
    """Reason that a claim was not measured; for missing released outputs, their names and source."""
    outputs = published_table().outputs
    missing = [outputs[pool] for pool in claim.pools if pool in outputs and pool not in evidence.pools]
    return "; ".join(output.needed for output in missing) or reason
