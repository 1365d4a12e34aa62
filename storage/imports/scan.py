"""Clean rows of a file: forms that other tools write are recognised by their keys, columns found, texts made storable.

A row of such a form can hold several answers; then it becomes several rows. Rows of an unknown tool stay unchanged. What a
rewritten row has no name for goes along under its own key and ends up as meta. An import goes through its file twice, once
to find every mistake and once to store, and both ways use this module.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from storage.ground.errors import SetupError, Unavailable
from storage.imports.reading.cells import CellError, Sanitiser, parsed_cell, root, value_at
from storage.imports.reading.columns import Aliases, Columns, listed, resolve
from storage.imports.reading.faults import Faults
from storage.imports.reading.lines import FileRow
from storage.imports.reading.readers import read_rows
from storage.imports.reading.splits import split_of
from storage.imports.spec import ImportSpec

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """Row format of another tool's file. `keys`: columns that identify it. `rewrite`: converts a row into import rows.

    `holds`: a further test of a row, since a benchmark may have columns of the same names (`choices` in MMLU and ARC).
    """

    name: str
    keys: frozenset[str]
    rewrite: Callable[[Values], Iterator[Values]]
    holds: Callable[[Mapping[str, Any]], bool] = lambda _: True

    def knows(self, values: Mapping[str, Any]) -> bool:
        """True for a row of this form."""
        return self.keys <= values.keys() and self.holds(values)


def rewritten(values: Values) -> tuple[str, list[Values]]:
    """The name of the row's format ("" for none that is known) and its rows. CellError if it lacks a required part."""
    for form in FORMATS:
        if form.knows(values):
            return form.name, list(form.rewrite(values))
    return "", [values]


def _lm_eval(values: Values) -> Iterator[Values]:
    """lm-evaluation-harness `--log_samples`: resps is a list of requests, each a list of repeats."""
    rest = {
        key: value for key, value in values.items() if key not in {"arguments", "resps", "filtered_resps", "target", "doc"}
    }
    doc = parsed_cell(values.get("doc"))
    prompt = _prompt_argument(parsed_cell(values.get("arguments")))
    if prompt is None:
        raise CellError("arguments hold no prompt")
    requests = parsed_cell(values["resps"])
    if not isinstance(requests, list):
        raise CellError("resps is not a list of answers")
    answers = [text for repeats in requests for text in (repeats if isinstance(repeats, list) else [repeats])]
    for text in answers:
        yield {
            **rest,
            "problem_id": str(values["doc_id"]),
            "prompt": prompt,
            "reference": values.get("target"),
            "text": text,
            "is_correct": next((values[key] for key in ("exact_match", "acc") if values.get(key) in (0, 1)), None),
            "doc": doc,
        }


def _prompt_argument(arguments: Any) -> Any:
    """The prompt among the arguments of a request: {"gen_args_0": {"arg_0": ...}} or [[prompt, settings], ...]."""
    if isinstance(arguments, dict):
        first = next(iter(arguments.values()), None)
        return first.get("arg_0") if isinstance(first, dict) else None
    if isinstance(arguments, list) and arguments and isinstance(arguments[0], list | tuple):
        return arguments[0][0] if arguments[0] else None
    return None


def _openai_batch(values: Values) -> Iterator[Values]:
    """Output of OpenAI's batch interface (vLLM's run_batch too); a request that failed gives no row."""
    body = value_at(values, "response.body")
    yield from _reply_rows({**(body if isinstance(body, dict) else {}), "problem_id": values["custom_id"]})


def _chat_completion(values: Values) -> Iterator[Values]:
    """A reply of a server with OpenAI's interface, with the columns that identify the problem."""
    yield from _reply_rows(values)


def _reply_rows(reply: Values) -> Iterator[Values]:
    kept = {key: value for key, value in reply.items() if key not in {"choices", "usage", "id", "object", "created"}}
    choices = parsed_cell(reply.get("choices")) or []
    tokens_in = value_at(reply, "usage.prompt_tokens")
    # `usage` counts the tokens of all choices together.
    tokens_out = value_at(reply, "usage.completion_tokens") if len(choices) == 1 else None
    if not _objects(choices):
        raise CellError("choices are not a list of objects")
    for choice in sorted(choices, key=_place):
        message = choice.get("message") or {}
        if not isinstance(message, dict):
            raise CellError("the message of a choice is not an object")
        yield {
            **kept,
            "text": message.get("content") if message else choice.get("text"),
            "reasoning": message.get("reasoning_content") or message.get("reasoning"),
            "finish_reason": choice.get("finish_reason"),
            "tokens_in": tokens_in,
            "tokens_out": tokens_out,
        }


def _objects(cell: Any) -> bool:
    """True for a list of objects."""
    return isinstance(cell, list) and all(isinstance(item, dict) for item in cell)


def _place(choice: Values) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0  # without one the order of the list stays


def _has_choices(values: Mapping[str, Any]) -> bool:
    choices = parsed_cell(values["choices"])
    if choices is None:  # a request that failed
        return True
    return _objects(choices) and all({"message", "text"} & choice.keys() for choice in choices)


def _has_outputs(values: Mapping[str, Any]) -> bool:
    return _objects(parsed_cell(values["outputs"]))


def _has_output(values: Mapping[str, Any]) -> bool:
    return isinstance(values["output"], dict)


def _vllm(values: Values) -> Iterator[Values]:
    """vLLM's RequestOutput written as JSON: prompt and outputs with text, finish_reason, token_ids, cumulative_logprob."""
    kept = {key: value for key, value in values.items() if key not in {"outputs", "prompt_token_ids", "prompt_logprobs"}}
    for output in parsed_cell(values["outputs"]):
        if not isinstance(output, dict) or "text" not in output:
            raise CellError("an item of outputs has no text")
        token_ids = output.get("token_ids")
        yield {
            **kept,
            "text": output["text"],
            "finish_reason": output.get("finish_reason"),
            "logprob_sum": output.get("cumulative_logprob"),
            "tokens_out": len(token_ids) if isinstance(token_ids, list) else None,
        }


def _inspect(values: Values) -> Iterator[Values]:
    """A sample of Inspect's JSON log (`inspect log convert --to json`)."""
    output = values["output"]
    scores = values.get("scores")
    by_scorer = scores.values() if isinstance(scores, dict) else ()
    label = next((score.get("value") for score in by_scorer if isinstance(score, dict)), None)
    choices = output.get("choices") or [{}]
    if not _objects(choices):
        raise CellError("the choices of output are not a list of objects")
    for choice in choices:
        yield {
            "problem_id": str(values["id"]),
            "prompt": values["input"],
            "reference": values["target"],
            "text": value_at(choice, "message.content"),
            "finish_reason": choice.get("stop_reason"),
            "model": output.get("model"),
            # The other values of a score (P for partial, N for no answer, numbers) are neither yes nor no.
            "is_correct": {"C": True, "I": False}.get(label) if isinstance(label, str) else None,
            "metadata": values.get("metadata") or None,
            "epoch": values.get("epoch"),
        }


def _nemo_skills(values: Values) -> Iterator[Values]:
    """NeMo-Skills' generations: flat, with the answer that it cut out itself and its own label."""
    names = {
        "problem": "prompt",
        "expected_answer": "reference",
        "generation": "text",
        "num_generated_tokens": "tokens_out",
    }
    yield {names.get(key, key): value for key, value in values.items()}


FORMATS: tuple[Format, ...] = (
    Format("lm-eval samples", frozenset({"doc_id", "doc", "resps"}), _lm_eval),
    Format("OpenAI batch output", frozenset({"custom_id", "response"}), _openai_batch),
    Format("Inspect log", frozenset({"id", "input", "target", "output"}), _inspect, _has_output),
    Format("vLLM outputs", frozenset({"prompt", "outputs"}), _vllm, _has_outputs),
    Format("OpenAI completions", frozenset({"choices"}), _chat_completion, _has_choices),
    Format("NeMo-Skills generations", frozenset({"problem", "expected_answer", "generation"}), _nemo_skills),
)
"""The forms in the order in which they are tried."""


_DETECT_ROWS = 200  # of files whose rows all have the same columns


def detect(spec: ImportSpec, aliases: Aliases, faults: Faults | None = None) -> Columns:
    """The column mapping of a file, from the columns of its first rows; of JSON lines all, as each may bring others."""
    if spec.layout is not None:
        spec.layout.check(next(read_rows(spec.path, max_bytes=spec.max_bytes)).values.keys(), spec.path)
    names: dict[str, None] = {}
    formats: dict[str, None] = {}
    fixed = spec.rows is None and {".parquet", ".csv", ".tsv"} & {suffix.lower() for suffix in spec.path.suffixes}
    for row in clean_rows(spec, Sanitiser(), faults, limit=_DETECT_ROWS if fixed else None):
        names.update(dict.fromkeys(row.values))
        formats.update(dict.fromkeys([row.format] if row.format else []))
    if not names and faults is not None and len(faults):
        where, reason = next(iter(faults.reasons.items()))
        more = f" ({len(faults):,} such rows)" if len(faults) > 1 else ""
        raise SetupError(f"no row of {spec.path} can be read: {where} {reason}{more}; nothing was stored.")
    if spec.layout is not None:
        aliases = {name: (name,) for name in aliases}  # the layout has named every field by now
    constants = _constants(spec, names) if "split" in aliases else spec.constants
    columns = resolve(tuple(names), aliases, maps=spec.maps, constants=constants, path=spec.path)
    columns = replace(columns, format=", ".join(formats))
    return columns if spec.layout is None else replace(columns, exact=True, places=spec.layout.places())


def _constants(spec: ImportSpec, names: Collection[str]) -> Mapping[str, str]:
    """The person's constants, and the split that the name of a file says where no column does."""
    split = None if spec.path.is_dir() or spec.rows is not None else split_of(Path(spec.path.name))
    told = split is None or "split" in spec.maps or any(name.lower() == "split" for name in names)
    return spec.constants if told else {"split": str(split), **spec.constants}


def source_rows(spec: ImportSpec) -> Iterator[FileRow]:
    """The rows as in the file, unreadable ones included."""
    return read_rows(spec.path, faulty=True, max_bytes=spec.max_bytes) if spec.rows is None else spec.rows()


def clean_rows(
    spec: ImportSpec, sanitiser: Sanitiser, faults: Faults | None = None, *, limit: int | None = None
) -> Iterator[FileRow]:
    """The rows of a file in the form that an import knows, every text storable; the sanitiser counts its replacements.

    A row with a fault is left out where faults are gathered, and raises it otherwise.
    """
    faults = Faults(spec.path) if faults is None else faults
    for row in islice(source_rows(spec), limit):
        # The second pass leaves out what the first one found.
        if row.where in faults:
            continue
        if row.fault is not None:
            faults.add(row.where, row.fault)
            continue
        paths = [path for path in spec.maps.values() if path not in row.values and root(path) in row.values]
        try:
            # Who maps a place inside a cell has said what the row means: no form of a tool is looked for.
            known = bool(paths) or spec.rows is not None
            name, rows = ("", [row.values]) if known else _rows_of(spec, row.values)
        except CellError as error:
            faults.add(row.where, error)
            continue
        sanitiser.empty += not rows  # a request that failed holds no answer
        for values in rows:
            mapped = {path: value_at(values, path) for path in paths}
            yield FileRow(row.where, sanitiser.row({**values, **mapped}), row.format or name)


def _rows_of(spec: ImportSpec, values: Values) -> tuple[str, list[Values]]:
    """The rows in a row of a file, by the layout that was named, or by the tool whose form it has."""
    if spec.layout is None:
        return rewritten(values)
    return f"benchmark {spec.layout.name}", [spec.layout.rewrite(values)]


def mark(path: Path) -> tuple[int, int]:
    """Size and modification time: differs when a file was written to between two readings."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def unchanged(path: Path, before: tuple[int, int]) -> None:
    """Raise Unavailable if the file changed since `before`: the checked rows would not be the stored ones."""
    if mark(path) != before:
        next_command = "run the same import again"
        raise Unavailable(f"{path} changed while it was read; nothing was stored.", next_command=next_command)


@dataclass(slots=True)
class Places:
    """Place of each key's first appearance, and the repeated keys."""

    first: dict[str, str] = field(default_factory=dict)
    again: list[tuple[str, str, str]] = field(default_factory=list)

    def add(self, key: str, where: str) -> None:
        """Record an appearance."""
        before = self.first.setdefault(key, where)
        if before != where:
            self.again.append((key, before, where))

    def require_unique(self, what: str, path: Path, faults: Faults) -> None:
        """Raise SetupError with the repeated keys and their places, or note each place as a fault."""
        for key, before, where in self.again if faults.gather else ():
            faults.add(where, f"it gives the same {what} as {before}: {key!r}")
        if self.again and not faults.gather:
            named = listed(f"{key!r} ({before} and {where})" for key, before, where in self.again)
            raise SetupError(f"{path} gives the same {what} more than once: {named}; nothing was stored.")
