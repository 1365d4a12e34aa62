"""Rows to problems: what a row of a problems file, or the problem part of a rollout's row, says. Stores nothing."""

from collections import Counter
from pathlib import Path
from typing import Any

from storage.errors import SetupError
from storage.imports import cells
from storage.imports.cells import CellError
from storage.imports.columns import Columns
from storage.imports.readers import Row
from storage.imports.references import answer_in
from storage.imports.turns import messages
from storage.records import Message, Problem


class ProblemRows:
    """Turns rows of one file into problems; counts which references were cut out of a solution."""

    def __init__(self, path: Path, columns: Columns, *, source: str, id_field: str = "external_id") -> None:
        self._path = path
        self._columns = columns
        self._source = source
        self._id_field = id_field
        self.rules: Counter[str] = Counter()

    def problem(self, row: Row, *, meta: bool = True) -> Problem:
        """The row's problem; raises SetupError with its place. `meta` keeps the columns that feed no field."""
        try:
            return self._problem(row.values, meta=meta)
        except CellError as error:
            raise SetupError(f"{self._path}, {row.where}: {error}; nothing was stored.") from error

    def _problem(self, values: dict[str, Any], *, meta: bool) -> Problem:
        get = self._columns.get
        tests = cells.texts(get(values, "tests"))
        extra = {name: cells.plain(value) for name, value in self._columns.rest(values).items()} if meta else {}
        raw_level = get(values, "level")
        if raw_level is not None and cells.level(raw_level) is None:
            extra["level"] = cells.plain(raw_level)
        return Problem(
            prompt=self._prompt(get(values, "prompt")),
            reference=self._reference(values, extra, optional=bool(tests)),
            kind=cells.text(get(values, "kind")) or ("code" if tests else "math"),
            tests=tests,
            source=cells.text(get(values, "source")) or self._source,
            licence=cells.text(get(values, "licence")),
            split=cells.text(get(values, "split")) or "train",
            level=cells.level(raw_level),
            skill=cells.text(get(values, "skill")),
            template=cells.text(get(values, "template")),
            meta=extra,
            external_id=cells.text(get(values, self._id_field)),
        )

    def _prompt(self, value: Any) -> str | tuple[Message, ...]:
        if isinstance(value, list):
            turns = messages(value)
            if turns:
                return turns
        prompt = cells.text(value)
        if prompt is None or not prompt.strip() or value == []:
            raise CellError("there is no prompt")
        return prompt

    def _reference(self, values: dict[str, Any], extra: dict[str, Any], *, optional: bool) -> str:
        given = cells.text(self._columns.get(values, "reference"))
        if given is None and not optional:
            raise CellError("there is no reference answer (and no tests)")
        column = self._columns.fields.get("reference", "")
        answer, rule = answer_in(given or "", column)
        if not answer.strip() and not optional:
            raise CellError("the reference answer is empty")
        if rule is not None:
            self.rules[rule] += 1
            extra.setdefault("solution", given)
        return answer

    def notes(self) -> list[str]:
        """What a person should know about how the references were read."""
        return [
            f"{count} references are {rule}; the whole cell is kept as meta.solution" for rule, count in self.rules.items()
        ]
