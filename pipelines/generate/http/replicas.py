"""A replica of a server for the dispatcher: its limit of parallel requests and its prompts. No sockets
here.

A prompt belongs to the replica with the highest hash of (prompt, replica), so that all its samples, in this call and in
later ones, meet the prefix that this replica has cached; one that has too much outstanding is passed over (rendezvous
hashing with bounded loads).
"""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rollmill.pipelines.generate.http.http_settings import Server

START = 32  # requests at once before anything is known
MORE, LESS = 1.25, 0.8  # the two trials, as shares of the steady limit
GAIN, LOSS = 1.05, 0.97  # of the rate: more is kept from a gain on, less down to a loss
LEAST_REPLIES = 32  # in a window
HOLD = 16  # rounds between trials
CAREFUL = 60.0  # seconds after a refusal without climbing

Trying = Literal["nothing", "more", "less"]
_NEXT: dict[Trying, Trying] = {"more": "less", "less": "nothing", "nothing": "more"}  # once a trial is not kept


class ReplicaLimit:
    """Limit of parallel requests to a replica, between 1 and `most`, computed from given times.

    It begins by doubling. A refusal (429, 503, a timeout) halves it, once for all that were under way together, and for a
    while it then grows by one per round of replies (additive increase, multiplicative decrease: Chiu and Jain 1989).
    Otherwise it climbs: it tries a quarter more and keeps that if the rate of replies grew, tries a fifth less and keeps
    that if the rate did not fall. By Little's law (requests in flight = rate x latency) requests that do not raise the rate
    only wait in a queue.
    """

    def __init__(self, most: int, start: int = START) -> None:
        self.most = most
        self._limit = float(min(start, most))
        self._doubling = True
        self._refused = float("-inf")
        self._steady: tuple[float, float] | None = None  # (limit, rate) that trials are compared with
        self._trying: Trying = "nothing"
        self._replies = 0
        self._began = 0.0

    @property
    def value(self) -> int:
        """Requests that may be in flight."""
        # Float rounding may leave a whole limit just below itself.
        return max(1, int(self._limit + 1e-9))

    def replied(self, now: float, *, busy: bool) -> None:
        """Record a reply; `busy`: the limit was reached when the request was sent."""
        if not busy:
            self._replies = 0
            return
        careful = now - self._refused < CAREFUL
        if self._doubling or careful:
            self._limit = min(self.most, self._limit + (1.0 if self._doubling else 1.0 / self._limit))
        if careful:
            return
        self._replies += 1
        settling = self.value if self._trying != "nothing" else 0
        if self._replies <= settling or self._replies == 1:
            self._began = now  # what comes first was sent under the limit before
        elif self._replies - settling > max(LEAST_REPLIES, self._rounds() * self.value):
            self._compare((self._replies - max(settling, 1)) / max(now - self._began, 1e-9))
            self._replies = 0

    def refused(self, sent: float, now: float) -> None:
        """The server has too much: halve, once for all that were under way together (sent before the last halving)."""
        if sent < self._refused:
            return
        self._refused, self._doubling, self._steady, self._trying = now, False, None, "nothing"
        self._limit = max(1.0, self._limit / 2)
        self._replies = 0

    def _rounds(self) -> int:
        """Rounds of replies in a window; the best limit is held for longer than trials last."""
        if self._doubling:
            return 1
        return HOLD if self._trying == "nothing" and self._steady is not None else 2

    def _compare(self, rate: float) -> None:
        """At the end of a window: keep the tried limit or go back, then try the next one."""
        if self._steady is None:
            self._steady = (self._limit, rate)
        elif self._doubling:
            self._double_on(rate)
        else:
            self._climb(rate)

    def _double_on(self, rate: float) -> None:
        limit, before = self._steady or (self._limit, rate)
        if rate >= before * GAIN:
            self._steady = (self._limit, rate)
        elif self._limit >= min(limit * MORE, self.most):
            self._doubling = False
            self._steady = (limit, rate)
            self._try("less")

    def _climb(self, rate: float) -> None:
        limit, before = self._steady or (self._limit, rate)
        kept = rate >= before * (GAIN if self._trying == "more" else LOSS)
        if self._trying == "nothing" or kept:
            self._steady = (self._limit, rate)
        else:
            self._limit = limit
        if self._trying != "nothing" and kept:
            self._try(self._trying)
        else:
            self._try(_NEXT[self._trying])

    def _try(self, trial: Trying) -> None:
        """Set the limit for the next window, relative to the steady one."""
        limit = self._steady[0] if self._steady is not None else self._limit
        self._trying = trial
        if trial == "more":
            self._limit = min(float(self.most), max(limit + 1, limit * MORE))
        elif trial == "less":
            self._limit = max(1.0, min(limit - 1, limit * LESS))


if TYPE_CHECKING:
    from rollmill.pipelines.generate.calls import CallJob

State = Literal["unknown", "up", "down"]
SLACK = 1.25  # how far above its limit a replica may be asked for, waiting ones included
FAILURES = 3  # in a row, after which a replica is taken out and probed


@dataclass
class Replica:
    """State of one server. `name`: its name as messages may show it. `in_flight`: number of its requests in flight.
    `queue`: its waiting requests.

    `absent`: True if nothing listened at its address when it was last tried.
    """

    server: Server
    key: str | None = None
    state: State = "unknown"
    limit: ReplicaLimit = field(init=False)
    queue: "deque[CallJob]" = field(default_factory=deque)
    in_flight: int = 0
    failures: int = 0
    paused_until: float = 0.0
    probing: bool = False
    why: str = ""
    absent: bool = False
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.limit = ReplicaLimit(self.server.concurrency)
        self.name = self.server.shown

    @property
    def outstanding(self) -> int:
        """Requests under way or waiting for it."""
        return self.in_flight + len(self.queue)

    def open(self, now: float) -> bool:
        """True if the replica takes another request now."""
        return self.state == "up" and self.in_flight < self.limit.value and now >= self.paused_until

    def takes_prompt(self) -> bool:
        """True if another prompt may be assigned to the replica."""
        return self.state == "up" and self.outstanding < max(1.0, self.limit.value * SLACK)


def choose(prompt_id: str, replicas: Sequence[Replica]) -> Replica | None:
    """The replica that a prompt goes to among those that take one; None if none does."""
    able = [replica for replica in replicas if replica.takes_prompt()]
    if len(able) < 2:
        return able[0] if able else None

    def score(replica: Replica) -> bytes:
        return hashlib.blake2b(f"{prompt_id}\n{replica.server.url}".encode(), digest_size=8).digest()

    return max(able, key=score)
