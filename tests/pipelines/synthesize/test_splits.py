"""Train, held-out and evaluation problems never meet: by template, by solution graph, by instance."""

import random
from collections import Counter

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.splits import (
    EVALUATION_TEMPLATES,
    TRAIN_TEMPLATES,
    belongs,
    evaluation_graphs,
    is_held_out,
    problems_for_training,
    templates_of,
)
from rollmill.pipelines.synthesize.template import LEVELS, instance_key, solution_graph
from rollmill.pipelines.synthesize.templates import Templates


def made(split: str, count: int = 800, seed: int = 3) -> list[Problem]:
    return list(Templates(split=split).synthesize(count, seed))


def test_three_templates_of_different_skills_only_evaluate() -> None:
    assert EVALUATION_TEMPLATES == ("catch_up", "age_gap", "two_numbers")
    assert sorted(TEMPLATES[name]().skill for name in EVALUATION_TEMPLATES) == ["ages", "linear equations", "rates"]
    assert len(TRAIN_TEMPLATES) == 18
    assert not set(TRAIN_TEMPLATES) & set(EVALUATION_TEMPLATES)


def test_an_evaluation_template_has_one_graph_per_level_so_probing_finds_them_all() -> None:
    for name in EVALUATION_TEMPLATES:
        template = TEMPLATES[name]()
        for level in LEVELS:
            solutions = [template.solve(template.sample(level, random.Random(seed))) for seed in range(100, 300)]
            graphs = {solution_graph(solution) for solution in solutions}
            assert len(graphs) == 1
            assert graphs <= evaluation_graphs()
    assert len(evaluation_graphs()) == 24


def test_the_graphs_of_level_one_are_two_step_shapes() -> None:
    assert {"*(-(n,n),n)", "/(+(n,n),n)", "/(n,-(n,n))"} <= evaluation_graphs()


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_no_evaluation_graph_is_emitted_elsewhere(split: str) -> None:
    assert {problem.meta["graph"] for problem in made(split, 1600)} & evaluation_graphs() == set()


def test_chains_that_would_have_an_evaluation_graph_are_refused_not_renamed() -> None:
    machine = TEMPLATES["machine"]()
    params = {"level": 2, "who": ["Tom"], "start": 9, "ops": ["-", "*"], "numbers": [4, 3]}
    solution = machine.solve(params)
    assert solution.steps == ("9 - 4 = 5", "5 * 3 = 15")
    assert not belongs("train", "machine", params, solution)
    assert not belongs("heldout", "machine", params, solution)


def test_no_held_out_instance_or_text_is_in_train() -> None:
    def keys(problems: list[Problem]) -> set[str]:
        return {instance_key(str(problem.template), problem.meta["params"]) for problem in problems}

    train = made("train") + made("train", seed=4)
    heldout = made("heldout") + made("heldout", seed=5)
    assert keys(train) & keys(heldout) == set()
    assert {problem.prompt for problem in train} & {problem.prompt for problem in heldout} == set()
    texts = {text for text, _ in problems_for_training(11, 4000)}
    assert texts & {problem.prompt for problem in heldout + made("evaluation")} == set()


def test_other_names_and_wordings_do_not_make_a_new_instance() -> None:
    params = {"level": 1, "who": ["Tom"], "what": "pens", "start": 3, "changes": [4]}
    other = {**params, "who": ["Lily"], "what": "eggs"}
    assert instance_key("basket", params) == instance_key("basket", other)
    assert is_held_out("basket", params) == is_held_out("basket", other)
    assert instance_key("basket", params) != instance_key("basket", {**params, "start": 4})
    assert instance_key("basket", params) != instance_key("sharing", params)


def test_about_one_instance_in_ten_is_held_out() -> None:
    template = TEMPLATES["shop"]()
    rng = random.Random(1)
    held = sum(is_held_out("shop", template.sample(5, rng)) for _ in range(2000))
    assert 150 < held < 250


def test_evaluation_seeds_regenerate_the_same_evaluation_problems() -> None:
    assert [problem.id for problem in made("evaluation", 100)] == [problem.id for problem in made("evaluation", 100)]
    assert {problem.template for problem in made("evaluation", 100)} == set(EVALUATION_TEMPLATES)


def test_an_unknown_split_is_named() -> None:
    with pytest.raises(SetupError, match=r"unknown split 'trian'\. Did you mean 'train'"):
        templates_of("trian")


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
