"""Rows of a training: dataset versions and runs exported to one file, which is named by its content."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.flows.recipe.servers import server_keys
from rollmill.flows.training.run_source import RunInfo, run_version, trained_run
from rollmill.flows.training.training_recipe import ALL, RUN, LoadedTraining
from rollmill.ground.errors import SetupError
from rollmill.ground.files import json_line, sync
from rollmill.ground.ids import digest128, sha256_text
from rollmill.ground.temporary import temporary_folder
from rollmill.storage.exports import ExportFile, LaterRows, MixPart, export_mix
from rollmill.storage.scores import later_scores
from rollmill.storage.versions.leaks import refuse_in_version
from rollmill.storage.versions.read import open_version, reading
from rollmill.storage.versions.resolve import VersionInfo, resolve
from rollmill.storage.workspace import Workspace

RATE_COLUMN = "pass_rate"
"""Column that every row gets: the share of judged rollouts of its problem that are correct, in the row's version."""
RowRule = Callable[[str, Mapping[str, Any]], dict[str, Any] | None]
"""Dataset version and row to the row with added columns, or None to leave it out."""
LEFT_OUT = "rows that the loop leaves out"
HELD_OUT = "rows that are held out"
NO_ROWS = "a wider data.band, or other options of the policies"


class NothingToTrain(SetupError):  # noqa: N818 (a state of the data that a loop stops for)
    """No row is left to train on."""


@dataclass(frozen=True, slots=True)
class TrainingRowsFile:
    """The exported rows. `lineage`: version, content hash, taken rows and licences of each part, of a run also its id and
    the SHA-256 of the taken rows; `left_out`: counts; `held_out`: file of the rows whose loss is measured, in neither.
    """

    path: Path
    sha256: str
    rows: int
    lineage: Sequence[Mapping[str, Any]]
    left_out: Mapping[str, int]
    held_out: Path | None = None

    def problems(self) -> set[str]:
        """The ids of its problems."""
        return {row["problem_id"] for row in _rows(self.path)}

    def lines(self) -> list[dict[str, Any]]:
        """Its rows."""
        return _rows(self.path)

    def values(self, column: str) -> list[Any]:
        """Values of a column, row by row."""
        return [row.get(column) for row in _rows(self.path)]


def training_rows(ws: Workspace, loaded: LoadedTraining, rule: RowRule | None = None) -> TrainingRowsFile:
    """Export the rows of a training to `.rollmill/trainings/`; equal rows are one file. `rule`: applied to each row.

    NothingToTrain if no row is left, SetupError if a version has fewer rows than were to be taken.
    """
    with _opened(ws, list(loaded.recipe.data.versions)) as infos:
        return _exported(ws, loaded, infos, rule)


@contextmanager
def _opened(ws: Workspace, references: Sequence[str]) -> Iterator[dict[str, VersionInfo]]:
    """The versions of references; a run is written as one into a folder that does not stay."""
    with ExitStack() as stack:
        infos: dict[str, VersionInfo] = {}
        runs = {text: trained_run(ws, text.removeprefix(RUN).strip()) for text in references if text.startswith(RUN)}
        folder = stack.enter_context(temporary_folder()) if runs else None
        for text in references:
            infos[text] = (
                resolve(ws.datasets, text) if folder is None or text not in runs else run_version(ws, runs[text], folder)
            )
        # NAME and NAME@v3 may be one version, whose rows would be taken twice.
        if len({info.path for info in infos.values()}) < len(infos):
            raise SetupError(f"{', '.join(infos)} name a version twice.", next_command="name each once")
        for info in infos.values():
            # A key in a row would be trained into a model.
            refuse_in_version(info, server_keys(ws.root))
        yield infos


def _exported(
    ws: Workspace, loaded: LoadedTraining, infos: Mapping[str, VersionInfo], rule: RowRule | None
) -> TrainingRowsFile:
    data = loaded.recipe.data
    folder = ws.state / "trainings"
    folder.mkdir(parents=True, exist_ok=True)
    # Another process may export into the same folder.
    raw = folder / f".rows-{os.getpid()}.jsonl"
    beside = {reference: _scores(ws, info) for reference, info in infos.items()}

    def written_parts(most: Mapping[str, int | None]) -> ExportFile:
        parts = [MixPart(infos[reference], count) for reference, count in most.items()]
        return export_mix(parts, loaded.format, raw, [beside[reference] for reference in most], **data.options)

    try:
        # Only an export tells how many rows of its format a version has, so shares need one of each part first.
        written = written_parts(_taken(data.versions, lambda reference: written_parts({reference: None}).rows))
        if written.short:
            name, count = next(iter(written.short.items()))
            raise SetupError(f"{name} has {count:,} rows of {loaded.format!r}, fewer than are to be taken.")
        if not written.rows:
            left = "".join(f" Left out: {count:,} {what}." for what, count in written.left_out.items())
            raise NothingToTrain(f"{', '.join(data.versions)} has no row of the format {loaded.format!r}.{left}")
        return _stored(raw, infos, written.left_out, _Rules(rule, loaded.recipe.holdout, loaded.recipe.seed))
    finally:
        raw.unlink(missing_ok=True)


def _scores(ws: Workspace, info: VersionInfo) -> LaterRows:
    """The stored scores of a run; a version has its own."""
    return LaterRows(later_scores(ws, info.name)) if isinstance(info, RunInfo) else LaterRows()


def _taken(takes: Mapping[str, Any], rows_of: Callable[[str], int]) -> dict[str, int | None]:
    """Rows to take of each version: as many as there are for the given shares; None for all."""
    if not any(isinstance(take, float) for take in takes.values()):
        return {reference: None if take == ALL else int(take) for reference, take in takes.items()}
    if len(takes) == 1:
        return dict.fromkeys(takes)  # a single share is 1: all rows
    # The largest total at which no version runs out of rows for its share.
    whole = min(rows_of(reference) / float(share) for reference, share in takes.items())
    return {reference: max(1, int(whole * float(share) + 1e-9)) for reference, share in takes.items()}


@dataclass(frozen=True, slots=True)
class _Rules:
    """Treatment of the exported rows: a loop's rule, and the share that is held out by the seed."""

    rule: RowRule | None
    holdout: float | None
    seed: int

    def held(self, rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
        """Clusters that are held out: of whole templates, or of problems without one; at least one stays for training."""
        if self.holdout is None:
            return frozenset()
        sizes = Counter(_cluster(row) for row in rows)
        # Held-out rows of a trained template would not be unseen.
        if len(sizes) < 2:
            raise SetupError("holdout: all rows are of one template.", next_command="more problems, or no holdout")
        chosen: set[str] = set()
        count = 0
        # By hash of seed and name, so that the order of rows does not matter.
        for name in sorted(sizes, key=lambda name: digest128(["holdout", self.seed, name])):
            if count >= self.holdout * sizes.total() or len(chosen) == len(sizes) - 1:
                break
            chosen.add(name)
            count += sizes[name]
        return frozenset(chosen)


def _cluster(row: Mapping[str, Any]) -> str:
    return f"template {row['template']}" if row.get("template") else f"problem {row['problem_id']}"


def _stored(raw: Path, infos: Mapping[str, VersionInfo], left_out: Mapping[str, int], rules: _Rules) -> TrainingRowsFile:
    """The rows with their pass rates, under the name of their digest."""
    named = {f"{info.name}@{info.folder}": info for info in infos.values()}
    known = {name: (info.ref, pass_rates(info)) for name, info in named.items()}
    kept, ruled_out = list[dict[str, Any]](), 0
    for exported in _rows(raw):
        version, rates = known[exported["dataset"]]
        row = exported if rules.rule is None else rules.rule(version, exported)
        if row is None:
            ruled_out += 1
            continue
        kept.append({**row, RATE_COLUMN: rates.get(row["problem_id"])})
    if not kept:
        raise NothingToTrain(f"{', '.join(infos)}: the loop leaves out all {ruled_out:,} rows.", next_command=NO_ROWS)
    held = rules.held(kept)
    trained = [row for row in kept if _cluster(row) not in held]
    path, sha256 = _named(raw, trained)
    held_out = _named(raw, [row for row in kept if _cluster(row) in held])[0] if held else None
    lineage = [_lineage(info, [row for row in trained if row["dataset"] == name]) for name, info in named.items()]
    counts = {**left_out, **({LEFT_OUT: ruled_out} if ruled_out else {})}
    if held:
        counts[HELD_OUT] = len(kept) - len(trained)
    return TrainingRowsFile(path, sha256, len(trained), lineage, counts, held_out)


def _lineage(info: VersionInfo, taken: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The record of a part: what it is, and the rows taken of it."""
    part = {
        "version": info.ref,
        "content_hash": info.content_hash,
        "rows": len(taken),
        "licences": _licences(info),
    }
    return {**part, "run": info.name, "taken": _text_of(taken)[1]} if isinstance(info, RunInfo) else part


def _text_of(rows: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Rows as JSON lines, and the SHA-256 of the text."""
    text = "".join(json_line(dict(row)) for row in rows)
    return text, sha256_text(text)


def _named(raw: Path, rows: Sequence[Mapping[str, Any]]) -> tuple[Path, str]:
    """The file of these rows, named by its SHA-256."""
    text, sha256 = _text_of(rows)
    path = raw.with_name(f"rows-{sha256[:16]}.jsonl")
    if path.exists():
        path.touch()  # `rollmill gc` removes those that were not used for a day
    else:
        raw.write_text(text, encoding="utf-8")
        sync(raw)
        raw.replace(path)  # a file of this name is whole: it was synced before
    return path, sha256


def pass_rates(info: VersionInfo) -> dict[str, float]:
    """Share of correct rollouts among the judged ones of each problem of a version."""
    with reading(info), open_version(info) as connection:
        rows = connection.execute(
            "select problem_id, count(*) filter (outcome = 'correct') / count(*) from decisions"
            " where outcome in ('correct', 'incorrect', 'unparsed') group by problem_id"
        ).fetchall()
    return {problem: float(rate) for problem, rate in rows}


def _licences(info: VersionInfo) -> list[str]:
    from rollmill.storage.versions.read import load_manifest

    return sorted(load_manifest(info)["counts"]["licences"])


def _rows(path: Path) -> "list[dict[str, Any]]":
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]
