"""Logs of lighteval (`--save-details`): details_TASK_DATE.parquet, a problem a row, and results_DATE.json with the numbers.

A row holds all answers to a problem and one value of each metric: what its metrics make of the answers stays inside the
tool. Their names (`avg@n`, `pass@k`, `maj@n`) and settings give their meaning; numbers average the rows.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.logs.evaluation_log import (
    EvaluationLog,
    LoggedAnswer,
    PrintedNumber,
    about,
    imported,
    json_object,
    set_aside,
    usable,
    whole_text,
)
from rollmill.storage.imports.logs.targets import reference_of
from rollmill.storage.imports.reading.faults import log_error
from rollmill.storage.imports.reading.limits import Unfolded
from rollmill.storage.imports.reading.readers import read_rows

if TYPE_CHECKING:
    from rollmill.metrics.logged_scores import Reduction

TOOL = "lighteval"
_DETAILS = re.compile(r"details_(.+)_(\d{4}-\d\d-\d\dT[\d.-]+)\.parquet")
_SAMPLED = re.compile(r"(?P<kind>avg|pass|maj)@[nk](?::(?P<settings>.*))?")
KEYS = frozenset({"doc", "model_response", "metric"})
IMPLIED = "implied by avg@n"
"""The score of an answer if all answers of its problem were right, or all wrong."""
Values = dict[str, Any]


def logs_at(path: Path) -> list[Path]:
    """The details files of a folder, or the file itself; one task of one evaluation each."""
    files = sorted(path.rglob("details_*.parquet")) if path.is_dir() else [path]
    return [file for file in files if _DETAILS.fullmatch(file.name)]


def read(path: Path, unfolded: Unfolded) -> EvaluationLog:
    """The log of one details file with its results; SetupError for one that is not whole."""
    match = _DETAILS.fullmatch(path.name)
    assert match is not None  # or it would not have been recognised
    task, date = match.groups()
    results_path = _results(path, date)
    text = whole_text(results_path, unfolded)
    results = json_object(results_path, text)
    # A slash in a task's name becomes an underscore in its file's.
    task = next((name for name in results.get("results", {}) if name.replace("/", "_") == task), task)
    if task not in results.get("results", {}):
        raise log_error(path, f"{results_path.name} has no numbers of {task}")
    rows = _rows(path, unfolded)
    config = results.get("config_tasks", {}).get(task, {})
    # -1 is the tool's default, before it has counted.
    documents = config.get("effective_num_docs", -1)
    if documents is not None and documents >= 0 and documents != len(rows):
        raise log_error(path, f"{documents} documents were evaluated and it holds {len(rows)}")
    general = results.get("config_general", {})
    samples = min(len(row["model_response"]["text"]) for row in rows)
    printed = list(_printed_numbers(results["results"][task], config.get("metrics") or (), rows[0]["metric"], samples))
    kept, aside = usable(
        path, ((answer, None) for number, row in enumerate(rows, 1) for answer in _numbered(path, number, row))
    )
    log = EvaluationLog(
        tool=TOOL,
        # A released package knows no commit of its own and writes "?".
        version=str(general.get("lighteval_sha", "unknown")).replace("?", "unversioned"),
        path=path,
        task=task,
        model=str(general.get("model_name", "unknown")),
        answers=kept,
        aside=aside,
        printed=printed,
        rows={path.name: [json.dumps(row) for row in rows]},
        files={results_path.name: text},
        notes=list(_definitions(printed)) if samples > 1 else [],
    )
    return replace(log, files={**log.files, **set_aside(log, aside)})


def _definitions(printed: Sequence[PrintedNumber]) -> Iterator[str]:
    """Notes on definitions of the tool's numbers that would surprise a reader."""
    from rollmill.metrics.logged_scores import VOTE

    yield "it logs one value for all answers to a problem: the label of an answer is known where all are right or all wrong"
    names = {number.reduction.name: number.name for number in printed if number.reduction is not None}
    if "max" in names:
        yield f"its {names['max']} takes the best of all answers to a problem: pass@n, not pass@1"
    if VOTE in names:
        yield f"its {names[VOTE]} counts whole answers, normalised but not cut out; of equally frequent ones the first wins"


def _results(path: Path, date: str) -> Path:
    """The results of the same date: under `results` next to `details`, or in a folder above."""
    # In OUT/details/ORG/MODEL/DATE the folder OUT is the fifth one up.
    for folder in list(path.parents)[:6]:
        places = sorted(folder.glob(f"results_{date}.json")) or sorted((folder / "results").rglob(f"results_{date}.json"))
        if places:
            return places[0]
    raise log_error(path, f"results_{date}.json with its numbers is neither beside it nor under results")


def _rows(path: Path, unfolded: Unfolded) -> list[Values]:
    try:
        rows = [row.values for row in read_rows(path, max_bytes=unfolded.most)]
    except SetupError as error:
        what = error.message.removesuffix(".").removesuffix("; nothing was stored")
        raise log_error(path, what, error.next_command) from error
    row_numbers: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        missing = [key for key in sorted(KEYS) if not isinstance(row.get(key), dict)]
        if missing:
            raise log_error(path, f"it has no {', '.join(missing)}: details as lighteval 0.10 and later write them")
        texts = row["model_response"].get("text")
        if not texts:
            raise log_error(path, f"row {number} has no text that a model wrote: there is nothing to judge")
        before = row_numbers.setdefault(str(row["doc"].get("id")), number)
        if before != number:
            raise log_error(path, f"rows {before} and {number} are the same document: it mixes tasks or evaluations")
    return rows


def is_row(values: Mapping[str, Any]) -> bool:
    """True for a row of details with the texts that a model wrote."""
    return all(isinstance(values[key], dict) for key in KEYS) and bool(values["model_response"].get("text"))


def import_rows(values: Values) -> Iterator[Values]:
    """The answers in a row as rows of an import; of several the metrics are no labels."""
    answers = list(_answers(values))
    if len(answers) > 1:
        answers = [replace(answer, scores={IMPLIED: answer.scores.get(IMPLIED), **answer.scores}) for answer in answers]
    rest = {name: value for name, value in values.items() if name not in {"model_response", "metric"}}
    return imported(answers, rest)


def _numbered(path: Path, number: int, row: Values) -> Iterator[LoggedAnswer]:
    return (replace(answer, file=path.name, rows=(number,)) for answer in _answers(row))


def _answers(row: Values) -> Iterator[LoggedAnswer]:
    doc, response, metric = row["doc"], row["model_response"], row["metric"]
    gold = doc.get("gold_index")
    choices = doc.get("choices") or []
    golds = [
        choices[at] for at in (gold if isinstance(gold, list) else [gold]) if isinstance(at, int) and at < len(choices)
    ]
    whole = next((value for name, value in metric.items() if name.startswith("avg@")), None)
    for sample, text in enumerate(response["text"]):
        implied = {IMPLIED: whole} if whole in (0, 1) else {}
        yield LoggedAnswer(
            problem=str(doc["id"]),
            # What the model was sent, where the log has it; the query lacks the template of the prompt.
            prompt=response.get("input") or doc["query"],
            reference=reference_of(golds),
            text=text,
            sample=sample,
            scores={**({} if sample else metric), **implied},
            facts=about(doc.get("specific")),
        )


def _printed_numbers(
    numbers: Mapping[str, Any], metrics: Sequence[Values], logged: Mapping[str, Any], samples: int
) -> Iterator[PrintedNumber]:
    """Each number with its standard error. Nothing is computed where the corpus is not averaged."""
    settings = {metric.get("metric_name"): metric for metric in metrics}
    for name, value in numbers.items():
        if name not in logged or not isinstance(value, int | float):
            continue
        config = settings.get(name, {})
        averaged = config.get("corpus_level_fn", "mean") == "mean"
        reduction = _meaning(name, str(config.get("sample_level_fn", "")), samples) if averaged else None
        why = "" if averaged else f"corpus function {config['corpus_level_fn']!r} of that tool is not computed here"
        reduced = samples > 1
        yield PrintedNumber(name, float(value), name, reduction, why=why, reduced=reduced)
        error = numbers.get(f"{name}_stderr")
        if averaged and isinstance(error, float):
            yield PrintedNumber(name, error, name, reduction, "stderr", reduced=reduced)


def _meaning(name: str, settings: str, samples: int) -> "Reduction":
    """Reduction of a metric over the answers to one problem; `own`: known only to the tool."""
    from rollmill.metrics.logged_scores import FIRST, VOTE, Reduction

    match = _SAMPLED.fullmatch(name)
    if match is None:
        # Whatever a metric does with several answers, of one it gives the score.
        if samples == 1:
            return FIRST
        return Reduction("max") if "aggregation_function=max" in settings else Reduction("own")
    given = dict(re.findall(r"([kn])=(\d+)", match["settings"] or ""))
    first = int(given.get("n", samples))
    if match["kind"] == "pass":
        return Reduction("pass_at", int(given.get("k", 1)), first=first)
    return Reduction({"avg": "mean", "maj": VOTE}[match["kind"]], first=first)
