"""Planted errors: each kind on a literal program, one change each, none in docstrings; seeded samples."""

import ast

import pytest

from rollmill.pipelines.verify.code.mutants import Mutant, mutants, sampled_mutants

PROGRAM = '''\
def f(xs, n: int = 3):
    """n + 1"""
    total = 0
    for i in range(1, n):
        if i < len(xs) and not xs[i] == -n:
            total += xs[i] * 2
    return total if total >= 0 else xs[1:n]


def g(x):
    return "é" + x
'''


def kinds(source: str) -> set[tuple[str, str, str]]:
    return {(mutant.kind, mutant.before, mutant.after) for mutant in mutants(source)}


def test_every_kind_on_a_literal_program() -> None:
    found = kinds(PROGRAM)
    assert found >= {
        ("constant", "0", "1"),
        ("dropped_step", "total = 0", "pass"),
        ("off_by_one", "range(1, n)", "range(1, n + 1)"),
        ("off_by_one", "range(1, n)", "range(1, n - 1)"),
        ("boundary", "i < len(xs)", "(i <= len(xs))"),
        ("comparison", "i < len(xs)", "(i > len(xs))"),
        ("boolean", "i < len(xs) and not xs[i] == -n", "i < len(xs) or not xs[i] == -n"),
        ("condition", "i < len(xs) and not xs[i] == -n", "not (i < len(xs) and (not xs[i] == -n))"),
        ("boolean", "not xs[i] == -n", "(xs[i] == -n)"),
        ("sign", "-n", "n"),
        ("arithmetic", "total += xs[i] * 2", "total -= xs[i] * 2"),
        ("arithmetic", "xs[i] * 2", "xs[i] + 2"),
        ("return", "return total if total >= 0 else xs[1:n]", "return None"),
        ("slice", "1:n", ":n"),
        ("off_by_one", "1:n", "1:n + 1"),
        ("constant", '"é"', "''"),
    }
    assert not any(before == '"""n + 1"""' or before == "3" for _, before, _ in found)
    assert {kind for kind, _, _ in kinds("def f(a):\n    while True:\n        break\n    return min(sorted(a))\n")} == {
        "boolean", "loop", "call", "return"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "opposite"),
    [
        ("a < b", "(not a < b)"), ("a <= b", "(not a <= b)"), ("a > b", "(not a > b)"), ("a >= b", "(not a >= b)"),
        ("a == b", "(a != b)"), ("a not in b", "(a in b)"), ("a is b", "(a is not b)"),
    ],
)  # fmt: skip
def test_a_condition_of_one_comparison_is_turned_round_once(condition: str, opposite: str) -> None:
    found = kinds(f"def f(a, b):\n    return 1 if {condition} else 2\n")
    after = [after for _, before, after in found if before == condition]
    assert [text for text in after if text in (opposite, f"(not {condition})")] == [opposite]


def test_each_mutant_is_python_differs_and_is_there_once() -> None:
    found = list(mutants(PROGRAM))
    assert len({mutant.source for mutant in found}) == len(found)
    original = ast.dump(ast.parse(PROGRAM))
    for mutant in found:
        assert ast.dump(ast.parse(mutant.source)) != original
        assert mutant.source.count("\n") == PROGRAM.count("\n")
        assert mutant.before in PROGRAM.split("\n")[mutant.line - 1]


def test_text_beyond_ascii_keeps_its_place() -> None:
    assert Mutant("arithmetic", 11, '"é" + x', "'é' - x", PROGRAM.replace('"é" + x', "'é' - x")) in list(
        mutants(PROGRAM, functions=["g"])
    )


def test_a_changed_part_keeps_its_place_in_the_expression() -> None:
    [changed] = [m for m in mutants("def f(a, b):\n    return a * (a + b) - a % b\n") if m.before == "a % b"]
    assert changed.source == "def f(a, b):\n    return a * (a + b) - (a // b)\n"


def test_functions_may_be_chosen() -> None:
    assert {mutant.line for mutant in mutants(PROGRAM, functions=["g"])} == {11}
    assert list(mutants("x = 1\n")) == []
    with pytest.raises(ValueError, match="SyntaxError"):
        list(mutants("def f(:"))


def test_samples_take_the_kinds_in_turn_and_follow_from_the_seed() -> None:
    some = sampled_mutants(PROGRAM, 8, seed=1)
    assert len({mutant.kind for mutant in some}) == 8
    assert some == sampled_mutants(PROGRAM, 8, seed=1)
    assert some != sampled_mutants(PROGRAM, 8, seed=2)
    assert len(sampled_mutants(PROGRAM, 10_000)) == len(list(mutants(PROGRAM)))
