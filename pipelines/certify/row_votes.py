"""The votes that a row of suite `votes` brings, cast by the functions that cast those of a run. For the verifier's process.

A row's tests are votes as JSON: `by` the step of the row's `of`, or another one; `on` this answer, or another of the same
problem; and the `text`, out of which the field of `of` is read.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from rollmill.ground.records import Completion, Problem
from rollmill.roles.protocols import Vote
from rollmill.steps.cast_votes import CastVotes
from rollmill.steps.follow import Link
from rollmill.steps.graph import StepGraph, StepRule

SAID = "SCORE"
"""The word before the content of a vote."""
THIS_STEP, ANOTHER_STEP = "this step", "another step"
THIS_ANSWER, ANOTHER_ANSWER = "this answer", "another answer"
_PATTERN = rf"{SAID} (\S+)"


def graph_of_rows(of: str) -> StepGraph:
    """Answers, the voting step of `of`, and another that votes. SetupError if no step can have this name."""
    step, _, field = of.partition(".")
    answer, other = (name if name != step else f"{name}-2" for name in ("solve", "other"))
    return StepGraph(
        [
            StepRule(answer),
            *(
                StepRule(name, f"{{prompt}}\n{{{answer}}}\nEnd with {SAID}.", role="vote", read={field: _PATTERN})
                for name in (step, other)
            ),
        ]
    )


class RowVotes:
    """Source of the votes of the current row for a verifier."""

    def on(self, items: Sequence[tuple[Problem, Completion]]) -> list[list[Vote]]:
        """The votes on each of these."""
        return [self._cast(problem, completion) for problem, completion in items]

    def _cast(self, problem: Problem, completion: Completion) -> list[Vote]:
        graph = graph_of_rows(str(problem.meta["of"]))
        answer, step, other = graph.nodes
        steps, ids = {THIS_STEP: step, ANOTHER_STEP: other}, {THIS_ANSWER: completion.id, ANOTHER_ANSWER: ANOTHER_ANSWER}
        links = [Link(cid, answer) for cid in ids.values()]
        texts: dict[str, Completion] = {}
        for number, planted in enumerate(map(json.loads, problem.tests)):
            vote = replace(completion, id=f"vote {number}", text=planted["text"])
            texts[vote.id] = vote
            links.append(Link(vote.id, steps[planted["by"]], (ids[planted["on"]],)))

        def stored(wanted: Collection[str]) -> Mapping[str, Completion]:
            return {cid: texts[cid] for cid in wanted}

        return CastVotes(graph, {(link.id, problem.id): link for link in links}, stored).on([(problem, completion)])[0]
