"""Rows of a training: dataset versions exported to one file, which is named by its content."""

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.recipe.servers import server_keys
from flows.training.training_recipe import ALL, LoadedTraining
from storage.exports import MixPart, export_mix
from storage.ground.errors import SetupError
from storage.ground.files import json_line, sync
from storage.ground.ids import digest128, sha256_text
from storage.versions.leaks import refuse_in_version
from storage.versions.read import open_version, reading
from storage.versions.resolve import VersionInfo, resolve
from storage.workspace import Workspace

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
    """The exported rows. `lineage`: version, content hash, taken rows and licences of each part; `left_out`: counts;
    `held_out`: file of the rows whose loss is measured, which are in neither.
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

    def values(self, column: str) -> list[Any]:
        """Values of a column, row by row."""
        return [row.get(column) for row in _rows(self.path)]

    def prompts(self) -> set[str]:
        """The texts that the model is asked in it."""
        return {_prompt_text(row["prompt"]) for row in _rows(self.path)}


def training_rows(ws: Workspace, loaded: LoadedTraining, rule: RowRule | None = None) -> TrainingRowsFile:
    """Export the rows of a training to `.rollmill/trainings/`; equal rows are one file. `rule`: applied to each row.

    NothingToTrain if no row is left, SetupError if a version has fewer rows than were to be taken.
    """
    data = loaded.recipe.data
    infos = {reference: resolve(ws.datasets, reference) for reference in data.versions}
    if len({info.path for info in infos.values()}) < len(infos):
        raise SetupError(f"{', '.join(infos)} name a version twice.", next_command="name each once")
    for info in infos.values():
        refuse_in_version(info, server_keys(ws.root))
    folder = ws.state / "trainings"
    folder.mkdir(parents=True, exist_ok=True)
    raw = folder / f".rows-{os.getpid()}.jsonl"
    try:
        parts = [MixPart(info, most) for info, most in zip(infos.values(), _taken(loaded, infos, raw), strict=True)]
        written = export_mix(parts, loaded.format, raw, **data.options)
        if written.short:
            name, count = next(iter(written.short.items()))
            raise SetupError(f"{name} has {count:,} rows of {loaded.format!r}, fewer than are to be taken.")
        if not written.rows:
            left = "".join(f" Left out: {count:,} {what}." for what, count in written.left_out.items())
            raise NothingToTrain(f"{', '.join(data.versions)} has no row of the format {loaded.format!r}.{left}")
        return _stored(raw, infos, written.left_out, _Rules(rule, loaded.recipe.holdout, loaded.recipe.seed))
    finally:
        raw.unlink(missing_ok=True)


def _taken(loaded: LoadedTraining, infos: Mapping[str, VersionInfo], scratch: Path) -> list[int | None]:
    """Rows to take of each version: as many as there are for the given shares."""
    takes = loaded.recipe.data.versions
    if not any(isinstance(take, float) for take in takes.values()):
        return [None if take == ALL else int(take) for take in takes.values()]
    if len(takes) == 1:
        return [None]
    counts = {
        reference: export_mix([MixPart(info)], loaded.format, scratch, **loaded.recipe.data.options).rows
        for reference, info in infos.items()
    }
    whole = min(counts[reference] / float(share) for reference, share in takes.items())
    return [max(1, int(whole * float(share) + 1e-9)) for share in takes.values()]


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
        if len(sizes) < 2:
            raise SetupError("holdout: all rows are of one template.", next_command="more problems, or no holdout")
        chosen: set[str] = set()
        count = 0
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
    known = {f"{info.name}@{info.folder}": (info.ref, pass_rates(info)) for info in infos.values()}
    kept, taken, ruled_out = list[dict[str, Any]](), Counter[str](), 0
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
    taken.update(row["dataset"] for row in trained)
    path, sha256 = _named(raw, trained)
    held_out = _named(raw, [row for row in kept if _cluster(row) in held])[0] if held else None
    lineage = [
        {
            "version": info.ref,
            "content_hash": info.content_hash,
            "rows": taken[f"{info.name}@{info.folder}"],
            "licences": _licences(info),
        }
        for info in infos.values()
    ]
    counts = {**left_out, **({LEFT_OUT: ruled_out} if ruled_out else {})}
    if held:
        counts[HELD_OUT] = len(kept) - len(trained)
    return TrainingRowsFile(path, sha256, len(trained), lineage, counts, held_out)


def _named(raw: Path, rows: Sequence[Mapping[str, Any]]) -> tuple[Path, str]:
    """The file of these rows, named by its SHA-256."""
    text = "".join(json_line(dict(row)) for row in rows)
    sha256 = sha256_text(text)
    path = raw.with_name(f"rows-{sha256[:16]}.jsonl")
    if path.exists():
        path.touch()  # `rollmill gc` removes those that were not used for a day
    else:
        raw.write_text(text, encoding="utf-8")
        sync(raw)
        raw.replace(path)
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
    from storage.versions.read import load_manifest

    return sorted(load_manifest(info)["counts"]["licences"])


def _rows(path: Path) -> "list[dict[str, Any]]":
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _prompt_text(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else "\n".join(turn["content"] for turn in prompt)
