"""Where a transformed problem comes from; and chance for one, the same whatever problems stand beside it."""

import random
from collections.abc import Sequence
from typing import Any

from storage.ids import digest128
from storage.records import Problem


def lineage(transform: str, sources: Sequence[Problem], seed: int, **facts: Any) -> dict[str, Any]:
    """What stands under `hardened` in the meta of a transformed problem."""
    return {"transform": transform, "sources": [source.id for source in sources], "seed": seed, **facts}


def chance(transform: str, problem: Problem, seed: int) -> random.Random:
    """Chance that depends on this problem alone."""
    return random.Random(digest128(["harden", transform, seed, problem.id]))
