"""Supervised fine-tuning: one kept rollout per row, as chat turns. Trainers read `messages`; the rest is provenance."""

from collections.abc import Iterator, Mapping

import duckdb
import pyarrow as pa

from storage.exports.rollouts import KEPT, PROVENANCE, SCORES, answer_turns, judged_by, prompt_turns, rollouts
from storage.exports.write import TURNS, Row


class Sft:
    """`system` is put before prompts that bring no system turn of their own; `scores` adds the scores of each rollout."""

    schema = pa.schema(
        [
            ("messages", TURNS),
            *PROVENANCE,
        ]
    )

    left_out: Mapping[str, int] = {}

    def __init__(self, system: str | None = None, *, scores: bool = False) -> None:
        self.system, self.scores = system, scores
        if scores:
            self.schema = self.schema.append(pa.field("scores", SCORES))

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The kept rollouts by problem id, sample index and completion id."""
        for rollout in rollouts(connection, KEPT, scores=self.scores):
            yield {
                **{name: rollout[name] for name in self.schema.names if name in rollout},
                "messages": [*prompt_turns(rollout["prompt"], self.system), *answer_turns(rollout)],
                "id": rollout["completion_id"],
                "verifier": judged_by(rollout),
            }
