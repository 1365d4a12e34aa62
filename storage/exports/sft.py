"""Supervised fine-tuning: one kept rollout per row, as chat turns. Trainers read `messages`; the rest is provenance."""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field

import duckdb
import pyarrow as pa

from rollmill.storage.exports.chat_rows import answer_turns
from rollmill.storage.exports.completions import PromptCompletion
from rollmill.storage.exports.write import TURNS, Row


@dataclass
class Sft(PromptCompletion):
    """Chat turns of kept rollouts."""

    _: KW_ONLY
    form: str = field(init=False, default="chat")

    @property
    def _texts(self) -> list[tuple[str, pa.DataType]]:
        return [("messages", TURNS)]

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The kept rollouts by problem id, sample index and completion id."""
        for rollout in self.kept(connection):
            yield self.row(rollout, messages=[*self.turns_before(rollout), *answer_turns(rollout)])
