"""Keys of ids are equal where the texts are, whatever the texts look like, and their places are those of the texts."""

import numpy as np
import pyarrow as pa
import pytest

from rollmill.ground import id_keys as module
from rollmill.ground.id_keys import id_keys, places
from rollmill.ground.ids import digest128

IDS = [digest128(["id", n]) for n in range(50)]
ODD = ["", "c-1", IDS[3].upper(), IDS[4] + "0", IDS[5][:31], "ä" * 16, "\x00" * 32, "z" * 32]


def test_the_key_of_an_id_is_its_digits() -> None:
    assert [key.ljust(16, b"\0").hex() for key in id_keys(pa.array(IDS)).tolist()] == IDS
    assert [key.ljust(16, b"\0").hex() for key in id_keys(pa.array(["0" * 30 + "07", "70" + "0" * 30])).tolist()] == [
        "0" * 30 + "07",
        "70" + "0" * 30,
    ]


@pytest.mark.parametrize("part", [3, 1_000])
def test_keys_are_equal_where_the_texts_are(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PART", part)
    texts = [*IDS, *ODD, None, *IDS[::2], *ODD, None]
    for column in (pa.array(texts), pa.chunked_array([texts[:7], texts[7:40], texts[40:]]), pa.array(texts).slice(9)):
        known = column.to_pylist()
        keys = id_keys(column)
        assert [[a == b for b in keys.tolist()] for a in keys.tolist()] == [[a == b for b in known] for a in known]
    assert id_keys(pa.array(texts).dictionary_encode()).tolist() == id_keys(pa.array(texts)).tolist()
    assert len(id_keys(pa.array([], pa.string()))) == 0


@pytest.mark.parametrize("known", [sorted(IDS), IDS, [*IDS, *IDS[:9]], ["x", *ODD, IDS[1]], [None, "x"], []])
def test_places_are_those_of_the_first_equal_text(known: list[str | None]) -> None:
    texts = [*IDS, *ODD, None]
    positions = places(id_keys(pa.array(texts, pa.string())), id_keys(pa.array(known, pa.string())))
    assert positions.tolist() == [known.index(text) if text in known else -1 for text in texts]
    assert positions.dtype == np.int64
