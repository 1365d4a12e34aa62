"""What is drawn together: a batch of requests to one engine, and one that is leased and under way."""

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

from pipelines.protocols import Generator
from storage.ledger.leases import Lease
from storage.records import Completion, Request


class Batch(Protocol):
    """Requests that are leased, drawn and committed together.

    `id` names its lease and its spool. `round` and `number` are its place in the run that pays, `purpose` what the run pays
    for: a purpose of storage.spending.PURPOSES.
    """

    @property
    def id(self) -> str: ...

    @property
    def round(self) -> int: ...

    @property
    def number(self) -> int: ...

    @property
    def purpose(self) -> str: ...

    @property
    def engine(self) -> Generator: ...

    @property
    def completion_ids(self) -> Sequence[str]:
        """The distinct completions of the batch, in its order."""

    def requests(self, ids: Collection[str]) -> Iterator[Request]:
        """The requests for these of its completions, each once, in its order."""


class OpenBatch(Protocol):
    """A leased batch under way. `missing`: what is to be drawn of it; `completions`: those at hand, by id."""

    @property
    def batch(self) -> Batch: ...

    @property
    def lease(self) -> Lease: ...

    @property
    def missing(self) -> Sequence[str]: ...

    @property
    def completions(self) -> dict[str, Completion]: ...
