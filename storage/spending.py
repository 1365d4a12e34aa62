"""Payments of runs for completions, and reservations of commands under a limit. Integer sums only; knows no engine.

A payment is written in the transaction that registers its completions, so the two always agree. A reservation covers the
drawn and uncommitted completions of a process, plus requests under way at their worst case. A killed process's
reservation counts until the requests under way are paid for at their bound, as only the server knows their result.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import case, delete, func, select
from sqlalchemy.orm import Session

from rollmill.ground.money import micros_of, shown, units_of
from rollmill.ground.records import Completion
from rollmill.storage.ledger.engine import Ledger
from rollmill.storage.ledger.models import ReservedRow, SpendRow
from rollmill.storage.ledger.owners import Owner, this_process


@dataclass(frozen=True, slots=True)
class Sums:
    """Totals of some completions. `units`: money (rollmill.ground.money), `micros`: engine seconds in millionths.

    `uncounted`: those of `completions` whose token counts are not known, `unpriced`: whose cost is not.
    """

    completions: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    units: int = 0
    micros: int = 0
    uncounted: int = 0
    unpriced: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, name) + getattr(other, name) for name in SUMMED))

    def __sub__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, name) - getattr(other, name) for name in SUMMED))

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.tokens_in + self.tokens_out

    @property
    def seconds(self) -> float:
        """Engine seconds."""
        return self.micros / 1e6


DRAW, JUDGE, SCORE, WRITE = PURPOSES = ("draw", "judge", "score", "write")
"""Purposes of a run's spending: planned completions, votes of judges, requests of scorers, problems."""
SUMMED = tuple(field.name for field in fields(Sums))


@dataclass(frozen=True, slots=True)
class Amount:
    """Tokens (in and out) and money in units, as a limit counts them."""

    tokens: int = 0
    units: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.tokens + other.tokens, self.units + other.units)

    def less(self, other: "Amount") -> "Amount":
        """Remainder of this amount after another; nothing below 0."""
        return Amount(max(0, self.tokens - other.tokens), max(0, self.units - other.units))


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a run may spend over all its commands; None: no limit of that kind."""

    tokens: int | None = None
    units: int | None = None

    def exceeded_limit(self, spent: Amount) -> str | None:
        """Name of the limit that this amount exceeds, in words; None within the limits."""
        if self.tokens is not None and spent.tokens > self.tokens:
            return "token limit"
        if self.units is not None and spent.units > self.units:
            return "cost limit"
        return None


@dataclass(frozen=True, slots=True)
class Charge:
    """A payment to be made: the completions a command drew of a batch. `bound`: the most that uncounted ones may have cost.

    `purpose`: one of PURPOSES.
    """

    batch_id: str
    round: int
    batch: int
    members: str
    sums: Sums
    bound: Amount = Amount()
    purpose: str = DRAW


@dataclass(frozen=True, slots=True)
class Reservation:
    """A process's reservation for a batch. `under_way`: requests at servers at most; None: everything reserved for."""

    batch_id: str
    owner: Owner
    amount: Amount
    under_way: int | None
    purpose: str = DRAW


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment in the ledger. `command`: the process that made it."""

    command: str
    charge: Charge
    redundant: bool
    paid_at: float


def sums_of(completions: Iterable[Completion]) -> Sums:
    """The totals of some completions; an unknown number counts as 0 and is counted as unknown."""
    return sums_of_rows(
        (completion.tokens_in, completion.tokens_out, completion.cost, completion.seconds) for completion in completions
    )


def sums_of_rows(rows: Iterable[Sequence[Any]]) -> Sums:
    """The totals of (tokens in, tokens out, cost, seconds) of stored completions."""
    count = tokens_in = tokens_out = units = micros = uncounted = unpriced = 0
    for taken, given, cost, seconds in rows:
        count += 1
        tokens_in += taken or 0
        tokens_out += given or 0
        units += units_of(cost)
        micros += micros_of(seconds)
        uncounted += taken is None or given is None
        unpriced += cost is None
    return Sums(count, tokens_in, tokens_out, units, micros, uncounted, unpriced)


def money_text(sums: Sums, currency: str | None) -> str:
    """Money for people: `-` if only unpriced completions were paid for, `+?` after an amount that lacks unpriced ones."""
    if (sums.unpriced and not sums.units) or sums.completions == sums.unpriced:
        return "-"
    return shown(sums.units, currency) + ("+?" if sums.unpriced else "")


class Spending:
    """The payments and reservations of one workspace."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def pay(self, session: Session, run_id: str, charge: Charge, *, redundant: bool) -> None:
        """Write a payment within a transaction and release the reservation of its batch."""
        self._pay(session, run_id, charge, this_process(), redundant=redundant)
        session.execute(delete(ReservedRow).where(ReservedRow.run_id == run_id, ReservedRow.batch_id == charge.batch_id))

    def _pay(self, session: Session, run_id: str, charge: Charge, owner: Owner, *, redundant: bool = False) -> None:
        sums = {name: getattr(charge.sums, name) for name in SUMMED}
        session.add(
            SpendRow(
                run_id=run_id,
                command=f"{owner.host} {owner.pid} {owner.started:.0f}",
                batch_id=charge.batch_id,
                round=charge.round,
                batch=charge.batch,
                members=charge.members,
                redundant=redundant,
                bound_tokens=charge.bound.tokens,
                bound_units=charge.bound.units,
                purpose=charge.purpose,
                paid_at=self._ledger.now(session),
                **sums,
            )
        )

    def by_run(self) -> dict[str, Sums]:
        """All payments by run; runs without payments are left out."""
        sums = [func.sum(getattr(SpendRow, name)) for name in SUMMED]
        with self._ledger.read() as session:
            rows = session.execute(select(SpendRow.run_id, *sums).group_by(SpendRow.run_id)).all()
        return {run: Sums(*(int(value) for value in values)) for run, *values in rows}

    def by_span(self, begun: Sequence[float]) -> dict[tuple[str, int], Sums]:
        """Payments by run and span of time; those of before the first span, and runs without payments, are left out.

        `begun`: beginnings of the spans in order, in seconds since 1970; the last span is open.
        """
        sums = [func.sum(getattr(SpendRow, name)) for name in SUMMED]
        # A comparison for each span: SQLite and PostgreSQL round a quotient differently.
        places = [(SpendRow.paid_at >= moment, place) for place, moment in reversed(list(enumerate(begun)))]
        span = case(*places).label("span")
        question = select(SpendRow.run_id, span, *sums).where(SpendRow.paid_at >= begun[0]).group_by(SpendRow.run_id, span)
        with self._ledger.read() as session:
            rows = session.execute(question).all()
        return {(run, int(place)): Sums(*(int(value) for value in values)) for run, place, *values in rows}

    def reserved(self, run_id: str) -> list[Reservation]:
        """Reservations of processes for batches of a run."""
        with self._ledger.read() as session:
            rows = session.scalars(select(ReservedRow).where(ReservedRow.run_id == run_id)).all()
            return [_reservation(row) for row in rows]

    def killed(self, run_id: str) -> list[Reservation]:
        """Reservations of killed processes, which count until they are settled."""
        return [
            reservation
            for reservation in self.reserved(run_id)
            if reservation.under_way != 0 and reservation.owner.alive() is False
        ]

    def settle(self, run_id: str, owner: Owner, batch_ids: Sequence[str], charge: Charge) -> None:
        """Replace a process's reservations for these batches with a payment, unless another command has done so."""
        mine = (ReservedRow.run_id == run_id, ReservedRow.batch_id.in_(batch_ids))
        whose = (ReservedRow.host == owner.host, ReservedRow.pid == owner.pid, ReservedRow.started == owner.started)
        with self._ledger.write() as session:
            rows = session.scalars(select(ReservedRow).where(*mine, *whose)).all()
            for row in rows:
                session.delete(row)
            if rows and charge.bound != Amount():  # no row: another command has settled them
                self._pay(session, run_id, charge, owner)

    def given_up(self, run_id: str) -> Amount:
        """Upper bound of the requests under way when commands of a run were killed or interrupted, settled or not."""
        amounts = [payment.charge.bound for payment in self.payments(run_id) if not payment.charge.sums.completions]
        return sum((*amounts, *(reservation.amount for reservation in self.killed(run_id))), Amount())

    def payments(self, run_id: str) -> list[Payment]:
        """Every payment of a run in order."""
        with self._ledger.read() as session:
            rows = session.scalars(select(SpendRow).where(SpendRow.run_id == run_id).order_by(SpendRow.id)).all()
        return [Payment(row.command, _charge(row), row.redundant, row.paid_at) for row in rows]

    def paid(self, run_id: str) -> Sums:
        """Payments of a run over all its commands."""
        return sum((payment.charge.sums for payment in self.payments(run_id)), Sums())

    def reserve(  # noqa: PLR0913 (what is reserved, for what and under which limit)
        self,
        run_id: str,
        batch_id: str,
        uncommitted: Amount,
        wanted: Sequence[Amount],
        limit: Limit,
        under_way: int | None = None,
        purpose: str = DRAW,
    ) -> int:
        """Reserve for as many of `wanted`, from the first on, as the limit allows in addition to everything paid and
        reserved.

        `uncommitted`: cost of the batch's uncommitted completions. Its reservation becomes that plus the granted amount.
        All in one transaction, so that commands on one run share its limit.
        """
        with self._ledger.write() as session:
            spent = self._spent(session, run_id, except_for=batch_id) + uncommitted
            granted = 0
            for amount in wanted:
                if limit.exceeded_limit(spent + amount) is not None:
                    break
                spent += amount
                uncommitted += amount
                granted += 1
            self._hold(session, run_id, batch_id, uncommitted, under_way if granted else 0, purpose)
        return granted

    def hold(self, run_id: str, batch_id: str, amount: Amount, purpose: str = DRAW) -> None:
        """Record that a batch has this uncommitted spending; its reservation stays."""
        with self._ledger.write() as session:
            self._hold(session, run_id, batch_id, amount, 0, purpose)

    def counted(self, run_id: str) -> Amount:
        """Amount that counts against a run's limit now: payments, bounds of unknown ones, valid reservations."""
        # For writing, as reservations that are void are removed on the way.
        with self._ledger.write() as session:
            return self._spent(session, run_id)

    def _spent(self, session: Session, run_id: str, except_for: str | None = None) -> Amount:
        total = Amount()
        for row in session.scalars(select(SpendRow).where(SpendRow.run_id == run_id)):
            total += Amount(row.tokens_in + row.tokens_out + row.bound_tokens, row.units + row.bound_units)
        for reserved in session.scalars(select(ReservedRow).where(ReservedRow.run_id == run_id)).all():
            reservation = _reservation(reserved)
            if (
                reservation.under_way == 0 and reservation.owner.alive() is False
            ):  # its spools are counted by the command that continues
                session.delete(reserved)
            elif reserved.batch_id != except_for:
                total += reservation.amount
        session.flush()
        return total

    def _hold(
        self, session: Session, run_id: str, batch_id: str, amount: Amount, under_way: int | None, purpose: str
    ) -> None:
        if amount == Amount():
            session.execute(delete(ReservedRow).where(ReservedRow.run_id == run_id, ReservedRow.batch_id == batch_id))
            return
        me = this_process()
        place: dict[str, Any] = {"host": me.host, "pid": me.pid, "started": me.started, "under_way": under_way}
        place["purpose"] = purpose
        session.merge(ReservedRow(run_id=run_id, batch_id=batch_id, tokens=amount.tokens, units=amount.units, **place))


def _reservation(row: ReservedRow) -> Reservation:
    owner = Owner(row.host, row.pid, row.started)
    return Reservation(row.batch_id, owner, Amount(row.tokens, row.units), row.under_way, row.purpose)


def _charge(row: SpendRow) -> Charge:
    sums = Sums(*(getattr(row, name) for name in SUMMED))
    return Charge(
        row.batch_id, row.round, row.batch, row.members, sums, Amount(row.bound_tokens, row.bound_units), row.purpose
    )
