"""Committer of a round: writes every segment, completions as soon as they are drawn, then their verdicts.

The outcomes under the run's policy follow with the next report, at most a second later: a segment of outcomes for each
batch would be a third of all files. The committer runs in the caller's thread, so a keyboard interrupt arrives where
nothing is half written.
"""

import queue
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from rollmill.flows.progress import Event, EventKind
from rollmill.flows.rounds.drawing.batches import OpenBatch
from rollmill.flows.rounds.drawing.draw import RoundDrawer
from rollmill.flows.rounds.drawing.queues import BatchCompletions, BatchVerdicts, Clock, EndOfDrawing, Item, RoundQueues
from rollmill.flows.rounds.first_replies import FirstReplies
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.rounds.outcomes import outcomes_of, store_outcomes
from rollmill.flows.sampling.draw import Segment
from rollmill.ground.ids import digest128
from rollmill.ground.records import AcceptedOutcome, Completion, Verdict
from rollmill.steps.reading import FEW, ReadCounts, unmet_words
from rollmill.storage.rollouts import Pair, completions_by_id, pair_of
from rollmill.storage.segments.keys import Commit, SegmentKey
from rollmill.storage.spending import sums_of

PROGRESS_SECONDS = 1.0


@dataclass(slots=True)
class RoundCounts:
    """Work of one call of run_round. `redundant`: drawn here, but another command had committed it before.

    `judged`: rows; `accepted`: judged rows whose verdicts this call was the first to commit.
    """

    drawn: int = 0
    redundant: int = 0
    judged: int = 0
    accepted: int = 0
    correct: int = 0
    tokens: int = 0
    units: int = 0


@dataclass(frozen=True, slots=True)
class RoundScope:
    """Position of a round in its run: rows planned before it, its own rows, and the rows stored when it started.

    `answers_before`, `answers`: the rows before it and its own rows on steps that are judged.
    """

    round: int
    before: int
    planned: int
    answers_before: int
    answers: int
    to_draw: int
    drawn_before: int
    judged_before: int


class Committer:
    """Commits what the other threads hand over until every opened batch is judged."""

    def __init__(self, run: OpenRun, queues: RoundQueues, drawer: RoundDrawer, scope: RoundScope) -> None:
        self._run, self._queues, self._drawer, self._scope = run, queues, drawer, scope
        self.counts = RoundCounts()
        self._clock = Clock()
        self._drawn, self._judged = scope.drawn_before, scope.judged_before
        self._closed = 0
        self._accepted: list[AcceptedOutcome] = []
        self._at_hand: list[Item] = []
        self._last_progress = -PROGRESS_SECONDS
        self._before = {part.stage: part for part in run.workspace.runs.progress_of(run.id)}
        # A round that an earlier command planned: it said what is to come.
        whole = {name: part.detail["whole"] for name, part in self._before.items() if part.detail.get("whole")}
        self.whole = run.memory.whole or whole or None

    def run(self) -> Iterator[None]:
        """Commit until drawing is over, which it yields once, and then until every opened batch is judged."""
        over = False
        while not (over and self._closed == self._queues.batches_opened):
            self._at_hand = self._take()
            if self._queues.failure is not None:
                self.rescue()
                return
            ends = any(isinstance(item, EndOfDrawing) for item in self._at_hand)
            self._commit(self._at_hand)
            self._at_hand = []
            if ends and not over:
                over = True
                yield
        if not (
            self._drawer.limiter.exhausted or self._queues.limit_reason
        ):  # what other commands drew and judged meanwhile is done as well
            self._drawn, self._judged = self._scope.drawn_before + self._scope.to_draw, self._scope.answers
        self.report()

    def tell_done(self) -> None:
        """Report that every row of the round is drawn and judged."""
        self._tell("done", self._scope.planned, 0, self.counts.tokens)

    def rescue(self) -> None:
        """Commit the completions drawn before another failure, since they are paid for. Committing twice is once."""
        left = [*self._at_hand, *self._waiting()]
        self._commit([item for item in left if isinstance(item, BatchCompletions)])
        self.report()

    def _take(self) -> list[Item]:
        while True:
            try:
                # Wakes up without news too: a slow engine may be minutes in one batch, and who watches should see it move.
                return [self._queues.inbox.get(timeout=0.5), *self._waiting()]
            except queue.Empty:
                self._progress()
                self._tell_drawn()

    def _waiting(self) -> list[Item]:
        items: list[Item] = []
        while True:
            try:
                items.append(self._queues.inbox.get_nowait())
            except queue.Empty:
                return items

    def _commit(self, items: Sequence[Item]) -> None:
        """Commit everything that is at hand in one transaction, then send each batch on its way."""
        # One transaction for all that waits: its fsync is most of what a commit costs, however many segments it registers.
        drawn = [item for item in items if isinstance(item, BatchCompletions)]
        judged = [(item, verdict_segments(item.verdicts)) for item in items if isinstance(item, BatchVerdicts)]
        if not drawn and not judged:
            return
        segments = [segment for _, parts in judged for segment in parts]
        completions, verdicts = self._drawer.commit([item.open for item in drawn], segments)
        for part, (records, commit) in zip(drawn, completions, strict=True):
            self._after_drawn(part, records, commit)
        if drawn:
            self._tell_drawn()
        for part, (records, _) in zip(drawn, completions, strict=True):
            name = part.open.batch.step
            for text in self._run.memory.first.setdefault(name, FirstReplies()).add(records):
                self._tell_drawn(f"{f'step {name}: ' if name else ''}{text}.")
            self._report_unreadable_fields(name, records)
        rest = iter(verdicts)
        for item, parts in judged:
            own = list(islice(rest, len(parts)))
            self._after_judged(item, redundant=any(commit.redundant or commit.repeated for commit in own))
        self._progress()

    def _after_drawn(self, item: BatchCompletions, records: Sequence[Completion], commit: Commit) -> None:
        open_batch = item.open
        theirs = {record.id for record in records if commit.redundant or record.id in commit.repeated}
        if theirs:  # another command was first, and its texts are the ones that exist
            open_batch.completions |= completions_by_id(self._run.workspace, theirs)
        self._count_drawn(records, len(theirs))
        if item.whole:
            self._queues.uncommitted.release()
            self._queues.to_judge.put(open_batch)

    def _count_drawn(self, records: Sequence[Completion], redundant: int) -> None:
        self.counts.drawn += len(records) - redundant
        self.counts.redundant += redundant
        self.counts.tokens += sum(record.tokens_out or 0 for record in records)
        self.counts.units += sums_of(records).units
        self._drawn += len(records)

    def _report_unreadable_fields(self, name: str, records: Sequence[Completion]) -> None:
        """Warn during the run if almost none of a step's texts can be read: follow-ups that depend on them are wasted."""
        step = self._run.spec.step(name)
        if not step.node.reads:
            return
        compared = self._run.spec.graph.compared(name)
        counts = self._run.memory.read.setdefault(name, ReadCounts(step.node.reads, compared))
        for record in records:
            counts.add(record.text)
        self._tell_unmet(name, counts)
        for field, count in counts.seldom().items():
            advice = "Ctrl-C keeps them; then change its prompt, max_tokens or guide"
            self._tell_drawn(f"step {name}: {field!r} can be read in {count} of {counts.texts:,} texts so far. {advice}.")

    def _tell_unmet(self, name: str, counts: ReadCounts) -> None:
        """Say once of a condition that it never held so far: `when: {critic.verdict: WRONG}` where critics say wrong."""
        graph, told = self._run.spec.graph, self._run.memory.unmet
        for node in () if counts.texts < FEW else graph.follow_ups:
            for condition in node.conditions:
                values = counts.unmet(condition.field, condition.values) if condition.step == name else None
                if values is not None and (node.step.name, condition.field) not in told:
                    told.add((node.step.name, condition.field))
                    words = unmet_words(name, condition.field, condition.values, values, counts.texts)
                    self._tell_drawn(f"step {node.step.name}: {words}.")

    def _after_judged(self, item: BatchVerdicts, *, redundant: bool) -> None:
        self.counts.judged += len({(verdict.completion_id, verdict.problem_id) for verdict in item.verdicts})
        self._close(item.open)
        if item.whole:
            self._judged += len({pair_of(row) for row in item.open.unjudged})
        run, verdicts = self._run, _all_verdicts(item)
        planned = {pair: run.verifiers.planned_by(given) for pair, given in verdicts.items()}
        outcomes = {pair: verdict.outcome for pair, verdict in planned.items() if verdict is not None}
        self.counts.correct += sum(outcome == "correct" for outcome in outcomes.values())
        if not redundant:  # another command's verdicts count then, and are read when they are needed
            accepted = (
                {pair: run.verifiers.counted(given) for pair, given in verdicts.items()}
                if run.verifiers.outcomes_may_change
                else planned
            )
            self._accepted += outcomes_of(accepted)
            self.counts.accepted += len(accepted)
            if not run.spec.routed:  # steps ask for more than outcomes
                run.memory.note(item.open.completions, item.open.unjudged, outcomes)
        self._tell("verified", self._judged, self._judged - self._scope.judged_before, self.counts.tokens)

    def _close(self, open_batch: OpenBatch) -> None:
        self._drawer.heartbeat.release(open_batch.lease)
        self._closed += 1
        self._queues.unjudged.release()

    def _tell_drawn(self, message: str = "") -> None:
        """Report committed rows and those received in open batches: a slow engine may need minutes for a batch."""
        # A copy in one step: draw workers add and remove batches meanwhile.
        open_batches = list(self._drawer.arrived.values())
        done = self._drawn + sum(arrived.rows for arrived in open_batches)
        tokens = self.counts.tokens + sum(arrived.tokens for arrived in open_batches)
        self._tell("drawn", done, done - self._scope.drawn_before, tokens, message)

    def _tell(self, kind: EventKind, done: int, here: int, tokens: int, message: str = "") -> None:
        scope, seconds = self._scope, self._clock.seconds
        self._run.tell(
            Event(
                kind,
                scope.round,
                done,
                scope.planned,
                tokens,
                seconds,
                here,
                self.counts.correct,
                self.whole,
                scope.answers,
                message,
            )
        )

    def _progress(self) -> None:
        if self._clock.seconds - self._last_progress >= PROGRESS_SECONDS:
            self.report()

    def report(self) -> None:
        """The outcomes of the judged rows and the progress, for observers of the run; at most once per second, as each is a
        transaction.

        Tokens and seconds add to those reported by earlier rounds and commands of this run. Rows received but not
        committed count as done and are reported separately: a kill loses them.
        """
        store_outcomes(self._run, self._accepted)
        self._accepted = []
        self._last_progress = self._clock.seconds
        scope = self._scope
        here = {"draw": self.counts.drawn, "verify": self.counts.judged}
        arrived = sum(part.rows for part in list(self._drawer.arrived.values()))
        rows = {"draw": (scope.before, scope.planned), "verify": (scope.answers_before, scope.answers)}
        for stage, done, open_rows in (("draw", self._drawn, arrived), ("verify", self._judged, 0)):
            earlier, planned = rows[stage]
            before = self._before.get(stage)
            made = here[stage] + (before.detail.get("made", 0) if before else 0)
            self._run.workspace.runs.progress(
                self._run.id,
                stage,
                done=earlier + done + open_rows,
                total=earlier + planned,
                tokens=self.counts.tokens + (before.tokens if before else 0),
                seconds=self._clock.seconds + (before.seconds if before else 0.0),
                detail={"round": scope.round, "made": made, "arrived": open_rows, "whole": (self.whole or {}).get(stage)},
            )


def _all_verdicts(item: BatchVerdicts) -> dict[Pair, dict[tuple[str, str], Verdict]]:
    """The verdicts on the newly judged rows, those that were stored before too."""
    verdicts = {pair: dict(known) for pair, known in item.open.known.items()}
    for verdict in item.verdicts:
        pair = (verdict.completion_id, verdict.problem_id)
        verdicts.setdefault(pair, {})[verdict.verifier, verdict.version] = verdict
    return verdicts


def verdict_segments(verdicts: Sequence[Verdict]) -> list[Segment]:
    """Segments of verdicts, one per verifier and version; the id of each is made of the pairs that it judges."""
    # The id depends on the pairs alone: two commands that judge one batch make the same segment.
    by_verifier: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        by_verifier.setdefault((verdict.verifier, verdict.version), []).append(verdict)
    return [
        (SegmentKey("verdicts", name, version, _pairs_digest(members)), members)
        for (name, version), members in by_verifier.items()
    ]


def _pairs_digest(verdicts: Sequence[Verdict]) -> str:
    return digest128(["verdicts", sorted([verdict.completion_id, verdict.problem_id] for verdict in verdicts)])
