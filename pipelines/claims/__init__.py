"""Claims of papers as checks: the paper's statement, the predicted effect with sign and size, and its measure.

`recipes/claims/claims.yaml` declares them: sources, sentences, predictions. A file of this package holds the measures of
one family, pure functions over pools that take every estimate from `pipelines.metrics`, `pipelines.stats` and
`pipelines.aggregate`. `pipelines.claims.recorded` measures published numbers, which `recipes/claims/published.yaml` lists.
`flows.claims` draws the pools, imports released outputs and stores the measurements.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from pipelines import CHECKOUT
from pipelines.claims.claim import Claim, ClaimFinding, Status, findings, number_status, status
from pipelines.claims.effects import Effect, EffectPrediction, NotTestable
from pipelines.claims.evidence import Evidence

_FAMILIES = (
    "coverage",
    "votes",
    "stopping",
    "budgets",
    "verifiers",
    "selection",
    "intervals",
    "simulations",
)
Measure = Callable[[Evidence], Sequence[Effect]]
FILE = CHECKOUT / "recipes/claims/claims.yaml"


def _declared() -> Mapping[str, Claim]:
    """The claims of the shipped file, each with its measure."""
    import yaml

    measures = {name: measure for family in _FAMILIES for name, measure in _measures(family).items()}
    declared = [_claim(row, measures) for row in yaml.safe_load(FILE.read_text(encoding="utf-8"))["claims"]]
    return {claim.name: claim for claim in declared}


def _measures(family: str) -> Mapping[str, Measure]:
    measures: Mapping[str, Measure] = import_module(f"pipelines.claims.{family}").MEASURES
    return measures


def _claim(row: Mapping[str, Any], measures: Mapping[str, Measure]) -> Claim:
    fields = {key: row[key] for key in ("says", "board", "least", "recorded") if key in row}
    return Claim(
        name=row["name"],
        source=row["source"],
        statement=row["statement"],
        expected=tuple(EffectPrediction(*effect) for effect in row["effects"]),
        measure=measures[row["name"]],
        reach=row["reach"],
        pools=tuple(row.get("pools", ())),
        **fields,
    )


CLAIMS: Mapping[str, Claim] = _declared()

__all__ = [
    "CLAIMS",
    "Claim",
    "ClaimFinding",
    "Effect",
    "EffectPrediction",
    "Evidence",
    "NotTestable",
    "Status",
    "findings",
    "number_status",
    "status",
]
