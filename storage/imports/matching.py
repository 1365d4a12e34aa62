"""Matching of rollouts with problems: by lookup in an imported set, or from the rollout's own row.

The lookup uses the problem id column if there is one and the prompt otherwise. Knows nothing of completions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.storage.imports.problem_rows import ProblemRows, prompt_cell
from rollmill.storage.imports.reading import cells
from rollmill.storage.imports.reading.columns import ROLLOUT_ALIASES, Columns, listed, require
from rollmill.storage.imports.reading.faults import Faults, RowError
from rollmill.storage.imports.reading.lines import FileRow
from rollmill.storage.imports.reading.turns import asked_and_answered, is_conversation, messages
from rollmill.storage.imports.references import References
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.imports.stored import StoredProblem, stored_problems
from rollmill.storage.segments.store import SegmentStore


@dataclass(slots=True)
class ProblemLookup:
    """Rollouts of an imported problem set. `problem` gives None for a row whose problem the set lacks, and remembers it."""

    spec: ImportSpec
    columns: Columns
    known: Mapping[str, StoredProblem]
    missing: dict[str, list[str]] = field(default_factory=dict)
    by_id: int = 0

    def problem(self, row: FileRow) -> tuple[StoredProblem | None, Problem | None]:
        """The stored problem of a row; nothing is made."""
        name = cells.identifier(self.columns.get(row.values, "problem_id"))
        cell = prompt_cell(self.columns, row.values)
        stored = None if name is None else self.known.get(name)
        if stored is None and cell is not None:
            beginning, ids = _prompt_ids(cell)
            name = name or beginning
            # In the order of the ids: the whole conversation before its only turn.
            stored = next((self.known[key] for key in ids if key in self.known), None)
            # A column called `problem` may hold the problem's id as well as its text.
            if stored is None and not is_conversation(cell):
                stored = self.known.get(cells.text(cell) or "")
                self.by_id += stored is not None
        if name is None:
            raise RowError(self.spec.path, row.where, "names no problem", " ")
        if stored is None:
            self.missing.setdefault(name, []).append(row.where)
        return stored, None

    def finish(self, faults: Faults) -> None:
        """Raise SetupError naming the problems that the set lacks, or note their rows as faults."""
        for name, places in self.missing.items() if faults.gather else ():
            for where in places:
                faults.add(where, f"the problem set {self.spec.problems!r} has no problem {name!r}")
        if self.missing and not faults.gather:
            named = listed(f"{name!r} ({where})" for name, (where, *_) in self.missing.items())
            raise SetupError(
                f"the problem set {self.spec.problems!r} has no problem {named}; nothing was stored.",
                next_command=f"rollmill import problems FILE --name {self.spec.problems}",
            )

    def notes(self) -> list[str]:
        """Source of the problems' ids, if it is not a column of that name."""
        column = self.columns.fields.get("prompt")
        return [f"{self.by_id:,} rows name their problem by its id in the column {column!r}"] if self.by_id else []


@dataclass(slots=True)
class EmbeddedProblems:
    """Rollouts that carry their problems: one problem per id (or per prompt), made at its first row."""

    spec: ImportSpec
    columns: Columns
    rows: ProblemRows
    known: Mapping[str, StoredProblem]
    first: dict[str, tuple[str, str]] = field(default_factory=dict)
    clashes: list[tuple[str, str]] = field(default_factory=list)
    references: References = field(default_factory=References)

    def problem(self, row: FileRow) -> tuple[StoredProblem | None, Problem | None]:
        """The row's problem, newly made; None without a reference. One that differs from an earlier one with its id is
        recorded as a clash.
        """
        if self.rows.without_reference(row):
            return None, None
        # Other columns are kept with the completion: they may differ between the rows of one problem.
        problem = self.rows.problem(row, meta=False)
        self.references.add(problem, row.where)
        name = problem.external_id or problem.id
        stored = self.known.get(name)
        if stored is not None and stored.id != problem.id:
            self.clashes.append((row.where, f"{name!r} ({row.where}, differs from the one imported before)"))
        # Within the file as well: `known` has only what was stored before it.
        before, where = self.first.setdefault(name, (problem.id, row.where))
        if before != problem.id:
            self.clashes.append((row.where, f"{name!r} ({row.where}, differs from {where})"))
        return StoredProblem(problem.id, problem.prompt_id), problem

    def finish(self, faults: Faults) -> None:
        """Raise SetupError for ids or prompts whose rows describe different problems, or record these rows as faults."""
        for where, detail in self.clashes if faults.gather else ():
            faults.add(where, f"several problems under one id: {detail}")
        if self.clashes and not faults.gather:
            named = listed(detail for _, detail in self.clashes)
            raise SetupError(f"{self.spec.path} has several problems under one id: {named}; nothing was stored.")
        self.references.require_one(self.spec.path, faults)

    def notes(self) -> list[str]:
        """Notes on the creation of problems."""
        return [f"problems were made from the rollouts' own columns under the name {self.spec.name!r}", *self.rows.notes()]


def _prompt_ids(cell: Any) -> tuple[str, list[str]]:
    """The beginning of a prompt, and the prompt ids that it may be stored under: a lone user's turn also as its text."""
    if not is_conversation(cell):
        prompt = cells.text(cell) or ""
        return prompt[:60], [Problem(prompt, "").prompt_id]  # 60 characters name it in a message
    prompt_turns, _ = asked_and_answered(messages(cell) or ())
    # A system prompt is the run's, and a problem may be stored without it.
    asked = [turn for turn in prompt_turns if turn.role not in ("system", "developer")]
    alone = [Problem(asked[0].content, "").prompt_id, Problem((asked[0],), "").prompt_id] if len(asked) == 1 else []
    return prompt_turns[-1].content[:60] if prompt_turns else "", [Problem(prompt_turns, "").prompt_id, *alone]


def matcher(store: SegmentStore, spec: ImportSpec, columns: Columns) -> ProblemLookup | EmbeddedProblems:
    """The way this import finds the problem of a row."""
    if spec.problems is None:
        return _embedded(store, spec, columns)
    known = stored_problems(store, spec.problems)
    if not known:
        raise SetupError(
            f"there are no problems called {spec.problems!r} in this workspace.",
            next_command=f"rollmill import problems FILE --name {spec.problems}",
        )
    if not (columns.has("prompt") or columns.has("messages")):
        require(columns, ("problem_id",), ROLLOUT_ALIASES, path=spec.path, verb="rollouts")
    return ProblemLookup(spec, columns, known)


def _embedded(store: SegmentStore, spec: ImportSpec, columns: Columns) -> EmbeddedProblems:
    asking = "prompt" if columns.has("prompt") or not columns.has("messages") else "messages"
    # A problem with tests needs no reference.
    needed = (asking,) if columns.has("tests") else (asking, "reference")
    if not all(columns.has(name) for name in needed):
        raise SetupError(
            f"{spec.path} does not carry its problems (it would need {' and '.join(needed)}; columns found: "
            f"{', '.join(columns.present)}): say with --problems which imported problems the rollouts belong to.",
            next_command=f"rollmill import rollouts {spec.path} --name {spec.name} --problems NAME",
        )
    rows = ProblemRows(spec.path, columns, source=spec.producer, id_field="problem_id")
    return EmbeddedProblems(spec, columns, rows, stored_problems(store, spec.name))
