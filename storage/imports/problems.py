"""`rollmill import problems`: a file of problems into the workspace, all rows or none. Draws and judges nothing."""

from dataclasses import dataclass, field, replace
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.storage.imports.account import ColumnAccount
from rollmill.storage.imports.problem_rows import ProblemRows
from rollmill.storage.imports.reading.cells import Sanitiser
from rollmill.storage.imports.reading.columns import PROBLEM_ALIASES, Columns, listed, require
from rollmill.storage.imports.reading.faults import Faults, RowError
from rollmill.storage.imports.references import References
from rollmill.storage.imports.scan import Places, clean_rows, detect, mark, unchanged
from rollmill.storage.imports.spec import Findings, ImportReport, ImportSpec, sample
from rollmill.storage.imports.stored import StoredProblem, stored_problems
from rollmill.storage.imports.writer import ImportWriter
from rollmill.storage.workspace import Workspace

_SAMPLES = 3


@dataclass(slots=True)
class _Survey:
    """Results of the first pass through the file."""

    rows: int = 0
    places: Places = field(default_factory=Places)
    ids: dict[str, str] = field(default_factory=dict)
    repeats: dict[str, list[str]] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    clashes: list[str] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    references: References = field(default_factory=References)
    stripped: dict[str, set[str]] = field(default_factory=dict)
    account: ColumnAccount = field(default_factory=ColumnAccount)


def import_problems(ws: Workspace, spec: ImportSpec, *, dry_run: bool = False) -> ImportReport:
    """Import a file of problems under a name. Raises SetupError, with nothing stored, for any mistake in the file."""
    before, faults = mark_of(spec), Faults(spec.path, gather=dry_run or spec.set_aside is not None)
    columns = detect(spec, PROBLEM_ALIASES, faults)
    if spec.layout is not None:
        spec.layout.check_digest(spec.path)
    require(columns, ("prompt",), PROBLEM_ALIASES, path=spec.path, verb="problems")
    if not columns.has("tests"):
        require(columns, ("reference",), PROBLEM_ALIASES, path=spec.path, verb="problems")
    writer = ImportWriter(ws, spec, dry_run=dry_run)  # records the import's state before its rows are read
    stored = stored_problems(ws.segments, spec.name)
    faults_before = -1
    while faults_before != len(faults):  # rows without a fault of their own may be counted anew once others are left out
        faults_before = len(faults)
        sanitiser, rows = Sanitiser(), ProblemRows(spec.path, columns, source=spec.producer)
        survey = _survey(spec, rows, sanitiser, stored, faults)
        if spec.layout is None:  # a published benchmark is read as it was published
            survey.references.require_one(spec.path, faults)
    if not survey.rows and not faults.gather:
        raise SetupError(f"no row of {spec.path} is a problem with a reference: {'; '.join(rows.notes())}.")
    unchanged(spec.path, before)
    with writer:
        writer.know("problems", [problem.id for problem in stored.values()])
        # A second reading bounds the memory; that the file is still the same is checked before anything counts.
        _store(spec, columns, survey, writer, faults)
        unchanged(spec.path, before)
        notes = _notes(survey, rows, sanitiser)
        if spec.layout is not None:
            notes.append(f"read as {spec.layout.name}; SHA-256 of the file: {spec.layout.check_digest(spec.path)}")
        report = Findings(survey.rows, notes, survey.samples, faults, survey.account.uses(columns))
        return writer.finish(columns, report)


def mark_of(spec: ImportSpec) -> tuple[int, int]:
    """The file's mark before anything is read; a file that is not there is left for the reader to name."""
    return mark(spec.path) if spec.path.exists() else (0, 0)


def _survey(
    spec: ImportSpec, rows: ProblemRows, sanitiser: Sanitiser, stored: dict[str, StoredProblem], faults: Faults
) -> _Survey:
    survey = _Survey()
    for row in clean_rows(spec, sanitiser, faults, account=survey.account):
        try:
            if rows.without_reference(row):
                continue
            problem = rows.problem(row)
        except RowError as error:
            faults.add(row.where, error)
            continue
        survey.rows += 1
        survey.references.add(problem, row.where)
        if problem.external_id is not None:
            survey.stripped.setdefault(problem.external_id.strip(), set()).add(problem.external_id)
            survey.places.add(problem.external_id, row.where)
            known = stored.get(problem.external_id)
            if known is not None and known.id != problem.id:
                if faults.gather:
                    faults.add(row.where, f"the import {spec.name!r} already holds another problem {problem.external_id!r}")
                    continue
                survey.clashes.append(f"{problem.external_id!r} ({row.where})")
        if survey.ids.setdefault(problem.id, row.where) != row.where:
            survey.repeated.append(f"{row.where} repeats {survey.ids[problem.id]}")
            survey.repeats.setdefault(problem.id, []).append(problem.external_id or "")
        if len(survey.samples) < _SAMPLES:
            survey.samples.append(sample(problem))
    survey.places.require_unique("id", spec.path, faults)
    if survey.clashes:
        named = listed(survey.clashes)
        raise SetupError(
            f"the import {spec.name!r} already holds other problems under the ids {named}; nothing was stored.",
            next_command=f"rollmill import problems {spec.path} --name {spec.name}-2",
        )
    return survey


def _store(spec: ImportSpec, columns: Columns, survey: _Survey, writer: ImportWriter, faults: Faults) -> None:
    rows = ProblemRows(spec.path, columns, source=spec.producer)
    stored: set[str] = set()
    for row in clean_rows(spec, Sanitiser(), faults):
        if rows.without_reference(row):
            continue
        problem = rows.problem(row)
        if problem.id not in stored:
            stored.add(problem.id)
            writer.add("problems", _with_aliases(problem, survey.repeats.get(problem.id, [])))


def _with_aliases(problem: Problem, others: list[str]) -> Problem:
    """The problem with the further ids it has in the file, so rollouts of either id find it."""
    named = sorted(filter(None, others))
    return replace(problem, meta={**problem.meta, "external_ids": named}) if named else problem


def _notes(survey: _Survey, rows: ProblemRows, sanitiser: Sanitiser) -> list[str]:
    notes = rows.notes()
    if survey.repeated:
        notes.append(
            f"{len(survey.repeated)} rows repeat an earlier problem and are stored once: {listed(survey.repeated)}"
        )
    spaced = sorted(min(ids) for ids in survey.stripped.values() if len(ids) > 1)
    if spaced:
        notes.append(f"{len(spaced):,} ids differ from another one in spaces only: {listed(map(repr, spaced))}")
    return notes + sanitised_notes(sanitiser)


def sanitised_notes(sanitiser: Sanitiser) -> list[str]:
    """The notes on replaced characters and on rows without an answer, if there were any."""
    notes = []
    if sanitiser.characters:
        notes.append(f"{sanitiser.characters} lone surrogates in {sanitiser.rows} rows were replaced by U+FFFD")
    if sanitiser.filters:
        named = listed(f"{name} {count:,}" for name, count in sanitiser.filters.most_common())
        notes.append(
            f"{sanitiser.filters.total():,} rows are of an answer under another filter ({named}), kept as its scores"
        )
    for (model, file), count in sanitiser.models.items():
        notes.append(f"the model of {count:,} answers is {model!r}, as {file} beside them says")
    if sanitiser.empty:
        notes.append(f"{sanitiser.empty:,} rows hold no answer (their request failed) and were left out")
    return notes
