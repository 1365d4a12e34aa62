"""`rollmill import rollouts`: a file of rollouts into the workspace, all rows or none. Judges nothing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.storage.imports.account import ColumnAccount
from rollmill.storage.imports.completion_rows import CompletionRows, ImportedCompletion, each_answer
from rollmill.storage.imports.labels import Relabelling
from rollmill.storage.imports.matching import EmbeddedProblems, ProblemLookup, matcher
from rollmill.storage.imports.problems import mark_of, sanitised_notes
from rollmill.storage.imports.reading.cells import CellError, Sanitiser
from rollmill.storage.imports.reading.columns import EMBEDDED_ALIASES, ROLLOUT_ALIASES, Columns, listed, require
from rollmill.storage.imports.reading.faults import Faults, RowError
from rollmill.storage.imports.scan import Places, clean_rows, detect, unchanged
from rollmill.storage.imports.spec import Findings, ImportReport, ImportSpec, sample
from rollmill.storage.imports.stored import StoredProblem
from rollmill.storage.imports.writer import ImportWriter
from rollmill.storage.workspace import Workspace

_SAMPLES = 3
_WITH_PROBLEMS = {**EMBEDDED_ALIASES, **ROLLOUT_ALIASES}
_OF_A_SET = {"prompt": EMBEDDED_ALIASES["prompt"], **ROLLOUT_ALIASES}


class _OtherColumns(Exception):  # noqa: N818 - no mistake of anybody
    """A row has a column that the first rows, of which the mapping was made, do not have."""


@dataclass(slots=True)
class _Pass:
    """A pass through a rollouts file. `all_seen`: the mapping was made of the columns of every row."""

    spec: ImportSpec
    columns: Columns
    problems: ProblemLookup | EmbeddedProblems
    faults: Faults
    all_seen: bool
    sanitiser: Sanitiser = field(default_factory=Sanitiser)
    account: ColumnAccount = field(default_factory=ColumnAccount)
    rows: int = 0
    answers: int = 0
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[str, Problem | None, ImportedCompletion]]:
        completions = CompletionRows(self.spec.path, self.columns, name=self.spec.name, log=self.spec.log)
        present, formats = frozenset(self.columns.present), {"", *self.columns.format.split(", ")}
        for row in clean_rows(self.spec, self.sanitiser, self.faults, account=self.account):
            if not self.all_seen and not (present >= row.values.keys() and row.format in formats):
                raise _OtherColumns
            try:
                answers = list(each_answer(row, self.columns, self.spec.whole, self.account))
                matched = [(answer, *self.problems.problem(answer)) for answer in answers]
                drawn = [
                    (row.where, problem, completions.completion(answer, stored))
                    for answer, stored, problem in matched
                    # Problems missing in the set are gathered, and reported together after the file is read.
                    if stored is not None
                ]
            except (CellError, RowError) as error:
                self.faults.add(row.where, error)
                continue
            self.rows += 1
            yield from drawn
        self.problems.finish(self.faults)
        if not (completions.count or self.faults.gather) and (left_out := self.problems.notes()[1:]):
            raise SetupError(f"no answer of {self.spec.path} can be imported: {'; '.join(left_out)}; nothing was stored.")
        self.answers = completions.count
        several = [f"{self.rows:,} rows hold {self.answers:,} answers"] if self.answers != self.rows else []
        self.notes = several + self.problems.notes() + completions.notes() + sanitised_notes(self.sanitiser)


def import_rollouts(ws: Workspace, spec: ImportSpec, *, dry_run: bool = False) -> ImportReport:
    """Import a file of rollouts under a name. Raises SetupError, with nothing stored, for any mistake in the file.

    The mapping is made of the first rows, so that most files are read once; a file with further columns begins again.
    """
    before, of = mark_of(spec), _problem_set(ws, spec)
    faults, columns = _faults(spec, dry_run), None
    try:
        columns = _columns(spec, faults, first=True)
        return _imported(ws, spec, columns, faults, (before, of, dry_run, False))
    except (_OtherColumns, SetupError) as error:
        faults = _faults(spec, dry_run)
        every = _columns(spec, faults)
        if every == columns and isinstance(error, SetupError):
            raise
    return _imported(ws, spec, every, faults, (before, of, dry_run, True))


def _faults(spec: ImportSpec, dry_run: bool) -> Faults:
    return Faults(spec.path, gather=dry_run or spec.set_aside is not None)


def _columns(spec: ImportSpec, faults: Faults, *, first: bool = False) -> Columns:
    aliases = _WITH_PROBLEMS if spec.problems is None else _OF_A_SET
    columns = detect(spec, aliases, faults, first=first)
    if not columns.has("messages"):
        require(columns, ("text",), aliases, path=spec.path, verb="rollouts")
    return columns


def _imported(
    ws: Workspace, spec: ImportSpec, columns: Columns, faults: Faults, how: tuple[tuple[int, int], str, bool, bool]
) -> ImportReport:
    """Passes through the file until one stores every row; what an earlier one wrote is removed.

    Another pass numbers the answers anew once rows are left out, and gives them the ids of labels that are theirs alone.
    """
    before, of, dry_run, all_seen = how
    labels: Relabelling | None = None
    while True:
        faults_before = len(faults)
        writer = ImportWriter(ws, spec, dry_run=dry_run)  # notes what the imports hold before anything of it is read
        labels = Relabelling(ws.segments, spec.name, update=spec.update) if labels is None else labels.again()
        with writer:
            rows = _Pass(spec, columns, matcher(ws.segments, spec, columns), faults, all_seen)
            samples = _pass_through(rows, labels, writer, ws)
            unchanged(spec.path, before)
            if labels.settled() and len(faults) == faults_before:
                uses = rows.account.uses(columns, apart=EMBEDDED_ALIASES)
                notes = [*rows.notes, *labels.notes()]
                return writer.finish(columns, Findings(rows.rows, notes, samples, faults, uses), of=of)


def _problem_set(ws: Workspace, spec: ImportSpec) -> str:
    """The problem set of the rollouts; SetupError if earlier rollouts of this name belong to another."""
    of = spec.problems or spec.name
    others = [record.of for record in ws.imports.list() if record.name == spec.name and record.of not in (None, of)]
    if others:
        raise SetupError(
            f"the import {spec.name!r} holds rollouts of the problem set {others[0]!r}, not of {of!r}: an import answers "
            "one problem set; nothing was stored.",
            next_command=f"rollmill import rollouts {spec.path} --name {spec.name}-2",
        )
    return of


def _asked(ws: Workspace, problem: Problem | None, stored: StoredProblem) -> dict[str, Any]:
    """Prompt and reference of a sample's problem, of the file or stored."""
    known = [problem] if problem is not None else ws.segments.fetch("problems", [stored.id])
    return {name: value for record in known for name, value in sample(record).items() if name in ("prompt", "reference")}


def _pass_through(rows: _Pass, labels: Relabelling, writer: ImportWriter, ws: Workspace) -> list[dict[str, Any]]:
    """Write every row, and find every mistake before any of them counts; the first rows as samples."""
    ids, indices, clashes = Places(), Places(), []
    samples: list[dict[str, Any]] = []
    made: set[str] = set()
    writer.update = labels.number
    writer.know("completions", [answer.id for answer in labels.stored.values()])
    if isinstance(rows.problems, EmbeddedProblems):
        writer.know("problems", [problem.id for problem in rows.problems.known.values()])
    for where, problem, drawn in rows:
        completion = drawn.completion
        if drawn.external_id is not None:
            ids.add(drawn.external_id, where)
        indices.add(f"{drawn.name}/{completion.model}/{completion.sample_index}", where)
        if not labels.survey(drawn):
            if rows.faults.gather:
                rows.faults.add(where, "another text is stored at its problem, model and sample index")
                continue
            clashes.append(where)
        if len(samples) < _SAMPLES:
            samples.append(_asked(ws, problem, drawn.problem) | sample(completion))
        if problem is not None and problem.id not in made:
            made.add(problem.id)
            writer.add("problems", problem)
        writer.add("completions", labels.labelled(drawn))
    ids.require_unique("id", rows.spec.path, rows.faults)
    indices.require_unique("problem, model and sample index", rows.spec.path, rows.faults)
    if clashes:
        raise SetupError(
            f"the import {rows.spec.name!r} already holds other rollouts at the same problem, model and sample index as "
            f"{listed(clashes)}; nothing was stored.",
            next_command=f"rollmill import rollouts {rows.spec.path} --name {rows.spec.name}-2",
        )
    return samples
