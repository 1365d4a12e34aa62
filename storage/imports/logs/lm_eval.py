"""Logs of lm-evaluation-harness (`--log_samples`): samples_TASK_DATE.jsonl and results_DATE.json in one folder.

A row is one document under one filter, with every repeat of its answer in `resps`, or the log-likelihood of each choice.
The filter decides which answers a score is of: it keeps the first one, or elects one of all. Its numbers average the
documents.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from glob import escape
from pathlib import Path
from typing import Any

from rollmill.ground.ids import digest128
from rollmill.storage.imports.logs.choices import RULES, VERIFY, are_chosen, chosen_answer
from rollmill.storage.imports.logs.evaluation_log import (
    MOST,
    EvaluationLog,
    LoggedAnswer,
    PrintedNumber,
    about,
    imported,
    json_lines,
    json_object,
    number_or_none,
    require,
    set_aside,
    usable,
    whole,
    whole_text,
)
from rollmill.storage.imports.logs.targets import listed_target, reference_of
from rollmill.storage.imports.reading.cells import CellError, parsed_cell
from rollmill.storage.imports.reading.faults import log_error
from rollmill.storage.imports.reading.limits import Unfolded
from rollmill.storage.imports.reading.lines import FileRow

TOOL = "lm-evaluation-harness"
NAME = "lm-eval samples"
"""Name of the rows' form in an import."""
# A task's name may hold underscores itself (gsm8k_cot), so it ends where the date begins.
_SAMPLES = re.compile(r"samples_(.+)_(\d{4}-\d\d-\d\dT[\d.-]+)\.jsonl")
_KEYS = ("doc_id", "doc", "target", "arguments", "resps", "filter")
KEYS = frozenset({"doc_id", "doc", "resps"})
"""Columns that every version of the tool writes."""
_SCORES = "scores of all filters"
_READ = frozenset({"arguments", "resps", "filtered_resps", "target", "filter", "metrics", _SCORES})
Values = dict[str, Any]


class FilterScores:
    """The scores of each answer under every filter: a log has a row for each of them. `rows` opens all rows of the log."""

    def __init__(self, rows: Callable[[], Iterable[FileRow]]) -> None:
        self._rows, self._count = rows, Counter[tuple[str, str]]()
        self._scores: dict[str, Values] | None = None

    def joined(self, row: Values) -> Values | None:
        """The first row of an answer with its scores under all filters; None for the other rows of it."""
        if self._scores is None:
            self._scores, count = {}, Counter[tuple[str, str]]()
            for other in self._rows():
                if other.values.keys() >= KEYS:
                    self._scores.setdefault(_answer_key(other.values, count), {}).update(_scores_of(other.values))
        scores = self._scores.pop(_answer_key(row, self._count), None)
        return None if scores is None else {**row, _SCORES: scores}


def _answer_key(row: Values, count: Counter[tuple[str, str]]) -> str:
    """Key of an answer; another one where the same filter has an equal answer once more, which was drawn again."""
    answer = digest128([row["doc_id"], row.get("arguments"), row["resps"]])
    times = count[answer, str(row.get("filter"))]
    count[answer, str(row.get("filter"))] += 1
    return f"{answer} {times}"


def import_rows(values: Values) -> Iterator[Values]:
    """The answers in a row as rows of an import."""
    row = {**values, **{name: parsed_cell(values.get(name)) for name in ("arguments", "resps", "doc")}}
    rest = {name: value for name, value in row.items() if name not in {*_READ, *_metrics(row)}}
    if not are_chosen([row], None):
        yield from imported(_drawn(row), rest)
        return
    rule = next((name for name in RULES if name in _metrics(row)), "acc")
    # The first score is the label, so that of the rule comes first.
    scores = dict(sorted(_scores_of(row).items(), key=lambda score: score[0].partition(",")[0] != rule))
    answer, why = chosen_answer(row, rule, " ", scores)
    if why is not None:
        raise CellError(f"it has {why}")
    yield from imported([answer], rest)


def _metrics(row: Mapping[str, Any]) -> Sequence[str]:
    return row.get("metrics") or [name for name in ("exact_match", "acc") if name in row]


def _scores_of(row: Mapping[str, Any]) -> Values:
    """The scores of a row by metric and filter; of a joined row those of all filters."""
    known: Values | None = row.get(_SCORES)
    name = row.get("filter") or "none"
    return {f"{metric},{name}": row.get(metric) for metric in _metrics(row)} if known is None else known


def _drawn(row: Values) -> Iterator[LoggedAnswer]:
    """Every repeat of an answer to a document; the scores of a document stand with its first answer."""
    texts = row["resps"]
    if isinstance(texts, list) and texts and isinstance(texts[0], list):
        texts = texts[0] if len(texts) == 1 else None
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise CellError("its resps hold no texts (output_type: generate_until) and no choices (multiple_choice) to judge")
    for sample, text in enumerate(texts):
        yield LoggedAnswer(
            problem=str(row["doc_id"]),
            prompt=_prompt(row.get("arguments")),
            reference=reference_of(listed_target(row.get("target"), row["doc"])),
            text=text,
            sample=sample,
            scores={} if sample else _scores_of(row),
            facts=about(row["doc"]),
        )


def _prompt(arguments: Any) -> str:
    """Prompt of a row: turns as JSON text, or one text."""
    # Requests are a mapping in newer logs and a list in older ones, and so is each request.
    first = next(iter(arguments.values()), None) if isinstance(arguments, dict) else arguments[0] if arguments else None
    prompt = first.get("arg_0") if isinstance(first, dict) else first[0] if first else None
    prompt = prompt[0] if isinstance(prompt, list) and len(prompt) == 1 else prompt
    if not isinstance(prompt, str) or not prompt:
        raise CellError("its arguments hold no prompt")
    return prompt


def logs_at(path: Path) -> list[Path]:
    """The samples files of a folder, or the file itself; one task of one evaluation each."""
    files = sorted(path.rglob("samples_*.jsonl")) if path.is_dir() else [path]
    return [file for file in files if file.name.startswith("samples_") and file.suffix == ".jsonl"]


def results_alone(path: Path) -> list[Path]:
    """The results of this tool in a folder that have no samples of their date."""
    files = sorted(path.rglob("results_*.json")) if path.is_dir() else []
    dated = ((file, file.stem.removeprefix("results_")) for file in files)
    # The date is whatever follows `results_` in a name, and may hold characters that glob reads as a pattern.
    return [file for file, date in dated if not any(file.parent.glob(f"samples_*_{escape(date)}.jsonl")) and _is_ours(file)]


def _is_ours(path: Path) -> bool:
    # lighteval writes results_*.json too; the key tells the two tools apart.
    return path.is_file() and path.stat().st_size <= MOST and b'"lm_eval_version"' in path.read_bytes()


def results_beside(samples: Path) -> Path | None:
    """Path of the results that belong to a samples file, by its name; they may be missing. None for another name."""
    match = _SAMPLES.fullmatch(samples.name)
    return None if match is None else samples.with_name(f"results_{match[2]}.json")


def model_of(results: Mapping[str, Any]) -> str | None:
    """The name of the model in the results of an evaluation; None without one."""
    config = results.get("config")
    name = results.get("model_name") or (config.get("model") if isinstance(config, dict) else None)
    return name if isinstance(name, str) else None


def read(path: Path, unfolded: Unfolded) -> list[EvaluationLog]:
    """The log of one samples file with its results; where choices were scored, one of each rule that chooses.

    SetupError for one that is not whole.
    """
    match = _SAMPLES.fullmatch(path.name)
    if match is None:
        raise log_error(path, "its name has no task and date (samples_TASK_DATE.jsonl)")
    task, date = match.groups()
    results_path = results_beside(path)
    if results_path is None or not results_path.is_file():
        raise log_error(
            path, f"results_{date}.json with its numbers is not beside it", f"rollmill import rollouts {path} --name NAME"
        )
    results_text = whole_text(results_path, unfolded)
    results = json_object(results_path, results_text)
    if task not in results.get("results", {}):
        named = ", ".join(results.get("results", {})) or "nothing"
        raise log_error(path, f"{results_path.name} has numbers of {named}, not of {task}")
    lines = json_lines(path, unfolded)
    rows = [_row(path, number, line) for number, line in enumerate(lines, 1)]
    by_filter = _by_filter(path, rows)
    # `effective` counts the documents after `--limit`, `original` those of the whole task.
    _require_whole(path, by_filter, results.get("n-samples", {}).get(task, {}).get("effective"))
    config = results.get("configs", {}).get(task, {})
    log = EvaluationLog(
        tool=TOOL,
        version=str(results.get("lm_eval_version", "unknown")),
        path=path,
        task=task,
        model=model_of(results) or "unknown",
        answers=(),
        printed=list(_printed_numbers(results["results"][task], rows, config)),
        rows={path.name: lines},
        files={results_path.name: results_text},
    )
    if are_chosen(rows, config.get("output_type")):
        return list(_chosen(log, by_filter, config))
    kept, aside = usable(path, ((answer, None) for answer in _answers(path, by_filter)))
    notes = list(_definitions(log.printed, by_filter))
    return [replace(log, answers=kept, aside=aside, files={**log.files, **set_aside(log, aside)}, notes=notes)]


def _chosen(log: EvaluationLog, by_filter: Mapping[str, Mapping[Any, Values]], config: Values) -> Iterator[EvaluationLog]:
    """A log for each rule by which lm-eval chose an option, with its metrics; the first has those without a rule too."""
    own = config.get("process_results") is not None
    documents = _documents(by_filter)
    metrics = list(dict.fromkeys(metric for rows in documents for row in rows for metric in row.get("metrics", ())))
    rules = [name for name in RULES if name in metrics] or ["acc"]
    for rule in rules:
        mine = [name for name in metrics if name == rule or (name not in RULES and rule == rules[0])]
        # The rule's own metric comes first, because the first score is the label unless another is named.
        mine.sort(key=lambda name: name != rule)
        kept, aside = usable(log.path, _choices(log.path, documents, rule, config.get("target_delimiter", " "), mine))
        notes = [f"nothing was drawn: each answer is the choice with {RULES[rule].words}"]
        yield replace(
            log,
            task=log.task if rule == rules[0] else f"{log.task}.{rule}",
            answers=kept,
            aside=aside,
            files={**log.files, **set_aside(log, aside)},
            printed=[
                replace(number, graded=metric == rule and not own)
                for number in log.printed
                if (metric := number.score.partition(",")[0]) in mine
            ],
            notes=[*notes, "its scores are a function of the task's own, by another rule"] if own else notes,
            chosen=rule,
            verify=VERIFY,
        )


def _choices(
    path: Path, documents: Sequence[Sequence[Values]], rule: str, delimiter: str, metrics: Sequence[str]
) -> Iterator[tuple[LoggedAnswer, str | None]]:
    """The chosen answer to each document, and the reason if an import cannot hold it."""
    for rows in documents:
        numbers = tuple(row["_number"] for row in rows)
        with whole(path, f"line {numbers[0]}"):
            answer, why = chosen_answer(rows[0], rule, delimiter, _numbers(metrics, rows))
        yield replace(answer, file=path.name, rows=numbers), why


def _numbers(metrics: Sequence[str], rows: Sequence[Values]) -> Values:
    """The scores of a document that are numbers."""
    values = {f"{metric},{row['filter']}": row.get(metric) for metric in metrics for row in rows}
    return {name: value for name, value in values.items() if number_or_none(value) is not None}


def _definitions(printed: Sequence[PrintedNumber], by_filter: Mapping[str, Mapping[Any, Values]]) -> Iterator[str]:
    """Notes on definitions of the tool's numbers that would surprise a reader."""
    from rollmill.metrics.logged_scores import FIRST

    drawn = max(len(row["resps"][0]) for rows in by_filter.values() for row in rows.values())
    if drawn > 1 and any(number.reduction == FIRST for number in printed):
        yield f"of the {drawn} answers to each problem that were drawn, its filters without a vote take the first"
    if any(number.reduced for number in printed):
        yield "its majority_vote counts texts as a regular expression cut them out; of equally frequent ones the first wins"


def _row(path: Path, number: int, line: str) -> Values:
    values = json.loads(line)
    require(path, values, _KEYS, f"line {number}", "rows as lm-evaluation-harness 0.4.3 and later write")
    return {**values, "_number": number}


def _by_filter(path: Path, rows: Sequence[Values]) -> dict[str, dict[Any, Values]]:
    """The row of each document, by filter."""
    by_filter: dict[str, dict[Any, Values]] = {}
    for row in rows:
        mine = by_filter.setdefault(row["filter"], {})
        # Document ids count from 0 in every task, so two tasks in one file meet here.
        if row["doc_id"] in mine:
            both = f"lines {mine[row['doc_id']]['_number']} and {row['_number']}"
            raise log_error(path, f"{both} are both document {row['doc_id']}: it mixes tasks or evaluations")
        mine[row["doc_id"]] = row
    return by_filter


def _require_whole(path: Path, by_filter: Mapping[str, Mapping[Any, Values]], documents: int | None) -> None:
    for name, rows in by_filter.items():
        if documents is not None and len(rows) != documents:
            raise log_error(path, f"{documents} documents were evaluated and filter {name} has {len(rows)} of them")
    # `_answers` takes the documents of the first filter and looks the others up by them.
    if len({frozenset(rows) for rows in by_filter.values()}) > 1:
        raise log_error(path, "its filters are over different documents")


def _answers(path: Path, by_filter: Mapping[str, Mapping[Any, Values]]) -> Iterator[LoggedAnswer]:
    """Every answer to every document."""
    for same in _documents(by_filter):
        numbers = tuple(row["_number"] for row in same)
        scores = {name: score for row in same for name, score in _scores_of(row).items()}
        with whole(path, f"line {numbers[0]}"):
            for answer in _drawn({**same[0], _SCORES: scores}):
                yield replace(answer, file=path.name, rows=numbers)


def _documents(by_filter: Mapping[str, Mapping[Any, Values]]) -> list[list[Values]]:
    """The rows of each document, in the order of the first filter."""
    return [[rows[doc_id] for rows in by_filter.values()] for doc_id in next(iter(by_filter.values()))]


def _printed_numbers(numbers: Values, rows: Sequence[Values], config: Values) -> Iterator[PrintedNumber]:
    """The numbers of a task, each mean followed by its standard error."""
    from rollmill.metrics.logged_scores import FIRST, VOTE, Reduction

    known = {f"{metric},{row['filter']}" for row in rows for metric in row.get("metrics", ())}
    # A metric over the whole corpus logs its inputs, a list for each document, in place of a score.
    lists = {
        f"{name},{row['filter']}" for row in rows for name in row.get("metrics", ()) if isinstance(row.get(name), list)
    }
    averages = {part.get("metric"): part.get("aggregation", "mean") for part in config.get("metric_list", ())}
    votes = {part.get("name") for part in config.get("filter_list") or () if _elects(part)}
    # A set has no order: numbers come in the order in which the tool printed them.
    for name in sorted(known & numbers.keys(), key=list(numbers).index):
        metric, _, filter_name = name.partition(",")
        voted = filter_name in votes
        reduction = Reduction(VOTE) if voted else FIRST
        average = averages.get(metric, "mean")
        value = number_or_none(numbers[name])
        if value is None:
            continue
        usual = average in ("mean", "median") and name not in lists
        why = "" if usual else f"aggregation {metric if name in lists else average!r} of that tool is not computed here"
        yield PrintedNumber(name, value, name, reduction if usual else None, average, why=why, reduced=voted)
        error = numbers.get(f"{metric}_stderr,{filter_name}")
        # For a median the tool gives a bootstrap, which `stderr` here does not compute.
        if isinstance(error, float) and usual and average == "mean":
            yield PrintedNumber(name, error, name, reduction, "stderr", reduced=voted)


def _elects(part: Values) -> bool:
    return any(step.get("function") == "majority_vote" for step in part.get("filter", ()))
