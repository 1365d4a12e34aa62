"""Twins of a chain, one without an answer, which differ in a single letter (MuSiQue, Trivedi et al. 2022).

In the second twin the first hop's answer is given a letter that no later hop uses, so the number that the chain rests on is
never stated. Both ask for the word `unanswerable` where a number is missing: a model earns the pair only if it follows the
chain in one and notices the break in the other (metric `joint`, the second twin's `parts` being the first).
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.chains import composed_text, letter_of
from rollmill.pipelines.synthesize.derived.joined import Hop
from rollmill.pipelines.synthesize.derived.lineage import lineage_meta

UNANSWERABLE = "unanswerable"
_ASK = f"If a number that is needed is not given, end with #### {UNANSWERABLE}, else with #### and the number."
_UNUSED = "QUVTPS"


def twins(hops: Sequence[Hop], seed: int, by: str) -> list[Problem]:
    """The twin that can be answered and the one that cannot."""
    whole = composed_text(hops)
    other = next(letter for letter in _UNUSED if not re.search(rf"\b{letter}\b", whole))
    begun = f"Let {letter_of(1)} be"
    broken = whole.replace(begun, f"Let {other} be", 1)
    sources = [hop.problem for hop in hops]

    def twin(text: str, reference: str, role: str, **meta: object) -> Problem:
        lineage = lineage_meta(by, sources, seed, role=role, hops=[hop.record() for hop in hops])
        level, template = max(source.level or 1 for source in sources), "+".join(str(source.template) for source in sources)
        return replace(
            hops[-1].problem,
            prompt=f"{text}\n{_ASK}",
            reference=reference,
            kind="math",
            level=level,
            template=template,
            meta={"graph": None, **lineage, **meta},
            external_id=None,
        )

    first = twin(whole, hops[-1].answer, "answerable")
    return [first, twin(broken, UNANSWERABLE, UNANSWERABLE, parts=[first.id])]
