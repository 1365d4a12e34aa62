"""Engine `openai` against a real vLLM server on the CPU that serves the shipped model, started as a profile starts it."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from benchmarks.engines.engines import running
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Attempt, Completion, Origin, Problem, Sampling, request_for
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.openai import OpenAI
from rollmill.pipelines.generate.serving import LocalModel, LocalServers
from rollmill.pipelines.synthesize.templates import Templates

pytestmark = pytest.mark.vllm
ROOT = Path(__file__).resolve().parents[4]
MODEL = "models/rollmill-tiny"
EASY = Problem("Tom has 12 apples and finds 7 apples. How many apples does Tom have now?", "19")
HARD = next(iter(Templates(split="train", levels=(8,)).synthesize(1, 5)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this file."""
    from benchmarks.engines.engines import CPU, FLAGS, interpreter

    logs = tmp_path_factory.mktemp("logs")
    model = LocalModel(
        interpreter(), str(ROOT / MODEL), MODEL, logs, args=(*FLAGS, "--enforce-eager"), env=CPU, start_seconds=900.0
    )
    local = LocalServers([model])
    try:
        yield local.serving(MODEL, lambda _: None)[0]
    finally:
        local.close()


@pytest.fixture(scope="module")
def embedded() -> Iterator[Embedded]:
    with running("embedded") as engine:
        assert isinstance(engine, Embedded)
        yield engine


def draw(
    server: Server, problems: Sequence[Problem], samples: int = 1, model: str = MODEL, options: Any = (), **sampling: Any
) -> tuple[list[Completion], list[Attempt]]:
    engine = OpenAI(model, http=HttpSettings((server,), patience=30.0), **dict(options))
    origin = Origin(engine.engine, engine.model_digest, "curate", 1)
    drawn = Sampling(**{"max_tokens": 200, **sampling})
    asked = [
        request_for(problem, engine.render(problem.prompt), drawn, origin, index)
        for problem in problems
        for index in range(samples)
    ]
    heard: list[Attempt] = []
    try:
        found = {one.id: one for group in engine.groups(asked, heard.extend) for one in group}
    finally:
        engine.close()
    assert len(found) == len(asked)
    return [found[request.completion_id] for request in asked], heard


def test_the_server_s_template_and_tokens_are_the_model_s_own(server: Server, embedded: Embedded) -> None:
    options = {"logprobs": 2, "extra": {"return_token_ids": True}}
    tokenizer = Tokenizer.from_file(str(ROOT / MODEL / "tokenizer.json"))
    (said,), _ = draw(server, [EASY], options=options, temperature=0.0)
    assert said.prompt_token_ids == tuple(tokenizer.encode(embedded.render(EASY.prompt), add_special_tokens=False).ids)
    assert said.tokens_in == len(said.prompt_token_ids)
    assert said.token_ids is not None
    assert tokenizer.decode(said.token_ids) == said.text == "12 + 7 = 19\n#### 19"
    assert (said.finish_reason, said.tokens_out) == ("stop", len(said.token_ids))
    assert said.logprobs is not None
    assert said.top_logprobs is not None
    top = json.loads(said.top_logprobs)
    assert len(said.logprobs) == len(top) == len(said.token_ids)
    assert {len(one) for one in top} == {2}
    assert [one[0][1] for one in top] == pytest.approx(list(said.logprobs))  # greedy draws the likeliest


def test_greedy_texts_and_log_probabilities_are_the_embedded_engine_s(server: Server, embedded: Embedded) -> None:
    from benchmarks.engines.engines import draw as draw_each

    problems = list(Templates(split="train").synthesize(40, 3))
    ours = draw_each(embedded, problems, 1, 0.0)
    theirs, _ = draw(server, problems, options={"logprobs": 0}, temperature=0.0)
    same = [(one, other) for one, other in zip(ours, theirs, strict=True) if one.text == other.text]
    assert len(same) >= 39
    for one, other in same:
        assert one.logprob_sum == pytest.approx(other.logprob_sum, abs=1e-3)
        assert (one.tokens_in, one.tokens_out, one.finish_reason) == (
            other.tokens_in,
            other.tokens_out,
            other.finish_reason,
        )
    assert not {one.id for one in ours} & {other.id for other in theirs}


def test_seeds_are_per_request(server: Server) -> None:
    first, heard = draw(server, [HARD], 32)
    again, _ = draw(server, [HARD], 32)
    assert len({one.text for one in first}) > 4
    assert sum(one.text == other.text for one, other in zip(first, again, strict=True)) >= 29
    assert [(one.outcome, one.count) for one in heard if one.outcome != "ok"] == []
    assert sum(one.count for one in heard) == 32


def test_completions_take_the_prompt_as_it_is(server: Server, embedded: Embedded) -> None:
    plain = Problem(embedded.render(EASY.prompt), "19")
    (said,), _ = draw(server, [plain], options={"api": "completions", "logprobs": 0}, temperature=0.0)
    (chat,), _ = draw(server, [EASY], options={"logprobs": 0}, temperature=0.0)
    assert (said.text, said.tokens_in, said.tokens_out) == (chat.text, chat.tokens_in, chat.tokens_out)
    assert said.logprob_sum == pytest.approx(chat.logprob_sum, abs=1e-4)
    assert said.id != chat.id


def test_token_limit_and_stop_strings(server: Server) -> None:
    (cut,), _ = draw(server, [EASY], max_tokens=5, temperature=0.0)
    assert (cut.text, cut.finish_reason, cut.tokens_out) == ("12 + 7 = ", "length", 5)
    (stopped,), _ = draw(server, [EASY], stop=("=",), temperature=0.0)
    assert (stopped.text, stopped.finish_reason) == ("12 + 7 ", "stop")


def test_a_prompt_beyond_the_context_is_a_row_with_its_cause(server: Server) -> None:
    (said, well), heard = draw(server, [Problem("apple " * 600, "1"), EASY], temperature=0.0)
    assert (said.text, said.finish_reason, said.tokens_out) == ("", "length", 0)
    assert said.meta["finish_reason"] == "too_long"
    assert "maximum context length is 512 tokens" in said.meta["cause"]
    assert well.text == "12 + 7 = 19\n#### 19"
    assert {one.outcome for one in heard} == {"ok"}


def test_an_answer_that_fills_the_context_is_cut(server: Server) -> None:
    (said,), _ = draw(server, [Problem("apple " * 150, "1")], max_tokens=500, temperature=0.0)
    assert said.finish_reason == "length"
    assert said.tokens_in is not None
    assert said.tokens_out is not None
    assert said.tokens_in + said.tokens_out == 512
    assert said.meta["cause"] == f"the context was full after {said.tokens_out} of 500 tokens"


def test_a_wrong_model_and_a_wrong_key_stop_the_command(server: Server) -> None:
    named = Server(server.url, key=server.key)
    with pytest.raises(SetupError, match=rf"does not serve 'other'\. Valid: {MODEL}\."):
        draw(named, [EASY], model="other")
    unlisted = Server(server.url, key=server.key, listed=False)
    with pytest.raises(SetupError, match=f"does not serve 'other'.*{MODEL}"):
        draw(unlisted, [EASY], model="other")
    with pytest.raises(SetupError, match="http_401") as told:
        draw(Server(server.url, key="a-wrong-key"), [EASY])
    assert "a-wrong-key" not in str(told.value)
    assert str(server.key) not in str(told.value)
