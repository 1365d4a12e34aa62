"""Identity: canonical JSON, content hashes and sampling seeds. Knows no record type.

Every id is the hex form of a 128-bit BLAKE2b hash over canonical JSON: keys sorted, no spaces, UTF-8 kept, no NaN.
"""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """One spelling per value: sorted keys, no spaces; raises ValueError on NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest128(value: Any) -> str:
    """128-bit hash of a JSON value, 32 hex digits."""
    return hashlib.blake2b(_utf8(canonical_json(value)), digest_size=16).hexdigest()


def sha256_text(text: str) -> str:
    """SHA-256 of a text, 64 hex digits."""
    return hashlib.sha256(_utf8(text)).hexdigest()


def sample_seed(recipe_seed: int, stream: str, prompt_id: str, sample_index: int) -> int:
    """The 63-bit sampling seed of one completion; streams (pilot, curate, evaluate) never share one."""
    return int(digest128(["seed", recipe_seed, stream, prompt_id, sample_index])[:16], 16) >> 1


def _utf8(text: str) -> bytes:
    """Model text may hold lone surrogates; they are kept, so every text has an identity."""
    return text.encode("utf-8", errors="surrogatepass")
