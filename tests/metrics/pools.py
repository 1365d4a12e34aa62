"""Small pools for the tests of metrics: outcomes as letters, a letter per rollout."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rollmill.ground.pool import STATES, Pool

LETTERS = {"c": "correct", "i": "incorrect", "n": "unparsed", "u": "undecided", "p": "pending"}


def pool(outcomes: Sequence[str], templates: Sequence[str | None] | None = None, **columns: Any) -> Pool:
    """Problems p0, p1, ... with a rollout per letter, all in the prefix.

    `answers`: a string per problem like `outcomes`, equal letters being equal answers and `-` an abstention. Other columns
    replace those of the pool.
    """
    owner = np.repeat(np.arange(len(outcomes)), [len(letters) for letters in outcomes])
    n = len(owner)
    answers = columns.pop("answers", None)
    if answers is not None:
        texts = sorted({f"{at}{letter}" for at, one in enumerate(answers) for letter in one if letter != "-"})
        place = {text: at for at, text in enumerate(texts)}
        columns["answers"] = tuple(texts)
        columns["answer"] = np.array([place.get(f"{at}{letter}", -1) for at, one in enumerate(answers) for letter in one])
    strata = {"template": tuple(templates or [None] * len(outcomes)), "level": (1,) * len(outcomes)}
    given: dict[str, Any] = {
        "problems": tuple(f"p{at}" for at in range(len(outcomes))),
        "strata": strata | columns.pop("strata", {}),
        "problem": owner,
        "completion": np.arange(n),
        "index": np.concatenate([np.arange(len(letters)) for letters in outcomes]),
        "outcome": np.array([STATES.index(LETTERS[letter]) for letters in outcomes for letter in letters]),
        "in_prefix": np.ones(n, dtype=bool),
        "step": np.zeros(n, dtype=np.int64),
        "kept": np.full(n, -1),
        "reason": np.full(n, -1),
        "model": np.zeros(n, dtype=np.int64),
        "answer": np.full(n, -1),
        "tokens": np.full(n, 10),
        "models": ("m",),
    }
    return Pool(**(given | columns))
