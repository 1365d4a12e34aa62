"""Preference pairs: a correct against an incorrect completion of one problem, as `prompt`, `chosen`, `rejected`.

The form is TRL's conversational one (lists of turns), or its plain-text one with form="text". `undecided` is nobody's
answer and never part of a pair; `unparsed` only when asked for. Knows nothing of files.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import lcm
from typing import Any

import duckdb
import pyarrow as pa

from storage.errors import SetupError
from storage.exports.rollouts import SCORES, answer_turns, prompt_turns, rollouts
from storage.exports.write import TURNS, Row
from storage.ids import digest128

_FORMS = ("chat", "text")
_COLUMNS: list[tuple[str, pa.DataType]] = [
    ("id", pa.string()),
    ("problem_id", pa.string()),
    ("chosen_id", pa.string()),
    ("rejected_id", pa.string()),
    ("chosen_outcome", pa.string()),
    ("rejected_outcome", pa.string()),
    ("chosen_kept", pa.bool_()),
    ("chosen_model", pa.string()),
    ("rejected_model", pa.string()),
    ("verifier", pa.string()),
    ("level", pa.int64()),
    ("skill", pa.string()),
    ("template", pa.string()),
    ("source", pa.string()),
    ("licence", pa.string()),
    ("split", pa.string()),
]
_PROVENANCE = pa.schema(_COLUMNS)


class Pairs:
    """`max_pairs` bounds the pairs of one problem (0: all); kept completions are chosen first, each side used evenly."""

    def __init__(
        self,
        max_pairs: int = 4,
        *,
        form: str = "chat",
        unparsed: bool = False,
        kept_only: bool = False,
        system: str | None = None,
        scores: bool = False,
    ) -> None:
        if max_pairs < 0:
            raise SetupError(f"max_pairs is {max_pairs}; it must be 0 (all pairs) or more.")
        if form not in _FORMS:
            raise SetupError(f"unknown form {form!r}.", choices=_FORMS)
        if form == "text" and system is not None:
            raise SetupError("a system turn needs form=chat.")
        self.max_pairs = max_pairs
        self.form = form
        self.rejectable = ("incorrect", "unparsed") if unparsed else ("incorrect",)
        self.kept_only = kept_only
        self.system = system
        turns: pa.DataType = TURNS if form == "chat" else pa.string()
        sides = pa.schema([("prompt", turns), ("chosen", turns), ("rejected", turns)])
        self.scores = scores
        added = [(f"{side}_scores", SCORES) for side in ("chosen", "rejected")] if scores else []
        self.schema = pa.schema([*sides, *_PROVENANCE, *added])

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The pairs by problem id; within a problem in the order of `matched`."""
        for _, group in groupby(
            rollouts(connection, kept_only=False, scores=self.scores), key=lambda rollout: rollout["problem_id"]
        ):
            members = list(group)
            right = [
                rollout
                for rollout in members
                if rollout["outcome"] == "correct" and (rollout["kept"] or not self.kept_only)
            ]
            wrong = [rollout for rollout in members if rollout["outcome"] in self.rejectable]
            right.sort(key=lambda rollout: not rollout["kept"])  # stable: kept ones first, then by sample index
            for chosen, rejected in matched(_distinct(right), _distinct(wrong), self.max_pairs):
                yield self._row(chosen, rejected)

    def _row(self, chosen: dict[str, Any], rejected: dict[str, Any]) -> Row:
        return {
            **{name: chosen[name] for name in _PROVENANCE.names if name in chosen},
            "prompt": self._prompt(chosen),
            "chosen": self._answer(chosen),
            "rejected": self._answer(rejected),
            "id": digest128(["pair", chosen["problem_id"], chosen["completion_id"], rejected["completion_id"]]),
            "chosen_id": chosen["completion_id"],
            "rejected_id": rejected["completion_id"],
            "chosen_outcome": chosen["outcome"],
            "rejected_outcome": rejected["outcome"],
            "chosen_kept": chosen["kept"],
            "chosen_model": chosen["model"],
            "rejected_model": rejected["model"],
            "verifier": f"{chosen['verifier']} {chosen['verifier_version']}",
            **({"chosen_scores": chosen["scores"], "rejected_scores": rejected["scores"]} if self.scores else {}),
        }

    def _prompt(self, rollout: dict[str, Any]) -> Any:
        turns = prompt_turns(rollout["prompt"], self.system)
        return turns if self.form == "chat" else _only_text(turns, rollout)

    def _answer(self, rollout: dict[str, Any]) -> Any:
        turns = answer_turns(rollout)
        return turns if self.form == "chat" else _only_text(turns, rollout)


def matched(
    right: Sequence[dict[str, Any]], wrong: Sequence[dict[str, Any]], limit: int
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of two lists, each pair once, every member used as evenly as can be; `limit` 0 gives all.

    Walks the grid diagonally: the k-th pair is (k mod R, k mod W), shifted by one each time both cycles close together.
    """
    total = len(right) * len(wrong)
    if not total:
        return
    cycle = lcm(len(right), len(wrong))
    for step in range(total if limit == 0 else min(limit, total)):
        yield right[step % len(right)], wrong[(step + step // cycle) % len(wrong)]


def _distinct(members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first of each text: equal texts would make equal pairs."""
    first: dict[tuple[str, str | None], dict[str, Any]] = {}
    for member in members:
        first.setdefault((member["text"], member["messages"]), member)
    return list(first.values())


def _only_text(turns: list[dict[str, str]], rollout: dict[str, Any]) -> str:
    if len(turns) != 1:
        raise SetupError(
            f"problem {rollout['problem_id'][:8]} has turns and cannot be written as text.", next_command="use form=chat"
        )
    return turns[0]["content"]
