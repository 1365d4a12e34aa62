"""Messages over a pipe: whole, in pieces, cut off."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.pipelines.processes.frames import receive, send

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(), values, max_size=4), max_size=4))
def test_what_is_sent_is_received(messages: list[dict[str, object]]) -> None:
    stream = io.BytesIO()
    for message in messages:
        send(stream, message)
    stream.seek(0)
    assert [receive(stream) for _ in messages] == messages
    assert receive(stream) is None


@given(st.integers(min_value=0, max_value=17))
def test_a_message_that_is_cut_off_is_the_end(length: int) -> None:
    stream = io.BytesIO()
    send(stream, {"kind": "ready"})
    assert stream.tell() == 4 + len(b'{"kind":"ready"}')
    assert receive(io.BytesIO(stream.getvalue()[:length])) is None


def test_what_is_no_json_is_not_sent() -> None:
    stream = io.BytesIO()
    with pytest.raises(ValueError, match="not JSON compliant"):
        send(stream, {"value": float("nan")})
    assert stream.getvalue() == b""
