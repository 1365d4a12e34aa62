"""`reverify`: judges again what a change of verifiers can have reached, and says what is different. A kill loses one batch.

What is judged is committed batch by batch under the new version, where the run of today does not look; carried verdicts are
committed, and a new generation of the run is opened, only when a person accepts.
"""

import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.progress import Stage
from flows.rejudging.reverify_flips import Flips
from flows.rejudging.reverify_opening import RunAgain, opening
from flows.rejudging.reverify_renew import Counts, renew
from flows.rejudging.reverify_sample import Sample
from flows.rounds.plan_rows import by_problems
from pipelines.score import scores_of
from pipelines.verify.acceptance import accepted, lacking
from storage.errors import FoundWanting, SetupError
from storage.records import PlanRow, Rollout, Score, Verdict
from storage.rollouts import GradedCompletion, IncompleteRound, RunReader, Stored

if TYPE_CHECKING:
    from storage.ledger.leases import Lease

GROUP = 4_096  # rows read at a time: bounds memory, and each look into the store costs tens of milliseconds


@dataclass(frozen=True, slots=True)
class ReverifyRequest:
    """What one command was asked: which run, only one of its verifiers, other options for them, and whether to accept.

    `check`: how many carried verdicts to judge after all, which must say the same.
    """

    root: Path
    run: str | None = None
    verifier: str | None = None
    sets: tuple[str, ...] = ()
    accept: bool = False
    dry_run: bool = False
    check: int = 0
    watcher: Callable[[Stage], None] | None = None


def reverify(asked: ReverifyRequest) -> dict[str, Any]:
    """The report as JSON values; with `accept` the run goes on under the new versions."""
    with opening(asked.root, asked.run, sets=asked.sets, verifier=asked.verifier, looking=asked.dry_run) as opened:
        report: dict[str, Any] = {
            "run": opened.run.id,
            "status": opened.run.status,
            "changes": [change.row() for change in opened.changes],
            "not_looked_at": list(opened.others),
            "accepted": False,
        }
        if not opened.changes:
            return {**report, "next": opened.recipe_run.session.job.command}
        if asked.accept:
            _check_acceptable(opened)
        again = f"rollmill reverify {opened.run.id}{''.join(f' --set {shlex.quote(item)}' for item in asked.sets)}"
        if asked.dry_run:
            return {**report, "verdicts": _reach(opened), "next": again}
        with _alone(opened) as lease:
            sample = Sample(asked.check)
            report |= _judge_all(opened, lease, asked.watcher, sample)
            _check_rules(report, sample.judged(opened.seats))
            if not asked.accept:
                return {**report, "next": f"{again} --accept"}
            return {**report, **_accept(opened, lease)}


def _check_rules(report: dict[str, Any], found: dict[str, Any]) -> None:
    """FoundWanting where a carried verdict is not what the verifier says: its rules' versions hide a change."""
    report["check"] = found
    if found["untrue"]:
        lines = "\n".join(
            f"  {e['completion'][:12]}: {e['carried']} was carried over, {e['verifier']} says {e['judged']}"
            for e in found["examples"]
        )
        raise FoundWanting(
            f"{found['untrue']} of {found['checked']} carried verdicts are not what the verifier says now: its rules hide "
            f"a change. Raise the version of the rule that changed.\n{lines}"
        )


def _alone(opened: RunAgain) -> "Lease":
    """Two commands would do the same work twice; the second is told so."""
    lease = opened.workspace.ledger.leases.acquire(f"reverify/{opened.run.id}", 600)
    if lease is None:
        raise SetupError(f"another command is judging run {opened.run.id} again.", next_command="wait for it to end")
    return lease


def _judge_all(opened: RunAgain, lease: "Lease", watcher: Callable[[Stage], None] | None, sample: Sample) -> dict[str, Any]:
    """Carry over or judge every row that the run has judged; commit what was judged; count what is different."""
    spec = opened.spec
    counts = {key: Counts() for key in opened.after}
    flips = Flips(spec.prefix)
    groups = list(_groups(opened))
    total, pending, done, began = sum(map(len, groups)), 0, 0, time.monotonic()
    for rows in groups:
        stored = _reader(opened).verdicts(rows)
        judged = [row for row in rows if _was_judged(opened, stored, row)]
        pending += len(rows) - len(judged)
        for batch in _batches(opened, _read(opened, judged, stored)):
            items = [(graded.problem, graded.completion) for graded in batch]
            made = renew(opened.seats, spec.policies(), items, stored, counts)
            _commit(opened, made.judged)
            sample.offer(made.carried, items)
            _compare(opened, batch, made.verdicts, flips)
            lease.renew()
        done += len(rows)
        if watcher is not None:
            watcher(Stage("verify", done, total, seconds=time.monotonic() - began))
    verdicts = {name: vars_of(counts[name, version]) for name, version in opened.after}
    return {"verdicts": verdicts, "pending": pending, **flips.row()}


def vars_of(counts: Counts) -> dict[str, int]:
    """As JSON values."""
    return {"stored": counts.stored, "carried": counts.carried, "judged": counts.judged}


def _groups(opened: RunAgain) -> Iterator[list[PlanRow]]:
    """What is read at a time."""
    return by_problems(opened.workspace.runs.plans(opened.run.id), GROUP)


def _batches(opened: RunAgain, graded: Sequence[GradedCompletion]) -> Iterator[list[GradedCompletion]]:
    """What is judged and committed at a time: a batch of the recipe, whole problems together."""
    batch: list[GradedCompletion] = []
    for _, members in groupby(graded, key=lambda one: one.problem.id):
        batch += members
        if len(batch) >= opened.spec.batch_size:
            yield batch
            batch = []
    if batch:
        yield batch


def _reader(opened: RunAgain) -> RunReader:
    """Reads the run's rows with all verdicts by the old and the new versions."""

    return opened.open.reader(opened.workspace, list(dict.fromkeys((*opened.before, *opened.after))))


def _was_judged(opened: RunAgain, stored: Stored, row: PlanRow) -> bool:
    """Whether the run has judged this row to its end; what it has not is not reverify's to judge."""
    said = stored.get((row.completion_id, row.problem_id), {})
    return not any(lacking(policy, opened.before, said) for policy in opened.spec.policies())


def _read(opened: RunAgain, rows: Sequence[PlanRow], stored: Stored) -> list[GradedCompletion]:
    """The problems and completions of these rows with the verdicts on them."""
    try:
        return _reader(opened).read(rows, stored)
    except IncompleteRound as error:
        raise SetupError(
            f"run {opened.run.id} is no longer whole: {error}.", next_command=f"rollmill runs resume {opened.run.id}"
        ) from None


def _commit(opened: RunAgain, verdicts: Sequence[Verdict]) -> None:
    from flows.rounds.commit import verdict_segments

    if verdicts:
        opened.workspace.segments.commit_many(verdict_segments(verdicts))


def _compare(opened: RunAgain, batch: Sequence[GradedCompletion], after: Stored, flips: Flips) -> None:
    """Count the flips of these rows, and the decisions of the run's selector on either set of verdicts."""
    spec = opened.spec
    early, late = (partial(accepted, spec.accept, chain) for chain in (opened.before, opened.after))
    for _, members in groupby(batch, key=lambda graded: graded.problem.id):
        mine = list(members)
        scores = scores_of(spec.scorers, mine[0].problem, [graded.completion for graded in mine])
        sides = [
            [_rollout(graded, early(graded.verdicts), scores) for graded in mine],
            [_rollout(graded, late(after[graded.pair]), scores) for graded in mine],
        ]
        flips.add(*sides)
        decisions = (list(spec.selector.select(opened.run.id, side)) for side in sides)
        flips.decide(mine[0].problem.level, *decisions)


def _rollout(graded: GradedCompletion, verdict: Verdict | None, scores: Mapping[str, tuple[Score, ...]]) -> Rollout:
    assert verdict is not None, "only rows that were judged to their end come here"
    return graded.rollout(verdict, scores.get(graded.completion.id, ()))


def _reach(opened: RunAgain) -> dict[str, dict[str, int]]:
    """How many stored verdicts of each changed verifier hold, and how many are to be judged again."""
    counts = {change.name: {"stored": 0, "carried": 0, "judged": 0} for change in opened.changes}
    for rows in _groups(opened):
        for said in _reader(opened).verdicts(rows).values():
            for seat in opened.seats:
                if seat.change is not None and seat.old in said:
                    holds = "carried" if seat.change.holds(said[seat.old]) else "judged"
                    counts[seat.change.name]["stored" if seat.new in said else holds] += 1
    return counts


def _check_acceptable(opened: RunAgain) -> None:
    from flows.identity import resolved_parts

    if opened.others:
        raise SetupError(
            f"{', '.join(opened.others)} changed too, and the run goes on under all verifiers of today.",
            next_command=f"rollmill reverify {opened.run.id} --accept",
        )
    now, before = resolved_parts(opened.recipe_run), opened.run.recipe["resolved"]
    others = [key for key in now if key != "verifiers" and now[key] != before.get(key)]
    if others:
        raise SetupError(
            f"run {opened.run.id} cannot go on: {', '.join(others)} changed as well as the verifiers.",
            next_command=f"{opened.recipe_run.session.job.command} --keep-going",
        )


def _accept(opened: RunAgain, lease: "Lease") -> dict[str, Any]:
    """Commit what was carried over and open the run's next generation, which plans anew under the new verdicts."""
    from flows.identity import begin_generation

    for rows in _groups(opened):
        stored = _reader(opened).verdicts(rows)
        judged = [row for row in rows if _was_judged(opened, stored, row)]
        counts = {key: Counts() for key in opened.after}
        items = [(graded.problem, graded.completion) for graded in _read(opened, judged, stored)]
        _commit(opened, renew(opened.seats, opened.spec.policies(), items, stored, counts).carried)
        lease.renew()
    name = begin_generation(opened.recipe_run, after=opened.run.id)
    return {"accepted": True, "run_after": name, "next": f"rollmill runs resume {name}"}
