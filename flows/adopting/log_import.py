"""A log into the workspace and out of it again: answers become imported rollouts, and nothing of the log is lost.

Every answer carries in its meta, under `adopted`, the tool's scores and where it stood. The first answer that a row is
about carries the row itself as JSON text, the first answer of the log also the other files. `stored_log` gives all back.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.storage.imports.logs.evaluation_log import EvaluationLog
from rollmill.storage.imports.reading.lines import FileRow
from rollmill.storage.imports.rollouts import import_rollouts
from rollmill.storage.imports.spec import ImportReport, ImportSpec
from rollmill.storage.imports.stored import rows_of
from rollmill.storage.workspace import Workspace

KEY = "adopted"
"""Key of an answer's meta that holds its log entry."""


def import_log(workspace: Workspace, log: EvaluationLog, name: str, label: str | None) -> ImportReport:
    """Import a log whole under a name; `label`: the score that is kept as the imported label of each answer, if 0 or 1.

    A log that is there already adds nothing. SetupError if the name is another log's, with nothing stored.
    """
    # By content, so that a log moved to another folder is still the same one.
    stored, digest = stored_digest(workspace, name), log.digest
    if stored not in (None, digest):
        raise SetupError(
            f"{name!r} is the name of another import; nothing was stored.",
            next_command=f"rollmill adopt {log.path} --name {name}-2",
        )
    spec = ImportSpec(log.path, name, rows=lambda: rows_to_import(log, label, digest), log=digest)
    return import_rollouts(workspace, spec)


def rows_to_import(log: EvaluationLog, label: str | None, digest: str) -> Iterator[FileRow]:
    """An import's row for each answer.

    Answers to a problem that the log has twice under different ids become more samples of the first of them.
    """
    rows_before: set[tuple[str, int]] = set()
    questions = [digest128([answer.prompt, answer.reference]) for answer in log.answers]
    problem_of: dict[str, str] = {}
    used: dict[str, int] = {}
    # A problem's own samples are known before any twin is numbered, as a log may have their answers in turn.
    for question, answer in zip(questions, log.answers, strict=True):
        if problem_of.setdefault(question, answer.problem) == answer.problem:
            used[answer.problem] = max(used.get(answer.problem, 0), answer.sample + 1)
    for question, answer in zip(questions, log.answers, strict=True):
        problem, sample = problem_of[question], answer.sample
        if problem != answer.problem:
            # The samples of a twin go on after those of the problem, or equal texts would be one rollout.
            sample = used[problem]
            used[problem] += 1
        first = not rows_before
        new = [number for number in answer.rows if (answer.file, number) not in rows_before]
        rows_before |= {(answer.file, number) for number in new}
        adopted = {
            "log": digest,
            "tool": f"{log.tool} {log.version}",
            "problem": answer.problem,
            "sample": answer.sample,
            "file": answer.file,
            "row": answer.rows[0],
            "scores": dict(answer.scores),
            "rows": {str(number): log.rows[answer.file][number - 1] for number in new},
            **({"files": dict(log.files)} if first else {}),
        }
        values = answer.values(None if label is None else answer.scores.get(label))
        values |= {"problem_id": problem, "model": log.model, "sample_index": sample, KEY: adopted}
        yield FileRow(f"{answer.file}, row {answer.rows[0]}", values, f"{log.tool} log")


@dataclass(frozen=True, slots=True)
class StoredLog:
    """Stored contents of a log: each row as its JSON text, by file and number, and the other files by name."""

    tool: str
    rows: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def stored_log(workspace: Workspace, name: str) -> StoredLog:
    """The original log that was adopted under a name; SetupError if there is none."""
    rows: dict[str, dict[int, str]] = {}
    files: dict[str, str] = {}
    tool = ""
    for (text,) in _metas(workspace, name, "meta"):
        adopted: dict[str, Any] = json.loads(text).get(KEY, {})
        tool = adopted.get("tool", tool)
        files |= adopted.get("files", {})
        for number, row in adopted.get("rows", {}).items():
            rows.setdefault(adopted["file"], {})[int(number)] = row
    if not rows:
        raise SetupError(f"no log was adopted as {name!r}.", next_command="rollmill import list")
    return StoredLog(tool, {file: dict(sorted(texts.items())) for file, texts in rows.items()}, files)


def stored_digest(workspace: Workspace, name: str) -> str | None:
    """The digest of the log under a name; "" for an import of another kind, None if there is no such import."""
    # Every answer of a log carries its digest, so the largest one is the only one.
    [(count, digest)] = _metas(workspace, name, f"count(*), max(meta ->> '$.{KEY}.log')")
    problems = any(record.name == name for record in workspace.imports.list())
    return (digest or "") if count or problems else None


def _metas(workspace: Workspace, name: str, columns: str) -> list[tuple[Any, ...]]:
    with workspace.segments.connection() as connection:
        query = f"SELECT {columns} FROM ({rows_of(workspace.segments, 'completions', name)})"  # noqa: S608 - our own names
        return connection.execute(query).fetchall()
