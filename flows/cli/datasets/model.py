"""`rollmill model list|show|diff|why|tag|untag|yank|unyank|push|pull|import`: versions of models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli import group
from rollmill.flows.cli.output import AsJson, DryRun, as_json, columns, line
from rollmill.ground.errors import SetupError

if TYPE_CHECKING:
    from rollmill.storage.models.index import ModelVersion

verbs = group("model", "See, compare, mark and share versions of models, and what they were trained on.")
Model = Annotated[str, typer.Argument(metavar="MODEL", help="NAME, NAME@v2, NAME@3f9a0c1d or NAME@tag.")]
Name = Annotated[str | None, typer.Argument(metavar="MODEL", help="A version, or a model for all of its versions.")]
Remote = Annotated[str | None, typer.Option("--remote", metavar="NAME", help="A DVC remote; the default one.")]


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
        "made": version.created_at,
        "path": str(version.path),
    }


@verbs.command("show")
def show(reference: Model, *, json: AsJson = False) -> None:
    """The card of a version: data, recipe, cost; its ancestors.

    Example: rollmill model show student@v1
    """
    from rollmill.storage.models.upkeep import ancestors

    version = _version(reference)
    chain = [ancestor if isinstance(ancestor, str) else ancestor.ref for ancestor in ancestors(_models(), version)]
    if json:
        return as_json({**_row(version), "ancestors": chain, "record": version.record()})
    from rollmill.flows.training.model_card import model_card

    lineage = f"{version.ref} ({version.content_hash[:16]}), from {' <- '.join(chain) or 'nothing'}"
    withdrawn = "" if version.yanked is None else f"\nwithdrawn: {version.yanked}"
    card = model_card(version.name, version.record()).split("---\n", 2)[-1]
    return line(f"{lineage}{withdrawn}\n{card.rstrip()}")


@verbs.command("diff")
def diff(one: Model, other: Model, *, json: AsJson = False) -> None:
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
    reference: Model,
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


@verbs.command("tag")
def tag(
    reference: Model,
    name: Annotated[str, typer.Argument(metavar="TAG", help="The tag, for example release.")],
    *,
    move: Annotated[bool, typer.Option("--move", help="Take the tag off another version.")] = False,
) -> None:
    """Give a version a name.

    Example: rollmill model tag student@v2 release
    """
    from rollmill.storage.models.upkeep import tag_model
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        line(f"{name} points to {tag_model(workspace, reference, name, move=move).ref}.")


@verbs.command("untag")
def untag(reference: Model, name: Annotated[str, typer.Argument(metavar="TAG", help="A tag of it.")]) -> None:
    """Take a name off a version.

    Example: rollmill model untag student@v2 release
    """
    from rollmill.storage.models.upkeep import untag_model
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        line(f"{name} is off {untag_model(workspace, reference, name).ref}.")


@verbs.command("yank")
def yank(reference: Model, *, reason: Annotated[str, typer.Option(help="Reason, shown to readers.")]) -> None:
    """Withdraw a version: it stays usable by number, but the model's bare name no longer means it.

    Example: rollmill model yank student@v1 --reason "trained on withdrawn data"
    """
    from rollmill.storage.models.upkeep import yank_model
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        line(f"withdrawn: {yank_model(workspace, reference, reason).ref}.")


@verbs.command("unyank")
def unyank(reference: Model) -> None:
    """Take a withdrawal back.

    Example: rollmill model unyank student@v1
    """
    from rollmill.storage.models.upkeep import unyank_model
    from rollmill.storage.workspace import Workspace

    with Workspace.open() as workspace:
        line(f"usable again: {unyank_model(workspace, reference).ref}.")


def _named(reference: str | None) -> "list[ModelVersion]":
    from rollmill.storage.models.index import all_models, model_versions, resolve_model

    models = _models()
    if reference is None:
        versions = all_models(models)
    elif "@" in reference:
        versions = [resolve_model(models, reference)]
    else:
        versions = model_versions(models, resolve_model(models, reference).name)
    if not versions:
        raise SetupError("no model is published yet.", next_command="rollmill train RECIPE")
    return versions


@verbs.command("push")
def push(reference: Name = None, *, remote: Remote = None) -> None:
    """Copy the weights of versions to a DVC remote, so that other clones can pull them.

    Example: rollmill model push student
    """
    from rollmill.storage.models.upkeep import push_models

    line(push_models([version for version in _named(reference) if version.fetched or reference], remote))


@verbs.command("pull")
def pull(reference: Name = None, *, remote: Remote = None) -> None:
    """Fetch the weights of versions from a DVC remote, and compare them with the published hashes.

    Example: rollmill model pull student@v1
    """
    from rollmill.storage.models.upkeep import pull_models

    line(pull_models(_named(reference), remote))


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
