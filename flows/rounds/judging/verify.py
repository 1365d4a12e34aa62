"""The verifier stage: judges open batches with the recipe's verifiers. Knows verdicts; commits nothing.

Verifiers that read votes run later, once everything is drawn (votes.py).

Which verifiers judge a row is the policies' to say: the plain chain asks the next where one is undecided, most others ask
all. A verdict that is undecided for want of resources (its cause says so) is retried once, alone. A verifier that raises
has crashed: the item is `undecided` with that cause, never `incorrect`. One that raises on every row of a batch is broken
and needs a person: the run stops.
"""

from collections.abc import Iterator, Mapping, Sequence

from flows.rounds.drawing.batches import KnownVerdicts, OpenBatch
from flows.rounds.drawing.queues import BatchVerdicts, RoundQueues
from flows.rounds.open_run import OpenRun
from flows.sampling.sample import SpendLimitReached
from pipelines.protocols import ReadsVotes, Verifier
from pipelines.returned import check_returned
from pipelines.verify.acceptance import PLAIN, Policy, asks
from storage.ground.errors import RollmillError, SetupError, contract_error
from storage.ground.records import Completion, Problem, Verdict
from storage.rollouts import Pair, completions_by_id

Item = tuple[Problem, Completion]
RAISED = "verifier_raised"
BROKEN_ROWS = 8  # a verifier that raises on so many rows, and on each, is broken: one odd text is data, all are not
RESOURCE_CAUSES = frozenset(("cpu_limit", "memory_limit", "time_limit", "timeout", "crash", "killed"))


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


def judge(
    chain: Sequence[Verifier],
    items: Sequence[Item],
    known: Mapping[Pair, KnownVerdicts],
    policies: Sequence[Policy] = (PLAIN,),
) -> Iterator[Verdict]:
    """The missing verdicts that a policy needs, verifier by verifier."""
    # Verifier by verifier over the whole batch: a lazy policy asks the next one only where this is undecided.
    before: dict[Pair, list[Verdict]] = {item_pair(item): [] for item in items}
    for verifier in chain:
        key = (verifier.name, verifier.version)
        missing = []
        for item in items:
            given = before[item_pair(item)]
            if not any(asks(policy, verifier.name, given) for policy in policies):
                continue
            stored = known.get(item_pair(item), {}).get(key)
            if stored is None:
                missing.append(item)
            else:
                given.append(stored)
        for verdict in verdicts_of(verifier, missing):
            before[verdict.completion_id, verdict.problem_id].append(verdict)
            yield verdict


def verdicts_of(verifier: Verifier, items: Sequence[Item]) -> Iterator[Verdict]:
    """Verdicts on the items, in order; an item whose verifier ran out of resources is retried once, alone."""
    for item, verdict in zip(items, _first_verdicts(verifier, items), strict=True):
        judged = _checked(verifier, item, verdict)
        if lacked_resources(judged):  # alone, since the item may have lacked what the others of its batch used
            judged = _checked(verifier, item, _one(verifier, item))
        yield judged


def _checked(verifier: Verifier, item: Item, verdict: Verdict) -> Verdict:
    """The verdict; a contract error if it is none, or not one on this item."""
    check_returned(verifier, "verify", [verdict], Verdict)
    if (verdict.completion_id, verdict.problem_id) != item_pair(item):
        raise contract_error(f"verifier {verifier.name!r} did not give the verdicts on its items, in their order")
    return verdict


def lacked_resources(verdict: Verdict) -> bool:
    """True if the verifier ran out of time or memory or lost its process, by the cause up to its colon."""
    return verdict.outcome == "undecided" and (verdict.cause or "").split(":")[0] in RESOURCE_CAUSES


def _first_verdicts(verifier: Verifier, items: Sequence[Item]) -> list[Verdict]:
    """All verdicts in one call; if that raises, the verifier gets the items one by one, so that a text spoils no batch."""
    try:
        verdicts = list(verifier.verify_many(items) or ())
    except RollmillError:  # a missing sandbox is a person's to mend, and a reached limit no verdict on a thousand rows
        raise
    except Exception:
        one_by_one = [_one(verifier, item) for item in items]
        if len(one_by_one) >= BROKEN_ROWS and all(verdict.rule == RAISED for verdict in one_by_one):
            raise SetupError(
                f"verifier {verifier.name!r} {verifier.version} raised on every one of {len(items):,} rows "
                f"({one_by_one[0].cause}): it is broken, and no verdict of it was stored.",
                next_command="correct it and run the same command again; drawn completions are kept",
            ) from None
        return one_by_one
    if len(verdicts) != len(items):
        raise contract_error(f"verifier {verifier.name!r} gave {len(verdicts)} verdicts for {len(items)} items")
    return verdicts


def _one(verifier: Verifier, item: Item) -> Verdict:
    try:
        return verifier.verify(*item)
    except RollmillError:
        raise
    except Exception as error:
        return Verdict(
            completion_id=item[1].id,
            problem_id=item[0].id,
            verifier=verifier.name,
            version=verifier.version,
            outcome="undecided",
            rule=RAISED,
            # An exception may quote the whole text that it was raised on.
            cause=f"verifier crash: {type(error).__name__}: {error}"[:500],
        )


def item_pair(item: Item) -> Pair:
    """(completion id, problem id) of a problem and its completion."""
    return item[1].id, item[0].id
