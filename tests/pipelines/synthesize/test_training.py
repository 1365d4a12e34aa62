"""The stream of training pairs."""

from collections import Counter

from pipelines.synthesize import problems_for_training


def test_as_many_pairs_as_asked_and_the_same_again() -> None:
    pairs = list(problems_for_training(2, 500))
    assert len(pairs) == 500
    assert pairs == list(problems_for_training(2, 500))
    assert pairs != list(problems_for_training(3, 500))


def test_levels_are_uniform() -> None:
    steps = Counter(solution.count("\n") for _, solution in problems_for_training(4, 4000))
    assert sorted(steps) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(400 < count < 600 for count in steps.values())


def test_some_levels_only() -> None:
    assert {solution.count("\n") for _, solution in problems_for_training(4, 200, levels=[2, 5])} == {2, 5}


def test_a_solution_is_steps_and_then_the_answer() -> None:
    for text, solution in problems_for_training(6, 200):
        *steps, last = solution.split("\n")
        assert text.endswith((".", "?"))
        assert all(len(step.split(" ")) == 5 for step in steps)
        assert last.startswith("#### ")
