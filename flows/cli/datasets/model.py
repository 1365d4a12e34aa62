"""`rollmill model list|show|diff|why|verify|import`: versions of models; verbs on marks and files are those of datasets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.artifacts.files import ArtifactFiles, Version
from rollmill.flows.cli.artifacts.marks import ArtifactMarks, register
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.ground.errors import SetupError

if TYPE_CHECKING:
    from rollmill.storage.models.index import ModelVersion

verbs = group("model", "See, compare, mark and share versions of models, and what they were trained on.")
WORDS = {
    "noun": "model",
    "name": "student",
    "files": "weights",
    "key": "name",
    "reason": "trained on withdrawn data",
    "kept": "Without a copy in a DVC remote its weights are lost; the same recipe trains it again.",
}


class ModelMarks(ArtifactMarks):
    """The marks on versions of models."""

    def contents(self, entry: Any) -> str:
        """Its size."""
        return f"{entry.bytes / 1e6:,.1f} MB"


def _models() -> Path:
    from rollmill.flows.job import workspace_root
    from rollmill.storage.models.index import MODELS

    return workspace_root() / MODELS


def _version(reference: str) -> "ModelVersion":
    from rollmill.storage.models.index import resolve_model

    return resolve_model(_models(), reference)


@verbs.command("list")
def list_(*, json: AsJson = False) -> None:
    """Every version of every model.

    Example: rollmill model list
    """
    from rollmill.storage.models.index import all_models

    rows = [_row(version) for version in all_models(_models())]
    if json:
        return as_json(rows)
    if not rows:
        return line("No models. Next: rollmill train recipes/training/student.yaml")
    keys = ("model", "content", "init", "data", "loss", "tokens", "tags", "made")
    lists = [{name: ", ".join(row[name]) for name in ("data", "tags")} for row in rows]
    shown = [{**row, **texts, "made": row["made"][:16]} for row, texts in zip(rows, lists, strict=True)]
    return line(columns(keys, [[row[key] for key in keys] for row in shown]))


def _row(version: "ModelVersion") -> dict[str, Any]:
    record = version.record()
    trained, training = record.get("trained") or {}, record.get("training") or {}
    return {
        "model": version.ref,
        "content": version.content_hash[:8],
        "init": (record.get("init") or {}).get("model"),
        "data": [part["version"] for part in record.get("data", ())],
        "loss": training.get("loss", {}).get("method"),
        "tokens": trained.get("tokens"),
        "seconds": trained.get("seconds"),
        "tags": list(version.tags),
        "yanked": version.yanked,
        "signed_off": [{"by": word.by, "at": word.at, "note": word.note} for word in version.signoffs],
        "made": version.created_at,
        "path": str(version.path),
    }


@verbs.command("show")
def show(reference: Version, *, json: AsJson = False) -> None:
    """The card of a version: data, recipe, cost; its ancestors.

    Example: rollmill model show student@v1
    """
    from rollmill.storage.models.lineage import ancestors

    version = _version(reference)
    chain = [ancestor if isinstance(ancestor, str) else ancestor.ref for ancestor in ancestors(_models(), version)]
    if json:
        return as_json({**_row(version), "ancestors": chain, "record": version.record()})
    from rollmill.flows.training.model_card import model_card

    lineage = f"{version.ref} ({version.content_hash[:16]}), from {' <- '.join(chain) or 'nothing'}"
    marks = [] if version.yanked is None else [f"withdrawn: {version.yanked}"]
    marks += [
        f"signed off by {word.by}, {word.at[:10]}" + (f": {word.note}" if word.note else "") for word in version.signoffs
    ]
    card = model_card(version.name, version.record()).split("---\n", 2)[-1]
    return line("\n".join([lineage, *marks, card.rstrip()]))


@verbs.command("diff")
def diff(one: Version, other: Version, *, json: AsJson = False) -> None:
    """Differences between the trainings of two versions.

    Example: rollmill model diff student@v1 student@v2
    """
    records = [_flat(_version(reference).record()) for reference in (one, other)]
    keys = sorted(key for key in records[0].keys() | records[1].keys() if records[0].get(key) != records[1].get(key))
    rows = [(key, records[0].get(key), records[1].get(key)) for key in keys]
    if json:
        return as_json([{"key": key, "from": before, "to": after} for key, before, after in rows])
    return line(columns(("key", one, other), rows) if rows else f"{one} and {other} were trained alike.")


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        named = [(f"{prefix}.{name}".strip("."), part) for name, part in value.items()]
        return {key: item for name, part in named for key, item in _flat(part, name).items()}
    if isinstance(value, list):
        return {key: item for place, part in enumerate(value) for key, item in _flat(part, f"{prefix}[{place}]").items()}
    return {prefix: value}


@verbs.command("why")
def why(
    reference: Version,
    row: Annotated[str | None, typer.Argument(metavar="ROW", help="Id of a row, or its beginning.")] = None,
    *,
    json: AsJson = False,
) -> None:
    """The steps that trained on a row, or how often each problem was seen.

    Example: rollmill model why student@v1 3f9a
    """
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from rollmill.storage.models.files import checked_file

    version = _version(reference)
    table = pq.read_table(checked_file(version, "order.parquet"))
    if row is None:
        counts = table.group_by("problem_id").aggregate([("step", "count"), ("tokens", "sum")]).sort_by("problem_id")
        rows = counts.to_pylist()
        if json:
            return as_json(rows)
        return line(f"{len(rows):,} problems, {table.num_rows:,} rows in {pc.max(table['step']).as_py():,} steps.")
    steps = table.filter(pc.starts_with(table["row"], row)).to_pylist()
    if not steps:
        again = f"rollmill model why {version.ref}"
        raise SetupError(f"{version.ref} was not trained on a row {row!r}.", next_command=again)
    if json:
        return as_json(steps)
    return line(columns(("step", "row", "problem_id", "weight", "tokens"), [list(step.values()) for step in steps]))


@verbs.command("verify")
def verify(reference: Version, *, json: AsJson = False) -> None:
    """Compare every file of a version with what was published; exit status 1 if one differs or is missing.

    Example: rollmill model verify student@v1
    """
    from rollmill.storage.models.files import published_folder

    version = _version(reference)
    folder = published_folder(version)
    count = len(version.record()["files"])
    if json:
        return as_json({"version": version.ref, "files": count, "content_hash": version.content_hash})
    return line(f"{version.ref}: {count} files as published (content {version.content_hash[:16]}), in {folder}.")


register(verbs, ModelMarks("model"), ModelMarks.NAMES, WORDS)
register(verbs, ArtifactFiles("model", "name"), ArtifactFiles.NAMES, WORDS)


@verbs.command("import")
def import_(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A model folder in the form of Hugging Face.")],
    *,
    name: Annotated[str, typer.Option("--name", help="Name of the model.")],
    licence: Annotated[str, typer.Option("--licence", help="Its licence; default: unknown.")] = "unknown",
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Publish a folder as a version of a model, with its digest and its licence.

    Example: rollmill model import ~/SmolLM2-135M --name smollm2 --licence apache-2.0
    """
    from rollmill.storage.models.files import content_hash, model_files
    from rollmill.storage.models.publish import check_name, publish_model
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        check_name(workspace.models, name)
        files = model_files(folder)
        if dry_run:
            content = content_hash(files)
            row = {"model": name, "content_hash": content, "files": files}
            return as_json(row) if json else line(f"{name}: {len(files)} files, content {content[:16]}.")
        record: dict[str, Any] = {"init": None, "data": [], "licence": licence, "source": str(folder.name)}
        card = f"---\nlicense: {licence}\n---\n\n# {name}\n\nImported from a folder called {folder.name}.\n"
        publication = publish_model(workspace, name, folder, record, card)
        if json:
            return as_json({"model": publication.version.ref, "created": publication.created})
        return line("\n".join(publication.messages))
