"""Pairs that test a scorer: a short right solution, and a longer right solution of another problem in its place.

Reward models prefer long answers off the topic to short ones on it (Kim et al. 2024, Regularized relevance reward). A score
that cannot tell them apart does not read the problem, or follows length.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Problem, Rollout
from rollmill.pipelines.score import group_scores, needs_of
from rollmill.roles.protocols import ANSWERS, GROUP, VERDICTS, VOTES, Candidates, GroupScorer, Scorer

WITHOUT_RUN = frozenset({ANSWERS, GROUP, VERDICTS, VOTES})
"""Inputs of a scorer that a completion in another problem's place does not have."""


class Solutions(NamedTuple):
    """The shortest and the longest right completion of a problem."""

    problem: Problem
    shortest: Completion
    longest: Completion


@dataclass(frozen=True, slots=True)
class TopicPair:
    """A problem with a short completion of its own, and a longer one of another problem."""

    problem: Problem
    on_topic: Completion
    off_topic: Completion


def solutions_of(rollouts: Sequence[Rollout]) -> Solutions | None:
    """The solutions of one problem; None without a right completion."""
    right = [member.completion for member in rollouts if member.verdict.outcome == "correct"]
    if not right:
        return None
    # Ids break ties of length, so that the order of the rollouts does not decide.
    ordered = sorted(right, key=lambda completion: (len(completion.text), completion.id))
    return Solutions(rollouts[0].problem, ordered[0], ordered[-1])


def topic_pairs(solved: Iterable[Solutions], n: int, seed: int) -> Iterator[TopicPair]:
    """At most n pairs, one of each problem, in a random order by the seed.

    The other problem is the next in that order with another template, or another prompt where there are no templates, and
    a solution that is longer.
    """
    order = sorted(solved, key=lambda own: digest128(["topic", seed, own.problem.id]))
    made = 0
    for place, own in enumerate(order):
        if made == n:
            return
        others = (order[(place + step) % len(order)] for step in range(1, len(order)))
        chosen = next((other for other in others if _differs(own, other)), None)
        if chosen is not None:
            made += 1
            # One solution may stand in for several problems, and scores are looked up by completion.
            identity = digest128(["off_topic", chosen.longest.id, own.problem.id])
            yield TopicPair(own.problem, own.shortest, replace(chosen.longest, id=identity))


def _differs(own: Solutions, other: Solutions) -> bool:
    """True if the other problem is of another kind and its solution longer."""
    # Problems of one template are solved alike, so their solutions would not be off the topic.
    if own.problem.template is not None or other.problem.template is not None:
        apart = own.problem.template != other.problem.template
    else:
        apart = own.problem.prompt != other.problem.prompt
    return apart and len(other.longest.text) > len(own.shortest.text)


def preferences(scorer: Scorer | GroupScorer, pairs: Sequence[TopicPair]) -> list[float | None]:
    """Preference of each pair: 1 if the completion on the topic scores higher, 0 if the other does, 0.5 for a tie; None
    if a score is missing. The prompt is the problem's own, without a template.
    """
    groups = [Candidates(pair.problem, [pair.on_topic, pair.off_topic]) for pair in pairs]
    values = {(score.completion_id, score.problem_id): score.value for score in group_scores(scorer, groups)}
    known = [
        [values.get((completion.id, pair.problem.id)) for completion in (pair.on_topic, pair.off_topic)] for pair in pairs
    ]
    return [None if on is None or off is None else 1.0 if on > off else 0.5 if on == off else 0.0 for on, off in known]


def missing_inputs(scorer: Scorer | GroupScorer) -> list[str]:
    """Inputs of a scorer that these pairs do not have."""
    return [need for need in needs_of(scorer) if need in WITHOUT_RUN]
