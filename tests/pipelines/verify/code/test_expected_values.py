"""Equality of returned values: exact types, and a tolerance only where a test states one."""

import math

import pytest

from rollmill.pipelines.verify.code.expected_values import BadValueError, decode, same, same_output, shown

EQUAL = [
    (1, 1), (1, 1.0), (1.0, 1), (0.0, -0.0), (math.nan, math.nan), (math.inf, math.inf), (True, True), (None, None),
    ("a", "a"), ([1, 2], [1, 2]), ([1, 2], (1, 2)), ([], ()), ((1, 2), (1, 2)), ({1, 2}, frozenset({2, 1})),
    ({"a": 1}, {"a": 1.0}),
    ({1: "a"}, {1.0: "a"}), (b"x", b"x"), (1 + 2j, 1 + 2j), ([math.nan], [math.nan]), ({math.nan}, {math.nan}),
    (10**400, 10**400),
    ([[1], {"k": [None]}], ([1], {"k": (None,)})), ({(1, 2)}, {(1, 2)}),
]  # fmt: skip
DIFFERENT = [
    (1, True), (True, 1), (0, False), (False, 0), (1, "1"), ("1", 1), (None, False), (None, 0), ("", None),
    ([], {}), ([], None),
    ((1, 2), [1, 2]), ([1, 2], {1, 2}), ({1, 2}, [1, 2]), ([1, 2], [2, 1]), ([1], [1, 1]), ({1, 2}, {1}), ({1}, {True}),
    ({"a": 1}, {"a": True}), ({"a": 1}, {"a": 1, "b": 2}), ({"1": 1}, {1: 1}), ("a", b"a"), (0.3, 0.1 + 0.2), (1, 1 + 0j),
    (2**53, float(2**53) + 2), (2**53 + 1, float(2**53)), (10**400, math.inf), (math.nan, 1.0), ([1, [2]], [1, [True]]),
    ({True: 1}, {1: 1}), ("a", "a "), (1e308, math.inf),
]  # fmt: skip


class AlwaysEqual:
    """What a hostile program would return; the sandbox lets only plain data through, and this side asks exact types."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


@pytest.mark.parametrize(("expected", "got"), EQUAL)
def test_equal(expected: object, got: object) -> None:
    assert same(expected, got)


@pytest.mark.parametrize(("expected", "got"), DIFFERENT)
def test_different(expected: object, got: object) -> None:
    assert not same(expected, got)


def test_an_object_that_equals_everything_equals_nothing() -> None:
    for expected in (1, "a", None, True, [1], (1,), {1}, {"a": 1}, 1.5, b"x", 1j, AlwaysEqual()):
        assert not same(expected, AlwaysEqual())
    assert not same([1], [AlwaysEqual()])
    assert not same({"a": 1}, {"a": AlwaysEqual()})
    assert not same({1}, {AlwaysEqual()})

    class Text(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = str.__hash__

    assert not same("a", Text("b"))


def test_a_tolerance_is_relative_to_the_expected_value_and_for_floats_only() -> None:
    assert same(0.3, 0.1 + 0.2, tolerance=1e-9)
    assert same([1e6], [1e6 + 0.5], tolerance=1e-6)
    assert not same([1e6], [1e6 + 2], tolerance=1e-6)
    assert same(0.0, 1e-7, tolerance=1e-6)
    assert same(3, 3.0000001, tolerance=1e-6)
    assert not same(1_000_000, 1_000_001, tolerance=1e-3)  # whole numbers are counted, not measured
    assert not same(1.0, math.nan, tolerance=1e-3)
    assert not same(1.0, math.inf, tolerance=1e-3)
    assert not same(1.5, 10**400, tolerance=1e-3)
    assert not same(1.0, True, tolerance=1.0)
    assert same(1 + 1j, 1 + 1.0000001j, tolerance=1e-6)
    assert not same({0.3}, {0.1 + 0.2}, tolerance=1e-6)


def test_tags_say_what_json_cannot() -> None:
    assert decode({"$tuple": [1, {"$set": [2]}]}) == (1, {2})
    assert decode({"$dict": [[1, "a"], [{"$tuple": [1]}, 2]]}) == {1: "a", (1,): 2}
    assert decode({"$bytes": "00ff"}) == b"\x00\xff"
    assert math.isnan(decode({"$float": "nan"}))
    assert decode({"$float": "-inf"}) == -math.inf
    assert decode({"$complex": [1, 2]}) == 1 + 2j
    assert decode({"$frozenset": [1]}) == frozenset({1})
    assert decode({"$ref": [1]}) == {"$ref": [1]}
    assert decode({"$set": [1], "other": 2}) == {"$set": [1], "other": 2}
    for bad in (
        {"$set": 1},
        {"$set": [[1]]},
        {"$bytes": "zz"},
        {"$float": "1"},
        {"$dict": [1]},
        {"$dict": [[[1], 2]]},
        {"$complex": [1]},
        {"$tuple": {"a": 1}},
    ):
        with pytest.raises(BadValueError):
            decode(bad)


def test_deep_and_huge_values_are_answers() -> None:
    deep: list[object] = []
    for _ in range(500):
        deep = [deep]
    assert not same(deep, deep)
    assert shown(10**10_000) == "<int that cannot be printed>"
    assert shown("x" * 500, 20) == "'xxxxxxxxxxxxxxxxxx…"


@pytest.mark.parametrize(
    ("expected", "printed", "lines", "exact", "tokens"),
    [
        ("3\n", "3", True, False, True),
        ("3\n", "3\n\n\n", True, False, True),
        ("3", "3  \r\n", True, False, True),
        ("3\n", "3\n", True, True, True),
        ("a b", "a  b", False, False, True),
        ("a\nb", "a b", False, False, True),
        ("  a", "a", False, False, True),
        ("a\n\nb", "a\nb", False, False, True),
        ("3", "3.0", False, False, False),
        ("Yes", "yes", False, False, False),
        ("", "", True, True, True),
        ("", "\n", True, False, True),
        ("3", "", False, False, False),
        ("1 2", "1", False, False, False),
    ],
)
def test_spacing(expected: str, printed: str, *, lines: bool, exact: bool, tokens: bool) -> None:
    assert same_output(expected, printed) is lines
    assert same_output(expected, printed, spacing="exact") is exact
    assert same_output(expected, printed, spacing="tokens") is tokens


def test_a_stated_tolerance_is_for_decimal_numbers_only() -> None:
    assert same_output("3.14159 a", "3.1416 a", tolerance=1e-4)
    assert not same_output("3.14159 a", "3.1416 b", tolerance=1e-4)
    assert not same_output("3.14159", "3.2", tolerance=1e-4)
    assert same_output("1000000", "1000000.5", tolerance=1e-6)
    assert not same_output("1\n2", "1 2", tolerance=1e-6)
    assert same_output("1\n2", "1 2", tolerance=1e-6, spacing="tokens")
    assert not same_output("1", "nan", tolerance=1e9)
    assert not same_output("1", "1_0", tolerance=1e9)
    assert not same_output("1", "9" * 1_000_000, tolerance=1e-6)
    assert not same_output("1", "1e9999", tolerance=1e9)
    assert not same_output("1e999", "5", tolerance=1e-6)
    assert same_output("1e999", "1e999", tolerance=1e-6)
