"""Identity: canonical JSON, content hashes and sampling seeds. Knows no record type.

Every id is the hex form of a 128-bit BLAKE2b hash over canonical JSON: keys sorted, no spaces, UTF-8 kept, no NaN.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from json.encoder import c_make_encoder, encode_basestring  # type: ignore[attr-defined]
from typing import Any

# What `JSONEncoder.encode` makes anew for each value, which takes two thirds of its time: sorted keys, no NaN.
_encode = c_make_encoder(
    None, json.JSONEncoder().default, encode_basestring, None, ":", ",", sort_keys=True, skipkeys=False, allow_nan=False
)


def canonical_json(value: Any) -> str:
    """Canonical JSON text of a value: sorted keys, no spaces; raises ValueError on NaN and infinities."""
    return "".join(_encode(value, 0))


def digest128(value: Any) -> str:
    """128-bit hash of a JSON value, 32 hex digits."""
    return hashlib.blake2b(_utf8(canonical_json(value)), digest_size=16).hexdigest()


class Digests:
    """`digest128` of lists with a common beginning, which is serialised and hashed once."""

    def __init__(self, *shared: Any) -> None:
        self._begun = hashlib.blake2b(_utf8(canonical_json(shared)[:-1]), digest_size=16)

    def of(self, *rest: Any) -> str:
        """The digest of the common values followed by these (at least one); 32 hex digits."""
        whole = self._begun.copy()
        whole.update(_utf8("".join([*(f",{canonical_json(value)}" for value in rest), "]"])))
        return whole.hexdigest()


class ListDigest:
    """`digest128` of [name, [items...], rest...] for items that arrive one by one and are too many for memory."""

    def __init__(self, name: str) -> None:
        self._hash = hashlib.blake2b(_utf8(f"[{canonical_json(name)},["), digest_size=16)
        self._between = b""

    def add(self, item: Any) -> None:
        """Add the next item."""
        self._hash.update(self._between + _utf8(canonical_json(item)))
        self._between = b","

    def end(self, *rest: Any) -> str:
        """The digest with these values after the items; 32 hex digits."""
        whole = self._hash.copy()
        whole.update(_utf8("".join(["]", *(f",{canonical_json(value)}" for value in rest), "]"])))
        return whole.hexdigest()


def sha256_text(text: str) -> str:
    """SHA-256 of a text, 64 hex digits."""
    return hashlib.sha256(_utf8(text)).hexdigest()


def seed_of(digest: str) -> int:
    """The first 63 bits of a digest."""
    return int(digest[:16], 16) >> 1  # seeds are stored and sent as signed 64-bit integers


def _utf8(text: str) -> bytes:
    """UTF-8 bytes of a text. Lone surrogates in model text are kept, so every text has an identity."""
    return text.encode("utf-8", errors="surrogatepass")


EMBEDDED_FILES = ("model.onnx", "tokenizer.json", "config.json")
"""Files of a model folder that decide the texts of the embedded engine, in the order of their digest."""


def files_digest(files: Iterable[tuple[str, bytes]]) -> str:
    """Digest of files in this order, from the name and the SHA-256 of each: 32 hex digits."""
    whole = hashlib.sha256()
    for name, digest in files:
        whole.update(name.encode() + b"\0" + digest)
    return whole.hexdigest()[:32]


def embedded_digest(files: Mapping[str, str]) -> str | None:
    """Digest by which the embedded engine names a model, from the SHA-256 of its files; None for one it cannot load."""
    if any(name not in files for name in EMBEDDED_FILES):
        return None
    return files_digest((name, bytes.fromhex(files[name])) for name in EMBEDDED_FILES)


def digits(value: float) -> float:
    """Twelve significant digits: the later ones depend on the order of rows."""
    return float(f"{value:.12g}")
