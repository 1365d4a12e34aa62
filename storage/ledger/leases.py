"""Leases: the holder of a key, until when, and its draws. They save work; correctness rests on the unique keys.

A lease ends by the database's clock, or earlier when its process is found dead; a process of another host counts as alive
until its lease ends.
"""

import secrets
from collections.abc import Collection, Iterator, Set
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Protocol, Self

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from rollmill.ground.files import no_link
from rollmill.storage.ledger.models import LeaseRow
from rollmill.storage.ledger.owners import Owner, this_process


class Lease:
    """A held lease; a context manager that releases it. `claimed`: the completions that are its holder's to draw."""

    def __init__(self, leases: "Leases", key: str, token: str, ttl: float, claimed: Set[str] = frozenset()) -> None:
        self.key = key
        self.token = token
        self.ttl = ttl
        self.claimed = claimed
        self._leases = leases

    def renew(self) -> bool:
        """Hold it for another `ttl` seconds; False if another process took it after it had expired."""
        return self._leases.renew(self)

    def release(self) -> None:
        """Give it back; no effect on a lost lease."""
        self._leases.release(self)

    @contextmanager
    def marked(self) -> Iterator[None]:
        """Show for the length of the block that this process works in the workspace, see `Leases.works_here`."""
        mark = self._leases.mark
        if mark is not None:
            mark.parent.mkdir(exist_ok=True)  # a clone whose ledger lies elsewhere has none yet
        with nullcontext() if mark is None else open(mark, "a", opener=no_link):
            yield

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Transactions(Protocol):
    """Ledger interface needed by leases."""

    def write(self, *, durable: bool = ...) -> AbstractContextManager[Session]: ...

    def read(self) -> AbstractContextManager[Session]: ...

    def now(self, session: Session) -> float:
        """Seconds since 1970 by the database's clock."""


class Leases:
    """All leases of one ledger. `mark`: the file that processes at work keep open, which shows that they work here."""

    def __init__(self, ledger: Transactions, mark: Path | None = None) -> None:
        self._ledger = ledger
        self.mark = mark

    def acquire(self, key: str, ttl: float = 60, claim: Collection[str] = ()) -> Lease | None:
        """The lease, or None while another holder is alive and in time.

        With it comes the claim on those of the completions `claim` that no other lease claims; it ends with the lease, or
        with `release_claims`.
        """
        # A token for each lease: after losing a key the same process may hold it again.
        owner, token = this_process(), secrets.token_hex(8)
        # Not durable: a lease that a power cut takes back costs work and breaks nothing.
        with self._ledger.write(durable=False) as session:
            now = self._ledger.now(session)
            holder = session.get(LeaseRow, key)
            if holder is not None and _holds(holder, now):
                return None
            # Expired, or its process is gone: whoever comes next takes it over.
            if holder is not None:
                session.delete(holder)
                session.flush()
            free = _unclaimed(session, claim, now)
            place = {"host": owner.host, "pid": owner.pid, "started": owner.started}
            session.add(
                LeaseRow(key=key, token=token, **place, expires_at=now + ttl, claims=" ".join(sorted(free)) or None)
            )
        return Lease(self, key, token, ttl, free)

    def renew(self, lease: Lease) -> bool:
        """See Lease.renew."""
        with self._ledger.write(durable=False) as session:
            until = self._ledger.now(session) + lease.ttl
            result = _execute(session, update(LeaseRow).where(*_mine(lease)).values(expires_at=until))
            return result.rowcount == 1

    def release(self, lease: Lease) -> None:
        """See Lease.release."""
        with self._ledger.write(durable=False) as session:
            _execute(session, delete(LeaseRow).where(*_mine(lease)))

    def release_claims(self, session: Session, lease: Lease) -> None:
        """Release the claims of a lease in the caller's transaction, which registers the rows."""
        _execute(session, update(LeaseRow).where(*_mine(lease)).values(claims=None))

    def held(self) -> dict[str, Owner]:
        """Keys that a live process holds in time, with their owners."""
        with self._ledger.read() as session:
            now = self._ledger.now(session)
            rows = session.scalars(select(LeaseRow)).all()
            return {row.key: Owner(row.host, row.pid, row.started) for row in rows if _holds(row, now)}

    def works_here(self, owner: Owner) -> bool:
        """True if it is known to work in this workspace: a ledger that came with a folder may name any process."""
        return self.mark is not None and owner.has_open(self.mark) is True

    def holders(self, prefix: str) -> list[tuple[str, Owner]]:
        """Keys with this prefix and their live owners: on this host however late they renew, on other hosts with a valid
        lease."""
        with self._ledger.read() as session:
            now = self._ledger.now(session)
            rows = session.scalars(select(LeaseRow).where(LeaseRow.key.startswith(prefix, autoescape=True))).all()
            owned = [(row, Owner(row.host, row.pid, row.started)) for row in rows]
        # After the transaction, as each look at a process reads /proc.
        lives = [(row, owner, owner.alive()) for row, owner in owned]
        return [(row.key, owner) for row, owner, alive in lives if alive or (alive is None and row.expires_at > now)]

    def forget_dead(self) -> None:
        """Remove what gone processes left behind: leases of this host whose process is dead, and of others that ended."""
        with self._ledger.read() as session:
            now = self._ledger.now(session)
            rows = [row for row in session.scalars(select(LeaseRow)).all() if not _holds(row, now)]
            dead = [(row.key, row.token) for row in rows if not Owner(row.host, row.pid, row.started).alive()]
        if dead:
            with self._ledger.write(durable=False) as session:
                for key, token in dead:
                    # With the token: another process may have taken the key since it was read.
                    _execute(session, delete(LeaseRow).where(LeaseRow.key == key, LeaseRow.token == token))


def _holds(row: LeaseRow, now: float) -> bool:
    return row.expires_at > now and Owner(row.host, row.pid, row.started).alive() is not False


def _unclaimed(session: Session, ids: Collection[str], now: float) -> set[str]:
    """The unclaimed completions among these: no live process claims them."""
    free = set(ids)
    if free:
        who = (LeaseRow.host, LeaseRow.pid, LeaseRow.started, LeaseRow.expires_at, LeaseRow.claims)
        for *owner, expires_at, claims in session.execute(select(*who).where(LeaseRow.claims.is_not(None))):
            # The owner's process is checked last and only where it matters: the check reads /proc.
            theirs = free.intersection(claims.split())
            if theirs and expires_at > now and Owner(*owner).alive() is not False:
                free -= theirs
    return free


def _mine(lease: Lease) -> tuple[Any, Any]:
    return LeaseRow.key == lease.key, LeaseRow.token == lease.token


def _execute(session: Session, statement: Any) -> CursorResult[Any]:
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result
