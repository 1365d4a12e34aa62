"""The generator thread: leases a batch, draws what it lacks, hands it on. Knows engines and the spool; commits nothing.

A batch that another command holds is left for later and looked at again until it is done or its lease ends. Replies of a
spooled engine are durable before the batch is; those of an in-process engine live in memory until then, and no more than
`uncommitted` batches of them. A failure half-way hands on what was drawn before it is raised.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from flows.mill.batches import Batch, Lack, OpenBatch, survey
from flows.mill.keeper import Keeper
from flows.mill.line import DrawingOver, Drawn, Judged, Line
from flows.mill.plan import id_of, request_of
from flows.mill.spec import Event, MillSpec
from flows.mill.spooling import SpoolWriter
from pipelines.protocols import Generator
from storage.errors import SetupError
from storage.ids import digest128
from storage.records import Completion, PlanRow, Request
from storage.segments.keys import SegmentKey
from storage.workspace import Workspace


class Drawer:
    """Draws the batches of one round, one after another."""

    def __init__(self, ws: Workspace, spec: MillSpec, line: Line, keeper: Keeper) -> None:
        self._ws, self._spec, self._line, self._keeper = ws, spec, line, keeper
        self.in_flight: set[str] = set()
        self._asked: set[str] = set()

    def run(self, todo: Sequence[tuple[Batch, Lack]]) -> None:
        """The body of the generator thread."""
        waiting: deque[tuple[Batch, Lack | None]] = deque(todo)
        refused = 0
        while waiting:
            batch, lack = waiting.popleft()
            if self._open(batch, lack):
                refused = 0
                continue
            waiting.append((batch, None))  # whoever holds it may change what it lacks: look again
            refused += 1
            if refused >= len(waiting):
                self._spec.tell(Event("waiting", batch.round, 0, len(waiting), 0, 0.0))
                self._line.pause(self._line.limits.poll_seconds)
                refused = 0
        self._line.inbox.put(DrawingOver())

    def _open(self, batch: Batch, lack: Lack | None) -> bool:
        """Lease a batch and send it on its way; False where another command holds it."""
        line = self._line
        line.permit(line.unjudged)
        lease = self._ws.ledger.leases.acquire(f"batch/{batch.id}", line.limits.lease_seconds)
        if lease is None:
            line.unjudged.release()
            return False
        self._keeper.hold(lease)
        lack = self._current(batch, lack)
        line.opened += 1
        opened = OpenBatch(batch, lease, lack)
        if lack.missing and self._spec.generator is None:
            raise SetupError(
                f"{len(lack.missing)} imported completions of run {self._spec.run} are no longer stored.",
                next_command="rollmill import rollouts FILE",
            )
        if lack.missing:
            line.permit(line.uncommitted)
            self._draw(opened)
        elif lack.unjudged:
            line.to_judge.put(opened)
        else:
            line.inbox.put(Judged(opened, ()))
        return True

    def _current(self, batch: Batch, lack: Lack | None) -> Lack:
        """What the batch lacks now that it is ours; an older look stands unless another command has finished it since."""
        ids = batch.completion_ids
        while self.in_flight.intersection(ids):
            self._line.pause(0.01)  # two problems with one prompt share completions: wait until those are committed
        stale = not (lack and lack.missing and self._spec.generator) or bool(self._asked.intersection(ids))
        if lack is not None and not stale and not self._ws.segments.has(completions_key(self._spec, lack.missing)):
            return lack
        return next(survey(self._ws, self._spec, [batch]))

    def _draw(self, opened: OpenBatch) -> None:
        """Draw what is missing and hand it on; what an in-process engine gave before it failed is handed on as well."""
        self.in_flight.update(opened.lack.missing)
        self._asked.update(opened.lack.missing)
        requests = list(_requests(self._spec, opened))
        engine = self._spec.engine()
        try:
            if engine.spooled:
                self._draw_spooled(engine, opened, requests)
            else:
                self._draw_all(engine, opened, requests)
        except BaseException:
            if not engine.spooled and opened.completions:
                self._line.inbox.put(Drawn(opened, whole=False))
            raise
        self._line.inbox.put(Drawn(opened, whole=True))

    def _draw_spooled(self, engine: Generator, opened: OpenBatch, requests: Sequence[Request]) -> None:
        """Draw what the spool does not hold from before, each reply into the spool as it comes."""
        spool = self._ws.spool(opened.batch.id)
        wanted = set(opened.lack.missing)
        opened.completions.update({record.id: record for record in spool.read() if record.id in wanted})
        writer = SpoolWriter(spool)
        self._keeper.watch(writer)
        try:
            self._draw_all(engine, opened, [r for r in requests if r.completion_id not in opened.completions], writer)
        finally:
            self._keeper.unwatch(writer)
            writer.close()

    def _draw_all(
        self, engine: Generator, opened: OpenBatch, requests: Sequence[Request], writer: SpoolWriter | None = None
    ) -> None:
        wanted = {request.completion_id: request for request in requests}
        for completion in engine.generate(requests) if requests else ():
            _check_answers(wanted.pop(completion.id, None), completion)
            opened.completions[completion.id] = completion
            if writer is not None:
                writer.add(completion)
            self._line.check()
        if wanted:
            raise RuntimeError(
                f"engine {engine.engine} left {len(wanted)} of {len(requests)} requests without a completion"
            )


def completions_key(spec: MillSpec, ids: Sequence[str]) -> SegmentKey:
    """The segment of these completions of the run's engine."""
    engine = spec.engine()
    return SegmentKey("completions", engine.engine, engine.model_digest, digest128(["completions", sorted(ids)]))


def _requests(spec: MillSpec, opened: OpenBatch) -> Iterator[Request]:
    """The requests for what is missing, in plan order."""
    missing = set(opened.lack.missing)
    checked: set[str] = set()
    for row in opened.batch.rows:
        if row.completion_id not in missing:
            continue
        missing.discard(row.completion_id)
        if row.prompt_id not in checked:
            _check_model(spec, row)
            checked.add(row.prompt_id)
        yield request_of(spec, row)


def _check_model(spec: MillSpec, row: PlanRow) -> None:
    """SetupError where the model is no longer the one that was planned: its ids would not be the planned ones.

    One row of a prompt speaks for all, as engine, model, template and sampling are the same for each of them.
    """
    if id_of(spec, row) != row.completion_id:
        raise SetupError(
            f"run {spec.run} was planned with another model, chat template or sampling than {spec.engine().model} has now, "
            "and rows of that plan are missing.",
            next_command="restore the model, or give the changed recipe another name",
        )


def _check_answers(request: Request | None, completion: Completion) -> None:
    """What an engine yields must be what was asked, once; anything else is its bug and must not reach a segment."""
    if request is None:
        raise RuntimeError(f"the engine gave completion {completion.id}, which was not asked for, or gave it twice")
    if (completion.sample_index, completion.stream) != (request.sample_index, request.stream):
        raise RuntimeError(f"completion {completion.id} carries another sample index or stream than its request")
    if completion.finish_reason == "error":
        raise RuntimeError(f"completion {completion.id} is an error; failed attempts are the engine's to retry, not rows")
