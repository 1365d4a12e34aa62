"""Replies of every server's form are read; what is impossible is noted and left out; what is no answer is a failure."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollmill.ground.records import Message
from rollmill.pipelines.generate.http.failures import Failure
from rollmill.pipelines.generate.http.http_settings import Secrets
from rollmill.pipelines.generate.http.reply import ServerAnswer, read_answer, read_object


def read(choice: Any, **data: Any) -> ServerAnswer:
    return read_answer({"model": "m", "choices": [choice], **data}, model="m", max_tokens=16)


def said(**message: Any) -> dict[str, Any]:
    return {"finish_reason": "stop", "message": {"role": "assistant", **message}}


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        (said(content="four"), "four"),
        ({"text": "four", "finish_reason": "stop"}, "four"),
        (said(content=[{"type": "text", "text": "fo"}, {"type": "text", "text": "ur"}, 3]), "four"),
        (said(content=None), ""),
        (said(content=["fo", "ur"]), "four"),
        (said(content=[{"type": "output_text", "text": "four"}]), "four"),
        (said(content=[{"type": "refusal", "refusal": "I cannot."}]), "I cannot."),
        (said(content=[]), ""),
        (said(content="\ud800"), "\ud800"),
        (said(content=None, refusal="I cannot."), "I cannot."),
    ],
)
def test_texts(choice: Any, text: str) -> None:
    assert read(choice).text == text


@pytest.mark.parametrize(
    ("reason", "finish", "note"),
    [
        ("stop", "stop", "absent"), ("length", "length", "absent"), ("content_filter", "length", "content_filter"),
        ("tool_calls", "stop", "tool_calls"), ("eos_token", "stop", "eos_token"), ("odd", "stop", "odd"),
        (None, "stop", None), (7, "stop", None), ("MAX_TOKENS", "length", "MAX_TOKENS"),
        ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
    ],
)  # fmt: skip
def test_finish_reasons(reason: Any, finish: str, note: Any) -> None:
    answer = read({"message": {"content": "x"}, "finish_reason": reason})
    assert (answer.finish, answer.notes.get("finish_reason", "absent")) == (finish, note)


def test_an_answer_as_long_as_allowed_was_cut_where_the_server_does_not_say() -> None:
    assert read({"message": {"content": "x"}}, usage={"completion_tokens": 16}).finish == "length"


def test_an_answer_that_filled_the_context_says_so() -> None:
    """vLLM cuts max_tokens to what the context has left, silently."""
    choice = {"message": {"content": "x"}, "finish_reason": "length"}
    assert read(choice, usage={"completion_tokens": 15}).notes["cause"] == "the context was full after 15 of 16 tokens"
    assert "cause" not in read(choice, usage={"completion_tokens": 16}).notes


@pytest.mark.parametrize(
    ("count", "kept", "note"),
    [
        (3, 3, None), (0, 0, None), (-1, None, "completion_tokens '-1'"), (2**33, None, "completion_tokens '8589934592'"),
        (1.5, None, "completion_tokens '1.5'"), ("3", None, "completion_tokens '3'"),
        (True, None, "completion_tokens 'True'"),
        (None, None, None), ([], None, "completion_tokens '[]'"),
        (17, 17, "completion_tokens 17, asked for 16 at most"),
    ],
)  # fmt: skip
def test_token_counts_are_believed_only_where_possible(count: Any, kept: int | None, note: str | None) -> None:
    answer = read(said(content="x"), usage={"prompt_tokens": 2, "completion_tokens": count})
    assert (answer.tokens_in, answer.tokens_out, answer.notes.get("counted")) == (2, kept, note)


@pytest.mark.parametrize("usage", [None, [], "many", 7])
def test_a_reply_without_usage_has_no_counts(usage: Any) -> None:
    assert read(said(content="x"), usage=usage).tokens_out is None


def test_token_ids_overrule_the_count() -> None:
    choice = {**said(content="x"), "token_ids": [5, 6, 7], "prompt_token_ids": [1, 2]}
    answer = read(choice, usage={"completion_tokens": 9})
    assert (answer.token_ids, answer.prompt_token_ids, answer.tokens_out) == ((5, 6, 7), (1, 2), 3)
    assert answer.notes["counted"] == "completion_tokens 9, 3 token ids"
    assert read({**said(content="x"), "token_ids": [5, "x"]}).token_ids is None


@pytest.mark.parametrize(
    "part",
    [
        {"type": "thinking", "thinking": [{"type": "text", "text": "2 and 2"}], "closed": True},
        {"type": "thinking", "thinking": "2 and 2", "signature": "x"},
        {"type": "reasoning", "reasoning": "2 and 2"},
        {"type": "reasoning", "text": "2 and 2"},
        {"type": "reasoning.text", "text": "2 and 2"},
    ],
)
def test_a_part_that_is_reasoning_is_kept_apart(part: dict[str, object]) -> None:
    answer = read({"message": {"content": [part, {"type": "text", "text": "4"}]}})
    assert (answer.text, answer.reasoning) == ("4", "2 and 2")


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking_content", "thought"])
def test_reasoning_is_kept_apart(key: str) -> None:
    answer = read(said(content="4", **{key: "2 and 2"}))
    assert (answer.text, answer.reasoning) == ("4", "2 and 2")


def test_tool_calls_become_messages() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}
    answer = read(said(content="Let me see.", tool_calls=[call, {"function": 3}, None]))
    assert answer.messages == (
        Message("assistant", "Let me see."),
        Message("assistant", '{"a": 2}', kind="tool_call", name="add", call_id="1"),
    )
    old = read(said(content=None, function_call={"name": "add", "arguments": {"a": 2}}))
    assert old.messages == (Message("assistant", '{"a": 2}', kind="tool_call", name="add"),)


def test_log_probabilities_of_both_apis() -> None:
    tops = [{"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -2.5}]
    chat = read({**said(content="a"), "logprobs": {"content": [{"token": "a", "logprob": -0.1, "top_logprobs": tops}]}})
    plain = read(
        {
            "text": "a",
            "finish_reason": "stop",
            "logprobs": {"token_logprobs": [-0.1], "top_logprobs": [{"a": -0.1, "b": -2.5}]},
        }
    )
    for answer in (chat, plain):
        assert answer.logprobs == (-0.1,)
        assert answer.top_logprobs == '[[["a",-0.1],["b",-2.5]]]'


@pytest.mark.parametrize("value", ["-Infinity", "NaN", "null", '"x"', "true", "-1e308", "1e308", "-" + "9" * 400])
def test_log_probabilities_that_are_no_numbers_are_left_out(value: str) -> None:
    body = '{"choices": [{"text": "a", "logprobs": {"token_logprobs": [-0.1, VALUE]}}]}'.replace("VALUE", value)
    answer = read_answer(read_object(body.encode()), model="m", max_tokens=4)
    assert (answer.logprobs, answer.notes["logprobs"]) == (None, "not all of them are log-probabilities")


def test_another_model_than_was_asked_for_is_noted() -> None:
    answer = read(said(content="x"), model="m-2026-01", system_fingerprint="fp_1")
    assert answer.notes == {"served_model": "m-2026-01", "system_fingerprint": "fp_1"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "not_json"), (b"{", "not_json"), (b"\xff", "not_json"), (b"[" * 100_000, "not_json"), (b"[]", "not_json"),
        (b"9" * 5000, "not_json"), (b"{}", "no_choices"), (b'{"choices": []}', "no_choices"),
        (b'{"choices": [3]}', "no_choices"),
        (b'{"choices": {"0": 1}}', "no_choices"), (b'{"choices": [{}]}', "no_choices"),
        (b'{"choices": [{"text": 7}]}', "no_choices"), (b'{"error": {"message": "overloaded"}}', "error_in_reply"),
        (b'{"choices": [{"text": "x", "finish_reason": "abort"}]}', "aborted"),
        (b'{"choices": [{"text": "x", "finish_reason": "Error"}]}', "aborted"),
        (b'{"choices": [{"text": "x", "finish_reason": "insufficient_system_resource"}]}', "aborted"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_a_failure_that_may_pass(body: bytes, kind: str) -> None:
    with pytest.raises(Failure) as caught:
        read_answer(read_object(body), model="m", max_tokens=4)
    assert (caught.value.kind, caught.value.again) == (kind, True)


def test_a_stream_that_was_not_asked_for_is_called_one() -> None:
    with pytest.raises(Failure, match="not_json: a stream, though none was asked for; it begins b'data: "):
        read_object(b'data: {"choices": [{"delta": {"content": "4"}}]}\n\ndata: [DONE]\n\n')


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"error": "quota used up"}, "quota used up"),
        ({"object": "error", "message": "quota used up", "code": 40303}, "quota used up"),
        ({"detail": "quota used up"}, "quota used up"),
        ({"code": 1002, "msg": "quota used up", "success": False}, "quota used up"),
        ({"choices": None, "base_resp": {"status_code": 1004, "status_msg": "quota used up"}}, "quota used up"),
        ({"error": {"message": "failed", "metadata": {"raw": "quota used up"}}}, "failed: quota used up"),
        ({"choices": [{"error": {"message": "quota used up"}, "finish_reason": "error", "text": ""}]}, "quota used up"),
        ({"choices": [{"error": {"message": "quota used up"}, "message": {"content": ""}}]}, "quota used up"),
    ],
)
def test_an_error_in_a_reply_is_told_in_the_words_of_its_server(data: Any, words: str) -> None:
    with pytest.raises(Failure) as caught:
        read_answer(data, model="m", max_tokens=4)
    assert (caught.value.kind, caught.value.detail) == ("error_in_reply", words)


@pytest.mark.parametrize(
    ("indices", "taken"),
    [
        ((1, 0), "b"), ((5, None), "b"), ((None, 5), "a"), ((None, 0), "b"), ((3, 1, 2), "b"), ((2, "0", 1), "b"),
        ((True, 0), "b"), ((-1, 4), "a"), ((7,), "a"),
    ],
)  # fmt: skip
def test_the_choice_of_index_0_or_of_none_is_the_answer_wherever_it_stands(indices: Any, taken: str) -> None:
    named = zip(indices, "abc", strict=False)
    choices = [said(content=name) if index is None else {"index": index, **said(content=name)} for index, name in named]
    assert read_answer({"choices": choices}, model="m", max_tokens=16).text == taken


KEY = 'sk-"secret"-1'


def test_a_key_that_a_server_echoes_is_in_nothing_of_the_answer() -> None:
    """Also where a text is made of parts, where JSON escapes it, and where a note is cut in its middle."""
    secrets = Secrets()
    secrets.texts.update((KEY, json.dumps(KEY)[1:-1]))
    long = "x" * 195 + KEY
    choice = {
        "finish_reason": long,
        "message": {
            "content": [{"text": f"the key is {KEY[:5]}"}, {"text": KEY[5:]}],
            "reasoning": KEY,
            "refusal": long,
            "tool_calls": [{"function": {"name": KEY, "arguments": {"key": KEY}}}],
        },
        "logprobs": {"content": [{"logprob": -0.5, "top_logprobs": [{"token": KEY, "logprob": -0.5}]}]},
        "stop_reason": KEY,
    }
    answer = read(choice, model=KEY, system_fingerprint=long, usage={"prompt_tokens": KEY})
    answer.hide(secrets.hide)
    assert answer.text == "the key is [hidden]"
    assert answer.top_logprobs is None
    assert answer.notes["finish_reason"] == "x" * 195 + "[hidd"
    row = repr(answer)
    assert not any(part in row for part in (KEY, KEY[:5], json.dumps(KEY)[1:-1], "secret"))


def test_a_key_in_pieces_is_hidden_too() -> None:
    """Spelled by the tokens of the log-probabilities, or cut at the end of what is looked at."""
    key = "".join(chr(97 + place * 7 % 26) + str(place) for place in range(400))
    tops = [{"logprob": -0.5, "top_logprobs": [{"token": part, "logprob": -0.5}]} for part in ("a ", key[:9], key[9:])]
    secrets = Secrets({key})
    answer = read({"message": {"content": f"cut here: {key[:30]}"}, "logprobs": {"content": tops}}, model=key * 6)
    answer.hide(secrets.hide)
    assert answer.text == "cut here: [hidden]"
    assert key[:9] not in repr(answer)
    assert key[9:20] not in repr(answer)
    plain = read({"message": {"content": "ab"}, "logprobs": {"content": [tops[0]]}})
    plain.hide(secrets.hide)
    assert plain.top_logprobs == '[[["a ",-0.5]]]'


@pytest.mark.parametrize("content", [42, 1.5, True, {"text": "x"}, [{"type": "audio", "data": "x"}]])
def test_a_content_that_is_no_text_is_no_empty_answer(content: Any) -> None:
    for choice in (said(content=content), {"text": content, "finish_reason": "stop"}):
        with pytest.raises(Failure, match="no_choices: the content is a JSON "):
            read(choice)


@pytest.mark.parametrize("reason", [{"type": "stop"}, ["stop"], 3, True])
def test_a_finish_reason_that_is_no_text_says_nothing(reason: Any) -> None:
    answer = read({**said(content="x"), "finish_reason": reason})
    assert (answer.finish, answer.notes["finish_reason"]) == ("stop", None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_KEYS = ("model", "choices", "usage", "error", "system_fingerprint", "prompt_token_ids")
_CHOICE_KEYS = ("index", "message", "text", "finish_reason", "logprobs", "token_ids", "reasoning")
_MESSAGE_KEYS = ("content", "role", "tool_calls", "function_call", "refusal", "reasoning_content")
_MESSAGE = st.fixed_dictionaries({}, optional=dict.fromkeys(_MESSAGE_KEYS, _JSON))
_CHOICE = st.fixed_dictionaries({"message": _MESSAGE}, optional=dict.fromkeys(_CHOICE_KEYS[2:], _JSON))
_REPLY = st.fixed_dictionaries(
    {"choices": st.lists(_CHOICE | _JSON, max_size=2)}, optional=dict.fromkeys(sorted({*_KEYS} - {"choices"}), _JSON)
)


@given(_REPLY | _JSON)
def test_json_of_any_shape_is_an_answer_or_an_attempt(value: Any) -> None:
    with contextlib.suppress(Failure):
        answer = read_answer(read_object(json.dumps(value).encode()), model="m", max_tokens=16)
        assert isinstance(answer.text, str)
        json.dumps(answer.notes)


@given(st.binary(max_size=40))
def test_bytes_of_any_kind_are_an_attempt(body: bytes) -> None:
    with contextlib.suppress(Failure):
        read_answer(read_object(body), model="m", max_tokens=16)


@pytest.mark.parametrize(
    ("choice", "said", "met"),
    [
        ({"stop_reason": "\n"}, True, "\n"),
        ({"stop_reason": None}, True, None),
        ({"stop_reason": 151645}, True, None),
        ({"matched_stop": "Question:"}, True, "Question:"),
        ({"matched_stop": 2}, True, None),
        ({}, False, None),
    ],
    ids=["vllm", "vllm ended", "vllm token", "sglang", "sglang token", "not said"],
)
def test_which_stop_string_ended_it_where_the_server_says(choice: dict[str, Any], said: bool, met: str | None) -> None:
    body = {"model": "m", "choices": [{"message": {"content": "one"}, "finish_reason": "stop", **choice}]}
    answer = read_answer(body, model="m", max_tokens=16)
    assert answer.says_stop is said
    assert answer.notes.get("stop") == met
