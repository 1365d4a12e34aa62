"""Logs of the library `verifiers` 0.1: results.jsonl with one rollout per line, and metadata.json with the averages.

A rollout has a reward and metrics. Averages are over all rollouts. For pass@k and pass^k, a rollout with a reward of at
least `pass_threshold` is correct. Both are means over the problems for which no rollout is missing.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
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
    whole,
    whole_text,
)
from rollmill.storage.imports.reading.cells import CellError
from rollmill.storage.imports.reading.faults import log_error
from rollmill.storage.imports.reading.limits import Unfolded
from rollmill.storage.imports.reading.turns import replied

TOOL = "verifiers"
KEYS = frozenset({"example_id", "prompt", "completion", "reward"})
Values = dict[str, Any]


def logs_at(path: Path) -> list[Path]:
    """The results.jsonl files of a folder that have a metadata.json, or the file itself."""
    files = sorted(path.rglob("results.jsonl")) if path.is_dir() else [path]
    return [file for file in files if file.name == "results.jsonl" and file.with_name("metadata.json").is_file()]


def read(path: Path, unfolded: Unfolded) -> EvaluationLog:
    """Log of an evaluation; SetupError for an incomplete one."""
    about_path = path.with_name("metadata.json")
    text = whole_text(about_path, unfolded)
    metadata = json_object(about_path, text)
    keys = ("env_id", "model", "avg_reward", "rollouts_per_example")
    require(about_path, metadata, keys, "it", "metadata as verifiers writes them")
    lines = json_lines(path, unfolded)
    rows = [_row(path, number, line) for number, line in enumerate(lines, 1)]
    # Without a positive number of examples nothing is known of how many rollouts there should be.
    planned = int(metadata.get("num_examples") or 0) * int(metadata["rollouts_per_example"])
    if planned > 0 and len(rows) != planned:
        raise log_error(
            path, f"{planned} rollouts were evaluated and it holds {len(rows)} of them", "prime eval run ... --resume"
        )
    return EvaluationLog(
        tool=TOOL,
        version=str((metadata.get("version_info") or {}).get("vf_version", "unknown")),
        path=path,
        task=str(metadata["env_id"]),
        model=str(metadata["model"]),
        answers=list(_answers(path, rows)),
        printed=list(_printed_numbers(metadata)),
        rows={path.name: lines},
        files={about_path.name: text},
    )


def _row(path: Path, number: int, line: str) -> Values:
    values: Values = json.loads(line)
    require(path, values, sorted(KEYS), f"line {number}")
    return values


def _answers(path: Path, rows: Sequence[Values]) -> Iterator[LoggedAnswer]:
    """Every rollout; the rollouts of a problem are numbered in file order."""
    count: Counter[str] = Counter()
    for number, row in enumerate(rows, 1):
        with whole(path, f"line {number}"):
            answer = _answer(row)
        yield replace(answer, sample=count[answer.problem], file=path.name, rows=(number,))
        count[answer.problem] += 1


def import_rows(values: Values) -> Iterator[Values]:
    """The rollout in a row as a row of an import; none if it failed."""
    rest = {name: value for name, value in values.items() if name not in {*KEYS, "answer", "metrics", "token_usage"}}
    yield from imported([] if values["completion"] is None else [_answer(values)], rest)


def _answer(row: Values) -> LoggedAnswer:
    usage = row.get("token_usage") or {}
    return LoggedAnswer(
        problem=str(row["example_id"]),
        prompt=row["prompt"],
        reference=row.get("answer"),
        text=_text(row["completion"]),
        sample=0,
        scores={"reward": row["reward"], **(row.get("metrics") or {})},
        facts={
            "finish_reason": "length" if row.get("is_truncated") else None,
            "tokens_in": usage.get("input_tokens"),
            "tokens_out": usage.get("output_tokens"),
            **about(row.get("info")),
        },
    )


def _text(completion: Any) -> Any:
    """What the model wrote: a text or turns; where others spoke in between, the text of its turns in order."""
    if isinstance(completion, str):
        return completion
    if not isinstance(completion, list) or not completion:
        raise CellError("it has no completion (its rollout failed)")
    if len(completion) == 1:
        return replied(completion[0])
    if not any(turn.get("role") == "user" for turn in completion):
        return completion
    # A turn that only calls a tool has no content.
    contents = [turn.get("content") or "" for turn in completion if turn.get("role") == "assistant"]
    # Content in parts (text beside images) is no text, and is kept as JSON.
    return "\n\n".join(content if isinstance(content, str) else json.dumps(content) for content in contents)


def _printed_numbers(metadata: Values) -> Iterator[PrintedNumber]:
    """The averages, and pass@k and pass^k."""
    from rollmill.metrics.logged_scores import EACH, Reduction

    yield PrintedNumber("avg_reward", float(metadata["avg_reward"]), "reward", Reduction(EACH))
    for name, value in (metadata.get("avg_metrics") or {}).items():
        if (number := number_or_none(value)) is not None:
            # A metric may count turns or check a form, so it does not grade the answer.
            yield PrintedNumber(f"avg_metrics {name}", number, name, Reduction(EACH), graded=False)
    least = float(metadata.get("pass_threshold", 0.5))
    for key, name, shown in (("pass_at_k", "pass_at", "pass@"), ("pass_all_k", "pass_k", "pass^")):
        for k, value in (metadata.get(key) or {}).items():
            yield PrintedNumber(f"{shown}{k}", float(value), "reward", Reduction(name, int(k), least))
