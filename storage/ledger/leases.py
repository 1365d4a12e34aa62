"""Leases: who works on a key, until when. They save work and never decide what is true; unique keys of batches do.

A lease ends by the database's clock, or earlier when its process is seen to be gone; a process of another host is believed
until its lease ends.
"""

import secrets
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from storage.ledger.models import LeaseRow
from storage.ledger.owners import Owner, this_process

if TYPE_CHECKING:
    from storage.ledger.engine import Ledger


class Lease:
    """A held lease; a context manager that releases it."""

    def __init__(self, leases: "Leases", key: str, token: str, ttl: float) -> None:
        self.key = key
        self.token = token
        self.ttl = ttl
        self._leases = leases

    def renew(self) -> bool:
        """Hold it for another `ttl` seconds; False where somebody else took it after it had expired."""
        return self._leases.renew(self)

    def release(self) -> None:
        """Give it back; nothing where it was lost."""
        self._leases.release(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Leases:
    """All leases of one ledger."""

    def __init__(self, ledger: "Ledger") -> None:
        self._ledger = ledger

    def acquire(self, key: str, ttl: float = 60) -> Lease | None:
        """The lease, or None while another holder is alive and in time."""
        owner, token = this_process(), secrets.token_hex(8)
        with self._ledger.write(durable=False) as session:
            now = self._ledger.now(session)
            held = session.get(LeaseRow, key)
            if held is not None and _holds(held, now):
                return None
            if held is not None:
                session.delete(held)
                session.flush()
            session.add(
                LeaseRow(key=key, token=token, host=owner.host, pid=owner.pid, started=owner.started, expires_at=now + ttl)
            )
        return Lease(self, key, token, ttl)

    def renew(self, lease: Lease) -> bool:
        """See Lease.renew."""
        with self._ledger.write(durable=False) as session:
            until = self._ledger.now(session) + lease.ttl
            done = _execute(session, update(LeaseRow).where(*_mine(lease)).values(expires_at=until))
            return done.rowcount == 1

    def release(self, lease: Lease) -> None:
        """See Lease.release."""
        with self._ledger.write(durable=False) as session:
            _execute(session, delete(LeaseRow).where(*_mine(lease)))

    def held(self) -> dict[str, Owner]:
        """Keys that a live process holds in time, with their owners."""
        with self._ledger.read() as session:
            now = self._ledger.now(session)
            rows = session.scalars(select(LeaseRow)).all()
            return {row.key: Owner(row.host, row.pid, row.started) for row in rows if _holds(row, now)}


def _holds(row: LeaseRow, now: float) -> bool:
    return row.expires_at > now and Owner(row.host, row.pid, row.started).alive() is not False


def _mine(lease: Lease) -> tuple[Any, Any]:
    return LeaseRow.key == lease.key, LeaseRow.token == lease.token


def _execute(session: Session, statement: Any) -> CursorResult[Any]:
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result
