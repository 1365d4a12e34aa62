# ruff: noqa: E501 - tables read best in rows
import math
import sys
from collections import Counter, OrderedDict, defaultdict, namedtuple
from enum import IntEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollmill.pipelines.sandbox.guest.wire import MAX_DEPTH, Opaque, WireError, decode, decode_pair, encode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
HASHABLE = st.recursive(SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=5)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(HASHABLE, inner, max_size=4) | st.tuples(inner) | st.sets(HASHABLE, max_size=4),
    max_leaves=20,
)  # fmt: skip


def typed(value: Any) -> Any:
    """A value with every type spelled out: 1, 1.0 and True are equal in Python."""
    if isinstance(value, dict):
        return {("k", typed(key)): typed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return (type(value).__name__, tuple(typed(item) for item in value))
    if isinstance(value, set | frozenset):
        return (type(value).__name__, frozenset(typed(item) for item in value))
    return (type(value).__name__, value)


@settings(max_examples=200)
@given(VALUES)
def test_plain_data_comes_back_as_it_went(value: Any) -> None:
    assert typed(decode(encode(value))) == typed(value)


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_no_message(data: bytes) -> None:
    try:
        decode(data)
    except WireError:
        return


@pytest.mark.integration
@settings(max_examples=300)
@given(VALUES, st.integers(0, 10_000), st.integers(0, 255))
def test_a_flipped_byte_is_a_value_or_no_message(value: Any, place: int, byte: int) -> None:
    data = bytearray(encode(value))
    data[place % len(data)] = byte
    try:
        decode(bytes(data))
    except WireError:
        return


def test_special_floats() -> None:
    assert math.isnan(decode(encode(float("nan"))))
    assert decode(encode([math.inf, -math.inf])) == [math.inf, -math.inf]
    assert math.copysign(1.0, decode(encode(-0.0))) == -1.0


def test_subclasses_travel_as_their_base_and_their_methods_are_not_asked() -> None:
    class Liar(int):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = int.__hash__

        def __index__(self) -> int:
            return 4

    class Iterating(list[int]):
        def __iter__(self) -> Any:
            raise RuntimeError("asked")

    point = namedtuple("point", "x y")
    colour = IntEnum("colour", "RED")
    found = decode(encode([Liar(77), Iterating([1]), point(1, 2), colour["RED"], Counter("aab"), defaultdict(int, {1: 2})]))
    assert [type(item) for item in found] == [int, list, tuple, int, dict, dict]
    assert found == [77, [1], (1, 2), 1, {"a": 2, "b": 1}, {1: 2}]
    assert type(decode(encode(OrderedDict(a=1)))) is dict


def test_other_objects_are_opaque_and_equal_nothing() -> None:
    found = decode(encode([object()]))[0]
    assert type(found) is Opaque
    token: Any = found
    assert token != token
    assert (token == 3) is False
    assert token not in [Opaque("object")]
    assert repr(token) == "<object: not plain data>"
    with pytest.raises(TypeError, match="object is not plain data"):
        bool(token)
    with pytest.raises(TypeError):
        token < 3  # noqa: B015


def test_depth_is_bounded_both_ways() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    found = decode(encode(deep))
    for _ in range(MAX_DEPTH):
        found = found[0]
    assert type(found) is Opaque
    with pytest.raises(WireError, match="deep"):
        decode(b"[\x01\0\0\0" * 5000 + b"N")


def test_size_is_bounded_both_ways() -> None:
    with pytest.raises(WireError, match="too large"):
        encode("x" * 5_000_000)
    with pytest.raises(WireError, match="too large"):
        encode([1] * 2_000_000)
    with pytest.raises(WireError, match="too large"):
        encode(1 << 40_000_000)
    with pytest.raises(WireError, match="too large"):
        decode(b"s" + (5_000_000).to_bytes(4, "little") + b"x" * 5_000_000)
    with pytest.raises(WireError, match="short"):
        decode(b"[\xff\xff\xff\xff")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"i",
        b"i\0",
        b"d1",
        b"zz",
        b"NN",
        b"<\x01\0\0\0" + bytes(32) + b"[\0\0\0\0",
        b"<\0\0\0\0",
        b"{\x01\0\0\0[\0\0\0\0N",
        b"s\x01\0\0\0\xff",
    ],
)
def test_what_encode_cannot_have_written_is_no_message(data: bytes) -> None:
    with pytest.raises(WireError):
        decode(data)


def test_a_hostile_message_unfolds_to_a_bounded_size() -> None:
    sets = 4_000_000 // 37
    whole = b"[" + sets.to_bytes(4, "little") + (b"<\0\0\0\0" + bytes(32)) * sets
    found = decode(whole)
    assert sum(sys.getsizeof(item) for item in found) < 40 << 20


def test_pairs() -> None:
    assert decode_pair(encode([1]) + encode("x")) == ([1], "x")
    with pytest.raises(WireError):
        decode_pair(encode([1]))
