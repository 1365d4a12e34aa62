"""The toolbox: copies under other names are one tool, and two of three views choose."""

import random

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.edit import EDITORS, CannotEdit
from rollmill.pipelines.generate.tools.toolbox import Toolbox, canonical_function, function_of
from rollmill.pipelines.synthesize.template_shares import TemplateShares

GAIN = 'def stock_after(start, gain):\n    """How many are there now?"""\n    total = start + gain\n    return total'
COPY = '```python\ndef sum_up(a, b):\n    """The sum."""\n    s1 = a + b\n    return s1\n\nprint(sum_up(1, 2))\n```'
LOSS = 'def stock_left(start, loss):\n    """How many are left?"""\n    total = start - loss\n    return total'
PRICE = 'def total_price(count, price):\n    """How many dollars are paid in all?"""\n    return count * price'


def form(program: str) -> str:
    function = function_of(program)
    assert function is not None
    return canonical_function(function)


def test_names_docstrings_and_layout_make_no_other_tool_and_an_operation_does() -> None:
    assert form(GAIN) == form(COPY)
    assert form(GAIN) != form(LOSS)
    assert form("def f(a, b):\n    return a - b") != form("def f(a, b):\n    return b - a")
    assert form("def f(a):\n    return round(a)") != form("def f(a):\n    return abs(a)")
    assert form("def f(a, *, b=2):\n    return a * b") != form("def f(a, *, b=3):\n    return a * b")
    assert form("def f(a, *, b=2):\n    return a * b") == form("def g(x, *, y=2):\n    return x * y")
    assert form("def f(*a):\n    return sum(a)") != form("def f(a):\n    return sum(a)")


@pytest.mark.parametrize(
    ("body", "other", "copy"),
    [
        ("x = 1\n    return lambda x: x", "y = 1\n    return lambda x: y", False),
        ("def g(x): return x\n    x = 1\n    return g", "def g(x): return y\n    y = 1\n    return g", False),
        ("return sorted(a, key=lambda x: -x)", "return sorted(a, key=lambda y: -y)", True),
        ("return [lambda i=i: i for i in a]", "return [lambda j=k: j for k in a]", True),
        ("x = 1; y = 2\n    return lambda x=x: x", "x = 1; y = 2\n    return lambda y=y: y", False),
        ("g = lambda x, y: x - y\n    return g(x=1, y=2)", "g = lambda y, x: y - x\n    return g(x=1, y=2)", False),
        ("return lambda x: lambda x: x", "return lambda x: lambda y: x", False),
        ("return max(a, key=lambda len: len), len(a)", "return max(a, key=lambda sum: sum), sum(a)", False),
    ],
)
def test_arguments_of_inner_functions_are_their_own(body: str, other: str, copy: bool) -> None:
    assert (form(f"def f(a):\n    {body}") == form(f"def f(a):\n    {other}")) is copy


def test_copies_are_dropped_and_the_first_stays() -> None:
    box = Toolbox(tools=[["Ann finds 5 apples.", GAIN], ["Add 1 and 2.", COPY], ["Ann eats 5 apples.", LOSS]])
    assert (box.size, box.copies) == (2, 1)
    assert "sum_up" not in box.made("How many apples are there after Ann finds 5?", {}, 0).text


def test_a_tool_needs_the_votes_of_two_views() -> None:
    box = Toolbox(
        tools=[["Ben buys pens in a shop.", LOSS], ["A train goes north.", PRICE], ["Ann finds 5 apples.", GAIN]], count=1
    )
    question = "NAME: total_price\nDOC: How many dollars are paid in all?\nBen buys two pens in a shop."
    assert (box.ranked(question, "problem"), box.ranked(question, "name"), box.ranked(question, "doc")) == ([0], [1], [1])
    assert box.chosen(question) == [1]
    assert box.chosen(question, ["problem"], 1) == [0]
    assert "failed" in box.made("Xyzzy.", {}, 0).meta


def test_the_tool_of_the_very_question_is_not_given() -> None:
    tools = [["Ann finds 5 apples. How many are there now?", GAIN], ["Ben finds 7 apples. How many are left?", LOSS]]
    assert 0 in Toolbox(tools=tools).chosen("Eva finds 6 apples. How many are there now?")
    assert 0 not in Toolbox(tools=tools).chosen("NAME: stock_after\nann finds 5  apples. How many are there now?")


def test_of_planted_copies_all_are_found_and_the_right_tool_is_among_three() -> None:
    """The card's check: the right set is known (templates), copies are planted, recall by one view and by three."""
    problems = list(TemplateShares(by="template", levels=[1, 2]).synthesize(100, 7))
    tools, kind = [], {}
    for problem in problems[:70]:
        try:
            program = EDITORS["tool"](problem.meta["solution"], random.Random(1), known=str(problem.prompt)).text
        except CannotEdit:
            continue
        tools.append([str(problem.prompt), program])
        kind[str(problem.prompt)] = problem.template
    copies = [[f"{problem} Again?", program.replace("n1", "first")] for problem, program in tools]
    box, alone = Toolbox(tools=[*tools, *copies]), Toolbox(tools=tools)
    assert box.size == alone.size
    assert box.copies == alone.copies + len(copies)
    of = [kind[problem] for problem, _ in box._tools]
    asked = [problem for problem in problems[70:] if problem.template in of]
    recall = sum(problem.template in {of[at] for at in box.chosen(str(problem.prompt))} for problem in asked) / len(asked)
    named = sum(problem.template in {of[at] for at in box.ranked(str(problem.prompt), "name")} for problem in asked)
    assert recall >= 0.8
    assert recall > named / len(asked)


def test_what_is_no_tool_is_refused() -> None:
    with pytest.raises(SetupError, match="has no tools"):
        Toolbox()
    with pytest.raises(SetupError, match="is no pair of a problem and a function"):
        Toolbox(tools=[["Ann finds 5 apples.", "x = 1"]])
