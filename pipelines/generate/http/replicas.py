"""One replica as the dispatcher sees it, and which replica a prompt belongs to. Knows no sockets.

A prompt belongs to the replica with the highest hash of (prompt, replica), so that all its samples, in this call and in
later ones, meet the prefix that this replica has cached; one that has too much outstanding is passed over (rendezvous
hashing with bounded loads).
"""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pipelines.generate.http.http_settings import Server
from pipelines.generate.http.limit import Limit

if TYPE_CHECKING:
    from pipelines.generate.calls import Job

State = Literal["unknown", "up", "down"]
SLACK = 1.25  # how far above its limit a replica may be asked for, waiting ones included
FAILURES = 3  # in a row, after which a replica is taken out and probed


@dataclass
class Replica:
    """State of one server: whether it is in use, what is under way there, what waits for it. `name`: as it may be shown.

    `absent`: at the last look nothing listened there.
    """

    server: Server
    key: str | None = None
    state: State = "unknown"
    limit: Limit = field(init=False)
    queue: "deque[Job]" = field(default_factory=deque)
    in_flight: int = 0
    failures: int = 0
    paused_until: float = 0.0
    probing: bool = False
    why: str = ""
    absent: bool = False
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.limit = Limit(self.server.concurrency)
        self.name = self.server.shown

    @property
    def outstanding(self) -> int:
        """Requests under way or waiting for it."""
        return self.in_flight + len(self.queue)

    def open(self, now: float) -> bool:
        """Whether it takes another request now."""
        return self.state == "up" and self.in_flight < self.limit.value and now >= self.paused_until

    def takes_prompt(self) -> bool:
        """Whether another prompt may be assigned to it."""
        return self.state == "up" and self.outstanding < max(1.0, self.limit.value * SLACK)


def choose(prompt_id: str, replicas: Sequence[Replica]) -> Replica | None:
    """The replica that a prompt goes to among those that take one; None where none does."""
    able = [replica for replica in replicas if replica.takes_prompt()]
    if len(able) < 2:
        return able[0] if able else None
    return max(able, key=lambda replica: _score(prompt_id, replica.server.url))


def _score(prompt_id: str, url: str) -> bytes:
    return hashlib.blake2b(f"{prompt_id}\n{url}".encode(), digest_size=8).digest()
