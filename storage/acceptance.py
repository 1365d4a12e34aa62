"""The accepted outcome of a run that has not decided yet, as SQL over the verdicts there are. Knows no question.

The truth tables are those of pipelines.verify.acceptance, which a test compares row by row; decided runs and versions carry
the outcome in their decisions. The outcome of a policy in a user's own file is `pending` until the run has decided.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from storage.records import plan_of
from storage.segments.views import quoted

PLAIN = "first_decided"
_PREFIX = "policy:"

_SEEN = """
SELECT completion_id, problem_id, count(*) AS judged, bit_or(1 << rank) AS present,
       min(rank) FILTER (outcome <> 'undecided') AS first,
       arg_min(outcome, rank) FILTER (outcome <> 'undecided') AS said,
       count(*) FILTER (outcome = 'correct') AS correct, count(*) FILTER (outcome = 'incorrect') AS incorrect,
       count(*) FILTER (outcome = 'unparsed') AS unparsed, count(*) FILTER (outcome = 'undecided') AS undecided,
       arg_min(outcome, preferred) FILTER (outcome <> 'undecided') AS favourite,
       min(coalesce(value, CAST(outcome = 'correct' AS DOUBLE)))
           FILTER (outcome IN ('correct', 'incorrect')) AS lowest
FROM verdicts JOIN (VALUES {chain}) AS chain(verifier, version, rank, preferred) USING (verifier, version)
GROUP BY completion_id, problem_id
"""
# Null until every verifier up to the first that decided has spoken: one before it may yet decide otherwise.
_CHAIN = """
SELECT completion_id, problem_id,
       CASE WHEN present & ((1 << place) - 1) = (1 << place) - 1
            THEN {{outcome: coalesce(said, 'undecided'), verifier: {names}[place], version: {versions}[place]}} END AS found
FROM (SELECT *, coalesce(first + 1, {length}) AS place FROM ({seen}))
"""
_POLICY = """
SELECT completion_id, problem_id,
       CASE WHEN judged = {length} THEN {{outcome: {outcome}, verifier: {name}, version: {version}}} END AS found
FROM ({seen})
"""
_UNKNOWN = """
SELECT completion_id, problem_id, NULL::STRUCT(outcome VARCHAR, verifier VARCHAR, version VARCHAR) AS found
FROM verdicts WHERE false
"""
_PLANNED = """
WITH waiting(verifier, version) AS (VALUES {waiting}), verdicts AS (
    SELECT completion_id, problem_id, verifier, version, outcome, value FROM verdicts
    ANTI JOIN waiting USING (verifier, version)
    UNION ALL SELECT completion_id, problem_id, waiting.verifier, waiting.version, 'undecided', NULL
    FROM (SELECT DISTINCT completion_id, problem_id FROM verdicts), waiting WHERE waiting.verifier <> ''
)
{by_plan}
"""
_OUTCOMES: Mapping[str, str] = {
    "all_of": "CASE WHEN incorrect > 0 THEN 'incorrect' WHEN unparsed > 0 THEN 'unparsed' "
    "WHEN undecided > 0 THEN 'undecided' ELSE 'correct' END",
    "any_of": "CASE WHEN correct > 0 THEN 'correct' WHEN undecided > 0 THEN 'undecided' "
    "WHEN incorrect > 0 THEN 'incorrect' ELSE 'unparsed' END",
    "majority": "CASE WHEN 2 * correct > judged THEN 'correct' WHEN 2 * (incorrect + unparsed) <= judged THEN 'undecided' "
    "WHEN incorrect > 0 THEN 'incorrect' ELSE 'unparsed' END",
    "min_value": "CASE WHEN lowest < {least} THEN 'incorrect' WHEN unparsed > 0 THEN 'unparsed' "
    "WHEN undecided > 0 THEN 'undecided' ELSE 'correct' END",
    "prefer": "coalesce(favourite, 'undecided')",
}


def accepted_sql(recipe: Mapping[str, Any]) -> str:
    """A SELECT of completion_id, problem_id and `found` {outcome, verifier, version}, null while a verdict is missing.

    `recipe`: that of a run in the ledger, with its resolved parts. It reads a view `verdicts`.
    """
    resolved = recipe.get("resolved", {})
    chain: Sequence[Sequence[str]] = resolved.get("verifiers", [])
    accept = recipe.get("accept") or {"method": PLAIN}
    method, options = accept["method"], accept.get("options", {})
    over = options.get("over") or [name for name, _ in chain]
    if method == PLAIN:
        names, versions = ("[" + ", ".join(quoted(part[at]) for part in chain) + "]" for at in (0, 1))
        return _CHAIN.format(length=len(chain), names=names, versions=versions, seen=_counts_sql(chain, ()))
    if method not in _OUTCOMES:
        return _UNKNOWN
    wanted = [part for part in chain if part[0] in over]
    outcome = _OUTCOMES[method].format(least=float(options.get("least", 0)))
    name, version = resolved.get("policy", [method, ""])
    return _POLICY.format(
        length=len(wanted),
        outcome=outcome,
        name=quoted(_PREFIX + name),
        version=quoted(version),
        seen=_counts_sql(wanted, options.get("order", ())),
    )


def planned_sql(recipe: Mapping[str, Any]) -> str:
    """The same, of what the run was planned by: under the policy of `planned_under`, and before any vote was counted."""
    accept = recipe.get("accept") or {"method": PLAIN}
    chain: Sequence[Sequence[str]] = recipe["resolved"]["verifiers"]
    waiting = [f"({quoted(name)}, {quoted(version)})" for name, version in chain if plan_of(version)]
    by_plan = accepted_sql({"accept": accept.get("planned_under") or accept, "resolved": {"verifiers": chain}})
    # VALUES needs a row; no verifier has an empty name.
    return _PLANNED.format(waiting=", ".join(waiting) or "('', '')", by_plan=by_plan)


def goes_by_other_verdicts(recipe: Mapping[str, Any]) -> bool:
    """Whether outcomes in the end may be others than those that the run was planned by."""
    accept = recipe.get("accept") or {}
    return bool(accept.get("planned_under")) or any(plan_of(version) for _, version in recipe["resolved"]["verifiers"])


def _counts_sql(chain: Sequence[Sequence[str]], order: Sequence[str]) -> str:
    """What the verifiers said of each rollout, in counts; the preferred come before the others in the recipe's order."""
    ranks = {name: rank for rank, name in enumerate(order)}
    rows = [
        f"({quoted(name)}, {quoted(version)}, {rank}, {ranks.get(name, len(ranks) + rank)})"
        for rank, (name, version) in enumerate(chain)
    ]
    return _SEEN.format(chain=", ".join(rows) or "('', '', 0, 0)")
