"""What a round draws: committed before any draw, read back by whoever resumes. Knows budgets and ids; calls no engine.

The plan of round r is a pure function of the recipe and the verdicts of the rounds before it. Its rows are in order of arm,
problem id and sample index, cut into batches of one arm and of `batch_size`; which of them are stored already is looked up
when they are drawn, so that a recipe that grew draws only what is missing. A committed round without rows means: drawing is
over.
"""

import json
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa

from flows.rounds.collecting import rare_collections
from flows.rounds.gather import tallies_of
from flows.rounds.groups import problems_and_arms, together
from flows.rounds.spec import Event, RunSpec
from flows.sampling.arms import Arm
from pipelines.protocols import Draw, RoundPlan, Stop
from storage.errors import SetupError, broken
from storage.ids import canonical_json
from storage.imported import producer_of
from storage.records import CONTINUED, PlanRow, Request, StopRow, completion_id, requests_for
from storage.segments.rows import Rows
from storage.workspace import Workspace

MOST_OF_A_ROUND = 20_000_000  # completions; a plan is in memory, some 200 bytes each


@rare_collections()
def plan_round(ws: Workspace, spec: RunSpec, r: int) -> Sequence[PlanRow] | None:
    """The rows of round r, planning and committing it if it is not yet; None when drawing is over.

    RuntimeError where an earlier round was not planned or judged to its end (run_round does that).
    """
    plans = committed_plans(ws, spec, r)
    if len(plans) <= r and not (plans and not plans[-1]):
        with _one_planner(ws, spec, r):
            plans = committed_plans(ws, spec, r)
            if len(plans) <= r:
                _commit_next(ws, spec, r, plans)
        plans = committed_plans(ws, spec, r)
    return (plans[r] or None) if r < len(plans) else None


def committed_plans(ws: Workspace, spec: RunSpec, r: int) -> list[Sequence[PlanRow]]:
    """The plans committed so far, read again only where round r is not among those read before."""
    if len(spec.plans) <= r:
        spec.plans = spec.plans + read_plans(ws, spec.run, len(spec.plans))
    return spec.plans


def read_plans(ws: Workspace, run: str, since: int = 0) -> list[Sequence[PlanRow]]:
    """The committed plans from round `since` on; a last one without rows is looked at twice.

    Rows and rounds are read one after the other: a round that another command commits in between looks empty, and an empty
    round means that drawing is over.
    """
    plans = ws.runs.plans(run, since)
    while plans and not plans[-1]:
        again = ws.runs.plans(run, since)
        if len(again) == len(plans):
            return again
        plans = again
    return plans


def _commit_next(ws: Workspace, spec: RunSpec, r: int, plans: Sequence[Sequence[PlanRow]]) -> None:
    if r > len(plans):
        raise RuntimeError(f"round {r} of run {spec.run} cannot be planned before round {len(plans)}")
    rows, stops = _imported_plan(ws, spec, r) if spec.generator is None else _next_plan(ws, spec, r, plans)
    ws.runs.commit_plan(spec.run, r, rows, stops)
    spec.tell(Event("planned", r, 0, len(rows), 0, 0.0))


@contextmanager
def _one_planner(ws: Workspace, spec: RunSpec, r: int) -> Iterator[None]:
    """Two commands on one recipe plan the same rows; the second waits and reads them."""
    while (lease := ws.ledger.leases.acquire(f"plan/{spec.run}/{r}", spec.limits.lease_seconds)) is None:
        time.sleep(spec.limits.poll_seconds)
    with lease:
        yield


def _next_plan(
    ws: Workspace, spec: RunSpec, r: int, plans: Sequence[Sequence[PlanRow]]
) -> tuple[Sequence[PlanRow], list[StopRow]]:
    spec.check_arms()
    planned = together(plans)
    tallies = tallies_of(ws, spec, planned)
    plan = spec.budget.plan(r, tallies)
    drawn = Counter(problems_and_arms(planned))
    _check_continues(spec, plan, drawn)
    return Rows.of("plan", _rows(spec, r, plan.draws)), _new_stops(ws, spec, r, plan)


def _new_stops(ws: Workspace, spec: RunSpec, r: int, plan: RoundPlan) -> list[StopRow]:
    """What the plan says of problems for the first time: that they stop, or that they go on though they were given up."""
    said = {(row.problem_id, row.reason == CONTINUED) for row in ws.runs.stops(spec.run)}
    stops = [_stop_row(spec, r, stop) for stop in plan.stops if (stop.problem_id, False) not in said]
    going_on = [replace(stop, reason=CONTINUED) for stop in plan.continued if (stop.problem_id, True) not in said]
    return stops + [_stop_row(spec, r, stop) for stop in going_on]


def _check_continues(spec: RunSpec, plan: RoundPlan, drawn: Mapping[tuple[str, str], int]) -> None:
    """A budget that skips or repeats an index would break prefixes and resumes: that is a bug of the budget."""
    names = {arm.name for arm in spec.every_arm()}
    for draw in plan.draws:
        before = drawn.get((draw.problem_id, draw.arm), 0)
        if draw.count < 1 or draw.first_index != before or draw.arm not in names:
            raise broken(f"the budget planned {draw}, but {before} are drawn so far; arms: {sorted(names)}")
    if (asked := sum(draw.count for draw in plan.draws)) > MOST_OF_A_ROUND:
        raise SetupError(
            f"the budget asks for {asked:,} completions in one round; {MOST_OF_A_ROUND:,} is the most.",
            next_command="--set budget.options.initial=8, or fewer problems",
        )


def _rows(spec: RunSpec, r: int, draws: Sequence[Draw]) -> Iterator[PlanRow]:
    """The rows of these draws arm by arm, each arm's cut into batches of its size."""
    ordinal = batch = 0
    for arm in spec.every_arm():
        size = 0
        for problem_id, request in (pair for draw in draws if draw.arm == arm.name for pair in _requests(spec, arm, draw)):
            yield _plan_row(spec, (r, batch + size // arm.batch_size, ordinal), (problem_id, arm.name), request)
            ordinal, size = ordinal + 1, size + 1
        batch += -(-size // arm.batch_size)


def _requests(spec: RunSpec, arm: Arm, draw: Draw) -> Iterator[tuple[str, Request]]:
    problem = spec.problem(draw.problem_id)
    rendered, origin = spec.engine(arm.name).render(arm.asked(problem.prompt)), spec.origin(arm.name)
    indices = range(draw.first_index, draw.first_index + draw.count)
    for request in requests_for(problem, rendered, arm.sampling, origin, indices):
        yield problem.id, request


def _stop_row(spec: RunSpec, r: int, stop: Stop) -> StopRow:
    evidence = canonical_json(dict(stop.evidence)) if stop.evidence else None
    return StopRow(spec.run, r, stop.problem_id, stop.reason, evidence)


def _plan_row(spec: RunSpec, place: tuple[int, int, int], owner: tuple[str, str], request: Request) -> PlanRow:
    """`place`: round, batch and ordinal; `owner`: problem and arm."""
    return PlanRow(
        spec.run,
        *place,
        problem_id=owner[0],
        prompt_id=request.prompt_id,
        completion_id=request.completion_id,
        sample_index=request.sample_index,
        seed=request.seed,
        arm=owner[1],
    )


def id_of(spec: RunSpec, row: PlanRow) -> str:
    """The completion id of a planned row as its engine and model make it today."""
    arm = spec.arm(row.arm)
    rendered = spec.engine(row.arm).render(arm.asked(spec.problem(row.problem_id).prompt))
    return completion_id(spec.origin(row.arm), rendered, arm.sampling, seed=row.seed, sample_index=row.sample_index)


def request_of(spec: RunSpec, row: PlanRow) -> Request:
    """The request of a planned row, under the id that was planned; see id_of for whether the model still makes that id."""
    arm = spec.arm(row.arm)
    prompt = arm.asked(spec.problem(row.problem_id).prompt)
    rendered = spec.engine(row.arm).render(prompt)
    return Request(
        row.completion_id, row.prompt_id, prompt, rendered, arm.sampling, row.seed, spec.stream, row.sample_index
    )


def _imported_plan(ws: Workspace, spec: RunSpec, r: int) -> tuple[list[PlanRow], list[StopRow]]:
    """Every imported completion of these problems, once, in round 0; nothing after it."""
    if r > 0:
        return [], []
    found = sorted(_imported(ws, spec), key=lambda item: (item[0], item[2], item[1]))
    return [
        PlanRow(
            run=spec.run,
            round=r,
            batch=ordinal // spec.batch_size,
            ordinal=ordinal,
            problem_id=problem_id,
            prompt_id=spec.problem(problem_id).prompt_id,
            completion_id=cid,
            sample_index=index,
            seed=seed,
        )
        for ordinal, (problem_id, cid, index, seed) in enumerate(found)
    ], []


def _imported(ws: Workspace, spec: RunSpec) -> Iterator[tuple[str, str, int, int]]:
    """(problem, completion, sample index, seed) of imported completions.

    One that names its problem belongs to that problem; where it names none of this recipe's (its reference was repaired
    since), to every problem with the same prompt; where it names one that the recipe left out, to none.
    """
    by_prompt: dict[str, list[str]] = {}
    for problem in spec.problems:
        by_prompt.setdefault(problem.prompt_id, []).append(problem.id)
    for cid, prompt_id, model, index, seed, meta in imported_rows(ws, spec.imports, sorted(by_prompt), spec.left_out):
        if spec.imported_models is not None and model not in spec.imported_models:
            continue
        candidates = by_prompt[prompt_id]
        named = json.loads(meta or "{}").get("problem_id")
        for problem_id in [named] if named in candidates else candidates:
            yield problem_id, cid, index, seed or 0


_ROW = ("id", "prompt_id", "model", "sample_index", "seed", "meta")


def imported_rows(
    ws: Workspace, imports: Sequence[str], prompt_ids: Sequence[str], left_out: Collection[str] = ()
) -> list[Any]:
    """(id, prompt id, model, sample index, seed, meta) of the completions of these prompts in these imports (where none is
    named, in all), but of those that name a problem `left_out`.
    """
    connection = ws.segments.connect()
    try:
        connection.register("wanted", pa.table({"prompt_id": pa.array(prompt_ids, pa.string())}))
        connection.register("others", pa.table({"id": pa.array(sorted(left_out), pa.string())}))
        if imports:
            connection.register("chosen", pa.concat_tables([_imported_as(ws, name) for name in imports]))
        source = "chosen" if imports else "(SELECT * FROM completions WHERE engine = 'imported')"
        return connection.execute(
            f"SELECT DISTINCT ON (id) {', '.join(_ROW)} FROM {source} WHERE prompt_id IN (SELECT prompt_id FROM wanted) "  # noqa: S608
            "AND coalesce(meta ->> '$.problem_id', '') NOT IN (SELECT id FROM others)"
        ).fetchall()
    finally:
        connection.close()


def _imported_as(ws: Workspace, name: str) -> pa.Table:
    """What was imported under one name, though the same rows may be stored under another as well."""
    rows = ws.segments.read("completions", producer=producer_of(name), columns=_ROW)
    if rows.num_rows == 0:
        again = f"rollmill import rollouts FILE --name {name}"
        raise SetupError(f"no rollouts were imported as {name!r}.", next_command=again)
    return rows
