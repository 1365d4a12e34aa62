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
from pipelines.verify.person import write_judgements
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
PEOPLE = "person"  # the verifier that looks up what people judged, in the file of this name beside the evaluation
JUDGEMENTS = "judgements.csv"
READ_LEAST = 0.1  # of all answers, below which the share that is right says nothing of the model
_FITS = 0.9  # of the references: a set of mathematics has a few words in it, one of names a few numbers
_WORD = re.compile(r"[^\W\d_]{2,}")
_NUMBER = re.compile(r"[-+]?[$€£]?[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?%?")
_CHOICE = re.compile(r"\(?[A-J]\)?")


@dataclass(frozen=True, slots=True)
class AdoptRequest:
    """What one command asks. `name`: of the import and the evaluation, by default made of task and model.

    `verify`: the verifiers, by default one that fits the references, and people where none does; `label`: the score whose
    label is held against verdicts, by default the first that is about single answers.
    """

    root: Path
    path: Path
    name: str | None = None
    verify: tuple[str, ...] = ()
    label: str | None = None
    watcher: Callable[[Stage], None] | None = None


def adopt(request: AdoptRequest, begin: Callable[[str], Any] = str) -> Row:
    """Import, judge, measure and compare; the report as JSON values. SetupError, with nothing stored, for a bad log."""
    from storage.versions.publish import finish_interrupted

    log = log_at(request.path)
    label = _label(log, request.label)
    name = request.name or slug(f"{log.task}-{log.model}")
    begin(f"{log.tool} {log.version}: {log.task}, {len(log.answers):,} answers")
    with Workspace.open(request.root) as workspace:
        messages = [*workspace.recover(), *finish_interrupted(workspace)]
        imported = bring_in(workspace, log, name, label)
        verify = [{"method": method} for method in request.verify] or _verifiers(workspace, name)
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


def _report_of_run(root: Path, run: str, log: Log, label: str | None) -> Row:
    """The numbers and the comparison, from what the workspace holds."""
    with Reader.open(root) as reader:
        adopted = AdoptedRun(run_scope(reader, run), [answer for answers in log.aside.values() for answer in answers])
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


def _withhold(report: Row) -> None:
    """Take our rates out of a report whose verifiers read next to none of the answers: they would be of the verifiers."""
    read, rollouts, names = report["correct"] + report["incorrect"], report["rollouts"], " and ".join(report["verify"])
    if read >= READ_LEAST * rollouts:
        return
    why = f"{names} read {read:,} of {rollouts:,} answers"
    advice = "name a verifier: --verify exact, judge in a recipe, or another of docs/verifiers.md"
    if report["verify"] == [PEOPLE]:
        why = "no verifier here reads references of this form, and nobody has judged"
        advice += f"; people judge with rollmill review --undecided {report['run']}"
    report["messages"].append(f"{why}: no rate of ours is shown. Next: {advice}")
    for row in report["numbers"]:
        row["on_verdicts"] = None
    report["all_answers"] = [{**row, "value": None, "low": None, "high": None, "why": why} for row in report["all_answers"]]
    report["verdicts"] = None


def _verifiers(workspace: Workspace, name: str) -> list[Row]:
    """The verifiers that fit the references of the import, as a recipe names them.

    Of numbers, of the letters of choices, of mathematics, of a word or two (compared as texts); for all else, people.
    """
    from storage.imports.stored import rows_of

    with workspace.segments.connection() as connection:
        query = f"SELECT DISTINCT reference FROM ({rows_of(workspace.segments, 'problems', name)})"  # noqa: S608 - our names
        references = [reference.strip() for (reference,) in connection.execute(query).fetchall()]
    if all(_CHOICE.fullmatch(reference) for reference in references):
        return [{"method": "choice"}]
    if all(_NUMBER.fullmatch(reference) for reference in references):
        return [{"method": "number"}, {"method": "math"}]
    forms = [_form(reference) for reference in references]
    if forms.count("mathematics") >= _FITS * len(forms):
        return [{"method": "math"}]
    if "prose" not in forms:
        return [{"method": "exact", "options": {"answer": "final", "case": "fold"}}]
    return [{"method": PEOPLE, "options": {"judgements": JUDGEMENTS}}]


def _form(reference: str) -> str:
    """What a reference looks like: `mathematics`, `words` (one to three, and nothing else), or `prose`."""
    words = _WORD.findall(re.sub(r"\\[A-Za-z]+", " ", reference))
    if len(words) > 3 or "\n" in reference:
        return "prose"
    return "mathematics" if not words or re.search(r"[\d\\=^]", reference) else "words"


def _evaluation(root: Path, name: str, log: Log, verify: Sequence[Row]) -> Path:
    """Write the evaluation of an adopted log, so that `rollmill evaluate` can go on with it."""
    import yaml

    folder = root / "reports" / name
    benchmark = slug(log.task)[:20].strip("-._")
    if len(f"{name}.{benchmark}.logged") > 63:
        raise SetupError(f"--name {name!r} is too long here: 35 letters at most.", next_command="--name SHORTER")
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
    if any(part["method"] == PEOPLE for part in verify) and not (folder / JUDGEMENTS).exists():
        write_judgements(folder / JUDGEMENTS, [])  # which `rollmill review --apply` fills
    return path
