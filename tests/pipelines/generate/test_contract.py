"""What every engine with a model owes, for those that need no server: texts by the request alone."""

from collections.abc import Iterator, Sequence

import pytest

from rollmill.ground.records import Completion, Origin, Problem, Request, Sampling, request_for
from rollmill.pipelines.generate.registry import GENERATORS, built_engine
from rollmill.pipelines.method_checks import check_method
from rollmill.roles.engine_roles import Generator
from tests.flows.conftest import ROOT

ROWS = {
    "embedded": str(ROOT / "models/rollmill-tiny"),
}
"""Engines by name, each with a model."""
SERVED = {
    "openai",  # test_openai.py
    "vllm",  # vllm/
}
"""Engines that need a server, or a GPU, which other tests start."""
PROMPTS = ["What is 2 + 3?", "What is 40 - 1?"]


@pytest.fixture(params=sorted(ROWS))
def engine(request: pytest.FixtureRequest) -> Iterator[Generator]:
    chosen = built_engine(request.param, ROWS[request.param], {})
    yield chosen
    chosen.close()


def requests_of(engine: Generator, count: int = 4) -> list[Request]:
    origin = Origin(engine.engine, engine.model_digest, "curate", 5)
    sampling = Sampling(max_tokens=12)
    return [
        request_for(Problem(prompt, ""), engine.render(prompt), sampling, origin, index)
        for prompt in PROMPTS
        for index in range(count)
    ]


def drawn(engine: Generator, requests: Sequence[Request]) -> dict[str, tuple[str, str]]:
    completions: list[Completion] = list(engine.generate(requests))
    return {completion.id: (completion.text, completion.finish_reason) for completion in completions}


def test_every_engine_has_a_row_or_tests_of_its_own() -> None:
    assert {*ROWS, *SERVED} == set(GENERATORS)


def test_it_is_an_engine_of_its_name(engine: Generator) -> None:
    check_method("engine", engine.engine, engine)
    assert engine.engine in ROWS
    assert engine.fingerprint()
    engine.close()
    engine.close()


def test_a_text_depends_on_its_request_and_not_on_its_batch(engine: Generator) -> None:
    requests = requests_of(engine)
    together = drawn(engine, requests)
    assert together.keys() == {request.completion_id for request in requests}
    assert drawn(engine, requests[::-1]) == together
    assert drawn(engine, requests[:1]) == {requests[0].completion_id: together[requests[0].completion_id]}
    assert len({text for text, _ in together.values()}) > 1
