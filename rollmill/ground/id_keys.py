"""A column of ids as sixteen bytes each: as texts a million of them are 36 MB, and a hash table of those over a hundred.

An id is 32 hex digits, so its key is the id itself. Any other text (a table of a user's may hold one) is named by its
128-bit hash, which guards against chance, not against an adversary.
"""

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Keys = npt.NDArray[np.bytes_]
Places = npt.NDArray[np.int64]

_PART = 65_536  # ids that are converted to texts at a time
_DIGITS = 32
_NO_DIGIT = 255
_VALUES = np.full(256, _NO_DIGIT, dtype=np.uint8)
_VALUES[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16, dtype=np.uint8)
_NULL = hashlib.blake2b(b"\xff", digest_size=16).digest()  # no UTF-8 text contains this byte


def id_keys(texts: Any) -> Keys:
    """Keys of an Arrow column of texts: equal texts have equal keys, and null has a key too."""
    keys = np.empty(len(texts), dtype="S16")
    for start in range(0, len(texts), _PART):
        part = texts.slice(start, _PART).cast(pa.string())
        whole = part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part
        keys[start : start + len(whole)] = _plain_keys(whole)
    return keys


def places(keys: Keys, known: Keys) -> Places:
    """Index of each key in the known keys, the first of equal ones; -1 for an unknown key."""
    if not len(known):
        return np.full(len(keys), -1, dtype=np.int64)
    # Tables of versions are sorted by key already.
    order = None if (known[1:] >= known[:-1]).all() else np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, keys, sorter=order), len(known) - 1)
    stands = at if order is None else order[at]
    return np.where(known[stands] == keys, stands, -1)


def _plain_keys(texts: pa.StringArray) -> Keys:
    """Keys from the hex digits of all ids at once; text by text if some text is not an id."""
    # A slice has the buffers of the whole column.
    offsets = np.frombuffer(texts.buffers()[1] or b"", dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if not texts.null_count and len(texts) and (np.diff(offsets) == _DIGITS).all():
        spelled = np.frombuffer(texts.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]].reshape(-1, _DIGITS)
        digits = _VALUES[spelled]
        if (digits != _NO_DIGIT).all():
            return (digits[:, ::2] << 4 | digits[:, 1::2]).view("S16").ravel()
    return np.array([_key(text) for text in texts.to_pylist()], dtype="S16")


def _key(text: str | None) -> bytes:
    if text is None:
        return _NULL
    spelled = np.frombuffer(text.encode(), dtype=np.uint8)
    if len(spelled) == _DIGITS and (_VALUES[spelled] != _NO_DIGIT).all():
        return bytes.fromhex(text)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
