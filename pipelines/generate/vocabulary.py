"""Prompts to the embedded model's tokens and back: its chat form, and its own tokenizer file; downloads nothing.

Decoding is by bytes, so that any sequence of ids has a text. `TEMPLATE` says the chat form in Jinja, for other programs
that load the model folder.
"""

from collections.abc import Sequence
from pathlib import Path

from storage.records import Message, Prompt


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


END = "<|end|>"
MARKERS = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>"}

TEMPLATE = (
    "{% for message in messages %}"
    "{% set role = message['role'] if message['role'] in ['system', 'assistant'] else 'user' %}"
    "{{ '<|' + role + '|>' + message['content'].replace('<|', '< |') }}"
    "{% if role == 'assistant' %}{{ '<|end|>' }}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def render_chat(prompt: Prompt) -> str:
    """The model's view of a prompt: marked turns, then the marker that opens its answer."""
    turns = (Message("user", prompt),) if isinstance(prompt, str) else prompt
    return "".join(map(_turn, turns)) + MARKERS["assistant"]


def _turn(message: Message) -> str:
    """One turn; a role the model never saw speaks as the user, and markers inside a text lose their power."""
    role = message.role if message.role in ("system", "assistant") else "user"
    return MARKERS[role] + message.content.replace("<|", "< |") + (END if role == "assistant" else "")
