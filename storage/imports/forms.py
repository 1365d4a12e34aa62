"""Forms of rows that other tools write, recognised by their keys, and how each becomes rows of an import.

A row of such a form can hold several answers; then it becomes several rows. What a rewritten row has no name for goes along
under its own key and ends up as meta.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import Any

from rollmill.storage.imports.logs import inspect_ai, lighteval, lm_eval, nemo_skills, replies, verifiers
from rollmill.storage.imports.logs.replies import objects, response_rows
from rollmill.storage.imports.reading.cells import CellError, parsed_cell, value_at
from rollmill.storage.imports.reading.columns import INSIDE, OF_PROBLEMS, ROLLOUT_ALIASES
from rollmill.storage.imports.reading.layouts import LETTERS, ChoiceColumns, multiple_choice
from rollmill.storage.imports.reading.turns import (
    asking_turns,
    is_conversation,
    is_parts,
    is_turn,
    opened_conversation,
    replied,
)

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
    yield from response_rows(reply) if isinstance(reply.get("output"), list) else _reply_rows(reply)


def _response(values: Values) -> Iterator[Values]:
    """A reply of OpenAI's responses interface with the columns that identify the problem."""
    rest = {key: value for key, value in values.items() if key not in {"output", "usage", "id", "object", "created_at"}}
    for row in response_rows(values):
        yield {**rest, **row}


def _anthropic_batch(values: Values) -> Iterator[Values]:
    """Output of Anthropic's batch interface; a request that failed gives no row."""
    message = value_at(values, "result.message")
    if isinstance(message, dict):
        yield {"problem_id": values["custom_id"], **_message(message)}


def _anthropic(values: Values) -> Iterator[Values]:
    """A reply of Anthropic's interface with the columns that identify the problem."""
    rest = {key: value for key, value in values.items() if key not in {"role", "content", "usage", "id", "type"}}
    yield {**rest, **_message(values)}


def _message(message: Values) -> Values:
    return {
        "model": message.get("model"),
        "text": replied(message),
        "finish_reason": message.get("stop_reason"),
        "tokens_in": value_at(message, "usage.input_tokens"),
        "tokens_out": value_at(message, "usage.output_tokens"),
    }


def _graded(values: Values, name: str) -> Iterator[Values]:
    """Problems whose reference or tests lie in an object beside how they are graded, and the split in another one."""
    held, extra = parsed_cell(values[name]), parsed_cell(values.get("extra_info"))
    truth, split = held["ground_truth"], extra.get("split") if isinstance(extra, dict) else None
    inside = parsed_cell(truth)
    if isinstance(inside, list) and len(inside) == 1 and isinstance(inside[0], str):
        truth = inside[0]
    tests = isinstance(inside, dict) and {"inputs", "outputs"} <= inside.keys()
    rest = {key: value for key, value in values.items() if key != name}
    graded = {f"{name}.{key}": value for key, value in held.items() if key != "ground_truth"}
    yield {**rest, **graded, "tests" if tests else "reference": truth, **({} if split is None else {"split": split})}


def _has_truth(values: Mapping[str, Any], name: str) -> bool:
    held = parsed_cell(values[name])
    return isinstance(held, dict) and "ground_truth" in held


_ASKING = frozenset({"prompt", "question", "problem"})


def _alpaca(values: Values) -> Iterator[Values]:
    """Alpaca's rows: the input belongs to the instruction, and to the question what LLaMA-Factory puts before it."""
    given = (values["input"] or "").strip()
    asked = f"{values['instruction']}\n\n{given}" if given else values["instruction"]
    system, history = values.get("system"), parsed_cell(values.get("history")) or []
    if not isinstance(history, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in history):
        raise CellError("history is not a list of questions with their answers")
    before = [_system(system)] if isinstance(system, str) and system.strip() else []
    before += [{"role": role, "content": text} for pair in history for role, text in zip(_ROLES, pair, strict=True)]
    rest = {key: value for key, value in values.items() if key not in {"instruction", "input", "system", "history"}}
    yield {**rest, "prompt": [*before, {"role": "user", "content": asked}] if before else asked}


_ROLES = ("user", "assistant")


def _system(text: str) -> Values:
    return {"role": "system", "content": text}


def _is_alpaca(values: Mapping[str, Any]) -> bool:
    texts = isinstance(values["instruction"], str) and isinstance(values["input"], str | None)
    return texts and not _ASKING & values.keys()


def _with_system(values: Values, name: str) -> Iterator[Values]:
    """A conversation whose system prompt has a column of its own, as in ShareGPT's rows."""
    rest = {key: value for key, value in values.items() if key != "system"}
    yield {**rest, name: [_system(values["system"]), *opened_conversation(values[name])]}


def _lacks_system(values: Mapping[str, Any], name: str) -> bool:
    system, turns = values["system"], opened_conversation(values[name])
    given = isinstance(system, str) and system.strip() and is_conversation(turns) and isinstance(turns, list)
    return bool(given) and turns[0].get("role", turns[0].get("from")) != "system" and not _ASKING & values.keys()


def _preferred(values: Values, names: tuple[str, str]) -> Iterator[Values]:
    """A preferred answer and a rejected one: each is an answer, with `preference` to say which."""
    asked = next((turns for name in _BEFORE if (turns := _turns_of(values.get(name)))), [])
    rest = {key: value for key, value in values.items() if key not in names}
    if _turns_of(values[names[0]]):  # what was asked before it is part of the conversations below
        rest = {key: value for key, value in rest.items() if key not in _BEFORE[1:] or not _turns_of(value)}
    if {"instruction", "input"} <= rest.keys() and _is_alpaca(rest):
        [rest] = _alpaca(rest)
    for name, preference in zip(names, ("chosen", "rejected"), strict=True):
        turns = _turns_of(values[name])
        if not turns:
            yield {**rest, "text": values[name], "preference": preference}
            continue
        whole = turns if asking_turns(turns) else [*asked, *turns]
        yield {**rest, "messages": whole, "preference": preference}


_BEFORE = ("prompt", "conversations", "messages", "input")


def _turns_of(cell: Any) -> list[Any]:
    """The turns of a cell with a conversation or a single turn; none for any other."""
    turns = opened_conversation(cell)
    if not is_conversation(turns):
        return []
    return turns if isinstance(turns, list) else turns.get("messages", [turns])


def _objects_of(values: Values, name: str) -> Iterator[Values]:
    """Answers that are objects: what each says of its answer becomes a column with an item for each answer."""
    answers, rest = parsed_cell(values[name]), {key: value for key, value in values.items() if key != name}
    inside = [next(key for key in INSIDE if isinstance(answer.get(key), str)) for answer in answers]
    keys = dict.fromkeys(key for answer in answers for key in answer)
    for key in (key for key in keys if key not in inside):
        column = f"{name}.{key}" if key in rest or key == name or key.lower() in OF_PROBLEMS else key
        rest[column] = [answer.get(key) for answer in answers]
    yield {**rest, name: [answer[key] for answer, key in zip(answers, inside, strict=True)]}


def _are_answers(values: Mapping[str, Any], name: str) -> bool:
    answers = parsed_cell(values[name])
    if not objects(answers) or not answers or is_parts(answers) or any(map(is_turn, answers)):
        return False
    return all(any(isinstance(answer.get(key), str) for key in INSIDE) for answer in answers)


_RIGHT = ("answerKey", "answer_index", "answer_idx", "gold_index", "correct_index", "answer")


def _choice(values: Values, names: tuple[str, str]) -> Iterator[Values]:
    """A question whose options are in a column of their own, and whose answer is the place or the letter of one."""
    asking, listing = names
    right = next(name for name in _RIGHT if name in values)
    rest = {key: value for key, value in values.items() if key not in {*names, right}}
    options, place = _options(values, listing, right)
    shown = multiple_choice(ChoiceColumns(("options",), "place"), {"options": options, "place": place}, values[asking])
    yield {**rest, **shown, "kind": "choice"}


def _options(values: Mapping[str, Any], listing: str, right: str) -> tuple[list[str], int | None]:
    """The texts of the options and the place of the right one, None where the cell names no option."""
    held = parsed_cell(values[listing])
    apart = isinstance(held, dict)  # ARC's columns of texts and labels
    listed, labels = (held.get("text"), held.get("label")) if apart else (held, list(LETTERS))
    if not isinstance(listed, list) or not isinstance(labels, list) or not all(isinstance(item, str) for item in listed):
        return [], None
    cell = values.get(right)
    if isinstance(cell, str) and cell.strip() in (given := labels[: len(listed)]):
        return listed, given.index(cell.strip())
    return listed, cell if type(cell) is int and 0 <= cell < len(listed) else None


def _hides_options(values: Mapping[str, Any], names: tuple[str, str]) -> bool:
    """True for a row whose question does not show its options, of which one is right."""
    asked, right = values[names[0]], next((name for name in _RIGHT if name in values), None)
    if right is None or not isinstance(asked, str):
        return False
    options, place = _options(values, names[1], right)
    return place is not None and 2 <= len(options) <= len(LETTERS) and not all(option in asked for option in options)


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
    if not objects(choices):
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


def _place(choice: Values) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0  # without one the order of the list stays


def _has_choices(values: Mapping[str, Any]) -> bool:
    choices = parsed_cell(values["choices"])
    if choices is None:  # a request that failed
        return True
    return objects(choices) and all({"message", "text"} & choice.keys() for choice in choices)


def _has_outputs(values: Mapping[str, Any]) -> bool:
    return objects(parsed_cell(values["outputs"]))


def _has_items(values: Mapping[str, Any]) -> bool:
    items = parsed_cell(values["output"])
    return objects(items) and bool(items) and all(isinstance(item.get("type"), str) for item in items)


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
    *(Format(*form) for form in replies.FORMS),
    Format("OpenAI batch output", frozenset({"custom_id", "response"}), _openai_batch),
    Format("Anthropic batch output", frozenset({"custom_id", "result"}), _anthropic_batch),
    Format("Anthropic message", frozenset({"role", "content", "stop_reason"}), _anthropic),
    *(
        Format(form, frozenset({"prompt", name}), partial(_graded, name=name), partial(_has_truth, name=name))
        for form, name in (("verl", "reward_model"), ("Prime Intellect", "verification_info"))
    ),
    *(
        Format("preference pairs", frozenset(names), partial(_preferred, names=names))
        for names in (("chosen", "rejected"), ("preferred_output", "non_preferred_output"))
    ),
    Format("OpenAI response", frozenset({"output", "status"}), _response, _has_items),
    Format("SGLang outputs", frozenset({"text", "meta_info"}), _sglang, _has_about),
    Format("Inspect log", inspect_ai.KEYS, inspect_ai.import_rows, _has_output),
    Format("vLLM outputs", frozenset({"prompt", "outputs"}), _vllm, _has_outputs),
    Format("OpenAI completions", frozenset({"choices"}), _chat_completion, _has_choices),
    Format("Alpaca", frozenset({"instruction", "input"}), _alpaca, _is_alpaca),
    *(
        Format(
            "system prompt apart",
            frozenset({"system", name}),
            partial(_with_system, name=name),
            partial(_lacks_system, name=name),
        )
        for name in ("conversations", "messages")
    ),
    Format("NeMo-Skills generations", nemo_skills.KEYS, nemo_skills.import_rows),
    *(
        Format("answers with fields", frozenset({name}), partial(_objects_of, name=name), partial(_are_answers, name=name))
        for name in ROLLOUT_ALIASES["text"]
    ),
    *(
        Format("multiple choice", frozenset(names), partial(_choice, names=names), partial(_hides_options, names=names))
        for names in product(("question", "problem", "prompt", "query"), ("choices", "options"))
    ),
)
"""The forms in the order in which they are tried."""
