"""Signals of a mixture about a target set, from a model's activations and gradients (pipelines/train/activations)."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import pyarrow as pa

from rollmill.flows.mixing.mix_recipe import LoadedMixture, ModelSignals, TargetRows, as_label
from rollmill.flows.problems import prompt_text
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.ids import digest128
from rollmill.pipelines.generate.embedded.model_files import ModelFiles
from rollmill.storage.imports.reading.readers import read_rows
from rollmill.storage.models.files import version_folder
from rollmill.storage.models.index import MODELS
from rollmill.storage.segments.instance import closed
from rollmill.storage.segments.schema import prompt_from_json
from rollmill.storage.versions.content.snapshot import Snapshot
from rollmill.storage.versions.read import load_snapshot
from rollmill.storage.versions.resolve import resolve as resolve_version
from rollmill.storage.workspace import Workspace

VERSION = "1"
"""Version of these signals."""
SIMILAR = "similarities"
"""Column of the similarities to each row of the target; `similarity` has their mean."""
LABELS = ("level", "template", "skill", "licence")
"""Columns of problems by which rows of a target are chosen."""
_KEPT = """
SELECT d.completion_id, p.prompt, c.text, CAST(p.level AS VARCHAR) AS level, p.template, p.skill, p.licence
FROM decisions d JOIN problems p ON p.id = d.problem_id JOIN completions c ON c.id = d.completion_id
WHERE d.kept ORDER BY d.completion_id
"""


@dataclass(frozen=True, slots=True)
class OpenedTarget:
    """A target set and the model that reads it. `rows`: prompt and text by completion, or by line of a file."""

    settings: ModelSignals
    folder: Path
    model_digest: str
    rows: dict[str, tuple[str, str]]
    seed: int

    @property
    def identity(self) -> list[object]:
        """All that the signals depend on beside the sources' rows and the settings."""
        return ["model", VERSION, self.model_digest, sorted(self.rows.items())]


def open_target(ws: Workspace, loaded: LoadedMixture) -> OpenedTarget | None:
    """The target set of a recipe; None for a recipe without a target, SetupError for a target without rows."""
    settings = loaded.recipe.signals.model
    if settings is None:
        return None
    folder = version_folder(ws.root / MODELS, settings.model)
    files = ModelFiles.open(str(folder or settings.model))
    target, seed = settings.target, loaded.recipe.seed
    if target.version is not None:
        info = resolve_version(ws.datasets, target.version)
        rows = _kept(load_snapshot(info), target)
    else:
        rows = _of_file(loaded.base / (target.file or ""))
    if not rows:
        raise SetupError("the target has no row (signals: model: target).", next_command="rollmill dataset show NAME")
    # Chosen by hash: a row stays in the target when others are added, unless one of them comes before it.
    chosen = sorted(rows, key=lambda key: digest128(["target", seed, key]))[: target.rows]
    # In the order of their keys, so that the same rows give the same matrix of similarities.
    return OpenedTarget(settings, files.folder, files.digest, {key: rows[key] for key in sorted(chosen)}, seed)


def _kept(snapshot: Snapshot, target: TargetRows) -> dict[str, tuple[str, str]]:
    """Kept rows of a version that have the labels of the target."""
    for name in target.among:
        if name not in LABELS:
            raise unknown_name("label of a target", name, LABELS)
    with closed() as connection:
        for kind in ("problems", "completions", "decisions"):
            connection.register(kind, snapshot.table(kind).to_reader().read_all())
        rows = connection.sql(_KEPT).to_arrow_table().to_pylist()
    # A level is compared as a text too: the query casts it.
    wanted = {name: {as_label(value) for value in values} for name, values in target.among.items()}
    return {
        row["completion_id"]: (prompt_text(prompt_from_json(row["prompt"])), row["text"])
        for row in rows
        if all(row[name] in values for name, values in wanted.items())
    }


def _of_file(path: Path) -> dict[str, tuple[str, str]]:
    """Prompt and text of each row of a file."""
    rows = {}
    for row in read_rows(path):
        prompt, text = row.values.get("prompt"), row.values.get("text")
        if not isinstance(prompt, str) or not isinstance(text, str):
            raise SetupError(f"{path}, {row.where} has no prompt and text (signals: model: target: file).")
        rows[row.where] = (prompt, text)
    return rows


def with_model_signals(
    table: pa.Table, target: OpenedTarget, texts: Sequence[tuple[str, str]], kept: Sequence[int]
) -> pa.Table:
    """The table with `loss`, `influence`, `similarity` and `similarities` for rows that their sources kept.

    Rows of the target itself have no such values, nor do rows beyond the number that the recipe reads. A row whose answer
    lies beyond the model's context has no loss and no influence.
    """
    from rollmill.pipelines.train.activations.target_signals import CodeSettings, Target, target_signals

    settings, ids = target.settings, table["completion_id"].to_pylist()
    # A row of the target would be the most similar one to itself.
    order = [at for at in range(len(kept)) if ids[kept[at]] not in target.rows]
    if settings.rows is not None:
        order = sorted(order, key=lambda at: digest128(["signals", target.seed, ids[kept[at]]]))[: settings.rows]
    # Back in the order of the table: the hash decides which rows are read, not in which batches.
    order.sort()
    codes = CodeSettings(settings.layer, settings.units, steps=settings.steps)
    aim = Target(list(target.rows.values()), settings.curvature)
    of_model = target_signals(target.folder, [texts[at] for at in order], aim, codes, target.seed)
    places = [kept[at] for at in order]
    for name, values in (("loss", of_model.losses), ("influence", of_model.influence),
                         ("similarity", of_model.similarities.mean(axis=1))):  # fmt: skip
        column: list[float | None] = [None] * len(table)
        for place, value in zip(places, values.tolist(), strict=True):
            column[place] = None if isnan(value) else float(f"{value:.6g}")
        table = table.append_column(name, pa.array(column, pa.float64()))
    listed: list[list[float] | None] = [None] * len(table)
    for place, similar in zip(places, of_model.similarities.tolist(), strict=True):
        listed[place] = similar
    return table.append_column(SIMILAR, pa.array(listed, pa.list_(pa.float32())))
