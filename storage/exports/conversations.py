"""Threads as conversations: the lineage of every kept completion, with the prompts in between."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from rollmill.ground.records import Prompt
from rollmill.ground.threads import lineage
from rollmill.storage.exports.chat_rows import PROVENANCE, answer_turns, judged_by
from rollmill.storage.exports.origin import AS_SENT, WRONG, Training, Turn, origin_of, row_turns
from rollmill.storage.exports.thread_rows import ProblemThreads, manifest_of
from rollmill.storage.exports.write import TURNS, Row
from rollmill.storage.segments.schema import prompt_from_json

if TYPE_CHECKING:
    from rollmill.storage.exports.asked import Questions

WeighedTurn = dict[str, Any]

_WEIGHED = pa.list_(pa.struct([*TURNS.value_type, pa.field("weight", pa.int64())]))


@dataclass
class Conversations(Training):
    """Kept rollouts as conversations: `messages` from the problem's prompt on, with a user's turn before each answer of a
    model. A continuation replaces the text that it continues. A text without a model (a planted error, a cut) is a turn
    with the name of its step as role; the kept rollout itself is always the assistant's.

    Turns of the assistant have a `weight`: 0 for a wrong attempt and for words of a template, 1 for texts to be learned.
    `steps` and `completions` name the completions of the conversation, in order.
    """

    schema = pa.schema(
        [
            ("messages", _WEIGHED),
            ("steps", pa.list_(pa.string())),
            ("completions", pa.list_(pa.string())),
            *PROVENANCE,
        ]
    )

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The kept rollouts by problem id, sample index and completion id."""
        from rollmill.storage.exports.asked import Questions, graph_of  # they know engines, which take a while to import

        self.left_out.clear()
        graph = graph_of(manifest_of(connection).get("recipe", {}))
        for problem in self.problems(connection, planned=True):
            questions = Questions(graph, problem)
            for cid, row in problem.rows.items():
                if row["kept"] and self.may_use(row):
                    messages, completions = self._conversation(problem, questions, cid)
                    yield {
                        **{name: row[name] for name in self.schema.names if name in row},
                        **origin_of(row),
                        "messages": messages,
                        "steps": [problem.rows[completion]["step"] for completion in completions],
                        "completions": completions,
                        "id": cid,
                        "verifier": judged_by(row),
                    }

    def _conversation(
        self, problem: ProblemThreads, questions: "Questions", kept: str
    ) -> tuple[list[WeighedTurn], list[str]]:
        """The turns, and the completions that they are of, in order."""
        thread = _replaced(problem, [*(turn.completion_id for turn in lineage(problem.turns, kept)), kept])
        wrong = {problem.rows[cid]["text"] for cid in thread if cid != kept and problem.rows[cid]["outcome"] in WRONG}
        # A text that is wrong at one place of the thread is learned at none.
        own = {problem.rows[cid]["text"] for cid in thread} - wrong
        prompt: list[WeighedTurn] = [*self.turns_before(problem.rows[thread[0]])]
        messages, held = prompt, list[str]()
        for cid in thread:
            row, question = problem.rows[cid], questions.prompt_of(cid)
            if question is not None and self.prompt == AS_SENT:
                question = prompt_from_json(row["sent"])
            if question is None and cid != kept:
                messages, held = [*messages, {"role": row["step"], "content": row["text"]}], [*held, cid]
                continue
            asked = [] if question is None else _as_turns(question, own)
            first = not held or (cid == kept and questions.stands_alone(cid))
            # The kept completion is learned whatever its outcome: the selector chose it.
            weight = int(cid == kept or row["outcome"] not in WRONG)
            messages = [*self._asked(messages, asked, first=first), *_weighed(answer_turns(row), weight)]
            held = [cid] if first else [*held, cid]
        return messages, held

    def _asked(self, before: list[WeighedTurn], asked: list[WeighedTurn], *, first: bool) -> list[WeighedTurn]:
        """The conversation with a prompt added at its end.

        A prompt in the form of a conversation repeats the turns before it, and replaces them; so does the first prompt, and
        a prompt without any text of the followed completions.
        """
        if first or any(turn["role"] == "assistant" for turn in asked):
            # The system turn stays in front of a prompt that brings none.
            given = [turn for turn in before[:1] if turn["role"] == "system"]
            return [*given, *asked] if asked and asked[0]["role"] != "system" else asked or before
        rest = [turn for turn in asked if turn["role"] != "system"]  # a conversation has one, in front
        return before if before[-len(rest) :] == rest else [*before, *rest]


def _as_turns(prompt: Prompt, own: Collection[str]) -> list[WeighedTurn]:
    """A prompt as turns, without the marks around quoted texts. `own`: texts of the model that are to be learned."""
    from rollmill.storage.exports.asked import unmarked

    if isinstance(prompt, str):
        return [{"role": "user", "content": unmarked(prompt)}]
    turns: list[WeighedTurn] = []
    for turn in row_turns(prompt):
        by_model = turn["role"] == "assistant"
        content = turn["content"] if by_model else unmarked(turn["content"])
        turns += _weighed([{**turn, "content": content}], int(by_model and content in own))
    return turns


def _weighed(turns: Sequence[Turn], weight: int) -> list[WeighedTurn]:
    """Turns of the assistant with a weight; other turns have none."""
    return [{**turn, "weight": weight} if turn["role"] == "assistant" else {**turn} for turn in turns]


def _replaced(problem: ProblemThreads, thread: list[str]) -> list[str]:
    """The thread without the texts that a later one continues."""
    goes_on = {
        before
        for cid in thread
        if "prefix" in json.loads(problem.rows[cid]["meta"] or "{}")
        for before in problem.turns[cid].after
    }
    return [cid for cid in thread if cid not in goes_on]
