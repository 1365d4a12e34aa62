"""Proof that the splits of a dataset version are disjoint, by SQL queries over its problems that anybody can repeat.

Three things must not be on both sides: a text (case, punctuation and white space aside, numbers and signs kept), a
solution graph with the same answer, a solution graph. The last holds for held-out templates; splits that hold out
instances of the same templates share graphs, and the result says so.
"""

from dataclasses import dataclass

from rollmill.storage.versions.read import open_version
from rollmill.storage.versions.resolve import VersionInfo

# The words, numbers and arithmetic signs of a text; a chat's text is in its JSON.
_TEXT = r"regexp_replace(lower(prompt), '[^\w\d+*/^=<>.-]+', ' ', 'g')"
_GRAPH = "json_extract_string(meta, '$.graph')"
_QUERY = """SELECT {key} AS shared, list_sort(list(DISTINCT split)) AS splits, count(*) AS problems
FROM problems WHERE {key} IS NOT NULL
GROUP BY 1 HAVING count(DISTINCT split) > 1 ORDER BY 3 DESC, 1"""
QUERIES = {
    "text": _QUERY.format(key=_TEXT),
    "solution graph and answer": _QUERY.format(key=f"{_GRAPH} || ' = ' || reference"),
    "solution graph": _QUERY.format(key=_GRAPH),
}
SPLITS = f"SELECT split, count(*), count({_GRAPH}) FROM problems GROUP BY 1 ORDER BY 1"  # noqa: S608


@dataclass(frozen=True, slots=True)
class SplitProof:
    """Overlap of the splits. `splits`: (name, problems, problems with a known graph). `shared`: rows that a query found."""

    splits: tuple[tuple[str, int, int], ...]
    shared: dict[str, list[tuple[str, list[str], int]]]

    @property
    def disjoint(self) -> bool:
        """True without overlap; also for a single split."""
        return not any(self.shared.values())


def split_proof(info: VersionInfo) -> SplitProof:
    """Run the queries on a version; SetupError if its rows are not here."""
    with open_version(info) as connection:
        splits = tuple(connection.sql(SPLITS).fetchall())
        return SplitProof(splits, {name: connection.sql(query).fetchall() for name, query in QUERIES.items()})
