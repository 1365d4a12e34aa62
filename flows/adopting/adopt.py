"""`rollmill adopt`: recomputes the numbers in another tool's log, adds ours, and lists the answers on which they differ.

The log becomes an import, and an evaluation of that import with a verifier of ours; the evaluation's file and the report
lie in reports/NAME. The tool's scores are stored as imported labels and scores and never become verdicts.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rollmill.flows.adopting.fitting import JUDGEMENTS, PEOPLE, fitting_verifiers
from rollmill.flows.adopting.log_import import KEY, import_log
from rollmill.flows.adopting.report import AdoptedRun, differences, numbers, on_all_answers, verdict_comparison
from rollmill.flows.curation.outcome import write_json
from rollmill.flows.job import Job
from rollmill.flows.jobs.evaluate import Evaluate, evaluate, totals
from rollmill.flows.progress import Progress
from rollmill.flows.scoring import ScoreRequest, score
from rollmill.ground.errors import SetupError, unknown_name
from rollmill.pipelines.verify.judged.person import write_judgements
from rollmill.storage.imports.logs.evaluation_log import EvaluationLog
from rollmill.storage.imports.logs.tools import log_at
from rollmill.storage.queries import Reader, run_scope
from rollmill.storage.workspace import Workspace

Row = dict[str, Any]
READ_LEAST = 0.1  # of all answers, below which the share that is right says nothing of the model


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """Request of one `rollmill adopt`. `root`: the workspace. `path`: a log, or a folder of logs. `name`: name of the
    import and of the evaluation; none: task and model.

    `verify`: names of the verifiers; empty: one that fits the references, and people's judgements if none fits. `label`:
    name of the tool's score that is compared with the verdicts; none: the first score of single answers. `max_bytes`:
    largest size of one unpacked log (rollmill.storage.imports.reading.limits).
    """

    root: Path
    path: Path
    name: str | None = None
    verify: tuple[str, ...] = ()
    label: str | None = None
    max_bytes: int | None = None


def adopt(request: AdoptRequest) -> Row:
    """Adopt the one log at a path; the report as JSON values. SetupError, with nothing stored, for a bad log or several."""
    log = log_at(request.path, request.max_bytes, request.label)
    return adopt_log(request, log, request.name or default_name(log), Progress())


def adopt_log(request: AdoptRequest, log: EvaluationLog, name: str, progress: Progress) -> Row:
    """Import a log, judge, measure and compare; the report. SetupError, with nothing stored, if the name is taken."""
    from rollmill.storage.versions.publish import finish_interrupted

    label = _label(log, request.label)
    progress.begin(f"{log.tool} {log.version}: {log.task}, {len(log.answers):,} answers")
    with Workspace.open(request.root) as workspace:
        messages = [*workspace.recover(), *finish_interrupted(workspace)]
        imported = import_log(workspace, log, name, label)
        # The user's verifiers come first, then the log's own, then those that fit the references.
        asked = [{"method": method} for method in request.verify] or log.verify
        verify = asked or fitting_verifiers(workspace, name)
    file = _evaluation(request.root, name, log, verify)
    job = Job(str(request.root), str(file), verb="evaluate")
    kind = Evaluate(job)
    with kind.open(progress) as session:
        [cell] = evaluate(kind.evaluation, session)["cells"]
    for key in log.labels:
        # Kept as scores of the run, so that they can be ranked and compared, and never decide an outcome.
        score(ScoreRequest(request.root, cell["run"], (("imported", {"key": f"{KEY}.scores.{key}"}),)))
    report = {
        "name": name,
        "tool": log.tool,
        "version": log.version,
        "task": log.task,
        "model": log.model,
        "run": cell["run"],
        "verify": [part["method"] for part in verify],
        "stored": {"new": imported.completions.new, "already": imported.completions.already},
        "definitions": list(log.notes),
        "set_aside": {why: len(answers) for why, answers in log.aside.items()},
        "messages": [*messages, *imported.notes],
        **_report_of_run(request.root, cell["run"], log, label),
    }
    _withhold(report)
    write_json(file.parent / "adopted.json", report)
    return report


def _report_of_run(root: Path, run: str, log: EvaluationLog, label: str | None) -> Row:
    """The numbers and the comparison, from what the workspace holds."""
    with Reader.open(root) as reader:
        adopted = AdoptedRun(run_scope(reader, run), [answer for answers in log.aside.values() for answer in answers])
    pool = adopted.pool.pool.measured(None)
    rows = numbers(adopted, log.printed)
    templates = adopted.pool.pool.strata["template"]
    # A problem without a template is a cluster of its own, named by its place.
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


def slug(task: str, model: str = "") -> str:
    """A name for an import and an evaluation: lower case, at most 40 letters, the end of the model's path."""
    words = f"{task}-{model.rsplit('/', 1)[-1]}".lower()
    return re.sub(r"[^a-z0-9._-]+", "-", words).strip("-._")[:40].strip("-._") or "adopted"


def default_name(log: EvaluationLog) -> str:
    """The name of task and model, as long as an evaluation's may be."""
    return slug(log.task, log.model)[: longest_name(log)].strip("-._")


def longest_name(log: EvaluationLog) -> int:
    """Length limit for the name of an evaluation of this log, so that its runs' names stay within 63 characters."""
    # A run of a cell is named NAME.BENCHMARK.MODEL, and the model of the evaluation is `logged`.
    return 63 - len(f".{_benchmark(log)}.logged")


def _benchmark(log: EvaluationLog) -> str:
    return slug(log.task)[:20].strip("-._")


def _label(log: EvaluationLog, asked: str | None) -> str | None:
    """The score that is compared with verdicts: the requested one, else the first score of single answers."""
    if asked is not None and asked not in log.labels:
        raise unknown_name("score of single answers in this log", asked, log.labels)
    return asked or next(iter(log.labels), None)


def _withhold(report: Row) -> None:
    """Take our rates out of a report whose verifiers read next to none of the answers: they would be of the verifiers."""
    read, rollouts, names = report["correct"] + report["incorrect"], report["rollouts"], " and ".join(report["verify"])
    if read >= READ_LEAST * rollouts:
        return
    why = f"{names} read {read:,} of {rollouts:,} answers"
    advice = "name a verifier: --verify exact, judge in a recipe, or another of docs/reference/verifiers.md"
    if report["verify"] == [PEOPLE]:
        why = "no verifier reads references of this form, and nobody has judged"
        advice += f"; people judge with rollmill review --undecided {report['run']}"
    report["messages"].append(f"{why}: no rate of ours is shown. Next: {advice}")
    for row in report["numbers"]:
        # The tool's own numbers stay: they rest on its labels.
        row["on_verdicts"] = None
    report["all_answers"] = [{**row, "value": None, "low": None, "high": None, "why": why} for row in report["all_answers"]]
    report["verdicts"] = None


def _evaluation(root: Path, name: str, log: EvaluationLog, verify: Sequence[Mapping[str, Any]]) -> Path:
    """Write the evaluation of an adopted log, so that `rollmill evaluate` can continue it."""
    import yaml

    folder = root / "reports" / name
    benchmark = _benchmark(log)
    if len(name) > longest_name(log):
        raise SetupError(
            f"--name {name!r} is too long here: {longest_name(log)} letters at most.", next_command="--name SHORTER"
        )
    recipe = {
        "evaluation_schema": 1,
        "name": name,
        "benchmarks": [{"name": benchmark, "imported": name, "verify": list(verify)}],
        "models": [{"name": "logged", "engine": "imported", "imports": [name]}],
        "metrics": [{"metric": "pass@k", "ks": [1]}],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "evaluation.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    # An existing file holds judgements that people made.
    if any(part["method"] == PEOPLE for part in verify) and not (folder / JUDGEMENTS).exists():
        write_judgements(folder / JUDGEMENTS, [])  # which `rollmill review --apply` fills
    return path
