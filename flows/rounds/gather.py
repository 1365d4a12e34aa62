"""A run's rollouts for whoever decides, and its tallies for its budget, from what is committed (storage.rollouts).

Which verdict counts is the policies' to say: the one that the run was planned under for the budget, the accepting one for
everything after it (pipelines.verify.acceptance).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby

import pyarrow.compute as pc

from flows.rounds.arm_tallies import RowFacts, arm_tallies
from flows.rounds.groups import problems_and_arms, whole_problems
from flows.rounds.open_run import OpenRun
from flows.rounds.remembering import key_of, lacks_key, note_key, note_outcome, outcome_of
from pipelines.protocols import MeasuringBudget, PrefixTally
from pipelines.verify.acceptance import accepted
from storage.pool import answer_key
from storage.records import CONTINUED, PlanRow, Problem, Rollout
from storage.rollouts import CHUNK, Key, Pair, RunReader, completions_by_id, pair_of
from storage.segments.rows import Rows
from storage.solutions import key_of_completion
from storage.workspace import Workspace


def reader_of(ws: Workspace, run: OpenRun, chain: Sequence[Key] = ()) -> RunReader:
    """The reader of a run's rows; `chain`: other verifiers than the recipe's."""
    return RunReader(ws, run.spec.problem, chain or run.chain(), run.spec.place)


def rollouts_by_problem(ws: Workspace, run: OpenRun, rows: Sequence[PlanRow]) -> Iterator[tuple[str, list[Rollout]]]:
    """The run's rollouts in order of problem id, in plan order within one; RuntimeError where a row lacks something."""
    return reader_of(ws, run).rollouts(rows, partial(accepted, run.spec.accept, run.chain()))


def tallies_of(ws: Workspace, run: OpenRun, rows: Sequence[PlanRow]) -> list[PrefixTally]:
    """One tally per problem of the recipe over the rows of all committed rounds, in order of problem id."""
    plan: Rows[PlanRow] = Rows.of("plan", rows)
    tokens = _tokens_by_arm(ws, run, plan)
    measure = run.spec.budget.measure if isinstance(run.spec.budget, MeasuringBudget) else None
    found: dict[str, PrefixTally] = {}
    for group in whole_problems(plan.sorted_by("problem_id"), CHUNK):
        _learn(ws, run, group)
        outcomes = {pair_of(row): outcome for row in group if (outcome := outcome_of(run, row)) is not None}
        keys = {row.completion_id: key for row in group if (key := key_of(run, row)) is not None}
        known = RowFacts(outcomes, run.memory.answer_keys, keys, tokens, measure)
        for problem_id, members in groupby(group, key=lambda row: row.problem_id):
            found[problem_id] = _tally(run, problem_id, list(members), known)
    stopped = {stop.problem_id: stop.reason for stop in ws.runs.stops(run.id) if stop.reason != CONTINUED}
    nothing = RowFacts({}, {}, {}, {}, measure)
    return [
        replace(found.get(problem_id) or _tally(run, problem_id, (), nothing), stopped=stopped.get(problem_id))
        for problem_id in sorted({problem.id for problem in run.spec.problems})
    ]


def _tally(run: OpenRun, problem_id: str, rows: Sequence[PlanRow], known: RowFacts) -> PrefixTally:
    problem = run.spec.problem(problem_id)
    arms = [arm.name for arm in run.spec.arms]
    outcomes = [known.outcomes[pair_of(row)] for row in rows]
    measured = [
        row for row in rows if row.sample_index < run.spec.budget.prefix and row.arm in ("", *arms[:1])
    ]  # arms are never pooled
    prefix = [known.outcomes[pair_of(row)] for row in measured]
    keys = known.solutions
    solved = [row for row in rows if known.outcomes[pair_of(row)] == "correct" and row.completion_id in keys]
    return PrefixTally(
        problem_id=problem_id,
        level=problem.level,
        template=problem.template,
        measured=_measured(problem, known.measure),
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


def _measured(problem: Problem, key: str | None) -> float | None:
    """The number in the problem's meta that the budget asks for; None where it asks for none or there is none."""
    value = None if key is None else problem.meta.get(key)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _learn(ws: Workspace, run: OpenRun, rows: Sequence[PlanRow]) -> None:
    """Outcomes as the budget counts them and keys of what counts as solutions, each read once per run."""
    new = [row for row in rows if outcome_of(run, row) is None]
    if new:
        decided = reader_of(ws, run).accepted(new, partial(accepted, run.spec.planning, run.chain()))
        for row in new:
            note_outcome(run, row, decided[pair_of(row)].outcome)
        if run.spec.arms:
            run.memory.answer_keys.update({pair: answer_key(verdict) for pair, verdict in decided.items()})
    unread = [row for row in rows if lacks_key(run, row)]
    if unread:
        texts = completions_by_id(ws, {row.completion_id for row in unread})
        for row in unread:
            note_key(run, row, key_of_completion(texts[row.completion_id]))


def _tokens_by_arm(ws: Workspace, run: OpenRun, rows: Rows[PlanRow]) -> Counter[Pair]:
    """The tokens drawn by (problem, arm); sums are kept per round, which is complete and never changes."""
    total: Counter[Pair] = Counter()
    for index in sorted(pc.unique(rows.column("round")).to_pylist()):
        if index not in run.memory.tokens:
            run.memory.tokens[index] = _tokens_of(ws, rows.where("round", index))
        total.update(run.memory.tokens[index])
    return total


def _tokens_of(ws: Workspace, rows: Rows[PlanRow]) -> dict[Pair, int]:
    total: Counter[Pair] = Counter()
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        ids = part.column("completion_id").to_pylist()
        of = ws.segments.column("completions", "tokens_out", ids)
        for owner, cid in zip(problems_and_arms(part), ids, strict=True):
            total[owner] += of.get(cid) or 0
    return dict(total)
