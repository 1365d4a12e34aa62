"""Training data of the model: the tokenizer, and batches of fresh problems as a pure function of (seed, step).

Batches are cut from blocks of problems of similar length. Nothing is stored: a resumed run makes the block it stopped in
again. The tokenizer is byte-level BPE, so any text encodes and decodes to itself.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.ground.ids import digest128
from rollmill.pipelines.generate.embedded.model_files import END, MARKERS, render_chat
from rollmill.pipelines.train.training_settings import TrainSettings

Source = Callable[[int, int], Iterable[tuple[str, str]]]
Pair = tuple[list[int], list[int]]

BATCHES_PER_BLOCK = 32  # batches of problems that are sorted by length together
ROUND_TO = 8  # tokens: rows are padded to a multiple of it

# Digits alone, so that numbers have one spelling; " + " as one piece keeps solution lines short.
PIECES = r"\d| [-+*/%=] |#### |\n| ?[A-Za-z]+|\s+| ?[^\sA-Za-z\d]+"


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """`ids` (rows, length) padded to the right; `places` are flat indices whose next token is `targets`."""

    ids: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]


def template_source(levels: Sequence[int]) -> Source:
    """(prompt, solution) pairs of the training templates: a source(seed, count)."""
    from rollmill.pipelines.synthesize.splits import problems_for_training

    chosen = tuple(levels)
    return lambda seed, count: problems_for_training(seed, count, chosen)


def tokenizer_texts(source: Source, count: int, seed: int) -> Iterator[str]:
    """The texts a tokenizer is trained on."""
    for prompt, solution in source(block_seed(seed, -1), count):
        yield prompt
        yield solution


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


def block_seed(seed: int, block: int) -> int:
    """The 32-bit seed of one block of problems."""
    return int(digest128(["train", seed, block])[:8], 16)


def batches(source: Source, tokenizer: Any, settings: TrainSettings, first_step: int) -> Iterator[TrainingBatch]:
    """Endless batches from `first_step` on."""
    first_block, skip = divmod(first_step, BATCHES_PER_BLOCK)
    for block in count(first_block):
        seed = block_seed(settings.seed, block)
        pairs = encode_pairs(tokenizer, source(seed, settings.batch * BATCHES_PER_BLOCK))
        pairs.sort(key=lambda pair: len(pair[0]) + len(pair[1]))  # rows of one length waste no padding
        padded = [_padded(pairs[at : at + settings.batch]) for at in range(0, len(pairs), settings.batch)]
        # Sorted batches would show the model the short problems of every block first.
        random.Random(seed).shuffle(padded)
        yield from padded[skip:]
        skip = 0


def encode_pairs(tokenizer: Any, texts: Iterable[tuple[str, str]]) -> list[Pair]:
    """Token ids of each rendered prompt, and of each solution with the end marker."""
    rows = list(texts)
    prompts = tokenizer.encode_batch_fast([render_chat(prompt) for prompt, _ in rows])
    solutions = tokenizer.encode_batch_fast([solution + END for _, solution in rows])
    return [(prompt.ids, solution.ids) for prompt, solution in zip(prompts, solutions, strict=True)]


def _padded(pairs: Sequence[Pair]) -> TrainingBatch:
    """A padded batch; the loss is over solution tokens only, so places run from the prompt's last token on."""
    longest = max(len(prompt) + len(solution) for prompt, solution in pairs) - 1
    length = -(-longest // ROUND_TO) * ROUND_TO
    ids = np.zeros((len(pairs), length), dtype=np.int64)
    places: list[npt.NDArray[np.int64]] = []
    for row, (prompt, solution) in enumerate(pairs):
        whole = prompt + solution[:-1]
        ids[row, : len(whole)] = whole
        places.append(row * length + np.arange(len(prompt) - 1, len(whole)))
    targets = np.concatenate([np.asarray(solution, dtype=np.int64) for _, solution in pairs])
    return TrainingBatch(ids, np.concatenate(places), targets)
