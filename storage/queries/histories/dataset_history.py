"""Versions of a dataset over time, their state in a DVC remote, a version as a file, and two versions side by side.

Two compared versions are joined once (`pair_of`) for several queries.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollmill.ground.form_fields import FormField, descriptions, type_of
from rollmill.ground.temporary import temporary_folder
from rollmill.storage.queries.browse.problems import RolloutDetail, problem_detail, prompt_text
from rollmill.storage.queries.reader import Reader
from rollmill.storage.queries.scope import dataset_scope
from rollmill.storage.segments.schema import prompt_from_json

if TYPE_CHECKING:
    from rollmill.ground.records import Problem
    from rollmill.storage.versions.diff import VersionDiff
    from rollmill.storage.versions.history import VersionStep
    from rollmill.storage.versions.pairing import PairedRow, Pairing
    from rollmill.storage.versions.resolve import VersionInfo

MOST_EXPORTED = 50_000  # kept rows of a version that a page offers as a download


def version_history(reader: Reader, name: str) -> "list[VersionStep]":
    """The versions of a dataset, the newest first; SetupError for an unknown dataset."""
    from rollmill.storage.versions.history import history

    return history(reader.datasets, name)


def history_stamp(reader: Reader, name: str) -> tuple[int, ...]:
    """Stamp of a dataset's index and local rows: equal stamps mean equal histories."""
    from rollmill.storage.artifacts.index import index_path

    path = index_path(reader.datasets, name)
    # The folder too: rows that are pulled or freed add or remove a folder in it, not a line of the index.
    return tuple(place.stat().st_mtime_ns if place.exists() else 0 for place in (path, path.parent))


def every_stamp(reader: Reader) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Stamps of all datasets, by name: equal ones mean the same datasets with equal histories."""
    from rollmill.storage.artifacts.index import artifact_names

    return tuple((name, history_stamp(reader, name)) for name in artifact_names(reader.datasets))


def not_pushed(reader: Reader, name: str) -> dict[str, str]:
    """DVC's report on the files missing in its default remote, by version; asks the remote, which takes seconds."""
    from rollmill.storage.artifacts.sharing import missing_in_remote
    from rollmill.storage.versions.kind import DATASETS

    return missing_in_remote(DATASETS, DATASETS.versions(reader.datasets, name))


def export_formats() -> list[str]:
    """The names of the export formats."""
    from rollmill.storage.exports import EXPORTS

    return list(EXPORTS)


def export_fields(fmt: str) -> list[FormField]:
    """The options of a format, as fields of a form."""
    from rollmill.storage.exports import EXPORTS

    chosen = EXPORTS[fmt]
    texts, known = descriptions(chosen), inspect.signature(chosen).parameters
    return [
        FormField(name, type_of(part.annotation), part.default, part.default, texts.get(name, ""), common=True)
        for name, part in known.items()
    ]


def exported(reader: Reader, reference: str, fmt: str) -> bytes:
    """A version in a format with its default options, as the JSON lines of `dataset export`."""
    from rollmill.storage.exports import export
    from rollmill.storage.versions.resolve import resolve

    # By way of a file, so that a download has the bytes of `dataset export`.
    with temporary_folder() as folder:
        written = export(resolve(reader.datasets, reference), fmt, folder / "rows.jsonl")
        return written.path.read_bytes()


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A rollout of both versions with the beginning of its problem."""

    row: "PairedRow"
    prompt: str


def pair_of(reader: Reader, before: str, after: str) -> "Pairing":
    """Two versions joined for several queries; SetupError for an unknown version or one without local rows."""
    from rollmill.storage.versions.pairing import Pairing
    from rollmill.storage.versions.resolve import resolve

    return Pairing(*(resolve(reader.datasets, name) for name in (before, after)))


def paired_diff(pair: "Pairing") -> "VersionDiff":
    """Difference of the two versions of a pair, as in `rollmill dataset diff`."""
    from rollmill.storage.versions.diff import diff

    return diff(pair.before, pair.after, pair)


def changed_rows(pair: "Pairing", old: str | None, new: str | None, first: int, most: int) -> list[ChangedRow]:
    """The rollouts that went from one state to another, `most` rows from index `first` on."""
    rows = pair.rows(old, new, first, most)
    wanted = {row.problem_id for row in rows}
    prompts = _prompts(pair.before, wanted)
    prompts |= _prompts(pair.after, wanted - prompts.keys())
    return [ChangedRow(row, prompts.get(row.problem_id, "")) for row in rows]


def _prompts(info: "VersionInfo", wanted: Iterable[str]) -> dict[str, str]:
    from rollmill.storage.versions.content.prompts import json_problems
    from rollmill.storage.versions.read import open_version

    ids = sorted(wanted)
    # Opening a version checks its files, which a page without rows need not wait for.
    if not ids:
        return {}
    with open_version(info) as connection:
        json_problems(connection)
        marks = ", ".join("?" for _ in ids)
        rows = connection.execute(f"SELECT id, prompt FROM problems WHERE id IN ({marks})", ids).fetchall()  # noqa: S608
    return {key: prompt_text(prompt_from_json(prompt)) for key, prompt in rows}


@dataclass(frozen=True, slots=True)
class BothSides:
    """A rollout in both versions; None for the version without it."""

    problems: "tuple[Problem | None, Problem | None]"
    rollouts: tuple[RolloutDetail | None, RolloutDetail | None]


def both_sides(reader: Reader, pair: "Pairing", row: "PairedRow") -> BothSides:
    """The texts, verdicts and decisions of one rollout in both versions."""
    sides = [
        _side(reader, info, row) if state is not None else (None, None)
        for info, state in ((pair.before, row.old_state), (pair.after, row.new_state))
    ]
    (first, early), (second, late) = sides
    return BothSides((first, second), (early, late))


def _side(reader: Reader, info: "VersionInfo", row: "PairedRow") -> "tuple[Problem, RolloutDetail | None]":
    # By folder: after a conflict was settled by hand two versions may have one number.
    detail = problem_detail(dataset_scope(reader, f"{info.name}@{info.folder}"), row.problem_id)
    mine = (rollout for rollout in detail.rollouts if rollout.completion and rollout.completion.id == row.completion_id)
    return detail.problem, next(mine, None)


def drift_rows(reader: Reader, before: str, after: str) -> dict[str, Mapping[str, Any]]:
    """Drift of a version from another one, by kind, as a gate records it, measured now from the rows of both."""
    from rollmill.metrics import drifts
    from rollmill.storage.versions.composition import version_composition
    from rollmill.storage.versions.resolve import resolve

    sides: Sequence[Any] = [version_composition(resolve(reader.datasets, name)) for name in (before, after)]
    return {drift.kind: drift.row() for drift in drifts(*sides)}
