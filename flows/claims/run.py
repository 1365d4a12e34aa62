"""Claims checked from their pools to their results. Draws what is missing, measures everything anew, keeps nothing between.

A claim is measured on each seed by itself; a pool serves all claims of a seed and is let go before the next ones are read.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from flows.claims.pools import DRAWN_CELLS, RECORDED_CELLS, Drawing, drawn_evidence, recorded_evidence
from flows.claims.results import result_of, write_results
from pipelines.claims import CLAIMS, Claim, Effect, Evidence, NotTestable
from storage.errors import SetupError, unknown_name

SEEDS = 5
IMPORTS = "import the rollouts under the name {pool} (docs/claims.md)"


@dataclass(frozen=True, slots=True)
class ClaimsRequest:
    """What one command asks: claims by name (all), how many seeds, where pools come from."""

    drawing: Drawing
    names: tuple[str, ...] = ()
    seeds: int = SEEDS


@dataclass(slots=True)
class _Result:
    """What a claim gave so far: effects by seed, or why there are none."""

    effects: dict[int, Sequence[Effect]]
    lacking: str = ""


def chosen_claims(names: Collection[str]) -> list[Claim]:
    """The claims of these names, all without any; SetupError for a name that is none."""
    for name in names:
        if name not in CLAIMS:
            raise unknown_name("claim", name, CLAIMS, next_command="rollmill claims list")
    return [claim for name, claim in CLAIMS.items() if not names or name in names]


def run_claims(request: ClaimsRequest) -> list[dict[str, Any]]:
    """The results of the claims, in the order of the registry, each also written to reports/claims."""
    if request.seeds < 1:
        raise SetupError(f"--seeds {request.seeds}: at least 1.", next_command="rollmill claims run --seeds 5")
    chosen = chosen_claims(request.names)
    measured = {claim.name: _Result({}) for claim in chosen}
    many = [claim for claim in chosen if not claim.recorded]
    for seed in range(1, request.seeds + 1 if many else 1):
        evidence = drawn_evidence(request.drawing, seed, _pools(many, DRAWN_CELLS))
        _measure(many, evidence, seed, measured, request.drawing)
    once = [claim for claim in chosen if claim.recorded]
    if once:
        _measure(once, recorded_evidence(request.drawing, _pools(once, RECORDED_CELLS)), 0, measured, request.drawing)
    rows = [result_of(claim, measured[claim.name].effects, measured[claim.name].lacking) for claim in chosen]
    write_results(request.drawing.root, rows)
    return rows


def _pools(claims: Sequence[Claim], known: Collection[str]) -> set[str]:
    return {pool for claim in claims for pool in claim.pools if pool in known}


def _measure(
    claims: Sequence[Claim], evidence: Evidence, seed: int, measured: dict[str, _Result], drawing: Drawing
) -> None:
    """Add what one seed gives to what each claim gave so far."""
    drawing.begin(f"measuring {len(claims)} claims" + (f", seed {seed}" if seed else ", recorded rollouts"))
    for claim in claims:
        try:
            for pool in claim.pools:
                evidence.table(pool, claim.least)
            effects = claim.measure(evidence)
            if not all(math.isfinite(effect.value) for effect in effects):
                raise NotTestable("an effect is undefined on this pool: what it compares does not vary")
            measured[claim.name].effects[seed] = effects
        except NotTestable as reason:
            measured[claim.name].lacking = _words(claim, evidence, str(reason))


def _words(claim: Claim, evidence: Evidence, reason: str) -> str:
    missing = [pool for pool in claim.pools if pool in RECORDED_CELLS and pool not in evidence.pools]
    return "; ".join([reason, *(IMPORTS.format(pool=pool) for pool in missing)])
