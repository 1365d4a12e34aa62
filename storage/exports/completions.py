"""One completion a row beside its prompt: kept ones for supervised fine-tuning, or all judged ones with a label (KTO).

`prompt_completion` is TRL's form for a loss on the completion alone; `unpaired` is its form for unpaired preferences
(Ethayarajh et al. 2024), where a problem needs no right and wrong completion both.
"""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import groupby
from typing import Any

import duckdb
import pyarrow as pa

from storage.errors import SetupError
from storage.exports.pairs import distinct
from storage.exports.rollouts import JUDGED, KEPT, PROVENANCE, SCORES, Texts, judged_by, rollouts
from storage.exports.write import Row

REPEATED = "completions with the text of another one of their problem"


@dataclass
class PromptCompletion(Texts):
    """The kept rollouts. `scores` adds the scores of each."""

    _: KW_ONLY
    scores: bool = False

    @property
    def schema(self) -> pa.Schema:
        """Prompt, completion, where the row is from."""
        return pa.schema([*self._texts, *PROVENANCE, *([("scores", SCORES)] if self.scores else [])])

    @property
    def _texts(self) -> list[tuple[str, pa.DataType]]:
        return [("prompt", self.turns), ("completion", self.turns)]

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The rollouts by problem id, sample index and completion id."""
        return (self.row(rollout) for rollout in rollouts(connection, KEPT, scores=self.scores))

    def row(self, rollout: Row) -> Row:
        """The row of one rollout."""
        texts: dict[str, Any] = {"prompt": self.prompt(rollout), "completion": self.answer(rollout)}
        about = {"id": rollout["completion_id"], "verifier": judged_by(rollout)}
        return {**rollout, **about, **texts}


@dataclass
class Unpaired(PromptCompletion):
    """Every judged rollout, `label` true for a correct one; equal texts of a problem once.

    `kept_only`: of the correct ones only those that were kept. `max_rows`: of each label and problem, 0 for all, kept ones
    first. `unparsed`: completions without an answer are wrong ones too.
    """

    _: KW_ONLY
    kept_only: bool = False
    max_rows: int = 0
    unparsed: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_rows < 0:
            raise SetupError(f"max_rows is {self.max_rows}; it must be 0 (all) or more.")

    @property
    def _texts(self) -> list[tuple[str, pa.DataType]]:
        return [*super()._texts, ("label", pa.bool_())]

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The rows by problem id; within a problem kept ones first, then by sample index."""
        self.left_out.clear()
        stored = rollouts(connection, JUDGED, scores=self.scores)
        for _, members in groupby(stored, key=lambda rollout: rollout["problem_id"]):
            taken = sorted(filter(self._wanted, members), key=lambda rollout: not rollout["kept"])  # stable
            once = distinct(taken)
            self.left_out[REPEATED] += len(taken) - len(once)
            counts = {True: 0, False: 0}
            for rollout in once:
                label = rollout["outcome"] == "correct"
                counts[label] += 1
                if not self.max_rows or counts[label] <= self.max_rows:
                    yield self.row(rollout) | {"label": label}

    def _wanted(self, rollout: Row) -> bool:
        if rollout["outcome"] == "correct":
            return bool(rollout["kept"]) or not self.kept_only
        return rollout["outcome"] == "incorrect" or self.unparsed
