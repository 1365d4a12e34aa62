"""Threads as conversations: every completion that a kept one rests on, and what was asked in between."""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from storage.acceptance import goes_by_other_verdicts, planned_sql
from storage.exports.rollouts import PROVENANCE, Turn, answer_turns, judged_by, manifest_of, prompt_turns
from storage.exports.threads import ProblemThreads, problem_threads
from storage.exports.write import TURNS, Row
from storage.records import Prompt
from storage.threads import lineage

if TYPE_CHECKING:
    from storage.exports.asked import Questions


class Conversations:
    """One row per kept rollout: `messages` from the problem's prompt on, with a turn of the user before each one that a
    model was asked for. A text that goes on takes the place of the one that it goes on from. What no model was asked for
    (a planted error, a cut) is a turn whose role is the name of its step, the kept rollout itself always the assistant's.

    `steps` and `completions` say which completions the conversation holds, in order. `system` as in `sft`.
    """

    schema = pa.schema(
        [
            ("messages", TURNS),
            ("steps", pa.list_(pa.string())),
            ("completions", pa.list_(pa.string())),
            *PROVENANCE,
        ]
    )
    left_out: Mapping[str, int] = {}

    def __init__(self, system: str | None = None) -> None:
        self.system = system

    def rows(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Row]:
        """The kept rollouts by problem id, sample index and completion id."""
        from storage.exports.asked import Questions, graph_of  # they know engines, which take a while to import

        recipe = _recipe(connection)
        graph = graph_of(recipe)
        planned = planned_sql(recipe) if goes_by_other_verdicts(recipe) else ""
        for problem in problem_threads(connection, planned=planned):
            questions = Questions(graph, problem)
            for cid, row in problem.rows.items():
                if row["kept"]:
                    messages, completions = self._conversation(problem, questions, cid)
                    yield {
                        **{name: row[name] for name in self.schema.names if name in row},
                        "messages": messages,
                        "steps": [problem.rows[completion]["step"] for completion in completions],
                        "completions": completions,
                        "id": cid,
                        "verifier": judged_by(row),
                    }

    def _conversation(self, problem: ProblemThreads, questions: "Questions", kept: str) -> tuple[list[Turn], list[str]]:
        """The turns, and the completions that they are of, in order."""
        replaced = _replaced(problem, [*(turn.completion_id for turn in lineage(problem.turns, kept)), kept])
        messages = prompt_turns(problem.rows[kept]["prompt"], self.system)
        for cid in replaced:
            row, question = problem.rows[cid], questions.prompt_of(cid)
            if question is None and cid != kept:
                messages.append({"role": row["step"], "content": row["text"]})
                continue
            turns = [] if question is None else _as_turns(question)
            if messages[-len(turns) :] != turns:  # the problem's prompt stands there already
                messages += turns
            messages += answer_turns(row)
        return messages, replaced


def _recipe(connection: duckdb.DuckDBPyConnection) -> Mapping[str, Any]:
    """The recipe of the version, with the verifiers that judged."""
    stored = manifest_of(connection)
    verifiers = [[part["name"], part["version"]] for part in stored.get("verifiers", [])]
    return {**stored.get("recipe", {}), "resolved": {"verifiers": verifiers}}


def _as_turns(prompt: Prompt) -> list[Turn]:
    if isinstance(prompt, str):
        return [{"role": "user", "content": prompt}]
    return [{"role": message.role, "content": message.content} for message in prompt]


def _replaced(problem: ProblemThreads, thread: list[str]) -> list[str]:
    """The thread without the texts that a later one goes on from."""
    goes_on = {
        before
        for cid in thread
        if "prefix" in json.loads(problem.rows[cid]["meta"] or "{}")
        for before in problem.turns[cid].after
    }
    return [cid for cid in thread if cid not in goes_on]
