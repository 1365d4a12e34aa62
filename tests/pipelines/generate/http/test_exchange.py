"""Bodies that are compressed: unfolded within a bound, and every damage an attempt."""

import gzip
import tracemalloc
import zlib

import pytest

from pipelines.generate.http.exchange import unfolded
from pipelines.generate.http.failures import Failure, retry_after

TEXT = b'{"choices": []}' * 100


def test_every_encoding_that_is_asked_for_is_read() -> None:
    bare = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bodies = {"identity": TEXT, "gzip": gzip.compress(TEXT), "deflate": zlib.compress(TEXT)}
    assert [unfolded(body, name, 1 << 20) for name, body in bodies.items()] == [TEXT] * 3
    assert unfolded(bare.compress(TEXT) + bare.flush(), "deflate", 1 << 20) == TEXT


def test_a_small_body_that_unfolds_to_a_large_one_is_refused_within_its_bound() -> None:
    bomb = gzip.compress(bytes(256 << 20), compresslevel=9)
    assert len(bomb) < 1 << 20
    tracemalloc.start()
    with pytest.raises(Failure, match="too_large: a body that unfolds to more than 4 MiB"):
        unfolded(bomb, "gzip", 4 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (gzip.compress(TEXT, mtime=0)[:-9], "gzip", "cut_off"),
        (b"no gzip at all", "gzip", "broken_reply: the compressed body is damaged"),
        (TEXT, "br", "broken_reply: the body has the encoding 'br'"),
    ],
)
def test_damage_is_an_attempt(body: bytes, encoding: str, said: str) -> None:
    with pytest.raises(Failure, match=said) as caught:
        unfolded(body, encoding, 1 << 20)
    assert caught.value.again


def test_a_server_is_waited_for_a_day_at_most() -> None:
    waits = [
        retry_after(value, 0.0) for value in ("7", "-3", "1e308", "inf", "nan", "soon", "Thu, 01 Jan 1970 00:01:00 GMT")
    ]
    assert waits == [7.0, 0.0, 86_400.0, None, None, None, 60.0]
