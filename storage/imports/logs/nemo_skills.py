"""Logs of NeMo-Skills: output*.jsonl, one run over all problems per file, and metrics.json with the numbers in percent.

A score is a truth value of an answer (`symbolic_correct`, `judge_correct`). `pass@1[avg-of-k]` and `majority@k` are over
the first k runs, `pass@k` over all of them. The tool is on no package index; this is the form that its sources describe.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rollmill.storage.imports.logs.evaluation_log import (
    EvaluationLog,
    LoggedAnswer,
    PrintedNumber,
    about,
    imported,
    json_lines,
    json_object,
    number_or_none,
    require,
    whole_text,
)
from rollmill.storage.imports.reading.faults import log_error
from rollmill.storage.imports.reading.limits import Unfolded

TOOL = "NeMo-Skills"
METRICS = "metrics.json"
_MODE = re.compile(r"(?:pass@1\[avg-of-(?P<mean>\d+)\]|majority@(?P<vote>\d+)|pass@(?P<pass_at>\d+))")
KEYS = frozenset({"problem", "expected_answer", "generation"})
_ANSWER = "predicted_answer"
_COUNTS = frozenset({"num_entries", "avg_tokens", "gen_seconds", "no_answer"})
Values = dict[str, Any]


def logs_at(path: Path) -> list[Path]:
    """The metrics.json of each folder that also has outputs; a file of either kind stands for its folder."""
    # A folder is one log: naming one of its outputs must not adopt a part of the runs.
    folders = sorted({file.parent for file in path.rglob("output*.jsonl")} if path.is_dir() else {path.parent})
    if path.is_file() and path.name != METRICS and not path.name.startswith("output"):
        return []
    return [folder / METRICS for folder in folders if _outputs(folder)]


def _outputs(folder: Path) -> list[Path]:
    """The files of all runs, else the only one: output-rs0.jsonl, output-rs1.jsonl, ..., or output.jsonl."""
    # By number, since output-rs10 comes before output-rs2 as a text.
    return sorted(folder.glob("output-rs*.jsonl"), key=_run) or sorted(folder.glob("output.jsonl"))


def _run(path: Path) -> int:
    return int(re.sub(r"\D", "", path.stem) or 0)


def read(path: Path, unfolded: Unfolded) -> EvaluationLog:
    """Log of a benchmark; SetupError for an incomplete one."""
    if not path.is_file():
        next_command = "ns summarize_results FOLDER, or rollmill import rollouts FILE"
        raise log_error(path.parent, f"there is no {METRICS} beside the outputs", next_command)
    text = whole_text(path, unfolded)
    modes = _modes(path, json_object(path, text))
    files = _outputs(path.parent)
    rows = {file.name: json_lines(file, unfolded) for file in files}
    answers = [answer for run, file in enumerate(files) for answer in _answers(file, run, rows[file.name])]
    entries = {int(numbers["num_entries"]) for numbers in modes.values() if "num_entries" in numbers}
    for file in files:
        if entries and entries != {len(rows[file.name])}:
            counted = " or ".join(map(str, sorted(entries)))
            raise log_error(file, f"{counted} problems were evaluated and it holds {len(rows[file.name])}")
    return EvaluationLog(
        tool=TOOL,
        version="unversioned",
        path=path,
        task=path.parent.name,
        model="unknown",
        answers=_as_one_problem(answers, len(files)),
        printed=list(_printed_numbers(modes, answers[0].scores)),
        rows=rows,
        files={path.name: text},
        notes=["its majority counts pairs of the answer it cut out and its score, ties by their mean; None abstains"],
    )


def _modes(path: Path, metrics: Values) -> Mapping[str, Values]:
    """The numbers by evaluation mode, at the top level or under the benchmark's name and `_all_`."""
    while metrics and not any(_MODE.fullmatch(str(name)) for name in metrics):
        inner = metrics.get("_all_", metrics.get(path.parent.name))
        # The only key is entered whatever its name: a folder may have been renamed since.
        if inner is None and len(metrics) > 1:
            raise log_error(path, f"it mixes several benchmarks: {', '.join(metrics)}", "name the folder of one benchmark")
        metrics = next(iter(metrics.values())) if inner is None else inner
        if not isinstance(metrics, dict):
            break
    # The loop ended without a break: at a level with modes, or with nothing left.
    else:
        if metrics:
            return {name: numbers for name, numbers in metrics.items() if _MODE.fullmatch(name)}
    raise log_error(path, "it has no numbers of pass@k or majority@k")


def _answers(path: Path, run: int, lines: Sequence[str]) -> Iterator[LoggedAnswer]:
    for number, line in enumerate(lines, 1):
        row: Values = json.loads(line)
        require(path, row, sorted(KEYS), f"line {number}")
        answer = _answer(row)
        scores = {**answer.scores, _ANSWER: row.get(_ANSWER)}
        # Without ids a problem is its line: every run writes the problems in one order, which is checked below.
        problem = answer.problem or str(number - 1)
        yield replace(answer, problem=problem, sample=run, scores=scores, file=path.name, rows=(number,))


def import_rows(values: Values) -> Iterator[Values]:
    """The answer in a row as a row of an import."""
    rest = {name: value for name, value in values.items() if name not in {*KEYS, "id", "num_generated_tokens"}}
    yield from imported([_answer(values)], rest)


def _answer(row: Values) -> LoggedAnswer:
    """The answer in a row, with the truth values of it, `symbolic_correct` first; without an id no problem is named."""
    # Backwards, `symbolic_correct` comes before `judge_correct`, and the first score is the label.
    scores = {name: row[name] for name in sorted(row, reverse=True) if isinstance(row[name], bool) and "correct" in name}
    if isinstance(row.get("judgement"), str):
        # The judge reasons before it decides: the words after its last "Judgement:" count.
        scores["judge_correct"] = row["judgement"].strip().rpartition("Judgement:")[2].strip().lower().startswith("yes")
    return LoggedAnswer(
        problem="" if row.get("id") is None else str(row["id"]),
        prompt=row["problem"],
        reference=row["expected_answer"],
        text=row["generation"],
        sample=0,
        scores=scores,
        facts={"tokens_out": row.get("num_generated_tokens"), "finish_reason": row.get("finish_reason"), **about(row)},
    )


def _as_one_problem(answers: Sequence[LoggedAnswer], runs: int) -> list[LoggedAnswer]:
    """The answers problem by problem; SetupError if the runs are of different problems."""
    by_problem: dict[str, list[LoggedAnswer]] = {}
    for answer in answers:
        by_problem.setdefault(answer.problem, []).append(answer)
    for problem, mine in by_problem.items():
        # Equal ids are not enough where ids are line numbers, so prompts are compared too.
        if len(mine) != runs or len({answer.prompt for answer in mine}) > 1:
            raise log_error(
                Path(mine[0].file), f"problem {problem} is not the same one in all {runs} runs: the files are mixed"
            )
    return [answer for mine in by_problem.values() for answer in mine]


def _printed_numbers(modes: Mapping[str, Values], scores: Mapping[str, Any]) -> Iterator[PrintedNumber]:
    """Every number of a score that the rows have, each `pass@1[avg-of-k]` followed by its spread over the runs."""
    from rollmill.metrics.logged_scores import VOTE, Reduction

    for mode, numbers in modes.items():
        match = _MODE.fullmatch(mode)
        assert match is not None
        kind, k = next((name, int(text)) for name, text in match.groupdict().items() if text is not None)
        reduction = Reduction("pass_at", k) if kind == "pass_at" else Reduction(kind, first=k)
        for score, value in numbers.items():
            number = number_or_none(value)
            if score in _COUNTS or number is None:
                continue
            known = reduction if score in scores else None
            why = "" if known else f"rows have no {score}"
            texts = _ANSWER if kind == VOTE else ""
            yield PrintedNumber(f"{mode} {score}", number, score, known, scale=100.0, why=why, answers=texts)
            spread = (numbers.get(f"{score}_statistics") or {}).get("std_dev_across_runs")
            if known is not None and spread is not None:
                yield PrintedNumber(f"{mode} {score}", float(spread), score, reduction, "runs")
