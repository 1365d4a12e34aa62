"""`rollmill adopt`: from the log of another tool to its numbers, ours beside them, and the answers where they differ.

The log becomes an import, and an evaluation of that import with a verifier of ours; the evaluation's file and the report
lie in reports/NAME. The tool's scores are stored as imported labels and scores and never become verdicts.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.adopting import inspect_ai, lighteval, lm_eval, nemo_skills, verifiers
from flows.adopting.bring_in import KEY, bring_in
from flows.adopting.log import Log, broken
from flows.adopting.report import AdoptedRun, differences, numbers, on_all_answers, verdict_comparison
from flows.curation.outcome import write_json
from flows.evaluation.evaluate import evaluate, open_evaluation, totals
from flows.job import Job
from flows.progress import Stage
from flows.scoring import ScoreRequest, score
from storage.errors import SetupError, unknown_name
from storage.queries import Reader, run_scope
from storage.workspace import Workspace

_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: `logs_at` names the logs at a path, `read` reads one of them."""

    name: str
    files: str
    logs_at: Callable[[Path], list[Path]]
    read: Callable[[Path], Log]


TOOLS: Mapping[str, Tool] = {
    "lm_eval": Tool(lm_eval.TOOL, "samples_*.jsonl beside results_*.json", lm_eval.logs_at, lm_eval.read),
    "inspect": Tool(inspect_ai.TOOL, "*.eval, or its JSON log", inspect_ai.logs_at, inspect_ai.read),
    "lighteval": Tool(lighteval.TOOL, "details_*.parquet with results_*.json", lighteval.logs_at, lighteval.read),
    "verifiers": Tool(verifiers.TOOL, "results.jsonl beside metadata.json", verifiers.logs_at, verifiers.read),
    "nemo_skills": Tool(nemo_skills.TOOL, "output*.jsonl beside metrics.json", nemo_skills.logs_at, nemo_skills.read),
}


def log_at(path: Path) -> Log:
    """The one log at a path (a file, or the folder that a tool wrote); SetupError where there is none or several."""
    if not path.exists():
        raise SetupError(f"{path} does not exist.", next_command=f"ls {path.parent}")
    logs = [(tool, file) for tool in TOOLS.values() for file in tool.logs_at(path)]
    if not logs:
        raise _none(path)
    if len(logs) > 1:
        choices = [str(file) for _, file in logs[:_SHOWN]]
        raise SetupError(
            f"{path} holds {len(logs)} logs; one is adopted at a time.",
            choices=choices,
            next_command=f"rollmill adopt {choices[0]}",
        )
    [(tool, file)] = logs
    return tool.read(file)


def _none(path: Path) -> SetupError:
    if lm_eval.results_alone(path):
        return broken(path, "results of lm-evaluation-harness without samples", "lm_eval run ... --log_samples")
    choices = [f"{tool.name} ({tool.files})" for tool in TOOLS.values()]
    return SetupError(
        f"{path} holds no log that is known here.",
        choices=choices,
        next_command="rollmill import rollouts FILE --name NAME",
    )


Row = dict[str, Any]
_NUMBER = re.compile(r"[-+]?[$€£]?[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?%?")
_CHOICE = re.compile(r"\(?[A-J]\)?")


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """What one command asks. `name`: of the import and the evaluation, by default made of task and model.

    `verify`: the verifiers, by default one that fits the references; `label`: the score whose label is held against
    verdicts, by default the first that is about single answers.
    """

    root: Path
    path: Path
    name: str | None = None
    verify: tuple[str, ...] = ()
    label: str | None = None
    watcher: Callable[[Stage], None] | None = None


def adopt(request: AdoptRequest, begin: Callable[[str], Any] = str) -> Row:
    """Import, judge, measure and compare; the report as JSON values. SetupError, with nothing stored, for a bad log."""
    from storage.versions import finish_interrupted

    log = log_at(request.path)
    label = _label(log, request.label)
    name = request.name or slug(f"{log.task}-{log.model}")
    begin(f"{log.tool} {log.version}: {log.task}, {len(log.answers):,} answers")
    with Workspace.open(request.root) as workspace:
        messages = [*workspace.recover(), *finish_interrupted(workspace)]
        imported = bring_in(workspace, log, name, label)
        verify = request.verify or _verifiers(workspace, name)
    file = _evaluation(request.root, name, log, verify)
    job = Job(str(request.root), str(file), verb="evaluate")
    with open_evaluation(job, request.watcher) as (evaluation, session):
        [cell] = evaluate(evaluation, session, request.watcher)["cells"]
    for key in log.labels:
        score(ScoreRequest(request.root, cell["run"], (("imported", {"key": f"{KEY}.scores.{key}"}),)))
    report = {
        "name": name,
        "tool": log.tool,
        "version": log.version,
        "task": log.task,
        "model": log.model,
        "run": cell["run"],
        "verify": list(verify),
        "stored": {"new": imported.completions.new, "already": imported.completions.already},
        "definitions": list(log.notes),
        "messages": [*messages, *imported.notes],
        **_report_of_run(request.root, cell["run"], log, label),
    }
    write_json(file.parent / "adopted.json", report)
    return report


def _report_of_run(root: Path, run: str, log: Log, label: str | None) -> Row:
    """The numbers and the comparison, from what the workspace holds."""
    with Reader.open(root) as reader:
        adopted = AdoptedRun(run_scope(reader, run))
    pool = adopted.pool.pool.measured(None)
    rows = numbers(adopted, log.printed)
    templates = adopted.pool.pool.strata["template"]
    clusters = len({template or place for place, template in enumerate(templates)})
    return {
        **totals(pool),
        "clusters": clusters,
        "samples": log.samples,
        "numbers": rows,
        "all_answers": on_all_answers(adopted),
        "differences": list(differences(rows, clusters, len(templates))),
        "verdicts": None if label is None else verdict_comparison(adopted, label),
    }


def slug(text: str) -> str:
    """A name for an import and an evaluation: lower case, at most 40 letters, the end of the model's path."""
    task, _, model = text.partition("-")
    words = f"{task}-{model.rsplit('/', 1)[-1]}".lower()
    return re.sub(r"[^a-z0-9._-]+", "-", words).strip("-._")[:40].strip("-._") or "adopted"


def _label(log: Log, asked: str | None) -> str | None:
    """The score that is held against verdicts: the one asked for, else the first that is about single answers."""
    if asked is not None and asked not in log.labels:
        raise unknown_name("score of single answers in this log", asked, log.labels)
    return asked or next(iter(log.labels), None)


def _verifiers(workspace: Workspace, name: str) -> tuple[str, ...]:
    """The verifiers that fit all references of the import: of numbers, of the letters of choices, else of mathematics."""
    from storage.imports.stored import rows_of

    with workspace.segments.connection() as connection:
        query = f"SELECT DISTINCT reference FROM ({rows_of(workspace.segments, 'problems', name)})"  # noqa: S608 - our names
        references = [reference.strip() for (reference,) in connection.execute(query).fetchall()]
    if all(_CHOICE.fullmatch(reference) for reference in references):
        return ("choice",)
    return ("number", "math") if all(_NUMBER.fullmatch(reference) for reference in references) else ("math",)


def _evaluation(root: Path, name: str, log: Log, verify: Sequence[str]) -> Path:
    """Write the evaluation of an adopted log, so that `rollmill evaluate` can go on with it."""
    import yaml

    folder = root / "reports" / name
    benchmark = slug(log.task)[:20].strip("-._")
    if len(f"{name}.{benchmark}.logged") > 63:
        raise SetupError(f"--name {name!r} is too long here: 35 letters at most.", next_command="--name SHORTER")
    recipe = {
        "evaluation_schema": 1,
        "name": name,
        "benchmarks": [{"name": benchmark, "imported": name, "verify": [{"method": method} for method in verify]}],
        "models": [{"name": "logged", "engine": "imported", "imports": [name]}],
        "metrics": [{"metric": "pass@k", "ks": [1]}],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "evaluation.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return path
