"""Claims of papers: statement, predicted effects and measure; and the status of a published number.

A claim is `reproduced` when each of its effects is, `contradicted` when one is, and else `inconclusive`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rollmill.methods import ClaimFinding, Effect, EffectPrediction, Status, finding

if TYPE_CHECKING:
    from rollmill.methods import Estimate
    from rollmill_papers.claims.evidence import Evidence

Board = Literal["numbers", "mechanisms", "checks"]
CLOSE = 0.05  # half of the widest interval that can reproduce a published number


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim. `pools`: names of the pools on which it is measured; empty: a simulation, whose distribution is given in
    `statement`.

    `says`: the paper's own sentence; "" if the claim is ours. `board`: `mechanisms`, or `checks` if mathematics or the
    simulated distribution forces the effect, so that the check tests our code and not the paper. `measure`: computes one
    effect for each of `expected`, in that order. `least`: completions that it needs of each problem. `recorded`: True for
    recorded rollouts, which cannot be drawn again, so there is one pool and no seeds. `reach`: limits of the check.
    """

    name: str
    source: str
    statement: str
    expected: tuple[EffectPrediction, ...]
    measure: Callable[["Evidence"], Sequence[Effect]]
    reach: str
    says: str = ""
    board: Board = "mechanisms"
    pools: tuple[str, ...] = ()
    least: int = 8
    recorded: bool = False


def findings(claim: Claim, seeds: Sequence[Sequence[Effect]]) -> list[ClaimFinding]:
    """Every effect of a claim; `seeds`: what `claim.measure` gave, seed by seed."""
    return [finding(expected, [effects[at] for effects in seeds]) for at, expected in enumerate(claim.expected)]


def number_status(estimate: "Estimate", published: float | None, unit: float, *, difference: bool = False) -> Status:
    """Status of a published number, by whether our interval contains a value that rounds to it.

    An interval that holds it and is wider than 5 points to a side, or of a difference holds 0 too, could hold much else:
    `inconclusive`. `published` None: the paper says only that the difference is positive.
    """
    if published is None:
        return "reproduced" if estimate.low > 0.0 else "contradicted" if estimate.high < 0.0 else "inconclusive"
    half = unit / 2.0
    if estimate.low > published + half or estimate.high < published - half:
        return "contradicted"
    wide = (estimate.high - estimate.low) / 2.0 > CLOSE or (difference and estimate.low <= 0.0 <= estimate.high)
    return "inconclusive" if wide else "reproduced"
