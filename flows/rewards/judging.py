"""Judging threads: items of any number of callers, judged by chains of verifiers that live in this process.

Every thread judges with a chain of its own, as the verifier threads of a run do. Equal completions of one problem that are
under way or remembered are judged once. A caller waits for its own items only; a time limit ends the wait, not the work.
"""

import os
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from itertools import islice
from math import fsum

from rollmill.ground.errors import RollmillError, SetupError
from rollmill.ground.records import Verdict
from rollmill.pipelines.verify.acceptance import Key, Policy, accepted_verdict, check_names
from rollmill.pipelines.verify.judging import Item, VerifierPool, item_pair, judge
from rollmill.roles.protocols import NeedsMachine, ReadsVotes, Verifier

REMEMBERED = 65_536
"""Verdicts that are kept for equal items."""
CHUNK = 32
"""Largest chunk of items for one thread: one slow item delays the others of its chunk."""


class QueueFull(RollmillError):  # noqa: N818 - a state of the queue, which passes
    """More items wait than the queue takes."""


class JudgingThreads:
    """Judges items with the verifiers of `factories` under a policy; used from any thread, also after a fork.

    `most_waiting`: items that may wait, None for any number.
    """

    def __init__(
        self,
        factories: Sequence[Callable[[], Verifier]],
        policy: Policy,
        *,
        threads: int,
        most_waiting: int | None = None,
    ) -> None:
        self._factories, self._policy, self._threads = factories, policy, threads
        self.most_waiting = most_waiting
        self.chain = self._checked_chain()
        self._start()

    def _start(self) -> None:
        self._pid = os.getpid()
        self._pool = VerifierPool(self._factories, _no_votes)
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Future[Verdict]] = OrderedDict()
        self._work: queue.SimpleQueue[list[tuple[Item, Future[Verdict]]] | None] = queue.SimpleQueue()
        self._alive: list[threading.Thread] = []
        self._closed = False
        self.waiting = 0
        self.judged = 0

    def _checked_chain(self) -> tuple[Key, ...]:
        """(name, version) of the verifiers; SetupError for a verifier that cannot run on this machine."""
        built = [make() for make in self._factories]
        try:
            _no_votes(built)
            for part in built:
                if isinstance(part, NeedsMachine):
                    part.ready()
            check_names(self._policy, [part.name for part in built])
            return tuple((part.name, part.version) for part in built)
        finally:
            for part in built:
                part.close()

    def submit(self, items: Sequence[Item]) -> list["Future[Verdict]"]:
        """The coming verdict of each item; QueueFull, with nothing submitted, if too many wait."""
        if os.getpid() != self._pid:
            self._start()  # a forked child has none of the parent's threads
        new: list[tuple[Item, Future[Verdict]]] = []
        answers = []
        with self._lock:
            if self._closed:
                raise RuntimeError("this reward is closed")
            unknown = {item[1].id for item in items} - self._answers.keys()
            if self.most_waiting is not None and self.waiting + len(unknown) > self.most_waiting:
                raise QueueFull(f"{self.waiting:,} of {self.most_waiting:,} items wait")
            for item in items:
                answer = self._answers.get(item[1].id)
                if answer is None:
                    answer = self._answers[item[1].id] = Future()
                    new.append((item, answer))
                self._answers.move_to_end(item[1].id)
                answers.append(answer)
            self.waiting += len(new)
            self._forget_oldest()
            self._start_threads()
        size = max(1, min(CHUNK, -(-len(new) // self._threads)))
        for start in range(0, len(new), size):
            self._work.put(new[start : start + size])
        return answers

    def close(self) -> None:
        """End the threads after their current items, and the verifiers' processes; safe to call twice."""
        with self._lock:
            self._closed = True
        self._pool.interrupt()
        for _ in self._alive:
            self._work.put(None)
        for thread in self._alive:
            thread.join()
        self._pool.close()

    def _forget_oldest(self) -> None:
        over = max(0, len(self._answers) - REMEMBERED)
        for identity in list(islice(self._answers, over)):
            if self._answers[identity].done():
                del self._answers[identity]

    def _start_threads(self) -> None:
        while len(self._alive) < self._threads:
            # Daemons: a trainer that ends without closing the reward must not hang.
            thread = threading.Thread(target=self._serve, name="rollmill-reward", daemon=True)
            self._alive.append(thread)
            thread.start()

    def _serve(self) -> None:
        while (chunk := self._work.get()) is not None:
            if self._closed:
                self._fail(chunk, RuntimeError("this reward is closed"))
                continue
            try:
                with self._pool.reserve() as chain:
                    verdicts = self._verdicts(chain, [item for item, _ in chunk])
            except BaseException as error:  # every caller is told, whatever it is
                self._fail(chunk, error)
                continue
            with self._lock:
                self.waiting -= len(chunk)
                self.judged += len(chunk)
                for (item, _), verdict in zip(chunk, verdicts, strict=True):
                    # Not kept: what one question could not decide for want of resources, another asks again.
                    if verdict.outcome == "undecided":
                        self._answers.pop(item[1].id, None)
            for (_, answer), verdict in zip(chunk, verdicts, strict=True):
                answer.set_result(verdict)

    def _fail(self, chunk: list[tuple[Item, "Future[Verdict]"]], error: BaseException) -> None:
        with self._lock:
            self.waiting -= len(chunk)
            for item, _ in chunk:
                self._answers.pop(item[1].id, None)
        for _, answer in chunk:
            answer.set_exception(error)

    def _verdicts(self, chain: Sequence[Verifier], items: Sequence[Item]) -> list[Verdict]:
        """The verdict that counts of each item, with the seconds of all that were asked."""
        given: dict[tuple[str, str], dict[Key, Verdict]] = {item_pair(item): {} for item in items}
        for verdict in judge(chain, items, {}, (self._policy,)):
            given[verdict.completion_id, verdict.problem_id][verdict.verifier, verdict.version] = verdict
        verdicts = []
        for item in items:
            of_item = given[item_pair(item)]
            accepted = accepted_verdict(self._policy, self.chain, of_item)
            assert accepted is not None, "a verifier gave no verdict"
            verdicts.append(replace(accepted, seconds=fsum(verdict.seconds or 0.0 for verdict in of_item.values())))
        return verdicts


def _no_votes(chain: Sequence[Verifier]) -> None:
    """SetupError for a verifier that judges by votes over all completions of a problem."""
    for part in chain:
        if isinstance(part, ReadsVotes):
            raise SetupError(
                f"verifier {part.name!r} judges by votes over all completions of a problem, which a reward does not have.",
                next_command="name a recipe whose verifiers judge each completion separately",
            )
