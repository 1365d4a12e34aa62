"""Pairs of a short solution and a longer one off the topic: how they are made, and scorers of known taste."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rollmill.ground.records import Completion, Problem, Score
from rollmill.pipelines.certify.topic_pairs import Solutions, missing_inputs, preferences, solutions_of, topic_pairs
from rollmill.pipelines.score import SCORERS
from tests.pipelines.select.rollouts import PROBLEM, rollout


class Overlap:
    """The number of the prompt's words in a text."""

    name, version = "overlap", "1"

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]:
        words = set(str(problem.prompt).split())
        for completion in completions:
            yield Score(completion.id, problem.id, "overlap", "1", float(len(words & set(completion.text.split()))))


def solved(count: int = 12) -> list[Solutions]:
    made = []
    for place in range(count):
        problem = replace(PROBLEM, prompt=f"thing{place} of kind{place % 3}", template=f"t{place % 3}", reference="4")
        own = rollout(place, "correct", f"thing{place} 4").completion
        long = replace(own, id=f"long{place}", text=f"thing{place} " + "so on " * (place + 3))
        made.append(Solutions(problem, own, long))
    return made


def test_a_pair_is_a_short_solution_and_a_longer_one_of_another_template() -> None:
    pairs = list(topic_pairs(solved(), 5, 1))
    assert len(pairs) == 5
    assert pairs == list(topic_pairs(reversed(solved()), 5, 1))
    assert pairs != list(topic_pairs(solved(), 5, 2))
    for pair in pairs:
        assert pair.on_topic.text.split()[0] in str(pair.problem.prompt)
        assert pair.off_topic.text.split()[0] not in str(pair.problem.prompt)
        assert len(pair.off_topic.text) > len(pair.on_topic.text)
    assert list(topic_pairs(solved()[:1], 5, 1)) == []


def test_length_prefers_what_is_off_the_topic_and_overlap_what_is_on_it() -> None:
    pairs = list(topic_pairs(solved(), 12, 1))
    assert preferences(SCORERS["length"](), pairs) == [0.0] * 12
    assert preferences(Overlap(), pairs) == [1.0] * 12
    assert preferences(SCORERS["self_certainty"](), pairs) == [None] * 12  # none was measured
    assert missing_inputs(SCORERS["length"]()) == []
    assert missing_inputs(SCORERS["answer_agreement"]())[0] == "answers"


def test_the_shortest_and_the_longest_right_completion() -> None:
    pool = [rollout(0, "correct", "it is 4"), rollout(1, "correct", "4"), rollout(2, "incorrect", "this is a long 5")]
    solutions = solutions_of(pool)
    assert solutions is not None
    assert (solutions.shortest.text, solutions.longest.text) == ("4", "it is 4")
    assert solutions_of(pool[2:]) is None
