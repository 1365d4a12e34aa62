"""The messages that models got, by completion, of a run or a version. Older ones have none, and neither have imports."""

# ruff: noqa: S608 (the SQL is made of our own names)

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from rollmill.ground.records import Message
from rollmill.storage.queries.scope import Scope
from rollmill.storage.segments.schema import prompt_from_json
from rollmill.storage.segments.views import quoted
from rollmill.storage.versions.lookup import Lookup

if TYPE_CHECKING:
    import duckdb

Sent = Mapping[str, tuple[Message, ...]]


def sent_in_scope(connection: "duckdb.DuckDBPyConnection", scope: Scope, completions: Collection[str]) -> Sent:
    """Those of some completions. `connection`: one of the scope."""
    from rollmill.storage.versions.content.catalogue import has_table

    sent, prompts = "sent", "prompts"
    if scope.run is not None:
        rows = scope.reader.rows("plan", scope.run.id)
        sent = f"(SELECT completion_id, sent AS prompt FROM ({rows}))"
        prompts = f"({scope.reader.rows('prompts', scope.run.id)})"
    elif not has_table(connection, "sent"):
        return {}
    wanted = ", ".join(map(quoted, completions)) or "NULL"
    query = f"SELECT s.completion_id, p.messages FROM {sent} s JOIN {prompts} p ON p.id = s.prompt"
    return _messages(connection.execute(f"{query} WHERE s.completion_id IN ({wanted})").fetchall())


def sent_in_version(rows: Lookup, completions: Collection[str]) -> Sent:
    """Those of some completions of a version."""
    prompt_of = {row["completion_id"]: row["prompt"] for row in rows.rows("sent", completions)}
    texts = {row["id"]: row["messages"] for row in rows.rows("prompts", set(prompt_of.values()))}
    return _messages([(cid, texts[prompt]) for cid, prompt in prompt_of.items()])


def distinct_prompts(sent: Sent) -> list[tuple[tuple[Message, ...], list[str]]]:
    """Each prompt once, with the completions that answer it."""
    prompts: dict[tuple[Message, ...], list[str]] = {}
    for completion, messages in sent.items():
        prompts.setdefault(messages, []).append(completion)
    return list(prompts.items())


def _messages(rows: Collection[tuple[str, str]]) -> Sent:
    turns = {cid: prompt_from_json(text) for cid, text in rows}
    return {cid: prompt for cid, prompt in turns.items() if not isinstance(prompt, str)}
