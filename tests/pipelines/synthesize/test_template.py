"""The calculator, the solution text and the solution graph."""

import pytest

from rollmill.pipelines.synthesize.template import (
    LEAF,
    Calc,
    Solution,
    canonical_shape,
    compute,
    solution_graph,
    solution_text,
)


def test_each_operation_is_one_line_and_the_answer_comes_last() -> None:
    calc = Calc()
    solution = calc.done(calc.div(calc.sub(calc.mul(12, 7), 4), 8))
    assert solution_text(solution) == "12 * 7 = 84\n84 - 4 = 80\n80 / 8 = 10\n#### 10"


def test_division_must_be_exact() -> None:
    assert compute("/", 12, 4) == 3
    assert compute("%", 14, 4) == 2
    with pytest.raises(ArithmeticError, match="14 / 4 is not whole"):
        compute("/", 14, 4)


def test_the_graph_leaves_numbers_out() -> None:
    calc = Calc()
    assert solution_graph(calc.done(calc.sub(calc.mul(12, 7), 4))) == "-(*(n,n),n)"


def test_the_order_of_adding_and_multiplying_makes_no_new_graph() -> None:
    left, right = Calc(), Calc()
    one = left.done(left.add(left.add(left.mul(2, 3), 4), left.mul(5, 6)))
    two = right.done(right.add(9, right.add(right.mul(7, 8), right.mul(1, 2))))
    assert solution_graph(one) == solution_graph(two) == "+(*(n,n),*(n,n),n)"


def test_the_order_of_subtracting_and_dividing_does() -> None:
    one, two = Calc(), Calc()
    assert solution_graph(one.done(one.sub(9, one.add(2, 3)))) == "-(n,+(n,n))"
    assert solution_graph(two.done(two.sub(two.add(2, 3), 1))) == "-(+(n,n),n)"


def test_a_graph_is_read_off_the_lines_when_no_shape_was_recorded() -> None:
    assert solution_graph(Solution(("3 * 4 = 12", "5 + 2 = 7", "12 - 7 = 5"), "5")) == "-(*(n,n),+(n,n))"
    assert solution_graph(Solution((), "5")) == LEAF


def test_a_long_graph_is_hashed_so_shared_parts_do_not_blow_it_up() -> None:
    def euclid(steps: int) -> str:
        calc = Calc()
        a, b = calc.total([987]), calc.total([610])
        for _ in range(steps):
            a, b = b, calc.mod(a, b)
        return canonical_shape(b.shape)

    assert euclid(3) == "%(%(n,n),%(n,%(n,n)))"
    assert len({euclid(steps) for steps in range(3, 12)}) == 9
    assert all(len(euclid(steps)) <= 160 for steps in range(3, 12))
