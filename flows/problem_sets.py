"""Problems that a workspace has: imported ones, those of a dataset version with its kept rollouts, and made ones.

For recipes that take their problems or their worked examples from there, and for the cards of benchmarks.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

from rollmill.flows.recipe.benchmarks import shipped_definitions
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.files import no_link, plain
from rollmill.ground.records import Problem

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace

PROGRAM = [Path(__file__).parents[1] / name for name in ("flows", "pipelines", "storage")]
_MADE_FILES = 8  # of older programs and other recipes, too
_DIGEST = hashlib.sha256().digest_size


@cache
def source_digest() -> str:
    """SHA-256 of the contents of the product's modules and other files beside them, in the order of their paths."""
    content = hashlib.sha256()
    for path in sorted(path for folder in PROGRAM for path in folder.rglob("*") if path.suffix not in ("", ".pyc")):
        content.update(path.read_bytes())
    return content.hexdigest()


def made_problems(folder: Path, key: str, make: Callable[[], Iterable[Problem]], *, store: bool) -> list[Problem]:
    """Problems read from the file of this key, or made if there is no whole file; `store`: a file is written then.

    A file is the digest of an Arrow stream and the stream. One that cannot be read or written only costs time.
    """
    import pyarrow as pa

    from rollmill.storage.segments.schema import from_table, to_table

    path = folder / f"{key}.arrow"
    with suppress(OSError, ValueError, TypeError), open(path, "rb", opener=plain) as file:
        content = file.read()
        if hashlib.sha256(content[_DIGEST:]).digest() == content[:_DIGEST]:
            return from_table("problems", pa.ipc.open_stream(content[_DIGEST:]).read_all())
    problems = list(make())
    table = to_table("problems", problems) if store else None
    if table is not None and from_table("problems", table) == problems:
        stream = pa.BufferOutputStream()
        with pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
        with suppress(OSError):
            _replace(path, stream.getvalue().to_pybytes())
    return problems


def _replace(path: Path, content: bytes) -> None:
    """Write a file under a name of this process's own and move it into place; the oldest such files are removed.

    OSError for a folder that is a link: it came with a workspace and would lead outside.
    """
    path.parent.mkdir(exist_ok=True)
    os.close(os.open(path.parent, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))
    draft = path.with_name(f".{path.name}.{token_hex(4)}.tmp")
    with open(draft, "xb", opener=no_link) as file:
        file.write(hashlib.sha256(content).digest() + content)
    draft.replace(path)
    made = [*path.parent.glob("*.arrow"), *path.parent.glob(".*.arrow.*.tmp")]
    for old in sorted(made, key=lambda file: file.lstat().st_mtime)[:-_MADE_FILES]:
        old.unlink()


def imported_problems(workspace: "Workspace", name: str) -> list[Problem]:
    """Sorted by id, so that the order of importing changes nothing; the first ones are then a random sample."""
    rows: list[Problem] = []
    if not workspace.unused:
        from rollmill.storage.import_records import producer_of
        from rollmill.storage.segments.schema import from_table

        workspace.imports.require_whole(name)
        rows = from_table("problems", workspace.segments.read("problems", producer=producer_of(name)))
    if not rows:
        form = f" --benchmark {name}" if name in shipped_definitions() else ""
        raise SetupError(
            f"no problems were imported as {name!r}.", next_command=f"rollmill import problems FILE --name {name}{form}"
        )
    return by_id(rows)


def version_problems(workspace: "Workspace", reference: str) -> list[Problem]:
    """The problems of a dataset version (`NAME@v3`, or NAME for the newest), sorted by id."""
    from rollmill.storage.segments.schema import from_table
    from rollmill.storage.versions.content.shards import read_table
    from rollmill.storage.versions.read import open_version, reading
    from rollmill.storage.versions.resolve import resolve

    info = resolve(workspace.datasets, reference)
    with open_version(info) as connection, reading(info):
        return by_id(from_table("problems", read_table(connection, "problems")))


def kept_texts(workspace: "Workspace", reference: str) -> dict[str, str]:
    """Text of a kept rollout of each problem of a dataset version that has one: the first by id, which is a random one."""
    from rollmill.storage.versions.read import open_version, reading
    from rollmill.storage.versions.resolve import resolve

    info = resolve(workspace.datasets, reference)
    query = "SELECT problem_id, arg_min(text, completion_id) FROM kept GROUP BY problem_id"
    with open_version(info) as connection, reading(info):
        return dict(connection.execute(query).fetchall())


def of_split(problems: list[Problem], split: str | None, name: str) -> list[Problem]:
    """Problems of a split, all for None; SetupError for a split that the set `name` does not have."""
    chosen = [problem for problem in problems if split in (None, problem.split)]
    if not chosen:
        raise unknown_name(f"split of {name}:", str(split), sorted({problem.split for problem in problems}))
    return chosen


def by_id(rows: Iterable[Problem]) -> list[Problem]:
    """Each once, sorted by id."""
    unique = {problem.id: problem for problem in rows}
    return [unique[key] for key in sorted(unique)]
