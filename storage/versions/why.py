"""Everything a version knows about one completion or one problem, by the first digits of its id. Reads, never judges."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import duckdb

from storage.errors import SetupError
from storage.versions.read import load_manifest, open_version, reading
from storage.versions.resolve import VersionInfo, versions

Kind = Literal["completion", "problem"]

_SHOWN = 8
_SHORTEST = 4


@dataclass(frozen=True)
class Membership:
    """That a version holds the row, and what it decided there: kept and dropped counts with their reasons."""

    version: str
    kept: int
    dropped: int
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Why:
    """One rollout with its verdicts, scores and decisions; or, for a problem, all of its rollouts.

    `arms`: which of the recipe's arms drew each, where it has several.
    """

    kind: Kind
    id: str
    version: str
    problems: tuple[dict[str, Any], ...]
    rollouts: tuple[dict[str, Any], ...]
    verdicts: tuple[dict[str, Any], ...]
    scores: tuple[dict[str, Any], ...]
    decisions: tuple[dict[str, Any], ...]
    made_by: dict[str, Any]
    versions: tuple[Membership, ...]
    arms: tuple[dict[str, Any], ...] = ()

    def json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def why(info: VersionInfo, id_prefix: str) -> Why:
    """Look a row up; SetupError if the digits fit none or several."""
    prefix = id_prefix.strip().lower()
    if len(prefix) < _SHORTEST:
        raise SetupError(f"{id_prefix!r} is too short: give at least {_SHORTEST} digits of an id.")
    manifest = load_manifest(info)
    with reading(info), open_version(info) as connection:
        kind, found = _find(connection, info, prefix)
        column = f"{kind}_id"
        decisions = _rows(connection, f"select * from decisions where {column} = ? order by all", found)  # noqa: S608
        return Why(
            kind=kind,
            id=found,
            version=info.ref,
            problems=_named(connection, "problems", [row["problem_id"] for row in decisions] or [found]),
            rollouts=_named(connection, "rollouts", [row["completion_id"] for row in decisions] or [found]),
            verdicts=_rows(connection, f"select * from verdicts where {column} = ? order by all", found),  # noqa: S608
            scores=_rows(connection, f"select * from scores where {column} = ? order by all", found),  # noqa: S608
            decisions=decisions,
            arms=tuple(
                {key: row[key] for key in ("completion_id", "problem_id", "arm")} for row in decisions if row.get("arm")
            ),
            made_by={key: manifest.get(key) for key in ("run", "recipe_hash", "fingerprint")},
            versions=_memberships(info, column, found),
        )


def _find(connection: duckdb.DuckDBPyConnection, info: VersionInfo, prefix: str) -> tuple[Kind, str]:
    query = (
        "select 'completion', id from rollouts where starts_with(id, $1) "  # noqa: S608
        f"union all select 'problem', id from problems where starts_with(id, $1) order by 1, 2 limit {_SHOWN + 1}"
    )
    matches = connection.execute(query, [prefix]).fetchall()
    if len(matches) == 1:
        kind: Kind = matches[0][0]
        return kind, matches[0][1]
    if not matches:
        raise SetupError(
            f"{info.ref} holds no completion and no problem whose id begins with {prefix!r}.",
            next_command=f"rollmill dataset why {info.name}@vN {prefix}",
        )
    more = " and more" if len(matches) > _SHOWN else ""
    listed = ", ".join(f"{kind} {found[: len(prefix) + 8]}" for kind, found in matches[:_SHOWN])
    raise SetupError(f"{prefix!r} fits several ids: {listed}{more}. Give more digits.")


def _memberships(info: VersionInfo, column: str, found: str) -> tuple[Membership, ...]:
    """The same row in every version whose rows are here, oldest first."""
    held = []
    for version in versions(info.path.parent.parent, info.name):
        if not version.path.exists():
            continue
        with reading(version), open_version(version) as connection:
            rows = _rows(connection, f"select kept, reason from decisions where {column} = ? order by all", found)  # noqa: S608
        if rows:
            kept = sum(row["kept"] for row in rows)
            held.append(Membership(version.ref, kept, len(rows) - kept, tuple(sorted({row["reason"] for row in rows}))))
    return tuple(held)


def _named(connection: duckdb.DuckDBPyConnection, table: str, ids: list[str]) -> tuple[dict[str, Any], ...]:
    return _rows(connection, f"select * from {table} where id in (select unnest(?)) order by id", ids)  # noqa: S608


def _rows(connection: duckdb.DuckDBPyConnection, query: str, value: Any) -> tuple[dict[str, Any], ...]:
    cursor = connection.execute(query, [value])
    names = [column[0] for column in cursor.description]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
