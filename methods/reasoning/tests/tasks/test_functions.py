"""Hidden functions: the told examples are those of the formula, and no function is in both splits under any kind."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.edit.failing_example import value_at
from rollmill_reasoning.tasks.functions import Functions


def test_the_told_examples_are_those_of_the_formula() -> None:
    for problem in Functions(shown=3).synthesize(60, 5):
        assert len(problem.meta["examples"]) == 3
        for x, y in problem.meta["examples"]:
            assert f"f({x}) = {y}" in str(problem.prompt)
            assert value_at(problem.reference, x) == y
        assert problem.reference not in str(problem.prompt)


def test_a_product_and_its_quadratic_form_are_one_function_of_one_split() -> None:
    train, held = (
        {tuple(problem.meta["coefficients"]) for problem in Functions(split=split).synthesize(count, 1)}
        for split, count in (("train", 1_500), ("heldout", 500))
    )
    assert not train & held
    both = Functions(kinds=("product",)), Functions(kinds=("quadratic",))
    products, quadratics = ({tuple(p.meta["coefficients"]) for p in one.synthesize(900, 1)} for one in both)
    assert products & quadratics, "some functions have both forms"


def test_a_number_of_examples_that_determines_nothing_more_is_refused() -> None:
    for shown in (0, 9):
        with pytest.raises(SetupError, match=f"shown is {shown}"):
            Functions(shown=shown)
