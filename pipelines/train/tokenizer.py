"""Trains the tokenizer: byte-level BPE in which every digit and every spaced operator stands alone.

Byte-level, so any text encodes and decodes to itself. It knows the markers of the chat form but nothing of models.
"""

from collections.abc import Iterable
from typing import Any

from pipelines.generate.chat import END, MARKERS

# Digits alone, so that numbers have one spelling; " + " as one piece keeps solution lines short.
PIECES = r"\d| [-+*/%=] |#### |\n| ?[A-Za-z]+|\s+| ?[^\sA-Za-z\d]+"


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> Any:
    """A `tokenizers.Tokenizer` trained on the texts; same texts, same tokenizer."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END, *MARKERS.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
