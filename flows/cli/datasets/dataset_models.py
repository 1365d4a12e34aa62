"""`rollmill dataset used-by`: the models that were trained on a version, directly or through the model they began from."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rollmill.flows.cli.artifacts.files import ArtifactFiles
from rollmill.flows.cli.output import AsJson, as_json, columns, line

if TYPE_CHECKING:
    from rollmill.storage.versions.resolve import VersionInfo

Ref = Annotated[str, typer.Argument(metavar="DATASET", help="NAME, NAME@v2, NAME@3f9a0c1d or NAME@tag.")]


def register(group: typer.Typer) -> None:
    """Add the verb to `dataset`."""
    group.command("used-by")(used_by)


def used_by(
    reference: Ref,
    *,
    row: Annotated[
        str | None,
        typer.Option("--row", metavar="ID", help="Only models whose steps had this row (an id or its beginning)."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Models that were trained on a version, from their records in git.

    Example: rollmill dataset used-by arithmetic@v1
    """
    info = ArtifactFiles("dataset", "dataset").resolved(reference)
    rows = users_of(info)
    if row is not None:
        rows = [{**user, "times": times} for user in rows if (times := _seen(user["path"], row))]
    if json:
        return as_json(rows)
    if not rows:
        return line(f"No model here was trained on {info.ref}{'' if row is None else f', row {row}'}.")
    keys = ("model", "rows", "through", "yanked") if row is None else ("model", "rows", "through", "times")
    return line(columns(keys, [[user[key] for key in keys] for user in rows]))


def users_of(info: "VersionInfo") -> list[dict[str, Any]]:
    """The models trained on a version; `through`: the first ancestor that was, for those which only began from one."""
    from rollmill.storage.models.index import MODELS, all_models
    from rollmill.storage.models.lineage import ancestors, trained_on

    models = info.path.parents[2] / MODELS
    direct = {version.ref: (version, part["rows"]) for version, part in trained_on(models, info.content_hash)}
    users = [
        {"model": ref, "rows": rows, "through": None, "yanked": version.yanked, "path": str(version.path)}
        for ref, (version, rows) in direct.items()
    ]
    for version in all_models(models) if direct else []:
        before = [model.ref for model in ancestors(models, version) if not isinstance(model, str)]
        through = next((ref for ref in before if ref in direct), None)
        if version.ref not in direct and through is not None:
            row = {"model": version.ref, "rows": 0, "through": through, "yanked": version.yanked}
            users.append({**row, "path": str(version.path)})
    return users


def _seen(folder: str, row: str) -> int:
    """Times that a model saw a row, by its order file; 0 without one."""
    from pathlib import Path

    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = Path(folder) / "order.parquet"
    if not path.is_file():
        return 0
    return int(pc.sum(pc.starts_with(pq.read_table(path, columns=["row"])["row"], row)).as_py() or 0)
