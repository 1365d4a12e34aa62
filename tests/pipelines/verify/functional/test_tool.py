"""The gate of tools: a function solves its problem again, and not by saying the answer."""

from collections.abc import Iterator

import pytest

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.functional.tool import ToolVerifier, numbers_of, tool_of

PROBLEM = Problem("Ann has 4 bags of 6 pears. How many pears?", "24")
GOOD = 'def bags_of(n1, n2):\n    """How many pears?"""\n    return n1 * n2\n\nprint(bags_of(4, 6))'


@pytest.fixture(scope="module")
def verifier() -> Iterator[ToolVerifier]:
    with ToolVerifier("none", cpu_seconds=1.0) as chosen:
        yield chosen


@pytest.mark.parametrize(
    ("source", "outcome", "rule"),
    [
        (GOOD, "correct", "general"),
        (GOOD.replace("n1 * n2", "n1 + n2"), "incorrect", "solves"),
        (GOOD.replace("n1 * n2", "24"), "incorrect", "general"),
        (GOOD.replace("n1 * n2", "n1 / 0"), "incorrect", "solves"),
        ("def said(n):\n    return n\n\nprint(said(24))", "incorrect", "general"),
        ("def said(n, bags):\n    return n + 0 * bags\n\nprint(said(24, 4))", "incorrect", "general"),
        ("def bags_of(n, pears):\n    return n * pears // 10\n\nprint(bags_of(6, 40))", "correct", "general"),
        (GOOD.replace("(n1, n2)", "()").replace("n1 * n2", "24").replace("(4, 6)", "()"), "incorrect", "general"),
        (GOOD.replace("print(bags_of(4, 6))", "print(24)"), "unparsed", "tool"),
        (GOOD.replace("print(bags_of(4, 6))", "print(bags_of(4, x))"), "unparsed", "tool"),
        ("def a(): pass\ndef b(): pass\nprint(a())", "unparsed", "tool"),
        ("I do not know.", "unparsed", "tool"),
    ],
)
def test_solves_and_general_are_gates_of_their_own(verifier: ToolVerifier, source: str, outcome: str, rule: str) -> None:
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, f"```python\n{source}\n```", "stop")
    verdict = verifier.verify(PROBLEM, completion)
    assert (verdict.outcome, verdict.rule) == (outcome, rule)
    assert verdict.value == {"general": 1.0 if outcome == "correct" else 0.5, "solves": 0.0}.get(rule)


def test_a_tool_has_a_name_a_docstring_and_the_arguments_of_its_problem() -> None:
    tool = tool_of(GOOD)
    assert tool is not None
    assert (tool.name, tool.doc, tool.arguments) == ("bags_of", "How many pears?", (4, 6))


def test_numbers_of_a_problem_are_read_and_without_a_reference_nothing_is_decided(verifier: ToolVerifier) -> None:
    assert numbers_of("Of 1,200 pears, 3.5kg for $20, 40% are bad in 7.") == {1200.0, 3.5, 20.0, 40.0, 7.0}
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, f"```python\n{GOOD}\n```", "stop")
    assert verifier.verify(Problem("Ann has 4 bags.", ""), completion).outcome == "undecided"
