"""Parsed reply of a server, from the bytes of a body to checked values. What is odd is left out and noted, never trusted.

A body that holds no answer at all is a Failure, which is an attempt and may be tried again.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rollmill.ground.records import FinishReason, Message
from rollmill.ground.replies.ends import FINISHED, UNFINISHED
from rollmill.ground.replies.thoughts import PARTS, thought_of
from rollmill.pipelines.generate.calls import NO_LOGPROBS, STOP, is_logprob
from rollmill.pipelines.generate.http.failures import MOST_HEARD, Failure, error_in, words_of

PLAIN = frozenset({"stop", "length"})
_EVENTS = (b"data:", b"event:", b":")  # a stream of server-sent events
MOST_TOKENS = 2**31  # a count or a token id from here on is not believed
MOST_NOTE = 200  # characters of a note that is stored


@dataclass(slots=True)
class ServerAnswer:
    """A choice of a reply. `notes`: remarks for a reader of the row."""

    text: str
    finish: FinishReason
    tokens_in: int | None = None
    tokens_out: int | None = None
    cached: int = 0
    reasoning: str | None = None
    messages: tuple[Message, ...] | None = None
    prompt_token_ids: tuple[int, ...] | None = None
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    top_logprobs: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    says_stop: bool = False

    def hide(self, hidden: Callable[[str], str]) -> None:
        """Remove secrets from everything that becomes part of a row: servers and gateways echo requests."""
        spelled = "" if self.top_logprobs is None else "".join(top[0][0] for top in json.loads(self.top_logprobs) if top)
        text, reasoning = hidden(self.text), None if self.reasoning is None else hidden(self.reasoning)
        if (text, reasoning) != (self.text, self.reasoning) or hidden(spelled) != spelled:
            self.top_logprobs = None  # they hold it in pieces

        def own(value: str | None) -> str | None:
            return None if value is None else hidden(value)

        self.text, self.reasoning = text, reasoning
        self.top_logprobs = None if self.top_logprobs is None else hidden(self.top_logprobs)
        if self.messages is not None:
            self.messages = tuple(
                replace(turn, content=hidden(turn.content), name=own(turn.name), call_id=own(turn.call_id))
                for turn in self.messages
            )
        for key, value in self.notes.items():
            if isinstance(value, str):
                # Hidden before the cut, which could leave half a secret in the note.
                self.notes[key] = hidden(value)[: None if key == STOP else MOST_NOTE]


def read_answer(data: Mapping[str, Any], *, model: str, max_tokens: int) -> ServerAnswer:
    """The answer in the body of a reply with status 200; Failure if there is none."""
    choice = _choice(data)
    given = choice.get("message")
    message: Mapping[str, Any] = given if isinstance(given, dict) else {}
    content = message.get("content") if message else choice.get("text")
    text = _text(content)
    if text is None and content is not None and not message.get("tool_calls"):
        raise Failure("no_choices", f"the content is a JSON {type(content).__name__}: {str(content)[:MOST_HEARD]}")
    if text is None and not message:
        raise Failure("no_choices", "a choice has neither message nor text")
    answer = ServerAnswer(text or "", "stop")
    read_counts(answer, data, max_tokens)
    _ids(answer, choice, data)
    _finish(answer, choice.get("finish_reason"), max_tokens)
    _stop(answer, choice)
    _parts(answer, message, choice)
    _logprobs(answer, choice.get("logprobs"))
    served = data.get("model")
    if isinstance(served, str) and served != model:
        answer.notes["served_model"] = served[:MOST_HEARD]
    if isinstance(data.get("system_fingerprint"), str):
        answer.notes["system_fingerprint"] = data["system_fingerprint"][:MOST_HEARD]
    return answer


def read_object(body: bytes) -> Mapping[str, Any]:
    """The JSON object that a body is; Failure if it is none."""
    try:
        data = json.loads(body.decode())
    # Deeply nested JSON raises RecursionError.
    except (ValueError, RecursionError) as error:
        what = "a stream, though none was asked for" if body.lstrip().startswith(_EVENTS) else str(error)[:80]
        raise Failure("not_json", f"{what}; it begins {body[:MOST_HEARD]!r}") from None
    if not isinstance(data, dict):
        raise Failure("not_json", f"a JSON {type(data).__name__} where an object belongs")
    return data


def _choice(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The choice with index 0, at any position; else the first without an index, else the one with the lowest.

    Some servers send errors with status 200.
    """
    listed = data.get("choices")
    choices = [choice for choice in listed if isinstance(choice, dict)] if isinstance(listed, list) else []
    choice = min(choices, key=_order) if choices else data
    if words := words_of(choice if choices and choice.get("error") else {} if choices else data):
        raise Failure("error_in_reply", words, code=error_in(choice)[0])
    if not choices:
        raise Failure("no_choices", f"keys {sorted(data)[:8]}")
    return choice


def _order(choice: Mapping[str, Any]) -> tuple[int, int]:
    index = choice.get("index")
    return (1, 0) if type(index) is not int or index < 0 else (2 if index else 0, index)


def _text(content: Any) -> str | None:
    """A content that is a text, or a list of parts with texts."""
    if isinstance(content, list):
        spoken = [part for part in content if not (isinstance(part, dict) and part.get("type") in PARTS)]
        parts = [part.get("text", part.get("refusal")) if isinstance(part, dict) else part for part in spoken]
        texts = [part for part in parts if isinstance(part, str)]
        return "".join(texts) if texts or not spoken else None
    return content if isinstance(content, str) else None


def read_counts(answer: ServerAnswer, data: Mapping[str, Any], max_tokens: int) -> None:
    """Token counts where they are possible ones; others are noted, not believed."""
    usage = data.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    answer.tokens_in = _count(usage, "prompt_tokens", answer)
    answer.tokens_out = _count(usage, "completion_tokens", answer)
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict):
        answer.cached = _count(details, "cached_tokens", answer) or 0
    inside = usage.get("completion_tokens_details")
    if isinstance(inside, dict) and (reasoned := _count(inside, "reasoning_tokens", answer)):
        answer.notes["reasoning_tokens"] = reasoned
    if answer.tokens_out is not None and answer.tokens_out > max_tokens:
        answer.notes["counted"] = f"completion_tokens {answer.tokens_out}, asked for {max_tokens} at most"


def _count(usage: Mapping[str, Any], key: str, answer: ServerAnswer) -> int | None:
    value = usage.get(key)
    if value is None:
        return None
    # Not isinstance: to that, true is an int.
    if type(value) is int and 0 <= value < MOST_TOKENS:
        return value
    answer.notes["counted"] = f"{key} {str(value)[:MOST_HEARD]!r}"
    return None


def _ids(answer: ServerAnswer, choice: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    """Token ids if the server gives them (vLLM's return_token_ids); they overrule its own count."""
    answer.token_ids = _id_list(choice.get("token_ids"))
    answer.prompt_token_ids = _id_list(choice.get("prompt_token_ids") or data.get("prompt_token_ids"))
    if answer.token_ids is not None and answer.tokens_out != len(answer.token_ids):
        if answer.tokens_out is not None:
            answer.notes["counted"] = f"completion_tokens {answer.tokens_out}, {len(answer.token_ids)} token ids"
        answer.tokens_out = len(answer.token_ids)


def _id_list(value: Any) -> tuple[int, ...] | None:
    good = isinstance(value, list) and value and all(type(item) is int and 0 <= item < MOST_TOKENS for item in value)
    return tuple(value) if good else None


def _stop(answer: ServerAnswer, choice: Mapping[str, Any]) -> None:
    """Read the stop string that ended the answer, if the server gives it: vLLM by `stop_reason`, SGLang by
    `matched_stop`.

    Both give a number or nothing if the model ended its answer itself.
    """
    answer.says_stop = "stop_reason" in choice or "matched_stop" in choice
    met = choice.get("stop_reason", choice.get("matched_stop"))
    if isinstance(met, str):
        answer.notes[STOP] = met


def _finish(answer: ServerAnswer, reason: Any, max_tokens: int) -> None:
    """Read the reason of the end; if the server does not give it, infer it from the token count."""
    reason = reason if isinstance(reason, str) else None
    if (reason or "").lower() in UNFINISHED:
        # The server gave up in the middle: not the model's answer, and another try may bring one.
        raise Failure("aborted", f"finish_reason {reason}")
    full = answer.tokens_out is not None and answer.tokens_out >= max_tokens
    answer.finish = FINISHED.get((reason or "").lower(), "length" if full else "stop")
    if reason not in PLAIN:
        answer.notes["finish_reason"] = None if reason is None else reason[:MOST_HEARD]
    if reason == "length" and answer.tokens_out is not None and answer.tokens_out < max_tokens:
        answer.notes["cause"] = f"the context was full after {answer.tokens_out} of {max_tokens} tokens"


def _parts(answer: ServerAnswer, message: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
    """Read the parts other than the text: reasoning, a refusal, tool calls."""
    answer.reasoning = thought_of(message) or thought_of(choice)
    if isinstance(message.get("refusal"), str):
        answer.notes["refusal"] = message["refusal"][:MOST_HEARD]
        # A refusal is what the model answered, so it is judged like any text.
        answer.text = answer.text or message["refusal"]
    calls = [call for call in map(_tool_call, _list(message.get("tool_calls"))) if call is not None]
    old = _tool_call({"function": message.get("function_call")})
    # The older form of a call, unless the newer one is there: no call counts twice.
    calls += [old] if old is not None and not calls else []
    if calls:
        text = [Message("assistant", answer.text)] if answer.text else []
        answer.messages = (*text, *calls)


def _tool_call(call: Any) -> Message | None:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return None
    given = function.get("arguments")
    arguments = given if isinstance(given, str) else json.dumps(given)
    return Message(
        "assistant",
        arguments,
        kind="tool_call",
        name=function["name"],
        call_id=call["id"] if isinstance(call.get("id"), str) else None,
    )


def _logprobs(answer: ServerAnswer, given: Any) -> None:
    """Log-probabilities of the chosen tokens and of the top ones, in either API's form; all or none."""
    if not isinstance(given, dict):
        return
    content = given.get("content")
    if isinstance(content, list):
        chosen: list[Any] = [item.get("logprob") if isinstance(item, dict) else None for item in content]
        tops = [_pairs(item) for item in content]
    else:
        chosen = _list(given.get("token_logprobs"))
        tops = [list(top.items()) if isinstance(top, dict) else [] for top in _list(given.get("top_logprobs"))]
    if not chosen:
        return
    # All or none: a sum over some tokens would pass for that of the text.
    if not all(map(is_logprob, chosen)):
        answer.notes["logprobs"] = NO_LOGPROBS
        return
    answer.logprobs = tuple(float(value) for value in chosen)
    if any(tops) and all(is_logprob(value) for top in tops for _, value in top):
        answer.top_logprobs = json.dumps(tops, separators=(",", ":"))


def _pairs(item: Any) -> list[tuple[str, Any]]:
    tops = _list(item.get("top_logprobs")) if isinstance(item, dict) else []
    return [(str(top.get("token")), top.get("logprob")) for top in tops if isinstance(top, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
