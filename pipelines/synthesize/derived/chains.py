"""Two problems joined: the answer to the first is a number of the second (Compositional GSM, Hosseini et al. 2024).

Each pair gives three problems: the first unchanged, the second with the first answer among its numbers, and both in one, in
which that number must be found. The composed problem's `meta` names its two parts, as the metric `compositional_gap` wants
them. Pairs are joined whose number and answer stay of about the same size, and no step of which falls below zero
(`joined`).
"""

from collections.abc import Sequence
from dataclasses import replace

from rollmill.ground.records import CARRIED, Problem
from rollmill.pipelines.synthesize.derived.joined import LETTERS, Hop, can_be_joined, first_hop, joined
from rollmill.pipelines.synthesize.derived.lineage import chance, lineage_meta

NAME = "chains"


def chains(problems: Sequence[Problem], seed: int) -> list[Problem]:
    """First, second and composed problem of every pair that can be joined; each problem is in one pair at most."""
    usable = sorted((problem for problem in problems if can_be_joined(problem)), key=lambda problem: problem.id)
    # Each place depends on the problem alone, so another problem in the source does not reorder the rest.
    usable.sort(key=lambda problem: chance(NAME, problem, seed).random())
    joint: list[Problem] = []
    while usable:
        second = usable.pop(0)
        for first in usable:
            hops = _pair(first, second)
            if hops:
                joint += composed_with_parts(hops, seed, NAME)
                # Safe inside the loop over it, which ends here.
                usable.remove(first)
                break
    return joint


def _pair(first: Problem, second: Problem) -> list[Hop]:
    # A chain across splits would bring a held-out problem into training.
    begun = first_hop(first) if first.split == second.split else None
    behind = None if begun is None else joined(second, int(begun.answer), "X")
    return [] if begun is None or behind is None else [begun, behind]


def composed_with_parts(hops: Sequence[Hop], seed: int, by: str) -> list[Problem]:
    """The parts of a chain in order, each solvable alone, and the composed problem last."""
    sources, bridges = [hop.problem for hop in hops], [hop.answer for hop in hops[:-1]]
    parts = [replace(sources[0], meta={**sources[0].meta, **lineage_meta(by, sources[:1], seed, CARRIED, role="first")})]
    parts += [single_hop_problem(hops, place, seed, by) for place in range(1, len(hops))]
    lineage = lineage_meta(by, sources, seed, role="composed", bridges=bridges, hops=[hop.record() for hop in hops])
    composed = replace(
        hops[-1].problem,
        prompt=composed_text(hops),
        reference=hops[-1].answer,
        level=max(source.level or 1 for source in sources),
        # Intervals are over templates, so every chain of the same templates is in one cluster.
        template="+".join(source.template for source in sources if source.template) or None,
        meta={"graph": None, "parts": [part.id for part in parts], **lineage},
        # The id names the source problem in its import.
        external_id=None,
    )
    return [*parts, composed]


def single_hop_problem(hops: Sequence[Hop], place: int, seed: int, by: str) -> Problem:
    """Problem of a single hop, with the number that the hop before would hand on written into its text."""
    hop, role = hops[place], "second" if len(hops) == 2 else f"part {place + 1}"
    sources = [hops[place - 1].problem, hop.problem]
    lineage = lineage_meta(by, sources, seed, role=role, bridge=hops[place - 1].answer, hops=[hop.record()])
    # The source's `params` and `seed` are left out: they give the answer for the old number.
    meta = {"graph": None, **lineage}
    return replace(hop.problem, prompt=hop.plain, reference=hop.answer, meta=meta, external_id=None)


def composed_text(hops: Sequence[Hop]) -> str:
    """The chain as one text: every hop but the last gives the number that the next one is asked with."""
    told = [f"Let {letter_of(at + 1)} be the answer to this problem: {hop.text}" for at, hop in enumerate(hops[:-1])]
    return "\n".join([*told, f"Now solve this one: {hops[-1].text}"])


def letter_of(place: int) -> str:
    """Name of the number that the hop at a place receives: X for the second."""
    return LETTERS[place - 1]
