"""Account of a file's columns: how each was used, and in how many rows it is filled."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rollmill.storage.imports.reading.cells import root
from rollmill.storage.imports.reading.columns import Columns

_EMPTY = (type(None), str, list, dict)
_ROLES = {"text": "answer", "external_id": "id", "is_correct": "label", "messages": "conversation"}


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """Use of one column. `filled`: rows in which it has a value. `given`: `each` for a list with an item for each answer of
    a row, `all` for a value that every answer of a row was given, "" where rows hold one answer.
    """

    column: str
    use: str
    filled: int
    given: str = ""


@dataclass(slots=True)
class ColumnAccount:
    """Columns of a file as one pass saw them."""

    filled: Counter[str] = field(default_factory=Counter)
    consumed: Counter[str] = field(default_factory=Counter)
    split: set[str] = field(default_factory=set)
    several: int = 0

    def add(self, values: Mapping[str, Any], rewritten: Sequence[Mapping[str, Any]]) -> None:
        """Count a row of the file, and the rows that the form of its tool makes of it."""
        filled = [name for name, value in values.items() if value or not isinstance(value, _EMPTY)]
        self.filled.update(filled)
        if not (len(rewritten) == 1 and rewritten[0] is values):
            self.consumed.update(name for name in filled if not any(name in row for row in rewritten))

    def add_answers(self, columns: Iterable[str]) -> None:
        """Count a row of several answers, of which these columns have an item each."""
        self.several += 1
        self.split.update(columns)

    def uses(self, columns: Columns, *, apart: Iterable[str] = ()) -> tuple[ColumnUse, ...]:
        """The uses in the order of the columns. `apart`: fields of the problem, which its completions do not repeat."""
        roles: dict[str, list[str]] = {}
        for name, path in columns.fields.items():
            roles.setdefault(root(path), []).append(_ROLES.get(name, name))
        of_problem = {root(columns.fields[name]) for name in apart if name in columns.fields}
        uses = []
        for name, count in self.filled.items():
            if self.consumed[name] == count and name not in roles:
                use = f"read as part of {columns.format}" if columns.format else "ignored"
            else:
                use = " and ".join(roles.get(name, ["kept in meta"]))
            uses.append(ColumnUse(name, use, count, self._given(name, of_problem, roles)))
        # A mapped place is not a column of its own: its column is in the list.
        empty = [name for name in columns.present if not {name} & {*self.filled, *roles, *columns.fields.values()}]
        return (*uses, *(ColumnUse(name, "empty", 0) for name in empty if not columns.format))

    def _given(self, name: str, of_problem: set[str], roles: Mapping[str, list[str]]) -> str:
        if not self.several or name in of_problem or "answer" in roles.get(name, ()):
            return ""
        return "each" if name in self.split else "all"
