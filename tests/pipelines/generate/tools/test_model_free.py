"""Engines without a model: each follows the Protocol, and its texts from the requests alone."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Message, Origin, Problem, Prompt, Request, Sampling, request_for
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.generate.registry import GENERATORS, MODEL_FREE, RATING, built_engine
from rollmill.pipelines.method_checks import check_method
from rollmill.roles import engine_roles
from rollmill.roles.engine_roles import CountsPromptTokens

SUM = "2 * 3 = 6\nThen 6 + 4 = 10\n#### 10"
STORED = ["Two eggs and three eggs.", "How many eggs are left?", "A train goes north."]
ENGINES: dict[str, tuple[str, dict[str, Any]]] = {
    "edit": ("digit|operand|sign", {}),
    "compose": ("compose", {}),
    "program": ("program", {"sandbox": "none"}),
    "retrieve": ("retrieve", {"texts": STORED, "count": 2}),
    "state_search": ("state_search", {"sandbox": "none"}),
    "toolbox": ("toolbox", {"tools": [["Many eggs.", 'def eggs_of(a):\n    """How many eggs?"""\n    return a']]}),
}
TEXTS = [SUM, "Many eggs.", "```python\nprint(2)\n```", "", "\ud800\x00"]


def options(**values: str) -> tuple[Message, ...]:
    return tuple(Message("option", value, name=key) for key, value in values.items())


def requests_of(engine: Any, prompts: Sequence[Prompt]) -> list[Request]:
    origin = Origin(engine.engine, engine.model_digest, "curate", 5)
    return [
        request_for(Problem(prompt, ""), engine.render(prompt), Sampling(), origin, index)
        for prompt in prompts
        for index in range(2)
    ]


def built(name: str, **more: Any) -> Any:
    model, settings = ENGINES[name]
    return built_engine(name, model, {**settings, **more})


@pytest.mark.parametrize("name", MODEL_FREE)
def test_it_is_an_engine_that_costs_nothing(name: str) -> None:
    engine = built(name)
    check_method("engine", name, engine)
    assert (engine.engine, engine.model, engine.spooled) == (name, ENGINES[name][0], False)
    counting: object = engine
    assert isinstance(counting, CountsPromptTokens)
    assert counting.prompt_tokens(SUM) == 0
    made = list(engine.generate(requests_of(engine, TEXTS)))
    assert len(made) == 2 * len(TEXTS)
    for completion in made:
        taken = completion.tokens_in, completion.tokens_out, completion.cost, completion.finish_reason
        assert taken == (0, 0, 0.0, "stop")
        assert ("failed" in completion.meta) <= (completion.text == "")
        json.dumps(dict(completion.meta))
    engine.close()
    engine.close()


@pytest.mark.parametrize("name", MODEL_FREE)
def test_equal_requests_have_equal_texts_in_whatever_order(name: str) -> None:
    engine = built(name)
    requests = requests_of(engine, TEXTS)
    first, again = ({one.id: one for one in engine.generate(rows)} for rows in (requests, requests[::-1]))
    assert {cid: (one.text, one.meta) for cid, one in first.items()} == {
        cid: (one.text, one.meta) for cid, one in again.items()
    }
    assert first.keys() == {request.completion_id for request in requests}
    assert DirectSampler(engine).sample(requests[:1]).completions[requests[0].completion_id].text == first[
        requests[0].completion_id].text  # fmt: skip
    engine.close()


@pytest.mark.parametrize("name", MODEL_FREE)
def test_what_is_rendered_is_the_text_or_the_messages_as_json(name: str) -> None:
    engine = built(name)
    assert engine.render(SUM) == SUM
    prompt = (Message("user", SUM), *options(step="2"))
    assert json.loads(engine.render(prompt))[1] == {"role": "option", "content": "2", "kind": "text", "name": "step"}
    assert engine.render(prompt) == canonical_json(json.loads(engine.render(prompt)))


def test_what_decides_texts_is_in_the_digest_and_what_does_not_is_not() -> None:
    digests = [
        built_engine(name, model, given).model_digest
        for name, model, given in (
            ("edit", "digit", {}),
            ("edit", "sign", {}),
            ("edit", "digit|sign", {}),
            ("edit", "digit", {"most_words": 3}),
            ("edit", "upto_step", {}),
            ("edit", "upto_step", {"step": 2}),
            ("edit", "drop_lines", {"count": 2}),
            ("compose", "compose", {}),
            ("program", "program", {}),
            ("program", "program", {"sandbox": "none"}),
            ("program", "program", {"cpu_seconds": 2.0}),
            ("program", "program", {"memory_mib": 100}),
            ("program", "program", {"shown": 100}),
            ("retrieve", "retrieve", {"texts": STORED}),
            ("retrieve", "retrieve", {"texts": STORED[:2]}),
            ("retrieve", "retrieve", {"texts": STORED, "count": 1}),
            ("toolbox", "toolbox", {"tools": [["Eggs?", "def f(a):\n    return a"]]}),
            ("toolbox", "toolbox", {"tools": [["Eggs?", "def f(a):\n    return a"]], "count": 1}),
        )
    ]
    assert len(set(digests)) == len(digests)
    assert built_engine("program", "program", {}, threads=1).model_digest == digests[8]
    assert built_engine("edit", "digit", {"count": 1}).model_digest == digests[0]


def test_an_option_that_the_engine_does_not_take_is_the_users_mistake() -> None:
    for name in MODEL_FREE:
        engine = built(name)
        with pytest.raises(SetupError, match="takes no option 'colour'"):
            list(engine.generate(requests_of(engine, [(Message("user", SUM), *options(colour="red"))])))
        engine.close()


def test_a_recorded_recipe_knows_the_engines_that_ask_no_model() -> None:
    """`engine_roles` stands below the registry and has their names alone."""
    assert set(MODEL_FREE) == engine_roles.MODEL_FREE


def test_one_name_names_one_engine() -> None:
    assert len({*GENERATORS, *MODEL_FREE, *RATING}) == len(GENERATORS) + len(MODEL_FREE) + len(RATING)
    for name in ("compose", "program", "retrieve"):
        with pytest.raises(SetupError, match=f"engine '{name}' has no model 'gpt'"):
            built_engine(name, "gpt", {})


def test_compose_gives_the_template_as_it_was_filled() -> None:
    engine = built("compose")
    text = "Up to here.\nWait, step 2 is wrong.\n{cut} \ud800"
    assert [one.text for one in engine.generate(requests_of(engine, [text]))] == [text, text]
