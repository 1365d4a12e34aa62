"""Plan of a round: committed before any draw and read back when the run is resumed.

The plan of round r is a pure function of the recipe and the verdicts of the rounds before it. Its rows are sorted by step,
problem id and sample index (of a pair asked in both orders, even indices first), and cut into batches of one step and
`batch_size` rows. Stored completions are looked up when a batch is drawn, so a recipe that grew draws only missing ones. A
committed round without rows ends the drawing.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from rollmill.flows.progress import Event
from rollmill.flows.rounds.drawing.lost_texts import due_follow_ups
from rollmill.flows.rounds.garbage import rare_collections
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.plan_rows import SentPrompts, answer_count, of_steps, problems_and_steps, together
from rollmill.flows.rounds.planning.imports import plan_of_imports
from rollmill.flows.rounds.planning.search import RunSearch
from rollmill.flows.rounds.planning.tallies import tallies_of, tokens_of_steps
from rollmill.flows.rounds.planning.whole import PastRounds, whole_of
from rollmill.flows.rounds.threads import FollowUp, RunThreads
from rollmill.flows.sampling.steps import Step, check_differ
from rollmill.ground.errors import SetupError, contract_error
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import CONTINUED, PlanRow, Prompt, Request, StopRow, requests_for
from rollmill.pipelines.budget import STOP_REASONS
from rollmill.pipelines.budget.search import Search
from rollmill.pipelines.returned import check_named
from rollmill.roles.tallies import Draw, RoundPlan, Stop
from rollmill.steps.census import Census
from rollmill.storage.segments.rows import Rows
from rollmill.storage.workspace import Workspace

MOST_OF_A_ROUND = 20_000_000  # completions; a plan is in memory, some 200 bytes each


@rare_collections()
def plan_round(run: OpenRun, r: int) -> Sequence[PlanRow] | None:
    """The rows of round r, planning and committing it if it is not yet; None when drawing is over.

    RuntimeError if an earlier round was not planned or judged to its end (run_round does that).
    """
    plans = committed_plans(run, r)
    # An empty plan is the end; texts lost since then may have made follow-ups due.
    if len(plans) == r + 1 and not plans[-1] and not run.memory.looked_behind_the_end:
        _go_on(run, r, plans)
        plans = committed_plans(run, r)
    if len(plans) <= r and not (plans and not plans[-1]):
        with _one_planner(run, r):
            # Another command may have planned the round while this one waited for the lease.
            plans = committed_plans(run, r)
            if len(plans) <= r:
                _commit_next(run, r, plans)
        plans = committed_plans(run, r)
    return (plans[r] or None) if r < len(plans) else None


def _go_on(run: OpenRun, r: int, plans: Sequence[Sequence[PlanRow]]) -> None:
    """Plan follow-ups that are due now of a run that was over at round r; the budget, which was at its end, is not asked.

    Answers that were lost after that are drawn and judged again by now, and may be others.
    """
    # Once for each command: the check reads all threads of the run.
    run.memory.looked_behind_the_end = True
    draws = [] if isinstance(run.spec.budget, Search) else due_follow_ups(run, plans[:-1])
    if not draws:
        return
    with _one_planner(run, r):
        sent = SentPrompts()
        rows = Rows.of("plan", _rows(run, r, draws, sent))
        run.workspace.runs.extend(run.id, r, rows, sent.rows())
    # From the store: another command may have extended the run first, and its rows are the ones that count.
    run.memory.plans = read_plans(run.workspace, run.id)
    run.memory.threads.rounds = min(run.memory.threads.rounds, r)  # the round at the end was read when it was empty
    message = f"{len(rows)} follow-ups are due, because lost texts were drawn again with different results"
    run.tell(Event("planned", r, 0, len(rows), 0, 0.0, answers=answer_count(run.spec, [rows]), message=message))


def committed_plans(run: OpenRun, r: int) -> list[Sequence[PlanRow]]:
    """The plans committed so far, read again only where round r is not among those read before."""
    if len(run.memory.plans) <= r:
        run.memory.plans = run.memory.plans + read_plans(run.workspace, run.id, len(run.memory.plans))
    return run.memory.plans


def all_plans(run: OpenRun) -> Sequence[Sequence[PlanRow]]:
    """The committed plans; earlier read ones if they reach the end of drawing."""
    return run.memory.plans if run.memory.plans and not run.memory.plans[-1] else read_plans(run.workspace, run.id)


def read_plans(ws: Workspace, run: str, since: int = 0) -> list[Sequence[PlanRow]]:
    """The committed plans from round `since` on; a last one without rows is looked at twice.

    Rows and rounds are read one after the other: a round that another command commits in between looks empty, and an empty
    round means that drawing is over.
    """
    plans = ws.runs.plans(run, since)
    while plans and not plans[-1]:
        last = ws.runs.plans(run, since + len(plans) - 1)
        plans = [*plans[:-1], *last]
        if len(last) <= 1:
            break
    return plans


def _commit_next(run: OpenRun, r: int, plans: Sequence[Sequence[PlanRow]]) -> None:
    if r > len(plans):
        raise RuntimeError(f"round {r} of run {run.id} cannot be planned before round {len(plans)}")
    sent = SentPrompts()
    rows, stops = _imported_plan(run, r, plans, sent) if run.spec.takes_imports else _next_plan(run, r, plans, sent)
    run.workspace.runs.commit_plan(run.id, r, rows, stops, sent.rows())
    answers = answer_count(run.spec, [rows])
    event = Event(
        "planned", r, 0, len(rows), 0, 0.0, whole=run.memory.whole, answers=answers, message=run.memory.unforecast
    )
    run.tell(event)


@contextmanager
def _one_planner(run: OpenRun, r: int) -> Iterator[None]:
    """Two commands on one recipe plan the same rows; the second waits and reads them."""
    while (lease := run.workspace.ledger.leases.acquire(f"plan/{run.id}/{r}", run.spec.limits.lease_seconds)) is None:
        time.sleep(run.spec.limits.poll_seconds)
    with lease:
        yield


def _next_plan(
    run: OpenRun, r: int, plans: Sequence[Sequence[PlanRow]], sent: SentPrompts
) -> tuple[Sequence[PlanRow], list[StopRow]]:
    if run.spec.routed:
        # Not when the recipe is read: it needs the digest of each model, for which engines are built.
        check_differ(run.spec.roots, run.session.engines, run.spec.problems[0])
    planned = together(plans)
    if isinstance(run.spec.budget, Search):
        return _next_wave(run, r, plans, sent)
    roots = of_steps(planned, [step.name for step in run.spec.roots])
    tallies = tallies_of(run, roots)
    plan = _on_root(run, run.spec.budget.plan(r, tallies))
    _check_continues(run, plan, Counter(problems_and_steps(roots)))
    # Counted on the way, as the forecast of the whole run needs the same pass over all threads.
    census = Census(run.spec.graph) if run.spec.follows else None
    draws = [*plan.draws, *_follow_ups(run, plans, planned, census)]
    past = PastRounds(planned, tokens_of_steps(run, planned), census)
    run.memory.whole = whole_of(run, r, tallies, past)
    _check_size(run, sum(draw.count for draw in draws))
    return Rows.of("plan", _rows(run, r, draws, sent)), _new_stops(run, r, plan)


def _next_wave(
    run: OpenRun, r: int, plans: Sequence[Sequence[PlanRow]], sent: SentPrompts
) -> tuple[Sequence[PlanRow], list[StopRow]]:
    """The next wave of a search, and the follow-ups of judged answers."""
    # A process may ask a model for its scores, and the run pays for it.
    run.charge_samplers()
    search = RunSearch(run)
    search.note(plans)
    plan = search.plan()
    draws = [*plan.draws, *_follow_ups(run, plans, together(plans))]
    _check_size(run, sum(draw.count for draw in draws))
    return Rows.of("plan", _rows(run, r, draws, sent)), _new_stops(run, r, plan)


def _on_root(run: OpenRun, plan: RoundPlan) -> RoundPlan:
    """The plan of a budget that does not route, with the name that the recipe gives its only root."""
    only = run.spec.roots[0].name
    if run.spec.routed or not only:
        return plan
    return replace(plan, draws=tuple(replace(draw, step=only) if not draw.step else draw for draw in plan.draws))


def _follow_ups(
    run: OpenRun,
    plans: Sequence[Sequence[PlanRow]],
    planned: Rows[PlanRow],
    census: Census | None = None,
) -> list[Draw]:
    """Follow-ups of all committed rows; empty if no step follows another."""
    if not run.spec.follows:
        return []
    return list(run.follow(plans).draws(planned, census))


def _new_stops(run: OpenRun, r: int, plan: RoundPlan) -> list[StopRow]:
    """Stops that the plan adds: problems that stop now, and given-up problems that continue."""
    # A budget may name a stop again in every round; it is stored once.
    stored = {(row.problem_id, row.reason == CONTINUED) for row in run.workspace.runs.stops(run.id)}
    stops = [_stop_row(run, r, stop) for stop in plan.stops if (stop.problem_id, False) not in stored]
    going_on = [replace(stop, reason=CONTINUED) for stop in plan.continued if (stop.problem_id, True) not in stored]
    return stops + [_stop_row(run, r, stop) for stop in going_on]


def _check_continues(run: OpenRun, plan: RoundPlan, drawn: Mapping[tuple[str, str], int]) -> None:
    """A budget that skips or repeats an index would break prefixes and resumes: that is a bug of the budget."""
    names = {step.name for step in run.spec.roots}
    for stop in plan.stops:
        check_named(run.spec.budget, "plan", "reason", stop.reason, STOP_REASONS)
    for draw in plan.draws:
        before = drawn.get((draw.problem_id, draw.step), 0)
        if draw.count < 1 or draw.first_index != before or draw.step not in names:
            raise contract_error(f"the budget planned {draw}, but {before} are drawn so far; steps: {sorted(names)}")


def _check_size(run: OpenRun, count: int) -> None:
    if count > MOST_OF_A_ROUND:
        who = "the steps ask" if run.spec.follows else "the budget asks"
        raise SetupError(
            f"{who} for {count:,} completions in one round; {MOST_OF_A_ROUND:,} is the most.",
            next_command="--set budget.options.initial=8, or fewer problems",
        )


def _rows(run: OpenRun, r: int, draws: Sequence[Draw], sent: SentPrompts) -> Iterator[PlanRow]:
    """The rows of these draws step by step, each step's cut into batches of its size; their prompts go to `sent`."""
    ordinal = batch = 0
    for step in run.spec.steps:
        size = 0
        for draw, request, prompt in _of_step(run, step, [draw for draw in draws if draw.step == step.name], sent):
            yield PlanRow(
                run.id,
                round=r,
                batch=batch + size // step.batch_size,
                ordinal=ordinal,
                problem_id=draw.problem_id,
                prompt_id=request.prompt_id,
                completion_id=request.completion_id,
                sample_index=request.sample_index,
                seed=request.seed,
                step=step.name,
                after=" ".join(draw.after),
                sent=prompt,
            )
            ordinal, size = ordinal + 1, size + 1
        # Rounded up: the next step begins a batch of its own.
        batch += -(-size // step.batch_size)


def _of_step(run: OpenRun, step: Step, draws: Sequence[Draw], sent: SentPrompts) -> Iterator[tuple[Draw, Request, str]]:
    """Request of each draw of one step, in order, with the id of its prompt; "" if no model is asked."""
    if not draws:
        return
    engine, origin = run.engine(step.name), run.origin(step.name)
    for draw, prompts in _prompts(run, step, draws):
        problem = run.spec.problem(draw.problem_id)
        rendered = [(engine.render(prompt), "" if step.raw else sent.add(prompt, step.system)) for prompt in prompts]
        for turn, (text, digest) in enumerate(rendered):
            # With two prompts, even indices get the first and odd ones the second, as `RunThreads.prompts` expects.
            indices = range(draw.first_index + turn, draw.first_index + draw.count, len(rendered))
            for request in requests_for(problem, text, step.sampling, origin, indices, draw.after):
                yield draw, request, digest


def _prompts(run: OpenRun, step: Step, draws: Sequence[Draw]) -> Iterator[tuple[Draw, Sequence[Prompt]]]:
    """Prompts of each draw; two where every other completion is asked with a pair in reverse order."""
    if not step.follows:
        yield from ((draw, [step.prompt_for(run.spec.problem(draw.problem_id))]) for draw in draws)
        return
    threads = RunThreads(run)
    follow_ups = [FollowUp(draw.problem_id, draw.step, draw.after) for draw in draws]
    for draw, follow_up, filling in zip(draws, follow_ups, threads.fillings(follow_ups), strict=True):
        orders = (False,) if step.alike else (False, True)
        yield draw, [threads.prompt(follow_up, filling, swapped=swapped) for swapped in orders]


def _stop_row(run: OpenRun, r: int, stop: Stop) -> StopRow:
    evidence = canonical_json(dict(stop.evidence)) if stop.evidence else None
    return StopRow(run.id, r, stop.problem_id, stop.reason, evidence)


def _imported_plan(
    run: OpenRun, r: int, plans: Sequence[Sequence[PlanRow]], sent: SentPrompts
) -> tuple[Sequence[PlanRow], list[StopRow]]:
    """Every imported completion of these problems, once, in round 0; after it, what follows them."""
    if r > 0:
        return Rows.of("plan", _rows(run, r, _follow_ups(run, plans, together(plans)), sent)), []
    return plan_of_imports(run), []
