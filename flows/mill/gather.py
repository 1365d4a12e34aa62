"""Reading a run back: its verdicts, rollouts and tallies, from what is committed. Draws and judges nothing.

Which verdict counts is the policies' to say: the one that the run was planned under for the budget, the accepting one for
everything after it (pipelines.verify.acceptance).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from flows.mill.arm_tallies import Known, answer_key, arm_tallies
from flows.mill.spec import MillSpec
from pipelines.budget.tallies import PrefixTally
from pipelines.select.distinct import key_of_completion
from pipelines.verify.acceptance import Policy, accepted
from storage.records import CONTINUED, Completion, Outcome, PlanRow, Problem, Rollout, Verdict
from storage.workspace import Workspace

Pair = tuple[str, str]
CHUNK = 20_000


def pair_of(row: PlanRow) -> Pair:
    """(completion id, problem id): what a verdict is about."""
    return row.completion_id, row.problem_id


def verdicts_by_pair(ws: Workspace, spec: MillSpec, pairs: Sequence[Pair]) -> dict[Pair, dict[tuple[str, str], Verdict]]:
    """All stored verdicts of the run's verifiers on these pairs, by pair and (verifier, version)."""
    found: dict[Pair, dict[tuple[str, str], Verdict]] = {}
    for verdict in ws.segments.fetch_verdicts(spec.chain(), pairs) if pairs else ():
        pair = (verdict.completion_id, verdict.problem_id)
        found.setdefault(pair, {})[(verdict.verifier, verdict.version)] = verdict
    return found


class Incomplete(RuntimeError):  # noqa: N818 - what a caller that draws cannot meet, and one that only reads can
    """Rows of a plan are not drawn or not judged (or lost since): run their round."""


def rollouts_of(ws: Workspace, spec: MillSpec, rows: Sequence[PlanRow]) -> dict[str, list[Rollout]]:
    """The run's rollouts by problem, in plan order. RuntimeError where a row was not drawn or not judged: run the round."""
    return dict(rollouts_by_problem(ws, spec, rows))


def rollouts_by_problem(ws: Workspace, spec: MillSpec, rows: Sequence[PlanRow]) -> Iterator[tuple[str, list[Rollout]]]:
    """The same, problem by problem in order of problem id, with no more than a few thousand rows in memory."""
    ordered = sorted(rows, key=lambda row: row.problem_id)
    for problem_id, members in groupby(_in_order(ws, spec, ordered), key=lambda rollout: rollout.problem.id):
        yield problem_id, list(members)


def _in_order(ws: Workspace, spec: MillSpec, rows: Sequence[PlanRow]) -> Iterator[Rollout]:
    """One rollout per row; verdicts are looked up a chunk at a time, texts are read in one pass."""
    texts = ws.segments.fetch_in_order("completions", [row.completion_id for row in rows])
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        verdicts = _decided(ws, spec, spec.accept, part)
        for place, row in enumerate(part, start):
            found, completion = next(texts, (-1, None))
            if found != place or completion is None:
                raise Incomplete(f"completion {row.completion_id} of run {spec.run} is not stored; run its round first")
            problem, which = spec.problem(row.problem_id), spec.place(row.arm)
            yield Rollout(problem, completion, verdicts[pair_of(row)], arm=row.arm, place=which)


def accepted_verdicts(ws: Workspace, spec: MillSpec, rows: Sequence[PlanRow]) -> dict[Pair, Verdict]:
    """The verdict that counts on each of these rows, a chunk read at a time; RuntimeError where one is missing."""
    found: dict[Pair, Verdict] = {}
    for start in range(0, len(rows), CHUNK):
        found |= _decided(ws, spec, spec.accept, rows[start : start + CHUNK])
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
    known = Known(outcomes, spec.answer_keys, keys, _tokens_by_arm(ws, spec, rows))
    by_problem: dict[str, list[PlanRow]] = {problem.id: [] for problem in spec.problems}
    for row in rows:
        by_problem[row.problem_id].append(row)
    stopped = {stop.problem_id: stop.reason for stop in ws.runs.stops(spec.run) if stop.reason != CONTINUED}
    return [
        replace(_tally(spec, problem_id, by_problem[problem_id], known), stopped=stopped.get(problem_id))
        for problem_id in sorted(by_problem)
    ]


def _tally(spec: MillSpec, problem_id: str, rows: Sequence[PlanRow], known: Known) -> PrefixTally:
    problem = spec.problem(problem_id)
    arms = [arm.name for arm in spec.arms]
    initial = getattr(spec.budget, "initial", 0)
    outcomes = [known.outcomes[pair_of(row)] for row in rows]
    measured = [row for row in rows if row.sample_index < initial and row.arm in ("", *arms[:1])]  # arms are never pooled
    prefix = [known.outcomes[pair_of(row)] for row in measured]
    keys = known.solutions
    solved = [row for row in rows if known.outcomes[pair_of(row)] == "correct" and row.completion_id in keys]
    return PrefixTally(
        problem_id=problem_id,
        level=problem.level,
        template=problem.template,
        measured=_measured(spec, problem),
        drawn=len(rows),
        correct=outcomes.count("correct"),
        incorrect=outcomes.count("incorrect"),
        unparsed=outcomes.count("unparsed"),
        undecided=outcomes.count("undecided"),
        distinct_correct=len({keys[row.completion_id] for row in solved}),
        prefix_judged=len(prefix) - prefix.count("undecided"),
        prefix_correct=prefix.count("correct"),
        tokens=sum(known.tokens.get((problem_id, arm), 0) for arm in arms or [""]),
        arms=arm_tallies(arms, problem_id, rows, known) if arms else (),
    )


def _measured(spec: MillSpec, problem: Problem) -> float | None:
    """The number in the problem's meta that the budget asks for; None where it asks for none or there is none."""
    value = problem.meta.get(getattr(spec.budget, "measure", None) or "")
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _outcomes(ws: Workspace, spec: MillSpec, rows: Sequence[PlanRow]) -> Mapping[Pair, Outcome]:
    """The outcome of every row as the budget counts it; verdicts are read once per run of the mill, a chunk at a time."""
    new = [row for row in rows if pair_of(row) not in spec.outcomes]
    for start in range(0, len(new), CHUNK):
        decided = _decided(ws, spec, spec.planning, new[start : start + CHUNK])
        spec.outcomes.update({pair: verdict.outcome for pair, verdict in decided.items()})
        if spec.arms:
            spec.answer_keys.update({pair: answer_key(verdict) for pair, verdict in decided.items()})
    return spec.outcomes


def _tokens_by_arm(ws: Workspace, spec: MillSpec, rows: Sequence[PlanRow]) -> Counter[Pair]:
    """The tokens drawn by (problem, arm); sums are kept per round, which is complete and never changes."""
    new: dict[int, list[PlanRow]] = {}
    for row in rows:
        if row.round not in spec.tokens:
            new.setdefault(row.round, []).append(row)
    for index, members in new.items():
        spec.tokens[index] = _tokens_of(ws, members)
    total: Counter[Pair] = Counter()
    for index in sorted({row.round for row in rows}):
        total.update(spec.tokens[index])
    return total


def _tokens_of(ws: Workspace, rows: Sequence[PlanRow]) -> dict[Pair, int]:
    total: Counter[Pair] = Counter()
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        of = ws.segments.column("completions", "tokens_out", [row.completion_id for row in part])
        for row in part:
            total[row.problem_id, row.arm] += of.get(row.completion_id) or 0
    return dict(total)


def _solution_keys(ws: Workspace, spec: MillSpec, correct: Sequence[PlanRow]) -> dict[str, str]:
    """Keys of the completions that count as solutions; texts are read once per run of the mill."""
    cache = spec.solution_keys
    new = sorted({row.completion_id for row in correct} - cache.keys())
    for start in range(0, len(new), CHUNK):
        for completion in completions_by_id(ws, new[start : start + CHUNK]).values():
            cache[completion.id] = key_of_completion(completion)
    return {row.completion_id: key for row in correct if (key := cache[row.completion_id]) is not None}


def _decided(ws: Workspace, spec: MillSpec, policy: Policy, rows: Sequence[PlanRow]) -> dict[Pair, Verdict]:
    chain = spec.chain()
    stored = verdicts_by_pair(ws, spec, [pair_of(row) for row in rows])
    found = {pair: verdict for pair, said in stored.items() if (verdict := accepted(policy, chain, said)) is not None}
    missing = [row for row in rows if pair_of(row) not in found]
    if missing:
        raise Incomplete(
            f"{len(missing)} of {len(rows)} planned rollouts have no verdict; run round {missing[0].round} first"
        )
    return found
