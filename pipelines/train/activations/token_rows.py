"""Texts as rows of token ids for the NumPy forward pass, padded to the right in batches of like length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rollmill.ground.pool import Ints
from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.pipelines.train.rows import encoding

TOKENS = 4_096  # of a batch, padding included


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A text: token ids with the prompt's in front, and the first place of the answer."""

    ids: Sequence[int]
    answer: int


@dataclass(frozen=True, slots=True)
class TokenRows:
    """Rows of a batch. `places`: index of each row among all rows. `ids`: token ids, (rows, length). `answers`: 1 if the
    next token belongs to the answer, else 0, (rows, length). `known`: 1 for a token, 0 for padding, (rows, length).
    """

    places: Sequence[int]
    ids: Ints
    answers: Ints
    known: Ints


def token_row(llama: LlamaFolder, prompt: str, text: str) -> TokenRow:
    """A prompt and its answer, cut at the model's context."""
    ids, trained = encoding(llama.tokenizer)(prompt, text, ())
    return TokenRow(ids[: llama.shape.max_position_embeddings], trained[0] if trained else len(ids))


def batches(rows: Sequence[TokenRow]) -> Iterator[TokenRows]:
    """Every row once, those of like length together."""
    order = sorted(range(len(rows)), key=lambda place: (len(rows[place].ids), place))
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and (end - start + 1) * len(rows[order[end]].ids) <= TOKENS:
            end += 1
        yield padded(rows, order[start:end])
        start = end


def padded(rows: Sequence[TokenRow], places: Sequence[int]) -> TokenRows:
    """A batch of these rows."""
    length = max(len(rows[place].ids) for place in places)
    ids, answers, known = (np.zeros((len(places), length), dtype=np.int64) for _ in range(3))
    for at, place in enumerate(places):
        row = rows[place]
        ids[at, : len(row.ids)], known[at, : len(row.ids)] = row.ids, 1
        answers[at, max(row.answer - 1, 0) : len(row.ids) - 1] = 1
    return TokenRows(places, ids, answers, known)
