"""Pairs of independent answers of one problem, for a model that predicts the second with the first in view.

Johnson et al. 2024 (Experts Don't Cheat, arXiv:2402.08733): a model that is trained on pairs and knows the answer gains
nothing by seeing another one; how much it gains is what it does not know (scorer `pair_covariance`). Both answers are
draws of one model that were fixed before any verdict, right and wrong alike: chosen ones would not be independent.
"""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.storage.exports.chat_rows import ABOUT_THE_PROBLEM, RolloutTexts, columns_of, judged_by
from rollmill.storage.exports.origin import ORIGIN, origin_of
from rollmill.storage.exports.thread_rows import of_prefix
from rollmill.storage.exports.write import Row

AGAIN = "Answer again, independently."
LONE = "completions without a second one of their model"


@dataclass
class AnswerPairs(RolloutTexts):
    """Rows of two completions: by sample index the first with the second, the third with the fourth, each in one row.

    `again`: the user's turn between both. `max_pairs`: most pairs of one problem, 0 for all.
    """

    _: KW_ONLY
    again: str = AGAIN
    max_pairs: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_pairs < 0:
            raise SetupError(f"max_pairs is {self.max_pairs}; it must be 0 (all) or more.")

    @property
    def schema(self) -> pa.Schema:
        """Prompt, both answers as one completion, and the origin of both."""
        sides = [(f"{side}_{name}", pa.string()) for side in ("first", "second") for name in ("id", "outcome")]
        origins = [(f"{side}_{name}", kind) for side in ("first", "second") for name, kind in ORIGIN]
        texts = [("prompt", self.turns), ("completion", self.turns)]
        about = columns_of(pa.string(), "id", "problem_id", "model", "verifier")
        return pa.schema([*texts, *about, *sides, *ABOUT_THE_PROBLEM, *origins])

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Pairs by problem id, model and sample index."""
        self.left_out.clear()
        prefix, fixed = of_prefix(connection)
        if prefix == 0:
            raise SetupError(
                "This version has no completions that were fixed before any verdict, so no two are independent draws.",
                next_command="curate with a budget that has an `initial` number, or `method: fixed`",
            )
        stored = self.rollouts(connection, fixed)
        for _, members in groupby(stored, key=lambda rollout: rollout["problem_id"]):
            by_model: dict[str, list[Row]] = {}
            for rollout in members:
                by_model.setdefault(str(rollout["model"]), []).append(rollout)
            for model in sorted(by_model):
                mine = by_model[model]
                # Each answer is in one pair: rows that share an answer would not be independent of each other.
                pairs = list(zip(mine[::2], mine[1::2], strict=False))
                self.left_out[LONE] += len(mine) % 2
                yield from (self._row(*pair) for pair in pairs[: self.max_pairs or None])

    def _row(self, first: Row, second: Row) -> Row:
        one: Any = self.answer(first)
        two: Any = self.answer(second)
        between = {"role": "user", "content": self.again}
        completion = [*one, between, *two] if self.form == "chat" else f"{one}\n\n{self.again}\n\n{two}"
        made: Row = {name: first[name] for name, _ in ABOUT_THE_PROBLEM}
        made |= {
            "prompt": self.asked(first),
            "completion": completion,
            "model": first["model"],
            "verifier": judged_by(first),
        }
        made |= {"id": f"{first['completion_id']}-{second['completion_id']}", "problem_id": first["problem_id"]}
        for side, rollout in (("first", first), ("second", second)):
            made |= {f"{side}_id": rollout["completion_id"], f"{side}_outcome": rollout["outcome"]}
            made |= {f"{side}_{name}": value for name, value in origin_of(rollout).items()}
        return made
