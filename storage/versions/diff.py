"""What changed between two versions of a dataset, and why. Reads manifests and databases; writes and decides nothing.

Rollouts are compared by (problem, completion). A problem whose reference was repaired has another id; problems that share
their prompt across the two versions are therefore also listed as `repaired`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from storage.versions.card import flatten
from storage.versions.read import load_manifest, open_version, reading
from storage.versions.resolve import VersionInfo

EXAMPLES = 5
_ABSENT = None


@dataclass(frozen=True)
class Change:
    """A value that differs, under its dotted key; None where one side has none."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Delta:
    """A number that differs; `delta` is new - old, None where one side has no number."""

    key: str
    old: float | None
    new: float | None
    delta: float | None


@dataclass(frozen=True)
class Move:
    """Rollouts that went from one state to another (a reason, or an outcome), with example completion ids."""

    old: str
    new: str
    count: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Members:
    """Rows that only one side has; `kept_added` and `kept_removed` are those of them that are kept there."""

    added: int
    removed: int
    added_examples: tuple[str, ...]
    removed_examples: tuple[str, ...]
    kept_added: int = 0
    kept_removed: int = 0


@dataclass(frozen=True)
class Repaired:
    """One prompt whose reference, tests or kind differ between the versions."""

    prompt_id: str
    old_id: str
    new_id: str
    old_reference: str
    new_reference: str


@dataclass(frozen=True)
class VersionDiff:
    """Everything that differs; empty tuples and zero counts where nothing does."""

    before: str
    after: str
    same_content: bool
    same_kept: bool
    same_scores: bool
    recipe: tuple[Change, ...]
    verifiers: tuple[Change, ...]
    fingerprint: tuple[Change, ...]
    problems: Members
    repaired: tuple[Repaired, ...]
    rollouts: Members
    kept_to_dropped: tuple[Move, ...]
    dropped_to_kept: tuple[Move, ...]
    outcome_flips: tuple[Move, ...]
    metrics: tuple[Delta, ...]
    levels: tuple[Delta, ...]

    def json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def diff(before: VersionInfo, after: VersionInfo) -> VersionDiff:
    """Compare two versions; SetupError if the rows of either are not in this clone."""
    old, new = load_manifest(before), load_manifest(after)
    with duckdb.connect() as connection:
        _attach(connection, before, "a")
        _attach(connection, after, "b")
        return VersionDiff(
            before=before.ref,
            after=after.ref,
            same_content=before.content_hash == after.content_hash,
            same_kept=before.kept_hash == after.kept_hash,
            same_scores=before.scores_hash == after.scores_hash,
            recipe=changes(old["recipe"], new["recipe"]),
            verifiers=changes({"verifiers": old["verifiers"]}, {"verifiers": new["verifiers"]}),
            fingerprint=changes(old["fingerprint"], new["fingerprint"]),
            problems=_problem_members(connection),
            repaired=_repaired(connection),
            rollouts=_rollout_members(connection),
            kept_to_dropped=_moves(connection, "reason", "o.kept and not n.kept"),
            dropped_to_kept=_moves(connection, "reason", "n.kept and not o.kept"),
            outcome_flips=_moves(connection, "outcome", "o.outcome <> n.outcome"),
            metrics=deltas(old["metrics"], new["metrics"]),
            levels=deltas(old["counts"]["levels"], new["counts"]["levels"]),
        )


def changes(old: Any, new: Any) -> tuple[Change, ...]:
    """The dotted keys whose values differ."""
    left, right = flatten(old), flatten(new)
    keys = sorted(left.keys() | right.keys())
    compared = (Change(key, left.get(key, _ABSENT), right.get(key, _ABSENT)) for key in keys if key)
    return tuple(change for change in compared if change.old != change.new)


def deltas(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Delta, ...]:
    """The dotted keys whose numbers differ, each with the difference."""
    numbers = []
    for change in changes(old, new):
        before, after = _number(change.old), _number(change.new)
        if before is not None and after is not None:
            # Twelve digits: 0.3 - 0.1 is 0.2 for a reader, not 0.19999999999999998.
            numbers.append(Delta(change.key, before, after, float(f"{after - before:.12g}")))
        elif before is not None or after is not None:
            numbers.append(Delta(change.key, before, after, None))
    return tuple(numbers)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _attach(connection: duckdb.DuckDBPyConnection, info: VersionInfo, alias: str) -> None:
    """Copy the narrow columns, so that one version may be compared with itself and no file stays open."""
    with reading(info), open_version(info) as version:
        problems = version.sql("select id, prompt_id, reference from problems").to_arrow_table()
        decisions = version.sql("select problem_id, completion_id, kept, reason, outcome from decisions").to_arrow_table()
    connection.register(f"{alias}_problems", problems)
    connection.register(f"{alias}_decisions", decisions)


def _problem_members(connection: duckdb.DuckDBPyConnection) -> Members:
    added = _column(connection, "select id from b_problems anti join a_problems using (id) order by id")
    removed = _column(connection, "select id from a_problems anti join b_problems using (id) order by id")
    return Members(len(added), len(removed), tuple(added[:EXAMPLES]), tuple(removed[:EXAMPLES]))


def _rollout_members(connection: duckdb.DuckDBPyConnection) -> Members:
    added, kept_added, added_examples = _only_in(connection, "b", "a")
    removed, kept_removed, removed_examples = _only_in(connection, "a", "b")
    return Members(added, removed, added_examples, removed_examples, kept_added, kept_removed)


def _only_in(connection: duckdb.DuckDBPyConnection, here: str, there: str) -> tuple[int, int, tuple[str, ...]]:
    query = (
        "select count(*), count(*) filter (kept), list_slice(list(completion_id order by problem_id, completion_id), 1, "  # noqa: S608
        f"{EXAMPLES}) from {here}_decisions anti join {there}_decisions using (problem_id, completion_id)"
    )
    count, kept, examples = _all(connection, query)[0]
    return count, kept, tuple(examples or ())


def _moves(connection: duckdb.DuckDBPyConnection, state: str, condition: str) -> tuple[Move, ...]:
    query = (
        f"select o.{state}, n.{state}, count(*) as moved, "  # noqa: S608
        f"list_slice(list(completion_id order by problem_id, completion_id), 1, {EXAMPLES}) "
        "from a_decisions o join b_decisions n using (problem_id, completion_id) "
        f"where {condition} group by all order by moved desc, 1, 2"
    )
    return tuple(Move(old, new, count, tuple(examples)) for old, new, count, examples in _all(connection, query))


def _repaired(connection: duckdb.DuckDBPyConnection) -> tuple[Repaired, ...]:
    query = (
        "select o.prompt_id, o.id, n.id, o.reference, n.reference from "
        "(select * from a_problems anti join b_problems using (id)) o join "
        "(select * from b_problems anti join a_problems using (id)) n using (prompt_id) order by 1, 2, 3"
    )
    return tuple(Repaired(*row) for row in _all(connection, query))


def _column(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [row[0] for row in _all(connection, query)]


def _all(connection: duckdb.DuckDBPyConnection, query: str) -> Sequence[tuple[Any, ...]]:
    rows: Sequence[tuple[Any, ...]] = connection.sql(query).fetchall()
    return rows


def describe(diff: VersionDiff) -> list[str]:
    """What changed, the cause (recipe, verifiers, machine) before the effect; one line if nothing did."""
    lines = [f"{diff.before} -> {diff.after}"]
    sections = (
        ("recipe", _changes(diff.recipe)),
        ("verifiers", _changes(diff.verifiers)),
        ("fingerprint", _changes(diff.fingerprint)),
        ("problems", _members(diff.problems)),
        (
            "repaired",
            _repairs(diff.repaired),
        ),
        ("rollouts", _members(diff.rollouts)),
        ("kept -> dropped", _move_lines(diff.kept_to_dropped)),
        ("dropped -> kept", _move_lines(diff.dropped_to_kept)),
        ("outcome", _move_lines(diff.outcome_flips)),
        ("metrics", _deltas(diff.metrics)),
        ("levels", _deltas(diff.levels)),
    )
    for title, items in sections:
        section = [f"  {item}" for item in items]
        lines += [title, *section] if section else []
    if len(lines) == 1:
        lines.append("  no difference" if diff.same_scores else "  no difference but in the scores")
    return lines


def _changes(changes: Iterable[Change]) -> Iterator[str]:
    return (f"{change.key}: {_value(change.old)} -> {_value(change.new)}" for change in changes)


def _deltas(deltas: Iterable[Delta]) -> Iterator[str]:
    for item in deltas:
        gain = "" if item.delta is None else f" ({item.delta:+.6g})"
        yield f"{item.key}: {_value(item.old)} -> {_value(item.new)}{gain}"


def _move_lines(moves: Iterable[Move]) -> Iterator[str]:
    return (f"{move.count} x {move.old} -> {move.new}, e.g. {', '.join(i[:8] for i in move.examples)}" for move in moves)


def _repairs(repaired: Iterable[Repaired]) -> Iterator[str]:
    return (
        f"{repair.old_id[:8]} -> {repair.new_id[:8]}: {repair.old_reference} -> {repair.new_reference}"
        for repair in repaired
    )


def _members(members: Members) -> Iterator[str]:
    sides = (
        ("added", members.added, members.kept_added, members.added_examples),
        ("removed", members.removed, members.kept_removed, members.removed_examples),
    )
    for word, count, kept, examples in sides:
        if count:
            of_them = f" ({kept} kept)" if kept else ""
            yield f"{count} {word}{of_them}, e.g. {', '.join(example[:8] for example in examples)}"


def _value(value: object) -> str:
    return "none" if value is None else str(value)
