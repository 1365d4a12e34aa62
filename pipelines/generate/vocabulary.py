"""Text to token ids and back with the model's own tokenizer file; downloads nothing.

Decoding is by bytes, so that any sequence of ids has a text. It knows no chat form beyond the special tokens' names.
"""

from collections.abc import Sequence
from pathlib import Path


class Vocabulary:
    """A byte-level tokenizer.json."""

    def __init__(self, path: Path) -> None:
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(path))
        special = set(self._tokenizer.get_added_tokens_decoder())
        letters = _letters_to_bytes()
        self._bytes = [b""] * self._tokenizer.get_vocab_size()
        for token, index in self._tokenizer.get_vocab().items():
            self._bytes[index] = b"" if index in special else bytes(letters[letter] for letter in token)

    def encode(self, rendered: str) -> list[int]:
        """Token ids of a rendered prompt; lone surrogates become the replacement character."""
        clean = rendered.encode("utf-8", errors="replace").decode("utf-8")
        ids: list[int] = self._tokenizer.encode(clean).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids without special tokens; bytes that are no UTF-8 become the replacement character."""
        return b"".join([self._bytes[index] for index in ids]).decode("utf-8", errors="replace")


def _letters_to_bytes() -> dict[str, int]:
    """The byte each letter of a byte-level vocabulary stands for (GPT-2's table: printable bytes are themselves)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(rest)}
