"""Finding the input of a counterexample, and reading the puzzle; nothing runs."""

import json

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.verify.code.counterexample import Puzzle, puzzle_of
from rollmill.pipelines.verify.code.proposed_input import Input, InputProposal, input_of, listed, proposal_of, read_value
from rollmill.pipelines.verify.code.suite import BadTestsError

MAKER = "def generate():\n    return [[1] * 5, 2]\n"
PRINTER = "print([3, 1])\n"


def test_the_last_block_is_a_generator_a_value_or_a_program() -> None:
    assert proposal_of(f"So:\n```python\n{MAKER}```", stdin=False) == InputProposal("generator", None, MAKER.rstrip())
    assert proposal_of(f"```python\n{PRINTER}```", stdin=False) == InputProposal("program", None, PRINTER.rstrip())
    assert proposal_of("```json\n[[1, 2], 3]\n```", stdin=False) == InputProposal("value", Input(([1, 2], 3)))
    assert proposal_of("```\n{'n': 3}\n```", stdin=False) == InputProposal("value", Input(kwargs=(("n", 3),)))
    assert proposal_of("```python\n((1, 2), {3})\n```", stdin=False) == InputProposal("value", Input(((1, 2), {3})))


def test_for_stdin_a_block_is_the_text_unless_it_is_a_program() -> None:
    assert proposal_of("```\n3\n1 2 3\n```", stdin=True) == InputProposal("value", Input(text="3\n1 2 3\n"))
    assert proposal_of("```json\n[1]\n```", stdin=True) == InputProposal("value", Input(text="[1]\n"))
    assert proposal_of(f"```python\n{PRINTER}```", stdin=True) == InputProposal("program", None, PRINTER.rstrip())


def test_without_a_block_the_answer_or_the_whole_text() -> None:
    assert proposal_of("It overflows, so\n\\boxed{[0, 7]}", stdin=False) == InputProposal("value", Input((0, 7)))
    assert proposal_of("[0, 7]", stdin=False) == InputProposal("value", Input((0, 7)))
    assert proposal_of(MAKER, stdin=True) == InputProposal("generator", None, MAKER)


@pytest.mark.parametrize(
    "text", ["", "I do not know.", "The answer is 7.", "```json\n7\n```", "[" * 50_000, "<think>[1]</think>"]
)
def test_no_input(text: str) -> None:
    assert proposal_of(text, stdin=False) is None


def test_values_are_data_and_never_evaluated() -> None:
    assert read_value("__import__('os').system('true')") is None
    assert read_value("[10**10**10]") is None
    assert read_value("[1, 2") is None
    assert read_value('[{"$set": [1]}]') == Input(({1},))
    assert read_value("[" + "9" * 5_000 + "]") is None
    assert input_of([object()]) is None
    assert input_of({1: 2}) is None


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("def f(a, b, *, c): pass", [1, 2, 3]),
        ("def f(c, b, a): pass\ndef f(b, /, c, a): pass", [2, 3, 1]),
        ("def f(b, **others): pass", [2, 3, 1]),
        ("def g(a, b, c): pass", [3, 1, 2]),
        ("def f(", [3, 1, 2]),
    ],
)
def test_named_arguments_come_in_the_order_of_the_parameters(source: str, values: list[int]) -> None:
    assert listed(Input(kwargs=(("c", 3), ("a", 1), ("b", 2))), source, "f") == values
    assert listed(Input((3, 1)), source, "f") == [3, 1]


def test_the_puzzle() -> None:
    entry = {"suspect": "s", "validator": "v", "entry_point": "f", "tolerance": 1e-6}
    assert puzzle_of(Problem("?", "t", "code", (json.dumps(entry),))) == Puzzle("t", "s", "v", "f", None, 1e-6)
    for tests, reference, says in (
        ((), "t", "one entry in tests, this one 0"),
        (("{",), "t", "no JSON"),
        (("[]",), "t", "no JSON object"),
        (('{"suspect": "s"}',), "t", "validator is missing"),
        (('{"suspect": "s", "validator": "v", "entry_point": 1}',), "t", "entry_point is no text"),
        (('{"suspect": "s", "validator": "v"}',), " ", "trusted program, is empty"),
        (('{"suspect": "s", "validator": "v", "tolerance": "x"}',), "t", "tolerance is no number"),
    ):
        with pytest.raises(BadTestsError, match=says):
            puzzle_of(Problem("?", reference, "code", tests))
