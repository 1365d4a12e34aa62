"""The claims and published numbers that a command names.

Reads the shipped tables and loads nothing that draws or judges.
"""

from collections.abc import Collection
from dataclasses import dataclass

from rollmill.methods import unknown_name
from rollmill_papers.claims.boards import BOARDS
from rollmill_papers.claims.claim import Claim
from rollmill_papers.claims.claim_table import CLAIMS
from rollmill_papers.claims.released.published import PREFIX, Number, pools_of, published_table

RECORDED_POOLS = ("math", "mathcoder", "gsm8k", "codet", "codet-tests")
"""The pools of released outputs that claims are measured on."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The requested published numbers and claims, in the order of their files."""

    numbers: tuple[Number, ...]
    claims: tuple[Claim, ...]

    @property
    def names(self) -> list[str]:
        """All of them by name."""
        return [number.name for number in self.numbers] + [claim.name for claim in self.claims]

    @property
    def recorded(self) -> set[str]:
        """The released outputs, as pools, that they are measured on."""
        outputs = {pool.removeprefix(PREFIX) for number in self.numbers for pool in pools_of(number.output)}
        return outputs | {pool for claim in self.claims for pool in claim.pools if pool in RECORDED_POOLS}


def chosen_claims(names: Collection[str]) -> Chosen:
    """The claims and numbers of these names and boards, all of them without a name; SetupError for an unknown name."""
    numbers = published_table().numbers
    known = [*BOARDS, *(number.name for number in numbers), *CLAIMS]
    for name in names:
        if name not in known:
            raise unknown_name("claim", name, known, next_command="rollmill claims list")

    def wanted(name: str, board: str) -> bool:
        return not names or name in names or board in names

    return Chosen(
        tuple(number for number in numbers if wanted(number.name, "numbers")),
        tuple(claim for claim in CLAIMS.values() if wanted(claim.name, claim.board)),
    )
