"""The votes on answers: completions of voting steps by the completion that they follow, from the links of a run or a
version.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from rollmill.ground.records import Completion, Problem
from rollmill.roles.protocols import Vote, VotesOn
from rollmill.steps.follow import Link, Links, nearest_answer
from rollmill.steps.graph import StepGraph
from rollmill.steps.reading import fields_of

Pair = tuple[str, str]
"""(completion id, problem id)."""
Texts = Callable[[Collection[str]], Mapping[str, Completion]]
"""The stored completions with these ids."""


class CastVotes:
    """Votes by the answer that they are about: the nearest one before them. `steps`: the names of the steps that vote.

    `links`: the planned completions, in plan order.
    """

    def __init__(self, graph: StepGraph, links: Links, texts: Texts) -> None:
        self._graph, self._texts = graph, texts
        self.steps = graph.votes
        self._of: dict[Pair, list[tuple[Link, int]]] = {}
        for (_, problem_id), link in links.items():
            if link.step in self.steps:
                self._add(link, problem_id, links)

    def of(self, pairs: Sequence[Pair]) -> list[list[Vote]]:
        """The votes on each of these (completion, problem), in plan order."""
        cast = [self._of.get(pair, []) for pair in pairs]
        texts = self._texts({link.id for votes in cast for link, _ in votes})
        return [[self._vote(link, place, texts[link.id].text) for link, place in votes] for votes in cast]

    def on(self, items: Sequence[tuple[Problem, Completion]]) -> list[list[Vote]]:
        """The votes for a verifier."""
        return self.of([(completion.id, problem.id) for problem, completion in items])

    def _add(self, link: Link, problem_id: str, links: Links) -> None:
        gathers = self._graph.nodes[link.step].step.gather
        for place, cid in enumerate(link.after if gathers else link.after[:1], 1):
            about = nearest_answer(cid, problem_id, links, self._graph.answers)
            if about is not None:
                self._of.setdefault((about, problem_id), []).append((link, place if gathers else 0))

    def _vote(self, link: Link, place: int, text: str) -> Vote:
        step = self._graph.nodes[link.step].step
        return Vote(link.step, fields_of(text, step.read), place, step.gather)


class DeferredVotes:
    """Votes that are read once they are complete: `cast` is set then, and before that there are no votes."""

    cast: VotesOn | None = None

    def on(self, items: Sequence[tuple[Problem, Completion]]) -> Sequence[Sequence[Vote]]:
        """The votes on each of these."""
        return [()] * len(items) if self.cast is None else self.cast.on(items)
