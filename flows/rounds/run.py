"""Runs a round, or all rounds of a run: generator threads, verifier threads, one committer. Free of Prefect.

To resume, the store is searched for missing rows: a round may run again at any time, also in several commands in parallel.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from rollmill.flows.rounds.counts import RoundResult
from rollmill.flows.rounds.drawing.batches import MissingMask, MissingWork, PlanBatch, batches_of, survey
from rollmill.flows.rounds.drawing.commit import Committer, RoundScope
from rollmill.flows.rounds.drawing.draw import RoundDrawer, Todo
from rollmill.flows.rounds.drawing.queues import Clock, RoundQueues
from rollmill.flows.rounds.garbage import rare_collections
from rollmill.flows.rounds.judging.verify import VerifierThread
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.outcomes import store_missing_outcomes
from rollmill.flows.rounds.plan_rows import answer_count, distinct
from rollmill.flows.rounds.planning.plan import all_plans, committed_plans, plan_round
from rollmill.flows.sampling.control import JOIN_SECONDS
from rollmill.flows.sampling.heartbeat import LeaseLost
from rollmill.ground.records import PlanRow
from rollmill.storage.segments.rows import Rows

_DRAW = "draw"  # name of the thread that draws
LEAVE_SECONDS = 3.0  # that a verifier gets after Ctrl-C: its verdicts are not kept, whatever it still says


def run_round(run: OpenRun, rows: Sequence[PlanRow]) -> RoundResult:
    """Draw and judge what these rows of one round miss, durably. With nothing to do it returns immediately and builds no
    engine.

    Raises what an engine, a verifier's contract or the disk raised, after all threads have ended; committed rows stay.
    """
    *_, result = round_parts(run, rows)
    assert result is not None
    return result


def round_parts(run: OpenRun, rows: Sequence[PlanRow]) -> Generator[RoundResult | None, None, None]:
    """`run_round` in two parts: None once every completion is durable, and at last the result, once every row is judged."""
    clock = Clock()
    while True:
        try:
            with rare_collections():
                yield from _round_parts(run, rows, clock)
            return
        except LeaseLost:  # this process was stopped, and another command has gone on
            continue


def _round_parts(run: OpenRun, rows: Sequence[PlanRow], clock: Clock) -> Generator[RoundResult | None, None, None]:
    plan = Rows[PlanRow].of("plan", rows)
    if run.workspace.segments.registry.has_lost("completions"):
        run.workspace.segments.unregister_judgements([row.completion_id for planned in all_plans(run) for row in planned])
    # The count of others' segments is taken before the store is asked what is missing: what comes between is seen later.
    batches, foreign = batches_of(run, plan), run.workspace.segments.foreign("completions")
    todo, undrawn, unjudged = _unfinished(batches, survey(run, batches))
    plans = committed_plans(run, rows[0].round)
    if run.spec.follows:
        run.follow(plans)
    scope = _scope(run, plans, plan, (undrawn, unjudged))
    store_missing_outcomes(run, plan, before=scope.answers_before, judged=scope.judged_before)
    run.charge_samplers()
    queues = RoundQueues(run.spec.limits)
    drawer = RoundDrawer(run, queues, foreign)
    committer = Committer(run, queues, drawer, scope)
    if not todo:
        committer.report()
        yield None
    else:
        with drawer.heartbeat.running(), _until_committed(_Parts(run, queues, drawer, committer), todo) as start:
            start(_DRAW, partial(drawer.run, todo))
            for number in range(run.spec.limits.verify_threads):
                start(f"verify-{number}", VerifierThread(run, queues).run)
            yield from committer.run()
    counts, stopped = committer.counts, drawer.limiter.reason or queues.limit_reason
    if counts.accepted < unjudged:  # other commands judged the rest
        store_missing_outcomes(run, plan, before=scope.answers_before, judged=scope.answers)
    if stopped is None:
        committer.tell_done()
    result = RoundResult(
        round=scope.round,
        planned=scope.planned,
        reused=scope.drawn_before,
        drawn=counts.drawn,
        redundant=counts.redundant,
        judged=counts.judged,
        tokens=counts.tokens,
        seconds=clock.seconds,
        drawing=drawer.seconds,
        units=counts.units,
        stopped=stopped,
    )
    run.note(result)
    yield result


def _scope(run: OpenRun, plans: Sequence[Sequence[PlanRow]], plan: Rows[PlanRow], missing: tuple[int, int]) -> RoundScope:
    """Scope of the round of these rows; `missing`: its completions to draw and its rows to judge."""
    number, (undrawn, unjudged) = plan[0].round, missing
    before, answers = plans[:number], answer_count(run.spec, [plan])
    return RoundScope(
        round=number,
        before=sum(map(len, before)),
        planned=len(plan),
        answers_before=answer_count(run.spec, before),
        answers=answers,
        to_draw=undrawn,
        drawn_before=distinct(plan.column("completion_id")) - undrawn,
        judged_before=answers - unjudged,
    )


def _unfinished(batches: Sequence[PlanBatch], work: Iterable[MissingWork]) -> tuple[Todo, int, int]:
    """The batches that miss something, how many completions are missing in all, and how many rows are not judged."""
    todo: list[tuple[PlanBatch, MissingMask]] = []
    missing, unjudged = [pa.array([], pa.string())], 0
    for batch, part in zip(batches, work, strict=True):
        if not part.nothing:
            todo.append((batch, MissingMask.of(batch, part)))
            missing.append(pa.array(part.missing, pa.string()))
            unjudged += len(part.unjudged)
    return todo, distinct(pa.chunked_array(missing)), unjudged


@dataclass(frozen=True, slots=True)
class _Parts:
    run: OpenRun
    queues: RoundQueues
    drawer: RoundDrawer
    committer: Committer


@contextmanager
def _until_committed(parts: _Parts, todo: Todo) -> Iterator[Callable[[str, Callable[[], None]], None]]:
    """Gives what starts a thread; when the block ends, whatever ended it, every thread leaves.

    Ctrl-C: paid replies are still committed. Raises the first failure of any thread.
    """
    queues = parts.queues
    threads: dict[str, threading.Thread] = {}

    def start(name: str, work: Callable[[], None]) -> None:
        threads[name] = queues.thread(name, work)

    def drawing() -> list[threading.Thread]:
        # None where the machine lets no thread start.
        return [thread for name, thread in threads.items() if name == _DRAW]

    patience = JOIN_SECONDS
    try:
        yield start
    except (KeyboardInterrupt, GeneratorExit):  # the latter: one that came between the parts
        patience = LEAVE_SECONDS
        queues.stop()
        parts.drawer.interrupt()
        parts.run.verifiers.pool.interrupt()
        # The worker hands on what it has only when it ends, and rescue commits what was handed on.
        _join(drawing())
        parts.committer.rescue()
        raise
    finally:
        queues.stop()
        parts.drawer.wind_down()
        # The heartbeat ends after these: while a worker writes its spool, the lease has to keep others away from it.
        _join(drawing())
        _join([thread for name, thread in threads.items() if name != _DRAW], patience)
        parts.drawer.limiter.close([batch.id for batch, _ in todo], interrupted=patience == LEAVE_SECONDS)
    if queues.failure is not None:
        raise queues.failure


def _join(threads: Sequence[threading.Thread], seconds: float = JOIN_SECONDS) -> None:
    """Wait for threads that were asked to stop; one that takes too long ends with the process."""
    for thread in threads:
        thread.join(seconds)


def run_all(run: OpenRun) -> list[RoundResult]:
    """Every round of the run: plan, draw, judge, until the budget or a limit says that drawing is over."""
    results: list[RoundResult] = []
    while (rows := plan_round(run, len(results))) is not None:
        results.append(run_round(run, rows))
        if results[-1].stopped is not None:
            break
    return results
