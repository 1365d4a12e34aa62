"""The rollouts of a version as rows for exports: problem, completion and decision side by side, streamed in a fixed order.

Order: problem id, sample index, completion id. Knows nothing of output formats.
"""

from collections.abc import Iterator
from typing import Any

import duckdb

_QUERY = """
select d.problem_id, d.completion_id, d.kept, d.reason, d.outcome, d.verifier, d.verifier_version,
       p.prompt, p.reference, p.level, p.skill, p.template, p.source, p.licence, p.split,
       r.text, r.reasoning, r.messages, r.model, r.sample_index, r.tokens_out, r.finish_reason
from decisions d join problems p on p.id = d.problem_id join rollouts r on r.id = d.completion_id
where {condition} order by d.problem_id, r.sample_index, d.completion_id
"""
_BATCH = 2048


def rollouts(connection: duckdb.DuckDBPyConnection, *, kept_only: bool) -> Iterator[dict[str, Any]]:
    """One dictionary per rollout; `prompt` and `messages` are JSON text as stored."""
    condition = "d.kept" if kept_only else "d.outcome in ('correct', 'incorrect', 'unparsed')"
    cursor = connection.execute(_QUERY.format(condition=condition))
    names = [column[0] for column in cursor.description]
    while batch := cursor.fetchmany(_BATCH):
        for row in batch:
            yield dict(zip(names, row, strict=True))
