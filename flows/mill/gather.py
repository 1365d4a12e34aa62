"""Reading a run back: its verdicts, rollouts and tallies, from what is committed. Draws and judges nothing.

The deciding verdict of a completion is that of the first verifier of the chain which is not undecided; where all are, the
last one's.
"""

from collections.abc import Iterable, Mapping, Sequence

from flows.mill.spec import MillSpec
from pipelines.budget.tallies import PrefixTally
from pipelines.select.distinct import key_of_completion
from storage.records import Completion, Outcome, PlanRow, Rollout, Verdict
from storage.workspace import Workspace

Pair = tuple[str, str]
CHUNK = 20_000


def pair_of(row: PlanRow) -> Pair:
    """(completion id, problem id): what a verdict is about."""
    return row.completion_id, row.problem_id


def verdicts_by_pair(ws: Workspace, spec: MillSpec, pairs: Sequence[Pair]) -> dict[Pair, dict[tuple[str, str], Verdict]]:
    """All stored verdicts of this chain on these pairs, by pair and (verifier, version)."""
    found: dict[Pair, dict[tuple[str, str], Verdict]] = {}
    for verdict in ws.segments.fetch_verdicts(spec.chain(), pairs) if pairs else ():
        pair = (verdict.completion_id, verdict.problem_id)
        found.setdefault(pair, {})[(verdict.verifier, verdict.version)] = verdict
    return found


def deciding(chain: Sequence[tuple[str, str]], verdicts: Mapping[tuple[str, str], Verdict]) -> Verdict | None:
    """The verdict that counts, or None while the chain has not finished with this pair."""
    for position, verifier in enumerate(chain):
        verdict = verdicts.get(verifier)
        if verdict is None:
            return None
        if verdict.outcome != "undecided" or position == len(chain) - 1:
            return verdict
    return None


class Incomplete(RuntimeError):  # noqa: N818 - what a caller that draws cannot meet, and one that only reads can
    """Rows of a plan are not drawn or not judged (or lost since): run their round."""


def rollouts_of(ws: Workspace, spec: MillSpec, rows: Sequence[PlanRow]) -> dict[str, list[Rollout]]:
    """The run's rollouts by problem, in plan order. RuntimeError where a row was not drawn or not judged: run the round."""
    verdicts = _decided(ws, spec, rows)
    completions = completions_by_id(ws, {row.completion_id for row in rows})
    found: dict[str, list[Rollout]] = {}
    for row in rows:
        rollout = Rollout(spec.problem(row.problem_id), completions[row.completion_id], verdicts[pair_of(row)])
        found.setdefault(row.problem_id, []).append(rollout)
    return found


def completions_by_id(ws: Workspace, ids: Iterable[str]) -> dict[str, Completion]:
    """Stored completions; RuntimeError where one is missing."""
    wanted = sorted(ids)
    records = ws.segments.fetch("completions", wanted) if wanted else []
    found = {record.id: record for record in records if isinstance(record, Completion)}
    if len(found) != len(wanted):
        raise Incomplete(f"{len(wanted) - len(found)} of {len(wanted)} completions are not stored; run their round first")
    return found


def tallies_of(ws: Workspace, spec: MillSpec, rows: Sequence[PlanRow]) -> list[PrefixTally]:
    """One tally per problem of the recipe over the rows of all committed rounds, in order of problem id."""
    outcomes = _outcomes(ws, spec, rows)
    keys = _solution_keys(ws, spec, [row for row in rows if outcomes[pair_of(row)] == "correct"])
    by_problem: dict[str, list[PlanRow]] = {problem.id: [] for problem in spec.problems}
    for row in rows:
        by_problem[row.problem_id].append(row)
    return [_tally(spec, problem_id, by_problem[problem_id], outcomes, keys) for problem_id in sorted(by_problem)]


def _tally(
    spec: MillSpec, problem_id: str, rows: Sequence[PlanRow], outcome_of: Mapping[Pair, Outcome], keys: Mapping[str, str]
) -> PrefixTally:
    initial = getattr(spec.budget, "initial", 0)
    outcomes = [outcome_of[pair_of(row)] for row in rows]
    prefix = [outcome_of[pair_of(row)] for row in rows if row.sample_index < initial]
    solved = [row for row in rows if outcome_of[pair_of(row)] == "correct" and row.completion_id in keys]
    return PrefixTally(
        problem_id=problem_id,
        drawn=len(rows),
        correct=outcomes.count("correct"),
        incorrect=outcomes.count("incorrect"),
        unparsed=outcomes.count("unparsed"),
        undecided=outcomes.count("undecided"),
        distinct_correct=len({keys[row.completion_id] for row in solved}),
        prefix_judged=len(prefix) - prefix.count("undecided"),
        prefix_correct=prefix.count("correct"),
    )


def _outcomes(ws: Workspace, spec: MillSpec, rows: Sequence[PlanRow]) -> Mapping[Pair, Outcome]:
    """The deciding outcome of every row; verdicts are read once per run of the mill, a chunk at a time."""
    new = [row for row in rows if pair_of(row) not in spec.outcomes]
    for start in range(0, len(new), CHUNK):
        decided = _decided(ws, spec, new[start : start + CHUNK])
        spec.outcomes.update({pair: verdict.outcome for pair, verdict in decided.items()})
    return spec.outcomes


def _solution_keys(ws: Workspace, spec: MillSpec, correct: Sequence[PlanRow]) -> dict[str, str]:
    """Keys of the completions that count as solutions; texts are read once per run of the mill."""
    cache = spec.solution_keys
    new = sorted({row.completion_id for row in correct} - cache.keys())
    for start in range(0, len(new), CHUNK):
        for completion in completions_by_id(ws, new[start : start + CHUNK]).values():
            cache[completion.id] = key_of_completion(completion)
    return {row.completion_id: key for row in correct if (key := cache[row.completion_id]) is not None}


def _decided(ws: Workspace, spec: MillSpec, rows: Sequence[PlanRow]) -> dict[Pair, Verdict]:
    chain = spec.chain()
    stored = verdicts_by_pair(ws, spec, [pair_of(row) for row in rows])
    found = {pair: verdict for pair, all_of in stored.items() if (verdict := deciding(chain, all_of)) is not None}
    missing = [row for row in rows if pair_of(row) not in found]
    if missing:
        raise Incomplete(
            f"{len(missing)} of {len(rows)} planned rollouts have no verdict; run round {missing[0].round} first"
        )
    return found
