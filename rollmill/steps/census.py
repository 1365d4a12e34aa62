"""Counts by problem in a run whose steps follow one another: completions that each step could follow, and did follow.

`follow_ups` fills it while it plans a round: everything before that round is judged, the round's own draws are not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rollmill.roles.tallies import Draw
from rollmill.steps.graph import StepGraph
from rollmill.steps.step_template import Facts


class EqualDraws(NamedTuple):
    """Completions that are treated as equal. `depth`: how often a repeated step replaced the answer that they follow.

    `right`: whether their answer is right, or for an unjudged completion the answer before it; None: there is none.
    """

    step: str
    depth: int = 0
    right: bool | None = None


@dataclass(slots=True)
class ProblemCensus:
    """The counts of one problem.

    `drawn`: the judged completions, by kind with the answer before, and whether their own was right. `candidates`: the
    completions that each step may follow, by the kind of the last one. `groups`: how often it followed something. `asked`:
    the draws of the round that is planned, by kind with the answer before.
    """

    drawn: Counter[tuple[EqualDraws, bool | None]] = field(default_factory=Counter)
    candidates: Counter[tuple[str, EqualDraws]] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    asked: Counter[EqualDraws] = field(default_factory=Counter)


class CountedCompletion(NamedTuple):
    """A completion as a census counts it: its kind with the answer before, and whether its own is right."""

    asked: EqualDraws
    right: bool | None

    @property
    def kind(self) -> EqualDraws:
        """Kind of the completion for the steps that follow it."""
        return self.asked._replace(right=self.right)


@dataclass(slots=True)
class Census:
    """The counts of a run by problem."""

    graph: StepGraph
    problems: dict[str, ProblemCensus] = field(default_factory=dict)

    def count_drawn(
        self, problem_id: str, rows: Sequence[tuple[str, str, tuple[str, ...], int]], facts: Mapping[str, Facts]
    ) -> Mapping[str, CountedCompletion]:
        """Count the judged completions of a problem (id, step, what it follows, depth), in plan order."""
        counted: dict[str, CountedCompletion] = {}
        counts = self.problems.setdefault(problem_id, ProblemCensus())
        for cid, step, after, depth in rows:
            before = self._before(step, [counted[parent] for parent in after])
            right = facts[cid].outcome == "correct" if step in self.graph.answers else before
            counted[cid] = CountedCompletion(EqualDraws(step, depth, before), right)
        counts.drawn.update((completion.asked, completion.right) for completion in counted.values())
        return counted

    def count_candidates(self, problem_id: str, step: str, last: Sequence[CountedCompletion]) -> None:
        """Count what a step may follow, by the completions that came last."""
        self.problems[problem_id].candidates.update((step, completion.kind) for completion in last)

    def count_draw(self, draw: Draw, followed: Sequence[CountedCompletion]) -> None:
        """Count a draw of the round that is planned."""
        counts = self.problems[draw.problem_id]
        counts.groups[draw.step] += 1
        repeats = self.graph.nodes[draw.step].stands_for is not None
        gathers = self.graph.nodes[draw.step].step.gather
        depth = 0 if gathers else max(completion.asked.depth for completion in followed)
        counts.asked[EqualDraws(draw.step, depth + repeats, self._before(draw.step, followed))] += draw.count

    def _before(self, step: str, followed: Sequence[CountedCompletion]) -> bool | None:
        return None if not followed or self.graph.nodes[step].step.gather else followed[0].right
