"""Logs of Inspect: a packed .eval file, or the same as one JSON file.

A sample is one epoch of one problem. A scorer's values of the epochs are reduced to one value (by each reducer that the
evaluation named), and the metrics of the scorer average these.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rollmill.ground.files import plain
from rollmill.storage.imports.logs.evaluation_log import (
    EvaluationLog,
    LoggedAnswer,
    PrintedNumber,
    about,
    imported,
    json_object,
    require,
    usable,
    whole,
    whole_text,
)
from rollmill.storage.imports.logs.targets import reference_of
from rollmill.storage.imports.reading.cells import CellError
from rollmill.storage.imports.reading.faults import log_error
from rollmill.storage.imports.reading.limits import Unfolded
from rollmill.storage.imports.reading.turns import replied
from rollmill.storage.imports.reading.zip_members import packed_samples

TOOL = "Inspect"
KEYS = frozenset({"id", "input", "target", "output"})
_VERSIONS = (1, 2, 3)
_AVERAGES = {"accuracy": "mean", **{name: name for name in ("mean", "std", "var", "stderr")}}
_WORDS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0, "yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
Values = dict[str, Any]


def logs_at(path: Path) -> list[Path]:
    """The .eval and JSON logs of a folder, or the file itself."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return [file for file in files if file.suffix == ".eval" or (file.suffix == ".json" and _is_json_log(file))]


def _is_json_log(path: Path) -> bool:
    with open(path, "rb", opener=plain) as file:
        # The first keys suffice, as a log may hold gigabytes; white space differs between compact and indented files.
        begin = b"".join(file.read(200).split())
    return begin.startswith(b'{"version":') and b'"eval":{' in begin


def read(path: Path, unfolded: Unfolded) -> EvaluationLog:
    """Log read from a file; SetupError for an incomplete or failed one."""
    header, samples, files = _packed(path, unfolded) if path.suffix == ".eval" else _plain(path, unfolded)
    if header.get("version") not in _VERSIONS:
        raise log_error(path, f"it is a log of version {header.get('version')}, and versions 1 to 3 are known")
    status = header.get("status")
    if status != "success" or not header.get("results"):
        raise log_error(
            path, f"the evaluation did not end well (status {status!r}): it has no numbers", "inspect eval-retry"
        )
    for at, text in enumerate(samples, 1):
        unfolded.check_row(len(text.encode()), f"sample {at}")
    parsed = [(text, json_object(path, text, f"sample {at}")) for at, text in enumerate(samples, 1)]
    planned = header["results"].get("completed_samples", len(parsed))
    if len(parsed) != planned:
        raise log_error(path, f"{planned} samples were evaluated and it holds {len(parsed)} of them")
    order = {str(name): at for at, name in enumerate(header["eval"].get("dataset", {}).get("sample_ids") or ())}
    # Samples run in parallel and are logged as they end, so they are put into the order of the data set.
    parsed.sort(key=lambda pair: (order.get(str(pair[1]["id"]), len(order)), pair[1]["epoch"]))
    about_eval = header["eval"]
    scores = header["results"].get("scores", [])
    named = list(dict.fromkeys((score["name"], score["scorer"]) for score in scores))
    answers = [(_answer(path, at, sample, named), _unusable(sample)) for at, (_, sample) in enumerate(parsed, 1)]
    kept, aside = usable(path, answers)
    # An import cannot hold these samples, and the log must come back whole.
    without = [parsed[answer.rows[0] - 1][0] for members in aside.values() for answer in members]
    return EvaluationLog(
        tool=TOOL,
        version=str(about_eval.get("packages", {}).get("inspect_ai", "unknown")),
        path=path,
        task=str(about_eval.get("task", "unknown")),
        model=str(about_eval.get("model", "unknown")),
        answers=kept,
        printed=list(_printed_numbers(scores)),
        rows={path.name: [text for text, _ in parsed]},
        files={**files, **({f"{path.name}, set aside": "\n".join(without)} if without else {})},
        aside=aside,
        notes=["its mode is over the scores of the epochs, not over answers"]
        if any(score.get("reducer") == "mode" for score in scores)
        else [],
    )


def _packed(path: Path, unfolded: Unfolded) -> tuple[Values, list[str], dict[str, str]]:
    """The header, the samples unchanged, and every other member."""
    files, samples = packed_samples(path, unfolded)
    if "header.json" not in files:
        raise log_error(path, "it has no header: the evaluation did not end", "inspect log recover")
    return json_object(path, files["header.json"], "header.json"), [text for _, text in samples], files


def _plain(path: Path, unfolded: Unfolded) -> tuple[Values, list[str], dict[str, str]]:
    """Header, samples and other members of a JSON log. Each sample is serialized again without loss."""
    log = json_object(path, whole_text(path, unfolded))
    samples = [json.dumps(sample) for sample in log.pop("samples", None) or ()]
    if not samples:
        raise log_error(path, "it holds no samples (log_samples was off)")
    # Under the name of the packed form's member, so that both forms are one kind of log.
    return log, samples, {"header.json": json.dumps(log)}


def _answer(path: Path, number: int, sample: Values, scores: Sequence[tuple[str, str]]) -> LoggedAnswer:
    """The answer of a sample, the first if the model gave several: the scores are of that one."""
    require(path, sample, ("id", "epoch", "input", "target", "output"), f"sample {number}")
    with whole(path, f"sample {number}"):
        return replace(next(_answers(sample, scores)), file=path.name, rows=(number,))


def import_rows(values: Values) -> Iterator[Values]:
    """The answers in a sample as rows of an import, with the scores of the sample's own names."""
    scored = values["scores"] if isinstance(values.get("scores"), dict) else {}
    # A scorer may give a value for each of several keys, which are scores of their own.
    values_of = {name: score.get("value") for name, score in scored.items() if isinstance(score, dict)}
    names = [(key, name) for name, value in values_of.items() for key in (value if isinstance(value, dict) else (name,))]
    yield from imported(_answers(values, names), {"metadata": values.get("metadata") or None, "epoch": values.get("epoch")})


def _answers(sample: Values, scores: Sequence[tuple[str, str]]) -> Iterator[LoggedAnswer]:
    """Every answer of a sample; its scores are of the first. `scores`: names of scores, and of their scorers."""
    output = sample["output"] or {}
    scored = sample["scores"] if isinstance(sample.get("scores"), dict) else {}
    choices = output.get("choices") or [{}]
    if not all(isinstance(choice, dict) for choice in choices):
        raise CellError("the choices of its output are not objects")
    usage = output.get("usage") or {}
    for place, choice in enumerate(choices):
        yield LoggedAnswer(
            problem=str(sample["id"]),
            prompt=sample["input"],
            reference=reference_of(sample["target"]),
            text=_text(output, choice, place),
            sample=int(sample.get("epoch") or 1) - 1,  # epochs count from 1
            scores={} if place else dict(_values(scored, scores)),
            facts={
                "finish_reason": choice.get("stop_reason"),
                "model": output.get("model"),
                "tokens_in": usage.get("input_tokens"),
                # The usage is that of all choices together.
                "tokens_out": usage.get("output_tokens") if len(choices) == 1 else None,
                **about(sample.get("metadata")),
            },
        )


def _text(output: Values, choice: Values, place: int) -> Any:
    """The answer as a text, or as a turn with its reasoning or calls."""
    message = choice.get("message") or {}
    if not isinstance(message, dict):
        raise CellError("the message of its output is not an object")
    # What was scored, which a solver may have set apart from the message.
    scored = output.get("completion") if place == 0 else None
    answer = replied(message) if message else ""
    return scored or answer if isinstance(answer, str) else answer


def _unusable(sample: Values) -> str | None:
    """Reason that an import cannot hold a sample; None if it can."""
    if not str(reference_of(sample["target"]) or "").strip():
        return "no target"
    turns = sample["input"] if isinstance(sample["input"], list) else []
    parts = [part for turn in turns if isinstance(turn.get("content"), list) for part in turn["content"]]
    other = sorted({str(part.get("type")) for part in parts} - {"text", "reasoning"})
    return f"parts of a turn that are not text ({', '.join(other)})" if other else None


def _values(scored: Mapping[str, Any], scores: Sequence[tuple[str, str]]) -> Iterator[tuple[str, float | None]]:
    """The value of each score, as Inspect turns it into a number."""
    for name, scorer in scores:
        # A scorer with a value for each key prints one score for each, all under its own name in a sample.
        value = (scored.get(scorer) or scored.get(name) or {}).get("value")
        yield name, _number(value.get(name) if isinstance(value, dict) else value)


def _number(value: Any) -> float | None:
    """Number of a score, as Inspect's `value_to_float` reads grades, words and numbers; else 0, None without a score."""
    if value is None or value == "NaN" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float):
        return float(value)
    word = str(value)
    # Grades are capital letters, and words are written in any case.
    if word in _WORDS or word.lower() in _WORDS:
        return _WORDS.get(word, _WORDS.get(word.lower(), 0.0))
    try:
        return float(word)
    except ValueError:
        return 0.0


def _printed_numbers(scores: Sequence[Values]) -> Iterator[PrintedNumber]:
    """The metrics of each score."""
    from rollmill.metrics.logged_scores import Reduction

    for score in scores:
        reducer = score.get("reducer") or "mean"  # without one there is one epoch
        reduction = Reduction.of(reducer)
        for name, metric in score.get("metrics", {}).items():
            kind = str(metric.get("name", name)).rpartition("/")[2]
            # With options of its own a metric of this name is another number.
            plain = not (metric.get("params") or score.get("params", {}).get("to_float"))
            average = _AVERAGES.get(kind) if plain else None
            shown = f"{score['name']}/{reducer}"
            why = "" if average and reduction else f"metric {kind!r} with reducer {reducer!r} is not computed here"
            known = reduction if average is not None else None
            if average is None or average != "mean":
                # A standard error is shown beside the mean of its name, so both have one.
                shown = shown if average == "stderr" else f"{shown} {name}"
            yield PrintedNumber(shown, float(metric["value"]), score["name"], known, average or kind, why=why)
