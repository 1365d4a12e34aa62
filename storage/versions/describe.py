"""A VersionDiff as lines for a person. Formats what diff.py found; knows nothing of files."""

from collections.abc import Iterable, Iterator

from storage.versions.diff import Change, Delta, Members, Move, Repaired, VersionDiff


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
        ("kept -> dropped", _moves(diff.kept_to_dropped)),
        ("dropped -> kept", _moves(diff.dropped_to_kept)),
        ("outcome", _moves(diff.outcome_flips)),
        ("metrics", _deltas(diff.metrics)),
        ("levels", _deltas(diff.levels)),
    )
    for title, items in sections:
        found = [f"  {item}" for item in items]
        lines += [title, *found] if found else []
    if len(lines) == 1:
        lines.append("  no difference" if diff.same_scores else "  no difference but in the scores")
    return lines


def _changes(changes: Iterable[Change]) -> Iterator[str]:
    return (f"{change.key}: {_value(change.old)} -> {_value(change.new)}" for change in changes)


def _deltas(deltas: Iterable[Delta]) -> Iterator[str]:
    for item in deltas:
        gain = "" if item.delta is None else f" ({item.delta:+.6g})"
        yield f"{item.key}: {_value(item.old)} -> {_value(item.new)}{gain}"


def _moves(moves: Iterable[Move]) -> Iterator[str]:
    return (f"{move.count} x {move.old} -> {move.new}, e.g. {', '.join(i[:8] for i in move.examples)}" for move in moves)


def _repairs(repaired: Iterable[Repaired]) -> Iterator[str]:
    return (f"{one.old_id[:8]} -> {one.new_id[:8]}: {one.old_reference} -> {one.new_reference}" for one in repaired)


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
