"""What is sent is exactly what the recipe says, and whatever changes it changes the model's digest."""

import json
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Message, Origin, Problem, Prompt, Request, Sampling, request_for
from rollmill.pipelines.generate.http.client import Wire


def request(wire: Wire, prompt: Prompt = "2 + 2 = ?", **sampling: Any) -> Request:
    origin = Origin("openai", wire.digest(), "curate", 1)
    return request_for(Problem(prompt, "4"), wire.render(prompt), Sampling(**sampling), origin, 3)


def sent(wire: Wire, prompt: Prompt = "2 + 2 = ?", **sampling: Any) -> Any:
    asked = request(wire, prompt, **sampling)
    return json.loads(wire.body(asked, wire.fixed(asked.sampling)))


def test_a_chat_request() -> None:
    wire = Wire("m", system="Be brief. é", extra={"min_p": 0.1}, logprobs=2)
    assert sent(wire, temperature=0.5, top_p=0.9, top_k=7, max_tokens=8, stop=("\n",)) == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief. é"}, {"role": "user", "content": "2 + 2 = ?"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 7,
        "max_tokens": 8,
        "stop": ["\n"],
        "n": 1,
        "stream": False,
        "logprobs": True,
        "top_logprobs": 2,
        "min_p": 0.1,
        "seed": request(wire, temperature=0.5).seed & 0x7FFFFFFF,
    }


def test_a_plain_completions_request() -> None:
    body = sent(Wire("m", "completions", logprobs=0, seed_bits=0, limit="max_completion_tokens"), 'a "b"\n')
    assert body == {
        "model": "m", "prompt": 'a "b"\n', "temperature": 1.0, "top_p": 1.0, "max_completion_tokens": 256, "n": 1,
        "stream": False, "logprobs": 0,
    }  # fmt: skip


def test_turns_keep_their_roles_and_a_lone_surrogate_is_still_json() -> None:
    turns = (Message("user", "\ud800"), Message("assistant", "4", name="bot"), Message("user", "r", kind="tool_result"))
    assert sent(Wire("m"), turns)["messages"] == [
        {"role": "user", "content": "\ud800"},
        {"role": "assistant", "content": "4", "name": "bot"},
        {"role": "tool", "content": "r"},
    ]


@pytest.mark.parametrize(
    ("reasoning", "part"),
    [
        (None, {}),
        (False, {"chat_template_kwargs": {"enable_thinking": False, "thinking": False, "lang": "en"}}),
        ("low", {"reasoning_effort": "low"}),
    ],
)
def test_reasoning(reasoning: Any, part: dict[str, Any]) -> None:
    extra = {"chat_template_kwargs": {"lang": "en"}} if reasoning is False else {}
    body = sent(Wire("m", extra=extra, reasoning=reasoning))
    assert {key: body[key] for key in ("chat_template_kwargs", "reasoning_effort") if key in body} == part


def test_every_option_that_can_change_a_row_changes_its_id() -> None:
    wires = [
        Wire("m"), Wire("m2"), Wire("m", "completions"), Wire("m", system="s"), Wire("m", revision="r"),
        Wire("m", extra={"min_p": 0.1}), Wire("m", logprobs=0), Wire("m", logprobs=1), Wire("m", reasoning=True),
        Wire("m", reasoning=False), Wire("m", reasoning="low"), Wire("m", seed_bits=32),
        Wire("m", limit="max_completion_tokens"),
    ]  # fmt: skip
    assert len({request(wire).completion_id for wire in wires}) == len(wires)
    assert request(Wire("m")).completion_id == request(Wire("m")).completion_id


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"api": "chats"}, "Did you mean 'chat'"),
        ({"limit": "tokens"}, "unknown limit"),
        ({"api": "completions", "system": "s"}, "neither a system prompt"),
        ({"seed_bits": 64}, "seed_bits is 64"),
        ({"logprobs": -1}, "logprobs is -1"),
        ({"extra": {"messages": []}}, "extra names 'messages'"),
        ({"extra": {"temperature": 2}}, "extra gives 'temperature' 2, and the recipe sends it as 1.0"),
        ({"extra": {"max_tokens": 9}}, "extra gives 'max_tokens' 9, and the recipe sends it as 256"),
        ({"extra": {"stream": True}}, "extra gives 'stream' True, and the recipe sends it as False"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SetupError, match=words):
        Wire("m", **options).fixed(Sampling())


def test_any_parameter_can_be_left_out_and_is_then_part_of_no_identity() -> None:
    unsent = Sampling(temperature=0.5, max_tokens=7, unsent=("temperature", "top_p", "max_tokens"))
    assert json.loads(Wire("m").fixed(unsent) + b"}") == {"model": "m", "n": 1, "stream": False}
    assert unsent.identity() == {"top_k": 0, "stop": ()}
    assert Sampling().identity() == {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "max_tokens": 256, "stop": ()}
    later = Wire("m", limit="max_completion_tokens", extra={"n": None, "stream": None, "top_p": 0.9, "user": None})
    only_top_p = Sampling(unsent=("top_p", "temperature"))
    assert json.loads(later.fixed(only_top_p) + b"}") == {
        "model": "m", "max_completion_tokens": 256, "top_p": 0.9, "user": None
    }  # fmt: skip
    assert later.most(b"{}", unsent) == 64 << 20
