"""Rows to problems: the problem in a row of a problems file, or in a rollout's row. Stores nothing.

Published sets hide the answer in a worked solution. The answer becomes the reference; the solution itself is kept in the
problem's meta.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

from rollmill.ground.records import Message, Problem
from rollmill.storage.imports.reading import cells
from rollmill.storage.imports.reading.answers import boxed_in, marked_in
from rollmill.storage.imports.reading.cells import CellError, Targets
from rollmill.storage.imports.reading.columns import Columns, listed
from rollmill.storage.imports.reading.faults import RowError
from rollmill.storage.imports.reading.lines import FileRow
from rollmill.storage.imports.reading.turns import asked_and_answered, is_conversation, messages, opened_conversation

# Cells of published sets that stand where a problem has no answer, as in NuminaMath's proofs.
_NOTHING = frozenset([
    "n/a", "na", "nan", "null", "nil", "none", "#n/a", "-", "--", "–", "—", "?", "??", "...", "…", "tbd", "unknown",
    "missing", "omitted", "unanswered", "proof", "to be proved", "proved", "proven", "qed", "q.e.d.", "proof required",
    "prove it", "see proof", "notfound", "not found", "no answer", "noanswer", "not provided", "not available",
    "not applicable", "not given", "see solution", "see the solution", "see above", "see below", "see explanation",
    "no solution given",
])  # fmt: skip
_DRESSING = re.compile(r"\\(?:text|mathrm|textbf|mathbf|boxed|textit|mbox)\s*\{|[{}$*_`.\s]+")


class ProblemRows:
    """Turns rows of one file into problems; counts removed, excluded and separately kept parts."""

    def __init__(self, path: Path, columns: Columns, *, source: str, id_field: str = "external_id") -> None:
        self._path = path
        self._columns = columns
        self._source = source
        self._id_field = id_field
        self.rules: Counter[str] = Counter()
        self.levels: Counter[str] = Counter()
        self.saying_nothing: Counter[str] = Counter()
        self.several: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.answered = 0

    def problem(self, row: FileRow, *, meta: bool = True) -> Problem:
        """The row's problem; raises SetupError with its place. `meta` keeps the columns that feed no field."""
        try:
            return self._problem(row.values, meta=meta)
        except CellError as error:
            raise RowError(self._path, row.where, str(error)) from error

    def without_reference(self, row: FileRow) -> bool:
        """True for a row that has no reference, or several targets in a log; it is counted, and is no problem that can be
        judged.
        """
        cell = self._columns.get(row.values, "reference")
        if isinstance(cell, Targets):
            self.several[row.where] += 1
            return True
        if not isinstance(cell, str) or self._columns.exact or self._columns.get(row.values, "tests"):
            return False
        answer = answer_in(cell, self._columns.fields.get("reference", ""))[0].strip()
        if " ".join(_DRESSING.sub(" ", answer).split()).lower() not in _NOTHING and answer.lower() not in _NOTHING:
            return False
        self.saying_nothing[answer] += 1
        return True

    def _problem(self, values: dict[str, Any], *, meta: bool) -> Problem:
        get = self._columns.get
        tests = cells.texts(get(values, "tests"))
        extra = {name: cells.plain(value) for name, value in self._columns.rest(values).items()} if meta else {}
        raw_level = get(values, "level")
        # A level is a number: a word such as `hard` would be lost without the meta.
        if raw_level is not None and cells.level(raw_level) is None:
            extra["level"] = cells.plain(raw_level)
            self.levels[str(raw_level)] += 1
        split = cells.text(get(values, "split")) or "train"
        split = "train" if split.strip().lower() == "train" else split
        self.splits[split] += 1
        return Problem(
            prompt=self._prompt(values),
            reference=self._reference(values, extra, optional=bool(tests)),
            kind=cells.text(get(values, "kind")) or ("code" if tests else "math"),
            tests=tests,
            source=cells.json_text(get(values, "source")) or self._source,
            licence=cells.json_text(get(values, "licence")),
            split=split,
            level=cells.level(raw_level),
            skill=cells.json_text(get(values, "skill")),
            template=cells.json_text(get(values, "template")),
            meta=extra,
            external_id=cells.identifier(get(values, self._id_field)),
        )

    def _prompt(self, values: dict[str, Any]) -> str | tuple[Message, ...]:
        value = prompt_cell(self._columns, values)
        if not is_conversation(value):
            prompt = cells.text(value)
            if prompt is None or not prompt.strip():
                raise CellError("there is no prompt")
            return prompt
        prompt_turns, answered = asked_and_answered(messages(value) or ())
        if not prompt_turns:
            raise CellError("the conversation asks nothing: no turn of it is the user's")
        # A prompt may consist of a system turn alone, which then has to say something.
        asked = [turn.content for turn in prompt_turns if turn.role == "user"] or [turn.content for turn in prompt_turns]
        if not any(text.strip() for text in asked):
            raise CellError("there is no prompt")
        self.answered += bool(answered)
        return prompt_turns

    def _reference(self, values: dict[str, Any], extra: dict[str, Any], *, optional: bool) -> str:
        self._columns.require_alone(values, "reference")
        cell = self._columns.get(values, "reference")
        if isinstance(cell, list):
            if len(cell) != 1:
                raise CellError(
                    f"the reference is a list of {len(cell)}, and a problem has one: say --map reference=COLUMN[0]"
                )
            cell = cell[0]
        given = cells.text(cell)
        if given is None and not optional:
            raise CellError("there is no reference answer (and no tests)")
        column = self._columns.fields.get("reference", "")
        answer, rule = (given or "", None) if self._columns.exact else answer_in(given or "", column)
        if not answer.strip() and not optional:
            raise CellError("the reference answer is empty")
        if rule is not None:
            self.rules[rule] += 1
            extra.setdefault("solution", given)  # a column of that name in the file is the user's and stays
        return answer

    def notes(self) -> list[str]:
        """Notes for a person on how the rows were read."""
        notes = [
            f"{count} references are {rule}; the whole cell is kept as meta.solution" for rule, count in self.rules.items()
        ]
        if self.levels:
            named = listed(f"{level!r} {count:,}" for level, count in self.levels.most_common())
            notes.append(f"{self.levels.total():,} levels are not numbers and are kept as meta.level: {named}")
        if self.saying_nothing:
            named = listed(f"{reference!r} {count:,}" for reference, count in self.saying_nothing.most_common())
            notes.append(f"{self.saying_nothing.total():,} rows have no reference, and were left out: {named}")
        if self.several:
            count = f"{self.several.total():,} answers are to problems with several targets, of which each is right"
            notes.append(f"{count}, and were left out: {listed(self.several)}")
        if len(self.splits) > 1 or (set(self.splits) - {"train"} and not self._columns.exact):
            named = ", ".join(f"{split} {count:,}" for split, count in sorted(self.splits.items()))
            notes.append(f"rows by split: {named}; held-out splits enter training exports only on request")
        if self.answered and not self._columns.has("text") and not self._columns.has("messages"):
            notes.append(
                f"{self.answered:,} conversations end with an answer, which is not part of the problem and was left out: "
                "rollmill import rollouts takes it"
            )
        return notes


def prompt_cell(columns: Columns, values: dict[str, Any]) -> Any:
    """The cell with the question: the prompt, else the conversation that contains the answer."""
    value = opened_conversation(columns.get(values, "prompt"))
    return opened_conversation(columns.get(values, "messages")) if value is None and columns.has("messages") else value


def answer_in(reference: str, column: str) -> tuple[str, str | None]:
    """The answer and the rule that found it; the unchanged reference and None if no rule applies.

    A box is looked for only in a column called solution: elsewhere it may be part of the answer.
    """
    marked = marked_in(reference)
    if marked is not None:
        return marked, "the text after ####"
    boxed = boxed_in(reference) if column.lower() == "solution" else None
    return (reference, None) if boxed is None else (boxed, "the last \\boxed{}")
