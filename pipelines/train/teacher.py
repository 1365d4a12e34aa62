"""A teacher's likeliest tokens at the places of an answer, as the student's token ids with probabilities."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.pipelines.train.roles import Loss, MatchesTeacher

Likely = tuple[tuple[int, float], ...]
"""Token ids with probabilities that sum to 1."""
COLUMN = "teacher"
"""Column of an export: of each token of the answer its id and the likeliest tokens with their log-probabilities."""


def spellings(loss: Loss, tokenizer: Any) -> Mapping[str, int] | None:
    """Token ids by their text, for a tokenizer of the package tokenizers; texts of several tokens are left out.

    None for a loss that matches no teacher.
    """
    if not isinstance(loss, MatchesTeacher):
        return None
    texts = [tokenizer.decode([token], skip_special_tokens=False) for token in range(tokenizer.get_vocab_size())]
    known: dict[str, int] = {}
    for token, text in enumerate(texts):
        known[text] = -1 if text in known else token
    return {text: token for text, token in known.items() if token >= 0}


def likely_tokens(
    row: Mapping[str, Any], number: int, ids: Sequence[int], begin: int, known: Mapping[str, int]
) -> dict[int, Likely]:
    """The teacher's distribution at each place of `ids` from `begin` on that it wrote; tokens without an id are left out.

    SetupError for a row without the column, or with tokens that are not the student's.
    """
    if COLUMN not in row:
        raise SetupError(f"row {number} has no column {COLUMN!r}.", next_command="data: {options: {teacher: true}}")
    written = [place["token_id"] for place in row[COLUMN]]
    if list(ids[begin : begin + len(written)]) != written:
        raise SetupError(
            f"row {number}: the student reads other tokens than the teacher wrote; distillation needs one tokenizer.",
            next_command="an initial model with the teacher's tokenizer",
        )
    likely = {}
    for place, given in enumerate(row[COLUMN], begin):
        chances = [
            (known[token["token"]], math.exp(token["logprob"])) for token in given["likeliest"] if token["token"] in known
        ]
        total = math.fsum(chance for _, chance in chances)
        if total > 0:
            likely[place] = tuple((token, chance / total) for token, chance in chances if chance / total > 0)
    return likely
