"""Cost of a run: tokens, engine seconds, calls and money, over all and by group, each total the same whole numbers.

    with Reader.open() as reader:
        account = run_cost(reader, "arithmetic-3f9a0c1d")
        account.whole.spent.tokens, account.by("level")

Two accounts are separate. A run REPRESENTS every completion of its plan, whichever run drew it. It SPENT its own draws,
according to its payments in the ledger. Completions reused from other runs are represented and cost it nothing; draws
that it discarded (another command was first) or repeated (a file was lost) were spent and are represented once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from rollmill.ground.errors import unknown_name
from rollmill.ground.money import MICROS, UNITS, amount
from rollmill.storage.queries.reader import Reader
from rollmill.storage.queries.scope import run_scope
from rollmill.storage.spending import DRAW, JUDGE, PURPOSES, SCORE, SUMMED, WRITE, Amount, Sums
from rollmill.storage.spending import money_text as money_text  # noqa: PLC0414 - the accounts and their words have one door

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

    from rollmill.storage.spending import Payment

By = Literal["batch", "problem", "level", "step", "round", "engine", "command"]
GROUPS: tuple[By, ...] = ("batch", "problem", "level", "step", "round", "engine", "command")

# Costs are rounded half to even, as rollmill.ground.money rounds a payment in Python: both have to sum to the same.
# Each completion counts once, at its first row in the plan, in integer sums. Its index among the distinct completions of
# its batch is the index of its bit in a payment.
_ROWS = """
WITH placed AS (
    SELECT completion_id, round, batch, min(ordinal) AS ordinal FROM planned GROUP BY ALL
), numbered AS (
    SELECT completion_id, round, batch, row_number() OVER (PARTITION BY round, batch ORDER BY ordinal) - 1 AS place
    FROM placed
), paid AS (
    SELECT DISTINCT n.completion_id FROM numbered n JOIN members m USING (round, batch, place)
), first AS (
    {first}
), decided AS (
    SELECT completion_id, count(*) FILTER (kept) AS kept FROM outcomes GROUP BY completion_id
)
SELECT f.at.problem AS problem, f.at.round AS round, f.at.batch AS batch, f.at.step AS step, p.level AS level,
       c.engine || ' ' || c.model AS engine, w.completion_id IS NOT NULL AS drawn, sum(coalesce(d.kept, 0)) AS kept,
       count(*) AS completions, sum(coalesce(c.tokens_in, 0)) AS tokens_in, sum(coalesce(c.tokens_out, 0)) AS tokens_out,
       sum(CAST(round_even(coalesce(c.cost, 0) * {units}, 0) AS HUGEINT)) AS units,
       sum(CAST(round_even(coalesce(c.seconds, 0) * {micros}, 0) AS HUGEINT)) AS micros,
       count(*) FILTER (c.tokens_in IS NULL OR c.tokens_out IS NULL) AS uncounted,
       count(*) FILTER (c.cost IS NULL) AS unpriced
FROM first f
JOIN (SELECT id, engine, model, tokens_in, tokens_out, cost, seconds FROM completions) c ON c.id = f.completion_id
LEFT JOIN (SELECT id, level FROM problems) p ON p.id = f.at.problem
LEFT JOIN decided d ON d.completion_id = f.completion_id
LEFT JOIN paid w ON w.completion_id = f.completion_id
GROUP BY ALL ORDER BY ALL
"""
_AT = "{problem: problem_id, batch: batch, round: round, step: coalesce(step, '')}"
_FIRST = f"SELECT completion_id, arg_min({_AT}, (round, ordinal)) AS at FROM planned GROUP BY completion_id"  # noqa: S608
_ONLY = f"SELECT completion_id, {_AT} AS at FROM planned"  # noqa: S608 - where each is planned once: a third of the time
# The places are the bits of a mask in hexadecimal. As Arrow's columns they would load pandas first.
_MEMBERS = """
CREATE TEMP TABLE members AS SELECT round, batch, place FROM (
    SELECT round, batch, mask, unnest(range(4 * length(mask))) AS place
    FROM (SELECT unnest(?::BIGINT[]) AS round, unnest(?::BIGINT[]) AS batch, unnest(?::VARCHAR[]) AS mask)
) WHERE ((instr('0123456789abcdef', substr(mask, length(mask) - place // 4, 1)) - 1) >> (place % 4)) & 1 = 1
"""
_ONCE = "SELECT count(*) = count(DISTINCT completion_id) FROM planned"


@dataclass(frozen=True, slots=True)
class CostGroup:
    """A group of a run's completions. `failed`: calls without a completion; a server's charge for them is unknown."""

    name: str
    represented: Sums
    spent: Sums
    kept: int
    failed: int = 0

    @property
    def calls(self) -> int:
        """Engine calls: one for each completion drawn here, and the failed ones."""
        return self.spent.completions + self.failed

    @property
    def tokens_per_kept(self) -> float | None:
        """Tokens in and out of all represented completions for one kept row; None without kept rows."""
        return self.represented.tokens / self.kept if self.kept else None

    def row(self) -> dict[str, Any]:
        """The group as JSON values; money as an exact decimal text, None if a completion has no price."""
        return {
            "group": self.name,
            "represented": sums_row(self.represented),
            "spent": {**sums_row(self.spent), "calls": self.calls, "failed_calls": self.failed},
            "kept": self.kept,
            "tokens_per_kept": self.tokens_per_kept,
        }


@dataclass(frozen=True, slots=True)
class RunCost:
    """The accounts of one run. `again`: payments beyond the represented completions: drawn twice, or second to another
    command.

    `votes`: the draws of its judges. `scoring`: the requests of its scorers. `writing`: the cost of writing its problems.
    `given_up`: an upper bound of the draws under way when commands were killed, in no total. `recorded`: True if the ledger
    has its payments; older runs are only represented.
    """

    run: str
    whole: CostGroup
    again: Sums
    votes: Sums
    scoring: Sums
    writing: Sums
    recorded: bool
    payments: "Sequence[Payment]"
    given_up: Amount
    rows: "pa.Table"
    failed: Mapping[str, int]

    @property
    def twice(self) -> Sums:
        """Payments for completions that another command, of this run or another, had stored before."""
        return sum((payment.charge.sums for payment in self.payments if payment.redundant), Sums())

    @property
    def paid(self) -> Sums:
        """All payments of the run, from the ledger."""
        return self.whole.spent + self.again + self.votes + self.scoring + self.writing

    def steps(self) -> dict[str, Sums]:
        """The totals by purpose; purposes without spending are left out."""
        rows = {
            "represented": self.whole.represented,
            "spent by this run": self.whole.spent,
            "reused": self.whole.represented - self.whole.spent,
        }
        others = {"drawn again": self.again, "judges' votes": self.votes, "scorers": self.scoring, "writers": self.writing}
        return rows | {name: sums for name, sums in others.items() if sums.completions}

    def by(self, what: By) -> list[CostGroup]:
        """The totals by group, in order; completions without a group come last under `-`."""
        if what not in GROUPS:
            raise unknown_name("grouping", what, GROUPS)
        return _by_command(self.payments) if what == "command" else _by(self, what)


def run_cost(reader: Reader, run_id: str) -> RunCost:
    """The accounts of a run, live while it draws; SetupError for an unknown run."""
    payments, failed = reader.spending.payments(run_id), reader.attempts.failed(run_id)
    scope = run_scope(reader, run_id)
    with scope.connection("outcomes", "completions", "problems") as connection:
        _make_members(connection, payments)
        (once,) = connection.execute(_ONCE).fetchall()[0]
        rows = connection.sql(_ROWS.format(first=_ONLY if once else _FIRST, units=UNITS, micros=MICROS)).to_arrow_table()
    whole = _group("all", _columns(_summed(rows)), sum(failed.values()))
    by_purpose = {
        purpose: sum((payment.charge.sums for payment in payments if payment.charge.purpose == purpose), Sums())
        for purpose in PURPOSES
    }
    again = by_purpose[DRAW] - whole.spent
    given_up = reader.spending.given_up(run_id)
    others = (by_purpose[JUDGE], by_purpose[SCORE], by_purpose[WRITE])
    return RunCost(run_id, whole, again, *others, bool(payments), payments, given_up, rows, failed)


def sums_row(sums: Sums) -> dict[str, Any]:
    """Totals as JSON values."""
    money: Decimal | None = amount(sums.units) if sums.completions and not sums.unpriced else None
    return {
        "completions": sums.completions,
        "tokens_in": sums.tokens_in,
        "tokens_out": sums.tokens_out,
        "seconds": sums.seconds,
        "money": None if money is None else str(money),
        "units": sums.units,
        "without_token_counts": sums.uncounted,
        "without_price": sums.unpriced,
    }


def cost_frame(groups: Sequence[CostGroup]) -> "pd.DataFrame":
    """Groups as a frame; `units` are millionths of a millionth of the currency (rollmill.ground.money.amount)."""
    import pandas as pd

    rows = [
        {
            "group": group.name,
            **{name: getattr(group.represented, name) for name in SUMMED},
            "spent_tokens": group.spent.tokens,
            "spent_units": group.spent.units,
            "calls": group.calls,
            "kept": group.kept,
            "tokens_per_kept": group.tokens_per_kept,
        }
        for group in groups
    ]
    return pd.DataFrame(rows)


def _make_members(connection: "duckdb.DuckDBPyConnection", payments: "Sequence[Payment]") -> None:
    """Make the table `members`: (round, batch, place) of every paid completion that no other command had stored before."""
    charges = [payment.charge for payment in payments if not payment.redundant and payment.charge.purpose == DRAW]
    rounds, batches = [charge.round for charge in charges], [charge.batch for charge in charges]
    connection.execute(_MEMBERS, [rounds, batches, [f"{int(charge.members, 16):x}" for charge in charges]])


Columns = Mapping[str, Sequence[Any]]


def _summed(rows: "pa.Table", *keys: str) -> "pa.Table":
    """The rows summed by some of their columns and by whether they were drawn here, which leaves few rows."""
    from rollmill.storage.segments.instance import closed

    names, sums = ", ".join([*keys, "drawn"]), ", ".join(f"sum({name}) AS {name}" for name in ("kept", *SUMMED))
    with closed() as connection:  # Arrow's own sums would load pandas first
        connection.register("rows", rows)
        return connection.sql(f"SELECT {names}, {sums} FROM rows GROUP BY ALL ORDER BY ALL").to_arrow_table()  # noqa: S608


def _columns(rows: "pa.Table") -> Columns:
    return {name: rows[name].to_pylist() for name in rows.column_names}


def _group(name: str, columns: Columns, failed: int, places: Sequence[int] | None = None) -> CostGroup:
    chosen = range(len(columns["drawn"])) if places is None else places
    mine = [place for place in chosen if columns["drawn"][place]]
    return CostGroup(name, _sums(columns, chosen), _sums(columns, mine), _total(columns["kept"], chosen), failed)


def _sums(columns: Columns, places: Sequence[int]) -> Sums:
    return Sums(*(_total(columns[name], places) for name in SUMMED))


def _total(column: Sequence[Any], places: Sequence[int]) -> int:
    # DuckDB's HUGEINT comes through Arrow as a decimal.
    return sum(int(column[place]) for place in places)


def _by(cost: RunCost, what: By) -> list[CostGroup]:
    columns = _columns(_summed(cost.rows, *(("round", "batch") if what == "batch" else (what,))))
    keys = columns["round"] if what == "batch" else columns[what]
    places: dict[tuple[Any, ...], list[int]] = {}
    for place, key in enumerate(keys):
        full = (key, columns["batch"][place]) if what == "batch" else (key,)
        places.setdefault(full, []).append(place)
    failed: dict[tuple[Any, ...], int] = {}
    if what == "batch":  # of committed batches; the last group has failed calls of batches without a completion
        batches = {payment.charge.batch_id: (payment.charge.round, payment.charge.batch) for payment in cost.payments}
        failed = {batches[batch]: count for batch, count in cost.failed.items() if batch in batches}
    ordered = sorted(places, key=lambda key: tuple((part is None, part) for part in key))
    names = {key: ".".join("none" if part is None else str(part) for part in key) or "-" for key in ordered}
    groups = [_group(names[key], columns, failed.get(key, 0), places[key]) for key in ordered]
    rest = sum(cost.failed.values()) - sum(group.failed for group in groups)
    return [*groups, CostGroup("-", Sums(), Sums(), 0, rest)] if rest else groups


def _by_command(payments: "Sequence[Payment]") -> list[CostGroup]:
    """Payments of each process, from the ledger alone, discarded completions included."""
    sums_of_command: dict[str, Sums] = {}
    for payment in payments:
        sums_of_command[payment.command] = sums_of_command.get(payment.command, Sums()) + payment.charge.sums
    return [CostGroup(name, sums, sums, 0) for name, sums in sums_of_command.items()]
