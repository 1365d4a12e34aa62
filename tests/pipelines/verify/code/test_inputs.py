"""Inputs generated from examples: found in tests and doctests, changed within what the examples show, from a seed."""

from rollmill.pipelines.verify.code.inputs import examples, generate_inputs

ONE = "    assert candidate([1, 2], 'ab') == 3\n"
TEST = f"def check(candidate):\n{ONE}{ONE}    assert f(x, 'a')\n"
DOC = "def f(xs, s):\n    '''\n    >>> f([3], 'c')\n    4\n    '''\n"


def test_examples_are_literal_calls_each_once() -> None:
    assert examples("f", TEST, DOC) == [([1, 2], "ab"), ([3], "c")]
    assert examples("g", "no python (", "g(1, k=2)\ng(h(1))") == []


def test_without_examples_the_annotations_give_one() -> None:
    assert examples("f", "assert f(make())", "def f(s: str, n: int) -> int:\n    pass\n") == [("abcdefgh", 7)]
    assert examples("f", "def f(s, n: int):\n    pass\n") == []


def test_inputs_follow_from_the_seed_and_are_no_examples() -> None:
    shown = [(3, "abc"), (10, "cab")]
    found = generate_inputs(shown, 50, seed=1)
    assert found == generate_inputs(shown, 50, seed=1)
    assert found != generate_inputs(shown, 50, seed=2)
    assert len({repr(args) for args in found}) == 50
    assert not set(map(repr, found)) & set(map(repr, shown))
    assert generate_inputs([], 5) == []


def test_inputs_keep_to_what_the_examples_show() -> None:
    for n, text in generate_inputs([(3, "abc"), (10, "cab")], 200):
        assert type(n) is int
        assert n >= 1
        assert text
        assert set(text) <= set("abc")
    assert {type(x) for (xs,) in generate_inputs([([1.5, 2.0],)], 50) for x in xs} == {float}
    assert all(xs == sorted(xs) for (xs,) in generate_inputs([([1, 5],), ([2, 3, 9],)], 50))
    assert all(len(a) == len(b) for a, b in generate_inputs([([1, 2], [3, 4]), ([1], [2])], 50))
    assert any(not xs for xs, _ in generate_inputs([([1, 2], 1), ([], 2)], 200))
    assert all(len(pair) == 2 for (pair,) in generate_inputs([((1, 2),)], 30))
    assert {flag for _, flag in generate_inputs([(1, True)], 30)} == {True, False}
    assert all(set(d) == {"a"} for (d,) in generate_inputs([({"a": 1},)], 10))
