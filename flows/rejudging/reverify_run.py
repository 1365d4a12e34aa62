"""`rollmill reverify`: judges the rollouts that a change of verifiers can affect, and reports the differences.

What is judged is committed batch by batch under the new version, where the run of today does not look, so a kill loses one
batch; carried verdicts are committed, and a new generation of the run is opened, only when a person accepts.
"""

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.flows.driver import Executor, RequestKind
from rollmill.flows.progress import Progress, Stage
from rollmill.flows.rejudging.reverify_flips import VerdictFlips
from rollmill.flows.rejudging.reverify_target import ReverifyTarget, open_target
from rollmill.flows.rejudging.reverify_verdicts import CarriedSample, VerdictCounts, renew
from rollmill.flows.rounds.judging.decide import select_checked
from rollmill.flows.rounds.judging.score import preview_scores, rows_of
from rollmill.flows.rounds.plan_rows import answers_of, by_problems
from rollmill.ground.errors import FoundWanting, SetupError, Unavailable
from rollmill.ground.records import PlanRow, Rollout, Score, Verdict
from rollmill.pipelines.verify.acceptance import accepted_verdict, missing_verdicts
from rollmill.storage.rollouts import GradedCompletion, IncompleteRound, Pair, RunReader, Stored
from rollmill.storage.segments.rows import Rows

if TYPE_CHECKING:
    from rollmill.storage.ledger.leases import Lease

GROUP = 4_096  # rows read at a time: bounds memory, and each look into the store costs tens of milliseconds


@dataclass(frozen=True, slots=True)
class ReverifyRequest:
    """Request of one command: a run, one of its verifiers alone, other options for them, and whether to accept.

    `check`: number of carried verdicts to judge after all; each must come out the same.
    """

    root: Path
    run: str | None = None
    verifier: str | None = None
    sets: tuple[str, ...] = ()
    accept: bool = False
    dry_run: bool = False
    check: int = 0


class Reverify(RequestKind):
    """A run judged again; with `accept` it continues under the new versions. The outcome is the report as JSON values."""

    def __init__(self, request: ReverifyRequest) -> None:
        self.request = request

    @property
    def command(self) -> str:
        """The command line of the request, without options of this call only."""
        sets = "".join(f" --set {shlex.quote(item)}" for item in self.request.sets)
        return f"rollmill reverify{f' {self.request.run}' if self.request.run else ''}{sets}"

    @contextmanager
    def open(self, progress: Progress) -> Iterator[tuple[ReverifyTarget, Progress]]:
        """The run under the verifiers of today."""
        request = self.request
        with open_target(
            request.root, request.run, sets=request.sets, verifier=request.verifier, dry_run=request.dry_run
        ) as target:
            yield target, progress

    def stages(self, opened: tuple[ReverifyTarget, Progress], executor: Executor) -> dict[str, Any]:
        """Judge the rollouts that changed rules can affect; on request, commit the rest and open the next generation."""
        (target, progress), request = opened, self.request
        report: dict[str, Any] = {
            "run": target.run.id,
            "status": target.run.status,
            "changes": [change.row() for change in target.changes],
            "not_looked_at": list(target.others),
            "accepted": False,
        }
        if not target.changes:
            return {**report, "next": target.today.session.job.command}
        if request.accept:
            _check_acceptable(target)
        again = Reverify(replace(request, run=target.run.id)).command
        if request.dry_run:
            return {**report, "verdicts": _reach(target), "next": again}
        lease = target.workspace.ledger.leases.acquire(f"reverify/{target.run.id}", 600)
        if lease is None:  # two commands would do the same work twice
            raise Unavailable(f"another command is judging run {target.run.id} again.", next_command="wait for it to end")
        with lease:
            sample = CarriedSample(request.check)
            report |= executor.stage("verify", partial(_judge_all, target, lease, progress, sample))
            report["check"] = sample.check(target.chain)
            _check_rules(report["check"])
            if not request.accept:
                return {**report, "next": f"{again} --accept"}
            return {**report, **executor.stage("accept", partial(_acceptance, target, lease))}

    def line(self, outcome: dict[str, Any]) -> str:
        """Number of verifiers that changed, and whether that was accepted."""
        return f"{outcome['run']}: {len(outcome['changes'])} verifiers changed{', accepted' if outcome['accepted'] else ''}"


def _check_rules(check: dict[str, Any]) -> None:
    """FoundWanting if the verifier contradicts a carried verdict: its rules' versions then hide a change."""
    if check["untrue"]:
        lines = "\n".join(
            f"  {e['completion'][:12]}: {e['carried']} was carried over, {e['verifier']} says {e['judged']}"
            for e in check["examples"]
        )
        raise FoundWanting(
            f"{check['untrue']} of {check['checked']} carried verdicts differ from the verifier's current ones: its rules "
            f"hide a change. Raise the version of the rule that changed.\n{lines}"
        )


def _judge_all(target: ReverifyTarget, lease: "Lease", progress: Progress, sample: CarriedSample) -> dict[str, Any]:
    """Carry over or judge every row that the run has judged; commit the new verdicts; count the differences."""
    counts = {key: VerdictCounts() for key in target.after}
    flips = VerdictFlips(target.spec.prefix)
    groups = list(_groups(target))
    total, pending, rows_read, began = sum(map(len, groups)), 0, 0, time.monotonic()
    for rows in groups:
        # Verdicts of the whole group are read at once, texts only of what was judged: a look into the store is the cost.
        stored = _reader(target).verdicts(rows)
        judged = [row for row in rows if _was_judged(target, stored, row)]
        pending += len(rows) - len(judged)
        for batch in _batches(target, _graded(target, judged, stored)):
            items = [(graded.problem, graded.completion) for graded in batch]
            renewed = renew(target.chain, target.spec.policies(), items, stored, counts)
            _commit(target, renewed.judged)  # what was paid for first: the report can be made again
            sample.offer(renewed.carried, items)
            _compare(target, batch, renewed.verdicts, flips)
            lease.renew()
        rows_read += len(rows)
        progress.tell(Stage("verify", rows_read, total, seconds=time.monotonic() - began))
    verdicts = {name: asdict(counts[name, version]) for name, version in target.after}
    return {"verdicts": verdicts, "pending": pending, **flips.row()}


def _groups(target: ReverifyTarget) -> Iterator[list[PlanRow]]:
    """Groups of rows that are read at a time."""
    plans = target.workspace.runs.plans(target.run.id)
    return by_problems([answers_of(target.spec, Rows.of("plan", plan)) for plan in plans], GROUP)


def _batches(target: ReverifyTarget, graded: Sequence[GradedCompletion]) -> Iterator[list[GradedCompletion]]:
    """Batches that are judged and committed at a time: at least the recipe's batch size, whole problems together."""
    batch: list[GradedCompletion] = []
    for _, members in groupby(graded, key=lambda completion: completion.problem.id):
        batch += members
        if len(batch) >= target.spec.steps[0].batch_size:
            yield batch
            batch = []
    if batch:
        yield batch


def _reader(target: ReverifyTarget) -> RunReader:
    """Reads the run's rows with all verdicts by the old and the new versions."""

    return target.today.reader(list(dict.fromkeys((*target.before, *target.after))))


def _was_judged(target: ReverifyTarget, stored: Stored, row: PlanRow) -> bool:
    """True if the run has completely judged this row; reverify leaves other rows alone."""
    verdicts = stored.get((row.completion_id, row.problem_id), {})
    return not any(missing_verdicts(policy, target.before, verdicts) for policy in target.spec.policies())


def _graded(target: ReverifyTarget, rows: Sequence[PlanRow], stored: Stored) -> list[GradedCompletion]:
    """The problems and completions of these rows with the verdicts on them."""
    try:
        return _reader(target).read(rows, stored)
    except IncompleteRound as error:
        raise SetupError(
            f"run {target.run.id} is no longer whole: {error}.", next_command=f"rollmill runs resume {target.run.id}"
        ) from None


def _commit(target: ReverifyTarget, verdicts: Sequence[Verdict]) -> None:
    """Commit verdicts, except those that depend on votes: the next generation may plan other votes and makes its own."""
    from rollmill.flows.rounds.drawing.commit import verdict_segments

    deferred = target.today.verifiers.deferred
    kept = [verdict for verdict in verdicts if (verdict.verifier, verdict.version) not in deferred]
    if kept:
        target.workspace.segments.commit_many(verdict_segments(kept))


def _compare(target: ReverifyTarget, batch: Sequence[GradedCompletion], after: Stored, flips: VerdictFlips) -> None:
    """Count the flips of these rows, and the decisions of the run's selector on either set of verdicts."""
    spec = target.spec
    rows = rows_of(target.today) if spec.scorers else None
    accept_old, accept_new = (partial(accepted_verdict, spec.accept, chain) for chain in (target.before, target.after))
    for _, members in groupby(batch, key=lambda graded: graded.problem.id):
        mine = list(members)
        scores = preview_scores(rows, spec.scorers, mine) if rows is not None else {}
        old = [_rollout(graded, accept_old(graded.verdicts), scores) for graded in mine]
        new = [_rollout(graded, accept_new(after[graded.pair]), scores) for graded in mine]
        flips.add(old, new)
        decisions = [select_checked(spec.selector, target.run.id, side) for side in (old, new)]
        flips.decisions.add((old, decisions[0]), (new, decisions[1]))


def _rollout(graded: GradedCompletion, verdict: Verdict | None, scores: Mapping[Pair, tuple[Score, ...]]) -> Rollout:
    assert verdict is not None, "only rows that were judged to their end come here"
    return graded.rollout(verdict, scores.get(graded.pair, ()))


def _reach(target: ReverifyTarget) -> dict[str, dict[str, int]]:
    """Counts of stored verdicts of each changed verifier: those that hold and those to be judged again."""
    counts = {change.name: {"stored": 0, "carried": 0, "judged": 0} for change in target.changes}
    for rows in _groups(target):
        for verdicts in _reader(target).verdicts(rows).values():
            for entry in target.chain:
                if entry.change is not None and entry.old in verdicts:
                    holds = "carried" if entry.change.holds(verdicts[entry.old]) else "judged"
                    counts[entry.change.name]["stored" if entry.new in verdicts else holds] += 1
    return counts


def _check_acceptable(target: ReverifyTarget) -> None:
    from rollmill.flows.identity import resolved_parts

    if target.others:
        raise SetupError(
            f"{', '.join(target.others)} changed too, and the run goes on under all verifiers of today.",
            next_command=f"rollmill reverify {target.run.id} --accept",
        )
    now, before = resolved_parts(target.today), target.run.recipe["resolved"]
    others = [key for key in now if key != "verifiers" and now[key] != before.get(key)]
    if others:
        raise SetupError(
            f"run {target.run.id} cannot go on: {', '.join(others)} changed as well as the verifiers.",
            next_command=f"{target.today.session.job.command} --keep-going",
        )


def _acceptance(target: ReverifyTarget, lease: "Lease") -> dict[str, Any]:
    """Commit the carried verdicts and open the run's next generation, which plans under the new verdicts."""
    from rollmill.flows.identity import begin_generation

    for rows in _groups(target):
        stored = _reader(target).verdicts(rows)
        judged = [row for row in rows if _was_judged(target, stored, row)]
        counts = {key: VerdictCounts() for key in target.after}  # reported before; nothing is judged now
        items = [(graded.problem, graded.completion) for graded in _graded(target, judged, stored)]
        _commit(target, renew(target.chain, target.spec.policies(), items, stored, counts).carried)
        lease.renew()
    name = begin_generation(target.today, after=target.run.id)
    return {"accepted": True, "run_after": name, "next": f"rollmill runs resume {name}"}
