"""Forms of rows that other tools write, recognised by their keys, and how each becomes rows of an import.

A row of such a form can hold several answers; then it becomes several rows. What a rewritten row has no name for goes along
under its own key and ends up as meta.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rollmill.ground.replies.thoughts import thought_of
from rollmill.storage.imports.logs import inspect_ai, lighteval, lm_eval, nemo_skills, verifiers
from rollmill.storage.imports.reading.cells import CellError, parsed_cell, value_at
from rollmill.storage.imports.reading.turns import replied

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


def rewritten(values: Values) -> tuple[str, list[Values]]:
    """The name of the row's format ("" for none that is known) and its rows. CellError if it lacks a required part."""
    for form in _with_keys(tuple(values)):
        if form.holds(values):
            return form.name, list(form.rewrite(values))
    return "", [values]


@lru_cache(256)
def _with_keys(names: tuple[str, ...]) -> tuple[Format, ...]:
    """The forms that rows with these columns may have."""
    return tuple(form for form in FORMATS if form.keys <= set(names))


def _openai_batch(values: Values) -> Iterator[Values]:
    """Output of OpenAI's batch interface (vLLM's run_batch too); a request that failed gives no row."""
    body = value_at(values, "response.body")
    reply = {**(body if isinstance(body, dict) else {}), "problem_id": values["custom_id"]}
    yield from _response_rows(reply) if isinstance(reply.get("output"), list) else _reply_rows(reply)


def _response_rows(reply: Values) -> Iterator[Values]:
    """A reply of OpenAI's responses interface: one answer, whose items are reasoning, messages and calls."""
    kept = {key: value for key, value in reply.items() if key in ("model", "problem_id")}
    items = reply["output"]
    if not _objects(items):
        raise CellError("output is not a list of objects")
    # The reasoning of the items stands before the message that follows it.
    thoughts = [thought for item in items if (thought := thought_of({"content": [item]}))]
    turns = [
        {"role": "assistant", "content": item.get("content") or ""}
        if item.get("type") == "message"
        else {"role": "assistant", "content": None, "tool_calls": [item]}
        for item in items
        if item.get("type") in ("message", "function_call")
    ]
    if not turns:
        return  # it failed, or was cut off while it reasoned: there is no answer
    turns[0]["reasoning"] = "\n\n".join(thoughts)
    incomplete = value_at(reply, "incomplete_details.reason")
    yield {
        **kept,
        "text": turns,
        "finish_reason": {"max_output_tokens": "length"}.get(str(incomplete), incomplete or "stop"),
        "tokens_in": value_at(reply, "usage.input_tokens"),
        "tokens_out": value_at(reply, "usage.output_tokens"),
    }


def _response(values: Values) -> Iterator[Values]:
    """A reply of OpenAI's responses interface with the columns that identify the problem."""
    rest = {key: value for key, value in values.items() if key not in {"output", "usage", "id", "object", "created_at"}}
    for row in _response_rows(values):
        yield {**rest, **row}


def _anthropic_batch(values: Values) -> Iterator[Values]:
    """Output of Anthropic's batch interface; a request that failed gives no row."""
    message = value_at(values, "result.message")
    if isinstance(message, dict):
        yield {
            "problem_id": values["custom_id"],
            "model": message.get("model"),
            "text": replied(message),
            "finish_reason": message.get("stop_reason"),
            "tokens_in": value_at(message, "usage.input_tokens"),
            "tokens_out": value_at(message, "usage.output_tokens"),
        }


def _verl(values: Values) -> Iterator[Values]:
    """verl's problems: the reference and the split lie in objects."""
    reward, extra = values["reward_model"], values.get("extra_info")
    split = extra.get("split") if isinstance(extra, dict) else None
    yield {**values, "reference": reward["ground_truth"], **({} if split is None else {"split": split})}


def _has_truth(values: Mapping[str, Any]) -> bool:
    return isinstance(values["reward_model"], dict) and "ground_truth" in values["reward_model"]


def _alpaca(values: Values) -> Iterator[Values]:
    """Alpaca's rows: the input belongs to the instruction."""
    given = (values["input"] or "").strip()
    yield {**values, "prompt": f"{values['instruction']}\n\n{given}" if given else values["instruction"]}


def _is_alpaca(values: Mapping[str, Any]) -> bool:
    texts = isinstance(values["instruction"], str) and isinstance(values["input"], str | None)
    return texts and not {"prompt", "question", "problem"} & values.keys()


def _sglang(values: Values) -> Iterator[Values]:
    """SGLang's offline outputs: the text beside what the engine says of it."""
    about = values["meta_info"]
    reason = about.get("finish_reason")
    yield {
        **{key: value for key, value in values.items() if key not in {"meta_info", "output_ids"}},
        "finish_reason": reason.get("type") if isinstance(reason, dict) else reason,
        "tokens_in": about.get("prompt_tokens"),
        "tokens_out": about.get("completion_tokens"),
    }


def _has_about(values: Mapping[str, Any]) -> bool:
    return isinstance(values["meta_info"], dict) and isinstance(values["text"], str)


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
            "text": replied(message) if message else choice.get("text"),
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


def _has_items(values: Mapping[str, Any]) -> bool:
    items = parsed_cell(values["output"])
    return _objects(items) and bool(items) and all(isinstance(item.get("type"), str) for item in items)


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


FORMATS: tuple[Format, ...] = (
    Format(lm_eval.NAME, lm_eval.KEYS, lm_eval.import_rows),
    Format("lighteval details", lighteval.KEYS, lighteval.import_rows, lighteval.is_row),
    Format("verifiers results", verifiers.KEYS, verifiers.import_rows),
    Format("OpenAI batch output", frozenset({"custom_id", "response"}), _openai_batch),
    Format("Anthropic batch output", frozenset({"custom_id", "result"}), _anthropic_batch),
    Format("verl", frozenset({"prompt", "reward_model"}), _verl, _has_truth),
    Format("OpenAI response", frozenset({"output", "status"}), _response, _has_items),
    Format("SGLang outputs", frozenset({"text", "meta_info"}), _sglang, _has_about),
    Format("Inspect log", inspect_ai.KEYS, inspect_ai.import_rows, _has_output),
    Format("vLLM outputs", frozenset({"prompt", "outputs"}), _vllm, _has_outputs),
    Format("OpenAI completions", frozenset({"choices"}), _chat_completion, _has_choices),
    Format("Alpaca", frozenset({"instruction", "input", "output"}), _alpaca, _is_alpaca),
    Format("NeMo-Skills generations", nemo_skills.KEYS, nemo_skills.import_rows),
)
"""The forms in the order in which they are tried."""
