"""Rows of replies and rollouts as servers, trainers and annotation tools write them, each as rows of an import.

What a form holds that is not read is refused by name: a picture among the parts, texts whose speakers nobody can tell.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rollmill.ground.replies.thoughts import thought_of
from rollmill.storage.imports.reading.cells import CellError, parsed_cell, value_at
from rollmill.storage.imports.reading.turns import is_turn

Values = dict[str, Any]
Form = tuple[str, frozenset[str], Callable[[Values], Iterator[Values]], Callable[[Mapping[str, Any]], bool]]


def response_rows(reply: Values) -> Iterator[Values]:
    """A reply of OpenAI's responses interface: one answer, whose items are reasoning, messages, calls and their results."""
    kept = {key: value for key, value in reply.items() if key in ("model", "problem_id")}
    items = reply["output"]
    if not objects(items):
        raise CellError("output is not a list of objects")
    # The reasoning of the items stands before the message that follows it.
    thoughts = [thought for item in items if (thought := thought_of({"content": [item]}))]
    turns = [_item(item) for item in items if item.get("type") in ("message", "function_call", "function_call_output")]
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


def _item(item: Values) -> Values:
    if item["type"] == "function_call_output":
        return {"role": "tool", "content": item.get("output") or "", "tool_call_id": item.get("call_id")}
    if item["type"] == "message":
        return {"role": item.get("role") or "assistant", "content": item.get("content") or ""}
    return {"role": "assistant", "content": None, "tool_calls": [item]}


def objects(cell: Any) -> bool:
    """True for a list of objects."""
    return isinstance(cell, list) and all(isinstance(item, dict) for item in cell)


def _without(values: Values, *names: str) -> Values:
    return {key: value for key, value in values.items() if key not in names}


def _nemo_gym(values: Values) -> Iterator[Values]:
    """NeMo Gym's rollouts: what was sent to the model, its response, the reward, and the columns of the task."""
    sent, reply = values["responses_create_params"], values["response"]
    asked, system = sent.get("input"), sent.get("instructions")
    if system:
        asked = [
            {"role": "system", "content": system},
            *([{"role": "user", "content": asked}] if _is_text(asked) else asked),
        ]
    for row in response_rows(reply):
        yield {**_without(values, "responses_create_params", "response"), "prompt": asked, **row}


def _nemo_rl(values: Values) -> Iterator[Values]:
    """A line of NeMo RL's logs: a question and its answer, or the turns of a conversation."""
    content = parsed_cell(values["content"])
    rest = _without(values, "content")
    if objects(content) and all(map(is_turn, content)):
        yield {**rest, "messages": content}
    elif isinstance(content, list) and len(content) == 2 and all(map(_is_text, content)):
        yield {**rest, "prompt": content[0], "text": content[1]}
    else:
        raise CellError("content is not a question with its answer, and names no speakers: write it as messages with roles")


_SAID = frozenset({"text", "thought", "thoughtSignature", "thought_signature"})


def _gemini_turn(content: Values) -> Values:
    """A turn of Gemini's interface; its parts of thought are its reasoning."""
    parts = content.get("parts") or []
    other = next((key for part in parts for key in part if key not in _SAID), None)
    if other is not None:
        raise CellError(f"a turn holds a part with {other!r}, which is not text")
    spoken = {
        thought: "".join(part.get("text") or "" for part in parts if bool(part.get("thought")) == thought)
        for thought in (False, True)
    }
    turn = {"role": content.get("role") or "user", "content": spoken[False]}
    return {**turn, "reasoning": spoken[True]} if spoken[True] else turn


def _gemini_turns(request: Mapping[str, Any]) -> list[Values]:
    system = request.get("systemInstruction") or request.get("system_instruction")
    turns = [_gemini_turn(content) for content in request.get("contents") or ()]
    return [{**_gemini_turn(system), "role": "system"}, *turns] if isinstance(system, dict) else turns


def _gemini(values: Values) -> Iterator[Values]:
    """A conversation as Gemini's interface and its tuning data have it."""
    yield {**_without(values, "contents", "systemInstruction", "system_instruction"), "messages": _gemini_turns(values)}


def _gemini_reply(values: Values) -> Iterator[Values]:
    """A reply of Gemini's interface, alone or as its batches write it; a request that failed gives no row."""
    reply = values.get("response", values)
    kept = _without(values, "response", "request", "candidates", "usageMetadata", "modelVersion", "key", "status")
    if isinstance(values.get("request"), dict):
        kept["prompt"] = _gemini_turns(values["request"])
    if "key" in values:
        kept["problem_id"] = values["key"]
    for candidate in (reply or {}).get("candidates") or ():
        yield {
            **kept,
            "model": reply.get("modelVersion"),
            "text": [{**_gemini_turn(candidate.get("content") or {}), "role": "assistant"}],
            "finish_reason": (candidate.get("finishReason") or "").lower() or None,
            "tokens_in": value_at(reply, "usageMetadata.promptTokenCount"),
            "tokens_out": value_at(reply, "usageMetadata.candidatesTokenCount"),
        }


def _tgi(values: Values) -> Iterator[Values]:
    """A reply of Text Generation Inference, with what it says of the sequences that it drew besides."""
    details = values.get("details") or {}
    kept = _without(values, "inputs", "generated_text", "details")
    kept |= {"prompt": values["inputs"]} if "inputs" in values else {}
    first = {**details, "generated_text": values["generated_text"]}
    for drawn in (first, *(details.get("best_of_sequences") or ())):
        yield {
            **kept,
            "text": drawn["generated_text"],
            "finish_reason": drawn.get("finish_reason"),
            "tokens_out": drawn.get("generated_tokens"),
        }


def _curator(values: Values) -> Iterator[Values]:
    """A line of Curator's responses: the request with the row that it was made of, and the answer; none if it failed."""
    request, answer = values["generic_request"], values["response_message"]
    if answer is None:
        return
    asked = request.get("messages")
    yield {
        **{key: cell for key, cell in (request.get("original_row") or {}).items() if key.lower() not in _CURATORS},
        "prompt": asked,
        "text": answer,
        "model": request.get("model"),
        "finish_reason": values.get("finish_reason"),
        "tokens_in": value_at(values, "token_usage.input"),
        "tokens_out": value_at(values, "token_usage.output"),
    }


_CURATORS = frozenset({"prompt", "question", "problem", "instruction", "text", "response", "output", "model"})


def _argilla(values: Values) -> Iterator[Values]:
    """A record of Argilla: its fields and metadata are the row; what annotators said is kept."""
    annotated = {f"argilla.{key}": values[key] for key in ("suggestions", "responses") if values.get(key)}
    metadata = values.get("metadata") if isinstance(values.get("metadata"), dict) else {}
    yield {"id": values.get("id"), **annotated, **(metadata or {}), **values["fields"]}


def _segments(values: Values) -> Iterator[Values]:
    """Axolotl's segments: those with a label are the model's, the others are what it was given."""
    turns: list[Values] = []
    for segment in values["segments"]:
        role = "assistant" if segment.get("label") else "user"
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += segment.get("text") or ""
        else:
            turns.append({"role": role, "content": segment.get("text") or ""})
    yield {**_without(values, "segments"), "messages": turns}


_PAIRS = (
    ("response_0", "response_1"),
    ("response_1", "response_2"),
    ("response1", "response2"),
    ("response_a", "response_b"),
)


def _numbered(values: Values) -> Iterator[Values]:
    """Answers in columns of their own, response_0 and response_1: each with the columns that name it."""
    labels = [label for key in values if (label := _label(key))]
    better = values.get("better_response_id", str(values.get("winner", "")).removeprefix("model_"))
    own = {name: (label, base) for name in values for label in labels if (base := _base(name, label, labels, values))}
    for label in labels:
        row = {name: cell for name, cell in values.items() if name not in own}
        row |= {base: values[name] for name, (whose, base) in own.items() if whose == label}
        row["text"] = row.pop("response")
        chosen = {"preference": "chosen" if str(better) == label else "rejected"} if str(better) in labels else {}
        yield {**row, **chosen}


def _label(key: str) -> str:
    """The number or letter of an answer's column; "" for another column."""
    label = key.removeprefix("response").strip("_")
    return label if key.startswith("response") and (label.isdigit() or label in ("a", "b", "c", "d")) else ""


def _base(name: str, label: str, labels: list[str], values: Mapping[str, Any]) -> str:
    """The name of a column without the number of its answer, if every answer has such a column; else ""."""
    if name == f"response{label}":
        return "response"
    parts = name.split("_")
    for place, part in enumerate(parts):
        if part == label and all("_".join([*parts[:place], other, *parts[place + 1 :]]) in values for other in labels):
            return "_".join([*parts[:place], *parts[place + 1 :]])
    return ""


def _truth(values: Values) -> Iterator[Values]:
    """Open-Reasoner-Zero's conversations: the last turn has no text, but the reference."""
    *asked, last = parsed_cell(values["conversations"])
    truth = last["ground_truth"]
    yield {
        **_without(values, "conversations"),
        "prompt": asked,
        "reference": truth.get("value") if isinstance(truth, dict) else truth,
    }


def _ends_with_truth(values: Mapping[str, Any]) -> bool:
    turns = parsed_cell(values["conversations"])
    return objects(turns) and bool(turns) and "ground_truth" in turns[-1]


def _lighteval(values: Values) -> Iterator[Values]:
    """A row of lighteval's older details: the query, the right one of the choices, and what the model said."""
    choices, gold = parsed_cell(values["choices"]), parsed_cell(values["gold_index"])
    places = gold if isinstance(gold, list) else [gold]
    if len(places) != 1 or type(places[0]) is not int or not 0 <= places[0] < len(choices):
        raise CellError(f"gold_index {gold!r} names no single one of {len(choices)} choices")
    answered = {"text": values["predictions"]} if "predictions" in values else {}
    rest = _without(values, "query", "choices", "gold_index", "predictions")
    yield {**rest, "prompt": values["query"], "reference": str(choices[places[0]]).strip(), **answered}


def _is_lighteval(values: Mapping[str, Any]) -> bool:
    return isinstance(parsed_cell(values["choices"]), list) and (
        "predictions" in values or isinstance(values["gold_index"], list)
    )


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str)


def _holds(name: str, *keys: str) -> Callable[[Mapping[str, Any]], bool]:
    """A test for an object with these keys in a column."""
    return lambda values: isinstance(values[name], dict) and set(keys) <= values[name].keys()


def _lists(name: str, key: str) -> Callable[[Mapping[str, Any]], bool]:
    """A test for a list of objects with this key in a column."""
    return lambda values: objects(values[name]) and bool(values[name]) and all(key in item for item in values[name])


FORMS: tuple[Form, ...] = (
    ("NeMo Gym rollouts", frozenset({"responses_create_params", "response"}), _nemo_gym, _holds("response", "output")),
    ("NeMo RL logs", frozenset({"content", "rewards"}), _nemo_rl, lambda _: True),
    ("Gemini conversations", frozenset({"contents"}), _gemini, _lists("contents", "parts")),
    ("Gemini batch output", frozenset({"request", "response"}), _gemini_reply, _holds("request", "contents")),
    ("Gemini batch output", frozenset({"request", "status"}), _gemini_reply, _holds("request", "contents")),
    ("Gemini batch output", frozenset({"key", "response"}), _gemini_reply, _holds("response", "candidates")),
    ("Gemini replies", frozenset({"candidates"}), _gemini_reply, _lists("candidates", "content")),
    ("TGI replies", frozenset({"generated_text", "details"}), _tgi, _holds("details", "finish_reason")),
    ("TGI replies", frozenset({"generated_text", "inputs"}), _tgi, lambda values: _is_text(values["inputs"])),
    ("Curator responses", frozenset({"generic_request", "response_message"}), _curator, _holds("generic_request")),
    ("Argilla records", frozenset({"fields", "suggestions"}), _argilla, _holds("fields")),
    ("Argilla records", frozenset({"fields", "responses"}), _argilla, _holds("fields")),
    ("Axolotl segments", frozenset({"segments"}), _segments, _lists("segments", "label")),
    *(("numbered responses", frozenset(names), _numbered, lambda _: True) for names in _PAIRS),
    ("ORZ conversations", frozenset({"conversations"}), _truth, _ends_with_truth),
    ("lighteval details", frozenset({"query", "choices", "gold_index"}), _lighteval, _is_lighteval),
)
"""Name, the columns that identify it, how a row is rewritten, and a further test of a row."""
