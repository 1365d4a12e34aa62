"""Tallies of each problem for the budget, over all steps and on each step, from committed rows.

The policies choose the verdict that counts: for the budget, the policy that the run was planned under; for everything after
it, the accepting policy (rollmill.pipelines.verify.acceptance). Answers are grouped by canonical key, never by pairwise
comparison and never with the reference. An answer that was cut off or that a verifier could not read agrees with no other.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import pyarrow.compute as pc

from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.plan_rows import of_steps, problems_and_steps, whole_problems
from rollmill.ground.records import CONTINUED, Outcome, PlanRow, Problem
from rollmill.ground.solutions import key_of_completion
from rollmill.roles.protocols import MeasuringBudget
from rollmill.roles.tallies import PrefixTally, StepTally
from rollmill.storage.rollouts import CHUNK, Pair, completions_by_id, pair_of
from rollmill.storage.segments.rows import Rows
from rollmill.storage.workspace import Workspace


@dataclass(frozen=True, slots=True)
class RowFacts:
    """Facts read from the rows of a run: outcomes and answer keys by pair, solution keys by completion, tokens by
    (problem, step); `measure`: the key of the problems' meta that the budget reads.
    """

    outcomes: Mapping[Pair, Outcome]
    answers: Mapping[Pair, str | None]
    solutions: Mapping[str, str]
    tokens: Mapping[Pair, int]
    measure: str | None = None


def tallies_of(run: OpenRun, rows: Sequence[PlanRow]) -> list[PrefixTally]:
    """Tallies of the recipe's problems over the rows of all committed rounds, in order of problem id."""
    plan: Rows[PlanRow] = Rows.of("plan", rows)
    tokens = _tokens_by_step(run, plan)
    measure = run.spec.budget.measure if isinstance(run.spec.budget, MeasuringBudget) else None
    memory = run.memory
    tallies: dict[str, PrefixTally] = {}
    for group in whole_problems(plan.sorted_by("problem_id"), CHUNK):
        _learn(run, group)
        outcomes = run.outcomes(_judged_rows(run, group))
        keys = {row.completion_id: key for row in group if (key := memory.solution(row)) is not None}
        known = RowFacts(outcomes, run.memory.answer_keys, keys, tokens, measure)
        for problem_id, members in groupby(group, key=lambda row: row.problem_id):
            tallies[problem_id] = _tally(run, problem_id, list(members), known)
    # CONTINUED ends nothing: a problem of the random holdout is drawn on although it was given up.
    stopped = {stop.problem_id: stop.reason for stop in run.workspace.runs.stops(run.id) if stop.reason != CONTINUED}
    nothing = RowFacts({}, {}, {}, {}, measure)
    return [
        # A problem without draws has a tally too, or the budget would never draw it.
        replace(tallies.get(problem_id) or _tally(run, problem_id, (), nothing), stopped=stopped.get(problem_id))
        for problem_id in sorted({problem.id for problem in run.spec.problems})
    ]


def _tally(run: OpenRun, problem_id: str, rows: Sequence[PlanRow], known: RowFacts) -> PrefixTally:
    problem = run.spec.problem(problem_id)
    steps = [step.name for step in run.spec.roots]
    judged = _judged_rows(run, rows)
    outcomes = [known.outcomes[pair_of(row)] for row in judged]
    measured = [
        row for row in judged if row.sample_index < run.spec.budget.prefix and row.step == steps[0]
    ]  # steps are never pooled
    prefix = [known.outcomes[pair_of(row)] for row in measured]
    keys = known.solutions
    solved = [row for row in judged if known.outcomes[pair_of(row)] == "correct" and row.completion_id in keys]
    return PrefixTally(
        problem_id=problem_id,
        level=problem.level,
        template=problem.template,
        measured=_measure_of(problem, known.measure),
        drawn=len(rows),
        correct=outcomes.count("correct"),
        incorrect=outcomes.count("incorrect"),
        unparsed=outcomes.count("unparsed"),
        undecided=outcomes.count("undecided"),
        distinct_correct=len({keys[row.completion_id] for row in solved}),
        prefix_judged=len(prefix) - prefix.count("undecided"),
        prefix_correct=prefix.count("correct"),
        tokens=sum(known.tokens.get((problem_id, step), 0) for step in steps),
        steps=step_tallies(steps, problem_id, rows, known) if run.spec.routed else (),
    )


def _measure_of(problem: Problem, key: str | None) -> float | None:
    """The number in the problem's meta that the budget reads; None if it reads none or there is none."""
    value = None if key is None else problem.meta.get(key)
    # A truth value is an int in Python, and no measure.
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _judged_rows(run: OpenRun, rows: Sequence[PlanRow]) -> Sequence[PlanRow]:
    """Rows of the steps whose completions are judged."""
    return [row for row in rows if run.spec.judged(row.step)]


def _learn(run: OpenRun, rows: Sequence[PlanRow]) -> None:
    """Outcomes as the budget counts them and keys of what counts as solutions, each read once per run."""
    run.outcomes(_judged_rows(run, rows))
    unread = [row for row in rows if run.memory.lacks_solution(row)]
    if unread:
        texts = completions_by_id(run.workspace, {row.completion_id for row in unread})
        for row in unread:
            run.memory.note_solution(row, key_of_completion(texts[row.completion_id]))


def _tokens_by_step(run: OpenRun, rows: Rows[PlanRow]) -> Counter[Pair]:
    """The tokens drawn by (problem, step); sums are kept per round, which is complete and never changes."""
    total: Counter[Pair] = Counter()
    for index in sorted(pc.unique(rows.column("round")).to_pylist()):
        if index not in run.memory.tokens:
            run.memory.tokens[index] = _tokens_of(run.workspace, rows.where("round", index))
        total.update(run.memory.tokens[index])
    return total


def tokens_of_steps(run: OpenRun, rows: Rows[PlanRow]) -> Counter[str]:
    """The tokens drawn by step; those of each round are read once."""
    others = [step.name for step in run.spec.steps if step.follows]
    # Tokens of the first steps are in memory already; those of follow-ups are read here.
    for index in sorted(pc.unique(rows.column("round")).to_pylist()) if others else ():
        if index not in run.memory.follow_up_tokens:
            mine = of_steps(rows.where("round", index), others)
            run.memory.follow_up_tokens[index] = _tokens_of(run.workspace, mine)
    total: Counter[str] = Counter()
    for round_tokens in (*run.memory.tokens.values(), *run.memory.follow_up_tokens.values()):
        for (_, step), tokens in round_tokens.items():
            total[step] += tokens
    return total


def _tokens_of(ws: Workspace, rows: Rows[PlanRow]) -> dict[Pair, int]:
    total: Counter[Pair] = Counter()
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        ids = part.column("completion_id").to_pylist()
        of = ws.segments.column("completions", "tokens_out", ids)
        for owner, cid in zip(problems_and_steps(part), ids, strict=True):
            # An engine that counts no tokens stores none.
            total[owner] += of.get(cid) or 0
    return dict(total)


def step_tallies(steps: Sequence[str], problem_id: str, rows: Sequence[PlanRow], known: RowFacts) -> tuple[StepTally, ...]:
    """Tallies of a problem's steps in the recipe's order, empty ones for steps on which nothing was drawn."""
    mine: dict[str, list[PlanRow]] = {step: [] for step in steps}
    for row in rows:
        mine[row.step].append(row)
    return tuple(
        _step_tally(step, members, known, known.tokens.get((problem_id, step), 0)) for step, members in mine.items()
    )


def _step_tally(step: str, rows: Sequence[PlanRow], known: RowFacts, tokens: int) -> StepTally:
    pairs = [(row.completion_id, row.problem_id) for row in rows]
    outcomes = Counter(known.outcomes[pair] for pair in pairs)
    # None is a text that was cut off, which is no solution.
    solved = {known.solutions.get(cid) for cid, problem in pairs if known.outcomes[cid, problem] == "correct"} - {None}
    answers = Counter(key for pair in pairs if (key := known.answers.get(pair)) is not None)
    return StepTally(
        name=step,
        drawn=len(rows),
        correct=outcomes["correct"],
        incorrect=outcomes["incorrect"],
        unparsed=outcomes["unparsed"],
        undecided=outcomes["undecided"],
        distinct=len(solved),
        tokens=tokens,
        agreeing=max(answers.values(), default=0),
    )
