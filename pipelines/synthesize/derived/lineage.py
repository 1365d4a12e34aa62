"""Lineage of a derived problem: its sources, its synthesizer, and the origin of its reference.

Also a source of chance for one problem, independent of the other problems.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rollmill.ground.ids import digest128
from rollmill.ground.records import CARRIED, COMPUTED, MADE, REFERENCE_ORIGINS, Problem


def lineage_meta(by: str, sources: Sequence[Problem], seed: int, reference: str = COMPUTED, **facts: Any) -> dict[str, Any]:
    """Meta entry of a derived problem. `reference`: one of REFERENCE_ORIGINS; its own facts are among `facts`."""
    if reference not in REFERENCE_ORIGINS:
        raise ValueError(f"no origin of a reference: {reference!r}")
    lineage = {"by": by, "sources": [source.id for source in sources], "seed": seed, "reference": reference, **facts}
    return {MADE: lineage}


def lineage_of(problem: Problem) -> Mapping[str, Any]:
    """Lineage of a problem; empty if it states none."""
    lineage = problem.meta.get(MADE)
    return lineage if isinstance(lineage, Mapping) else {}


def unchanged_problem(by: str, problem: Problem, seed: int, **facts: Any) -> Problem:
    """A problem that is passed on unchanged: it keeps its provenance, origin of the reference included."""
    lineage = lineage_of(problem) or lineage_meta(by, [problem], seed, CARRIED)[MADE]
    return replace(problem, meta={**problem.meta, MADE: {**lineage, **facts}})


def chance(by: str, problem: Problem, seed: int) -> random.Random:
    """Source of chance that depends on this problem alone."""
    return random.Random(digest128(["harden", by, seed, problem.id]))
