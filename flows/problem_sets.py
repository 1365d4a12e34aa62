"""Problems that a workspace has under a name: imported ones, and those of a dataset version with its kept rollouts.

For recipes that take their problems or their worked examples from there, and for the cards of benchmarks.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rollmill.flows.recipe.benchmarks import shipped_definitions
from rollmill.storage.ground.errors import SetupError, unknown_name
from rollmill.storage.ground.records import Problem

if TYPE_CHECKING:
    from rollmill.storage.workspace import Workspace


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
