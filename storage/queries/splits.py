"""Whether the splits of a dataset version are disjoint: by SQL over its problems, which whoever doubts it can run again.

Three things must not stand on both sides: a text (case, punctuation and white space aside, numbers and signs kept), a
solution graph with the same answer, a solution graph. The last holds where templates are held out whole; splits that hold
out instances of the same templates share graphs, and the answer says so.
"""

from dataclasses import dataclass

from storage.versions.read import open_version
from storage.versions.resolve import VersionInfo

# A text by its words, numbers and signs of arithmetic; of a chat what JSON says of it.
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
    """What stands in more than one split. `splits`: (name, problems, those with a known graph); `shared`: by query."""

    splits: tuple[tuple[str, int, int], ...]
    shared: dict[str, list[tuple[str, list[str], int]]]

    @property
    def disjoint(self) -> bool:
        """Whether nothing stands on both sides; True of one split alone, which has no other side."""
        return not any(self.shared.values())


def split_proof(info: VersionInfo) -> SplitProof:
    """Run the queries on a version; SetupError where its rows are not here."""
    with open_version(info) as connection:
        splits = tuple(connection.sql(SPLITS).fetchall())
        return SplitProof(splits, {name: connection.sql(query).fetchall() for name, query in QUERIES.items()})
