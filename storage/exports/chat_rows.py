"""Texts of the export formats as chat turns, and the columns of a row's origin."""

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Message
from rollmill.ground.replies.special_tokens import without_special_tokens
from rollmill.ground.replies.thoughts import tagged
from rollmill.storage.exports.origin import ORIGIN, Training, Turn, prompt_turns, row_turns
from rollmill.storage.exports.write import TURNS

KEPT = "d.kept"
JUDGED = "d.outcome in ('correct', 'incorrect', 'unparsed')"
"""Conditions on the rollouts that a format reads: undecided ones are never examples."""
SCORES = pa.list_(pa.struct([("scorer", pa.string()), ("version", pa.string()), ("value", pa.float64())]))


def columns_of(kind: pa.DataType, *names: str) -> list[tuple[str, pa.DataType]]:
    """Columns of one kind, in this order."""
    return [(name, kind) for name in names]


ABOUT_THE_PROBLEM: list[tuple[str, pa.DataType]] = [
    ("level", pa.int64()),
    *columns_of(pa.string(), "skill", "template", "source", "licence", "split"),
]
"""Columns that every format ends with: where a row's problem is from."""
PROVENANCE: list[tuple[str, pa.DataType]] = [
    *columns_of(pa.string(), "id", "problem_id", "outcome", "reason", "verifier"),
    *ABOUT_THE_PROBLEM,
    ("model", pa.string()),
    *ORIGIN,
]
"""Columns that a format of single rollouts ends with: which it is, what became of it, who judged it, where it is from."""


def judged_by(rollout: Mapping[str, Any]) -> str:
    """The verifier that decided, with its version."""
    return f"{rollout['verifier']} {rollout['verifier_version']}"


FORMS = ("chat", "text")


@dataclass
class RolloutTexts(Training):
    """The form in which prompts and answers are written.

    `form`: turns of a `chat`, or `text`.
    """

    _: KW_ONLY
    form: str = "chat"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.form not in FORMS:
            raise SetupError(f"unknown form {self.form!r}.", choices=FORMS)
        if self.form == "text" and self.system is not None:
            raise SetupError("a system turn needs form=chat.")

    @property
    def turns(self) -> pa.DataType:
        """The type of prompts and answers."""
        return TURNS if self.form == "chat" else pa.string()

    def asked(self, row: dict[str, Any]) -> Any:
        """The prompt in the requested form."""
        turns = self.turns_before(row)
        return turns if self.form == "chat" else _only_text(turns, row)

    def answer(self, rollout: dict[str, Any]) -> Any:
        """The completion in that form."""
        turns = answer_turns(rollout)
        return turns if self.form == "chat" else _only_text(turns, rollout)


def answer_turns(rollout: dict[str, Any]) -> list[Turn]:
    """The model's answer: its stored turns with code, executions and tool results, else its text as one assistant turn.

    A stored conversation may repeat the prompt; that part is left out, so that prompt + answer is the conversation.
    """
    stored = [Message(**turn) for turn in json.loads(rollout["messages"] or "[]")]
    turns = [{**turn, "content": without_special_tokens(turn["content"])} for turn in row_turns(stored)]
    prompt = prompt_turns(rollout["prompt"])
    if turns[: len(prompt)] == prompt:
        turns = turns[len(prompt) :]
    while turns and turns[0]["role"] in ("system", "user"):  # a prompt in other words, as some files have it
        turns = turns[1:]
    # A stored conversation may be the prompt alone; the text is then the answer.
    return turns or [{"role": "assistant", "content": tagged(rollout["reasoning"], rollout["text"])}]


def _only_text(turns: list[Turn], row: dict[str, Any]) -> str:
    if len(turns) != 1 or "tool_calls" in turns[0]:
        raise SetupError(
            f"problem {row['problem_id'][:8]} has turns and cannot be written as text.", next_command="use form=chat"
        )
    return str(turns[0]["content"])
