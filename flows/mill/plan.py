"""What a round draws: committed before any draw, read back by whoever resumes. Knows budgets and ids; calls no engine.

The plan of round r is a pure function of the recipe and the verdicts of the rounds before it. Its rows are in order of
problem id and sample index, cut into batches of `batch_size`; which of them are stored already is looked up when they are
drawn, so that a recipe that grew draws only what is missing. A committed round without rows means: drawing is over.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from flows.mill.gather import tallies_of
from flows.mill.spec import Event, MillSpec
from pipelines.protocols import Draw, RoundPlan
from storage.errors import SetupError
from storage.records import PlanRow, Request, StopRow, completion_id, request_for
from storage.workspace import Workspace


def plan_round(ws: Workspace, spec: MillSpec, r: int) -> list[PlanRow] | None:
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


def committed_plans(ws: Workspace, spec: MillSpec, r: int) -> list[list[PlanRow]]:
    """The plans committed so far, read again only where round r is not among those read before."""
    if len(spec.plans) <= r:
        spec.plans = read_plans(ws, spec.run)
    return spec.plans


def read_plans(ws: Workspace, run: str) -> list[list[PlanRow]]:
    """The committed plans; a last one without rows is looked at twice.

    Rows and rounds are read one after the other: a round that another command commits in between looks empty, and an empty
    round means that drawing is over.
    """
    plans = ws.runs.plans(run)
    while plans and not plans[-1]:
        again = ws.runs.plans(run)
        if len(again) == len(plans):
            return again
        plans = again
    return plans


def _commit_next(ws: Workspace, spec: MillSpec, r: int, plans: Sequence[Sequence[PlanRow]]) -> None:
    if r > len(plans):
        raise RuntimeError(f"round {r} of run {spec.run} cannot be planned before round {len(plans)}")
    rows, stops = _imported_plan(ws, spec, r) if spec.generator is None else _next_plan(ws, spec, r, plans)
    ws.runs.commit_plan(spec.run, r, rows, stops)
    spec.tell(Event("planned", r, 0, len(rows), 0, 0.0))


@contextmanager
def _one_planner(ws: Workspace, spec: MillSpec, r: int) -> Iterator[None]:
    """Two commands on one recipe plan the same rows; the second waits and reads them."""
    while (lease := ws.ledger.leases.acquire(f"plan/{spec.run}/{r}", spec.limits.lease_seconds)) is None:
        time.sleep(spec.limits.poll_seconds)
    with lease:
        yield


def _next_plan(
    ws: Workspace, spec: MillSpec, r: int, plans: Sequence[Sequence[PlanRow]]
) -> tuple[list[PlanRow], list[StopRow]]:
    tallies = tallies_of(ws, spec, [row for plan in plans for row in plan])
    plan = spec.budget.plan(r, tallies)
    _check_continues(plan, {tally.problem_id: tally.drawn for tally in tallies})
    stopped = {stop.problem_id for stop in ws.runs.stops(spec.run)}
    stops = [StopRow(spec.run, r, s.problem_id, s.reason) for s in plan.stops if s.problem_id not in stopped]
    requests = [pair for draw in plan.draws for pair in _requests(spec, draw)]
    return [_plan_row(spec, r, ordinal, *pair) for ordinal, pair in enumerate(requests)], stops


def _check_continues(plan: RoundPlan, drawn: dict[str, int]) -> None:
    """A budget that skips or repeats an index would break prefixes and resumes: that is a bug of the budget."""
    for draw in plan.draws:
        if draw.count < 1 or draw.first_index != drawn[draw.problem_id]:
            raise RuntimeError(f"the budget planned {draw}, but {drawn[draw.problem_id]} are drawn so far")


def _requests(spec: MillSpec, draw: Draw) -> Iterator[tuple[str, Request]]:
    problem = spec.problem(draw.problem_id)
    rendered = spec.engine().render(problem.prompt)
    for index in range(draw.first_index, draw.first_index + draw.count):
        yield problem.id, request_for(problem, rendered, spec.sampling, spec.origin(), index)


def _plan_row(spec: MillSpec, r: int, ordinal: int, problem_id: str, request: Request) -> PlanRow:
    return PlanRow(
        run=spec.run,
        round=r,
        batch=ordinal // spec.batch_size,
        ordinal=ordinal,
        problem_id=problem_id,
        prompt_id=request.prompt_id,
        completion_id=request.completion_id,
        sample_index=request.sample_index,
        seed=request.seed,
    )


def id_of(spec: MillSpec, row: PlanRow) -> str:
    """The completion id of a planned row as this engine and this model make it."""
    rendered = spec.engine().render(spec.problem(row.problem_id).prompt)
    return completion_id(spec.origin(), rendered, spec.sampling, seed=row.seed, sample_index=row.sample_index)


def request_of(spec: MillSpec, row: PlanRow) -> Request:
    """The request of a planned row, under the id that was planned; see id_of for whether the model still makes that id."""
    prompt = spec.problem(row.problem_id).prompt
    rendered = spec.engine().render(prompt)
    return Request(
        row.completion_id, row.prompt_id, prompt, rendered, spec.sampling, row.seed, spec.stream, row.sample_index
    )


def _imported_plan(ws: Workspace, spec: MillSpec, r: int) -> tuple[list[PlanRow], list[StopRow]]:
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


def _imported(ws: Workspace, spec: MillSpec) -> Iterator[tuple[str, str, int, int]]:
    """(problem, completion, sample index, seed) of imported completions.

    One that names its problem belongs to that problem; where it names none of this recipe's (its reference was repaired
    since), to every problem with the same prompt.
    """
    by_prompt: dict[str, list[str]] = {}
    for problem in spec.problems:
        by_prompt.setdefault(problem.prompt_id, []).append(problem.id)
    for cid, prompt_id, model, index, seed, meta in _imported_rows(ws, spec, sorted(by_prompt)):
        if spec.imported_models is not None and model not in spec.imported_models:
            continue
        candidates = by_prompt[prompt_id]
        named = json.loads(meta or "{}").get("problem_id")
        for problem_id in [named] if named in candidates else candidates:
            yield problem_id, cid, index, seed or 0


_ROW = ("id", "prompt_id", "model", "sample_index", "seed", "meta")


def _imported_rows(ws: Workspace, spec: MillSpec, prompt_ids: Sequence[str]) -> list[Any]:
    """(id, prompt id, model, sample index, seed, meta) of the imported completions of these prompts."""
    connection = ws.segments.connect()
    try:
        connection.register("wanted", pa.table({"prompt_id": pa.array(prompt_ids, pa.string())}))
        if spec.imports:
            connection.register("chosen", pa.concat_tables([_imported_as(ws, name) for name in spec.imports]))
        source = "chosen" if spec.imports else "(SELECT * FROM completions WHERE engine = 'imported')"
        return connection.execute(
            f"SELECT DISTINCT ON (id) {', '.join(_ROW)} FROM {source} WHERE prompt_id IN (SELECT prompt_id FROM wanted)"  # noqa: S608
        ).fetchall()
    finally:
        connection.close()


def _imported_as(ws: Workspace, name: str) -> pa.Table:
    """What was imported under one name, though the same rows may be stored under another as well."""
    rows = ws.segments.read("completions", producer=f"import:{name}", columns=_ROW)
    if rows.num_rows == 0:
        again = f"rollmill import rollouts FILE --name {name}"
        raise SetupError(f"no rollouts were imported as {name!r}.", next_command=again)
    return rows
