"""The verifier stage: judges open batches with the recipe's verifiers. Knows verdicts; commits nothing.

Verifiers that read votes run later, once everything is drawn (votes.py).
"""

from collections.abc import Sequence

from rollmill.flows.rounds.drawing.batches import OpenBatch
from rollmill.flows.rounds.drawing.queues import BatchVerdicts, RoundQueues
from rollmill.flows.rounds.open_run import OpenRun
from rollmill.flows.sampling.sample import SpendLimitReached
from rollmill.pipelines.verify.judging import Item, judge
from rollmill.roles.protocols import ReadsVotes, Verifier
from rollmill.storage.rollouts import completions_by_id


class VerifierThread:
    """Thread that judges with its own instances of the verifiers."""

    def __init__(self, run: OpenRun, queues: RoundQueues) -> None:
        self._run, self._queues = run, queues

    def run(self) -> None:
        """The body of a verifier thread: until a None arrives."""
        with self._run.verifiers.pool.reserve() as verifiers:
            chain = [part for part in verifiers if not isinstance(part, ReadsVotes)]
            while (open_batch := self._queues.to_judge.get()) is not None:
                self._queues.check()
                self._queues.inbox.put(self._verdicts_of(chain, open_batch))

    def _verdicts_of(self, chain: Sequence[Verifier], open_batch: OpenBatch) -> BatchVerdicts:
        """The verdicts on a batch; none if a judge's votes would go beyond the run's limit, and the round ends then."""
        # The round is ending: a judge's votes would go beyond the limit again.
        if self._queues.limit_reason is not None:
            return BatchVerdicts(open_batch, (), whole=False)
        try:
            return BatchVerdicts(
                open_batch, tuple(judge(chain, self._items(open_batch), open_batch.known, self._run.spec.policies()))
            )
        except SpendLimitReached as error:
            self._queues.limit_reason = error.reason
            return BatchVerdicts(open_batch, (), whole=False)

    def _items(self, open_batch: OpenBatch) -> list[Item]:
        rows = open_batch.unjudged
        # Texts of rows that were drawn earlier and lack a verdict only.
        absent = {row.completion_id for row in rows} - open_batch.completions.keys()
        texts = open_batch.completions | completions_by_id(self._run.workspace, absent)
        return [(self._run.spec.problem(row.problem_id), texts[row.completion_id]) for row in rows]
