"""Rows of proofs found by engine `prover`: the tactic that went on in each state (`tactics`), and pairs of it and a tactic
that Coq rejected in the same state, with Coq's error (`tactic_pairs`).

After BFS-Prover (Xin et al. 2025), which trains on the first and prefers by the second. Rows are of kept rollouts, so that
only what the verifier accepted is learned. They need the engine's option `steps: true`, which stores what was tried.
"""

import json
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.storage.exports.chat_rows import KEPT, PROVENANCE, RolloutTexts, columns_of, judged_by
from rollmill.storage.exports.write import TURNS, Row

NO_STEPS = "no kept rollout of this version has the steps of a proof."
EASY = "proofs that a short search finds"


@dataclass
class Tactics(RolloutTexts):
    """Rows of states of kept proofs, first to last: the open goals and the tactic that went on, as chat turns as well.

    `rejected` and `others`: tactics that Coq rejected in the state, and those that led nowhere.
    `least_trials`: proofs that took fewer trials are left out, so that rows are of problems that a short search leaves
    open.
    """

    _: KW_ONLY
    # A row's prompt is the state of a proof, so these are no options of a command.
    form: str = field(init=False, default="chat")
    prompt: str = field(init=False, default="problem")
    system: str | None = field(init=False, default=None)
    least_trials: int = 0

    @property
    def schema(self) -> pa.Schema:
        """Columns of a state, its tactic, and the other tried tactics."""
        return pa.schema(
            [
                ("messages", TURNS),
                *columns_of(pa.string(), "goals", "tactic"),
                *columns_of(pa.list_(pa.string()), "rejected", "others"),
                *columns_of(pa.int64(), "step_number", "trials"),
                *PROVENANCE,
            ]
        )

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Rows by problem id, sample index and number of the step; SetupError for a version without steps of proofs."""
        for rollout, number, trials, step in self.steps(connection):
            texts = {"user": step["goals"], "assistant": step["tactic"]}
            yield {
                **_about(rollout, number, trials, step),
                "messages": [{"role": role, "content": content} for role, content in texts.items()],
                "tactic": step["tactic"],
                "rejected": [tactic for tactic, _ in step["rejected"]],
                "others": step["others"],
            }

    def steps(self, connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Row, int, int, dict[str, Any]]]:
        """(rollout, number of the step from 1, trials of the proof, step)."""
        self.left_out.clear()
        some = False
        for rollout in self.rollouts(connection, KEPT):
            meta = json.loads(rollout["meta"] or "{}")
            steps = meta.get("steps") if "trials" in meta else []  # an imported row may have steps of another kind
            some = some or bool(steps)
            if steps and meta["trials"] < self.least_trials:
                self.left_out[EASY] += 1
                continue
            for number, step in enumerate(steps, 1):
                yield rollout, number, meta["trials"], step
        if not some:
            raise SetupError(NO_STEPS, next_command="generate: {engine: prover, options: {steps: true}}")


@dataclass
class TacticPairs(Tactics):
    """Rows of a state, the tactic that went on as `chosen`, one that Coq rejected as `rejected`, and its `error`."""

    @property
    def schema(self) -> pa.Schema:
        """Columns of the state, the chosen and the rejected tactic, Coq's error, the step number, the trials and the
        provenance.
        """
        return pa.schema(
            [
                *((name, TURNS) for name in ("prompt", "chosen", "rejected")),
                *columns_of(pa.string(), "goals", "error"),
                *columns_of(pa.int64(), "step_number", "trials"),
                *PROVENANCE,
            ]
        )

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """Rows by problem id, sample index, number of the step and order of the trials."""
        for rollout, number, trials, step in self.steps(connection):
            for tactic, error in step["rejected"]:
                yield {
                    **_about(rollout, number, trials, step),
                    "prompt": [{"role": "user", "content": step["goals"]}],
                    "chosen": [{"role": "assistant", "content": step["tactic"]}],
                    "rejected": [{"role": "assistant", "content": tactic}],
                    "error": error,
                }


def _about(rollout: Row, number: int, trials: int, step: dict[str, Any]) -> Row:
    """Columns of both formats: the rollout, the place of the step in its proof, and the state."""
    cid = rollout["completion_id"]
    place = {"step_number": number, "trials": trials, "goals": step["goals"]}
    return {**rollout, "id": cid, "verifier": judged_by(rollout), **place}
