"""Differences between two versions of a dataset, and their causes. Reads manifests and databases; writes nothing.

Rollouts are matched by (problem, completion). A problem whose reference was repaired has another id; problems with a common
prompt are therefore also listed as `repaired`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rollmill.storage.versions.content.card import flatten
from rollmill.storage.versions.pairing import EXAMPLES, Pairing, StateChange
from rollmill.storage.versions.read import load_manifest
from rollmill.storage.versions.resolve import VersionInfo

_ABSENT = None
LONG, LINE = 80, 100  # characters of a text that is shown as a text diff, and of a line of it


@dataclass(frozen=True)
class VersionChange:
    """A value that differs, under its dotted key; None for a side without it."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Delta:
    """A number that differs; `delta` is new - old, None if one side has no number."""

    key: str
    old: float | None
    new: float | None
    delta: float | None


@dataclass(frozen=True)
class Members:
    """Rows of one side only; `kept_added` and `kept_removed` are the kept ones among them."""

    added: int
    removed: int
    added_examples: tuple[str, ...]
    removed_examples: tuple[str, ...]
    kept_added: int = 0
    kept_removed: int = 0


@dataclass(frozen=True)
class PromptChange:
    """A prompt with a different reference, tests or kind in the two versions."""

    prompt_id: str
    old_id: str
    new_id: str
    old_reference: str
    new_reference: str


@dataclass(frozen=True)
class VersionDiff:
    """All differences of two versions; empty tuples and zero counts for none."""

    before: str
    after: str
    same_content: bool
    same_kept: bool
    same_scores: bool
    recipe: tuple[VersionChange, ...]
    verifiers: tuple[VersionChange, ...]
    fingerprint: tuple[VersionChange, ...]
    problems: Members
    repaired: tuple[PromptChange, ...]
    rollouts: Members
    flow: tuple[StateChange, ...]
    kept_to_dropped: tuple[StateChange, ...]
    dropped_to_kept: tuple[StateChange, ...]
    outcome_flips: tuple[StateChange, ...]
    metrics: tuple[Delta, ...]
    levels: tuple[Delta, ...]

    def json(self) -> dict[str, Any]:
        """The difference as plain JSON values."""
        return asdict(self)


def diff(before: VersionInfo, after: VersionInfo, pairing: Pairing | None = None) -> VersionDiff:
    """Compare two versions, with `pairing` if they are joined already; SetupError if the rows of either are not here."""
    old, new = load_manifest(before), load_manifest(after)
    pair = pairing or Pairing(before, after)
    try:
        return VersionDiff(
            before=before.ref,
            after=after.ref,
            same_content=before.content_hash == after.content_hash,
            same_kept=before.kept_hash == after.kept_hash,
            same_scores=before.scores_hash == after.scores_hash,
            recipe=changes(_by_name(old["recipe"]), _by_name(new["recipe"])),
            # In an object, as `flatten` gives a list on its own no key.
            verifiers=changes({"verifiers": old["verifiers"]}, {"verifiers": new["verifiers"]}),
            fingerprint=changes(old["fingerprint"], new["fingerprint"]),
            problems=_problem_members(pair),
            repaired=_prompt_changes(pair),
            rollouts=_rollout_members(pair),
            flow=pair.flow(),
            kept_to_dropped=pair.moves("reason", "old_kept AND NOT new_kept"),
            dropped_to_kept=pair.moves("reason", "new_kept AND NOT old_kept"),
            outcome_flips=pair.moves("outcome", "old_outcome <> new_outcome"),
            metrics=deltas(old["metrics"], new["metrics"]),
            levels=deltas(old["counts"]["levels"], new["counts"]["levels"]),
        )
    finally:
        # The pairing of a caller stays open for its further queries.
        if pairing is None:
            pair.close()


def _by_name(value: Any) -> Any:
    """The value with lists of named parts, as steps are, as objects by name."""
    if isinstance(value, Mapping):
        return {key: _by_name(part) for key, part in value.items()}
    named = isinstance(value, list) and value and all(isinstance(part, Mapping) and "name" in part for part in value)
    if not named or len({part["name"] for part in value}) < len(value):
        return value
    return {part["name"]: _by_name({key: inner for key, inner in part.items() if key != "name"}) for part in value}


def changes(old: Any, new: Any) -> tuple[VersionChange, ...]:
    """The dotted keys with different values."""
    left, right = flatten(old), flatten(new)
    keys = sorted(left.keys() | right.keys())
    compared = (VersionChange(key, left.get(key, _ABSENT), right.get(key, _ABSENT)) for key in keys if key)
    return tuple(change for change in compared if change.old != change.new)


def deltas(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Delta, ...]:
    """The dotted keys with different numbers, each with the difference."""
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
    # True is an int in Python, and no number of a manifest.
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _problem_members(pair: Pairing) -> Members:
    added = _column(pair, "select id from b_problems anti join a_problems using (id) order by id")
    removed = _column(pair, "select id from a_problems anti join b_problems using (id) order by id")
    return Members(len(added), len(removed), tuple(added[:EXAMPLES]), tuple(removed[:EXAMPLES]))


def _rollout_members(pair: Pairing) -> Members:
    added, kept_added, added_examples = _only_in(pair, "new", "old")
    removed, kept_removed, removed_examples = _only_in(pair, "old", "new")
    return Members(added, removed, added_examples, removed_examples, kept_added, kept_removed)


def _only_in(pair: Pairing, here: str, there: str) -> tuple[int, int, tuple[str, ...]]:
    query = (
        f"select count(*), count(*) filter ({here}_kept), "  # noqa: S608 (our own names)
        f"list_slice(list(completion_id order by problem_id, completion_id), 1, {EXAMPLES}) "
        f"from joined where {there}_state is null"
    )
    count, kept, examples = pair.all(query)[0]
    return count, kept, tuple(examples or ())


def _prompt_changes(pair: Pairing) -> tuple[PromptChange, ...]:
    query = (
        "select o.prompt_id, o.id, n.id, o.reference, n.reference from "
        "(select * from a_problems anti join b_problems using (id)) o join "
        "(select * from b_problems anti join a_problems using (id)) n using (prompt_id) order by 1, 2, 3"
    )
    return tuple(PromptChange(*row) for row in pair.all(query))


def _column(pair: Pairing, query: str) -> list[str]:
    return [row[0] for row in pair.all(query)]


def describe(diff: VersionDiff) -> list[str]:
    """The differences in lines, the cause (recipe, verifiers, machine) before the effect; one line for none."""
    lines = [f"{diff.before} -> {diff.after}"]
    sections = (
        ("recipe", _changes(diff.recipe)),
        ("verifiers", _changes(diff.verifiers)),
        ("fingerprint", _changes(diff.fingerprint)),
        ("problems", _members(diff.problems)),
        ("repaired", _repairs(diff.repaired)),
        ("rollouts", _members(diff.rollouts)),
        ("kept -> dropped", _move_lines(diff.kept_to_dropped)),
        ("dropped -> kept", _move_lines(diff.dropped_to_kept)),
        ("outcome", _move_lines(diff.outcome_flips)),
        ("metrics", _deltas(delta for delta in diff.metrics if not delta.key.endswith((".low", ".high")))),
        ("levels", _deltas(diff.levels)),
    )
    for title, items in sections:
        section = [f"  {item}" for item in items]
        lines += [title, *section] if section else []
    if len(lines) == 1:
        lines.append("  no difference" if diff.same_scores else "  no difference but in the scores")
    return lines


def _text(value: object) -> str:
    if isinstance(value, list | dict) and value:
        return json.dumps(value, ensure_ascii=False, indent=1)
    return "" if value is None else str(value)


def text_diff(old: str, new: str) -> list[str]:
    """The changed lines of two texts with the lines around them, `-` before an old and `+` before a new one."""
    from difflib import unified_diff
    from textwrap import wrap

    before, after = ([part for text in side.split("\n") for part in wrap(text, LINE) or [""]] for side in (old, new))
    return list(unified_diff(before, after, lineterm="", n=1))[2:]


def _changes(changes: Iterable[VersionChange]) -> Iterator[str]:
    for change in changes:
        texts = [_text(change.old), _text(change.new)]
        if max(map(len, texts)) > LONG or "\n" in "".join(texts):
            yield f"{change.key}:"
            yield from (f"  {part}" for part in text_diff(*texts))
        else:
            yield f"{change.key}: {_value(change.old)} -> {_value(change.new)}"


def _deltas(deltas: Iterable[Delta]) -> Iterator[str]:
    """A line for each level or other group of numbers. The ends of intervals are left to `--json`."""
    groups: dict[str, list[str]] = {}
    for item in deltas:
        first, _, rest = item.key.partition(".")
        level, _, name = rest.partition(".") if first == "levels" else ("", "", rest)
        counts = all(isinstance(side, int | None) for side in (item.old, item.new))
        value, gained = (",", "+,.0f") if counts else (".3f", "+.3f")
        old, new = ("none" if side is None else f"{side:{value}}" for side in (item.old, item.new))
        gain = "" if item.delta is None else f" ({item.delta:{gained}})"
        change = f"{old} -> {new}{gain}"
        groups.setdefault(f"{first}.{level}" if level else first, []).append(f"{name} {change}".lstrip())
    return (f"{group}: {'; '.join(changed)}" for group, changed in groups.items())


def _move_lines(moves: Iterable[StateChange]) -> Iterator[str]:
    return (f"{move.count} x {move.old} -> {move.new}, e.g. {', '.join(i[:8] for i in move.examples)}" for move in moves)


def _repairs(repaired: Iterable[PromptChange]) -> Iterator[str]:
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
