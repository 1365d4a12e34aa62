"""Judging of completions by a chain of verifiers: which are asked, and what counts as a verdict; for runs and rewards.

Which verifiers judge a row is the policies' to say: the plain chain asks the next where one is undecided, most others ask
all. A verdict that is undecided for want of resources (its cause says so) is retried once, alone. A verifier that raises
has crashed: the item is `undecided` with that cause, never `incorrect`. One that raises on every row of a batch is broken
and needs a person: the run stops.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rollmill.ground.errors import RollmillError, SetupError, contract_error, extras_named
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.returned import check_returned
from rollmill.pipelines.verify.acceptance import PLAIN, Key, Policy, asks
from rollmill.roles.engine_roles import Interruptible
from rollmill.roles.protocols import Verifier

Item = tuple[Problem, Completion]
RAISED = "verifier_raised"
BROKEN_ROWS = 8  # a verifier that raises on so many rows, and on each, is broken: one odd text is data, all are not
RESOURCE_CAUSES = frozenset(("cpu_limit", "memory_limit", "time_limit", "timeout", "crash", "killed"))


class VerifierPool:
    """Chains of verifiers, one for a thread at a time, kept for the next: some hold processes that start slowly.

    `bind`: a function called once for every new chain.
    """

    def __init__(self, factories: Sequence[Callable[[], Verifier]], bind: Callable[[Sequence[Verifier]], None]) -> None:
        self._factories, self._bind = factories, bind
        self._lock = threading.Lock()
        self._idle: list[list[Verifier]] = []
        self._busy: list[list[Verifier]] = []

    @contextmanager
    def reserve(self) -> Iterator[Sequence[Verifier]]:
        """Verifiers in the recipe's order, reserved for the caller until the block ends."""
        with self._lock:
            chain = self._idle.pop() if self._idle else None
        if chain is None:
            # Built outside the lock: the other threads would wait while the processes of a verifier start.
            chain = [make() for make in self._factories]
            self._bind(chain)
        with self._lock:
            self._busy.append(chain)
        try:
            yield chain
        finally:
            with self._lock:
                # By identity: chains built from the same options may compare equal.
                self._busy = [other for other in self._busy if other is not chain]
                self._idle.append(chain)

    def interrupt(self) -> None:
        """Make verifiers give up their work in progress, if they can; from any thread."""
        with self._lock:
            # A copy: `interrupt` may take a while, and a thread needs the lock to give its chain back.
            busy = [part for chain in self._busy for part in chain]
        for part in busy:
            if isinstance(part, Interruptible):
                part.interrupt()

    def close(self) -> None:
        """Release unused verifiers; safe to call twice."""
        with self._lock:
            # Taken out under the lock and closed outside of it: processes take time to end.
            chains, self._idle = self._idle, []
        for part in (part for chain in chains for part in chain):
            part.close()


def judge(
    chain: Sequence[Verifier],
    items: Sequence[Item],
    known: Mapping[tuple[str, str], Mapping[Key, Verdict]],
    policies: Sequence[Policy] = (PLAIN,),
) -> Iterator[Verdict]:
    """The missing verdicts that a policy needs, verifier by verifier."""
    # Verifier by verifier over the whole batch: a lazy policy asks the next one only where this is undecided.
    before: dict[tuple[str, str], list[Verdict]] = {item_pair(item): [] for item in items}
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
        with extras_named():
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
        with extras_named():
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


def item_pair(item: Item) -> tuple[str, str]:
    """(completion id, problem id) of a problem and its completion."""
    return item[1].id, item[0].id
