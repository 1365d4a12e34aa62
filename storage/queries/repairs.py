"""Repairs of each measured draft of a run or version with steps, for metrics over repair trees.

A draft is a measured completion of the first step. A repair is a judged completion of a later step whose nearest judged
ancestor is that draft; completions between them (a critic's text) are its feedback, and count in its tokens.
"""

from collections.abc import Mapping
from dataclasses import replace

import pyarrow as pa

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import STATES, Pool, Repair
from rollmill.ground.threads import ANSWER
from rollmill.storage.queries.pools import ScopePool
from rollmill.storage.segments.schema import text_array

_TURNS = """
SELECT t.problem_id, t.completion_id, t.role, t.after, r.outcome, c.tokens_out
FROM threads t JOIN wanted w ON w.id = t.problem_id
LEFT JOIN (SELECT problem_id, completion_id, outcome FROM rollouts) r USING (problem_id, completion_id)
LEFT JOIN (SELECT id, tokens_out FROM completions) c ON c.id = t.completion_id
ORDER BY t.problem_id, t.completion_id
"""
Turn = tuple[str, tuple[str, ...], str | None, int | None]
"""Role, followed completion, outcome, tokens."""


def with_repairs(source: ScopePool) -> Pool:
    """The pool of a scope with the repairs of each of its rows; SetupError for a recipe without a later step."""
    pool, scope = source.pool, source.scope
    rows = {
        (pool.problems[problem], cid): at
        for at, (problem, cid) in enumerate(zip(pool.problem.tolist(), source.completions, strict=True))
    }
    repairs: dict[int, list[Repair]] = {}
    with scope.connection("rollouts", "threads", "completions") as connection:
        connection.register("wanted", pa.table({"id": text_array(pool.problems)}))
        turns: dict[str, dict[str, Turn]] = {}
        for problem, cid, role, after, outcome, tokens in connection.execute(_TURNS).fetchall():
            turns.setdefault(problem, {})[cid] = role, tuple(after.split()), outcome, tokens
    for problem, mine in turns.items():
        for cid, (role, after, outcome, _) in mine.items():
            draft = _draft_of(cid, mine) if role == ANSWER and after else None
            row = None if draft is None else rows.get((problem, draft))
            if row is not None and draft is not None:
                # A repair without a verdict is `pending`, the last of STATES.
                repairs.setdefault(row, []).append(Repair(_tokens(cid, draft, mine), STATES.index(outcome or STATES[-1])))
    if not repairs:
        raise SetupError(
            f"{scope.name} has no repairs of measured completions: no step draws a second judged answer.",
            next_command="curate with a second step that follows the first: recipes/steps/self_refine.yaml",
        )
    return replace(pool, repairs=tuple(tuple(repairs.get(row, ())) for row in range(len(pool))))


def _draft_of(cid: str, turns: Mapping[str, Turn]) -> str | None:
    """The nearest judged ancestor, None without one; for a gathering step, that of the first completion."""
    after = turns[cid][1]
    while after and after[0] in turns:
        if turns[after[0]][0] == ANSWER:
            return after[0]
        # A critic follows the draft; a refinement may name the draft first or the critic first.
        after = turns[after[0]][1]
    return None


def _tokens(cid: str, draft: str, turns: Mapping[str, Turn]) -> int:
    """Tokens of a repair and of everything between it and its draft; -1 if one is unknown."""
    # The draft is not entered, as its tokens are its own; a step that gathers meets some texts twice.
    total, waiting, seen = 0, [cid], {draft}
    while waiting:
        at = waiting.pop()
        if at in seen or at not in turns:
            continue
        seen.add(at)
        tokens = turns[at][3]
        if tokens is None:  # a sum without it would be too small
            return -1
        total += tokens
        waiting += turns[at][1]
    return total
