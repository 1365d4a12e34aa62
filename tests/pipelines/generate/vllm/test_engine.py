"""The host's side of the engine `vllm` with the real child and guard around a toy vLLM: answers, bounds, leaving."""

import threading
from collections import Counter
from collections.abc import Generator
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError, Unavailable
from rollmill.ground.records import Completion, Origin, Problem, given_request
from rollmill.pipelines.generate.calls import EngineCall, Interruption
from rollmill.pipelines.generate.vllm.engine import Vllm
from tests.pipelines.generate.vllm.toys import SHIPPED, asked, noted, settings
from tests.waiting import until


def test_every_request_is_answered_once_with_its_own_seed(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, logprobs=1, vllm=settings(tmp_path))
    requests = asked(engine, ["one", "two", "three"], 9)
    answers = {answer.id: answer for answer in engine.generate(requests)}
    engine.close()
    assert answers.keys() == {request.completion_id for request in requests}
    for request in requests:
        answer = answers[request.completion_id]
        assert answer.text == f"{len(request.rendered)}/{request.seed}\n#### 7"
        assert (answer.engine, answer.model, answer.seed) == ("vllm", "rollmill-tiny", request.seed)
        assert "".join(map(chr, answer.token_ids or ())) == answer.text
        assert "".join(map(chr, answer.prompt_token_ids or ())) == request.rendered
        assert (answer.tokens_in, answer.tokens_out) == (len(request.rendered), len(answer.text))
        assert (answer.finish_reason, answer.self_certainty) == ("stop", None)
        assert answer.logprob_sum == -0.5 * len(answer.text)
        assert answer.top_logprobs is not None
        assert answer.top_logprobs.startswith(f'[[["{answer.text[0]}",-0.5]]')
    assert max(map(int, noted(tmp_path, "STEP"))) <= 8  # twice what the toy computes at once, of the 27


def test_texts_that_are_given_come_back_with_their_own_log_probabilities(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path))
    origin = Origin(engine.engine, engine.model_digest, "score")
    rendered = engine.render("one")
    requests = [given_request(origin, "one", rendered, text) for text in ("ab", "c", "")]
    answers = {answer.text: answer for answer in engine.score_given(requests)}
    engine.close()
    assert answers["ab"].logprobs == (-0.097, -0.098)
    assert (answers["ab"].token_ids, answers["ab"].tokens_in, answers["ab"].tokens_out) == ((97, 98), len(rendered) + 2, 0)
    assert answers["c"].logprob_sum == -0.099
    assert (answers[""].logprobs, answers[""].logprob_sum) == ((), 0.0)


def test_a_prompt_without_room_is_a_row_that_says_so(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, max_model_len=64, vllm=settings(tmp_path))
    long, tight = "x" * 64, "y" * (64 - len("<|user|><|assistant|>") - 5)
    first, second = sorted(engine.generate(asked(engine, [long, tight], 1)), key=lambda answer: -(answer.tokens_in or 0))
    engine.close()
    assert (first.text, first.finish_reason, first.tokens_out) == ("", "length", 0)
    assert first.meta == {"cause": "prompt of 85 tokens, context of 64", "finish_reason": "too_long"}
    assert (second.finish_reason, second.tokens_out) == ("length", 5)


def test_several_engines_share_the_prompts_and_keep_samples_together(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path, data_parallel=2, tensor_parallel=2, env={"TOY_STEP": "0.01"}))
    requests = asked(engine, [f"prompt {n}" for n in range(8)], 4)
    assert len({answer.id for answer in engine.generate(requests)}) == 32
    engine.close()
    assert len(noted(tmp_path, "CORE")) == 2
    assert "('tensor_parallel_size', 2)" in noted(tmp_path, "ARGUMENTS")[0]


def test_calls_side_by_side_get_their_own_answers(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path, env={"TOY_STEP": "0.005"}))
    found: dict[int, list[Completion]] = {}

    def draw(number: int) -> None:
        found[number] = list(engine.generate(asked(engine, [f"of {number}"], 12)))

    threads = [threading.Thread(target=draw, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    engine.close()
    assert len(noted(tmp_path, "CORE")) == 1
    for number, answers in found.items():
        assert Counter(answer.prompt_id for answer in answers) == {Problem(f"of {number}", "0").prompt_id: 12}


def test_what_is_not_yet_safe_bounds_what_is_begun(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path))
    groups = engine.groups(asked(engine, ["one"], 100))
    kept = list(next(groups))
    engine.wind_down()
    with pytest.raises(Interruption):
        kept.extend(answer for group in groups for answer in group)
    assert 1 <= len(kept) <= 16  # the window of 8, and as many again that came before the winding down
    assert len({answer.id for answer in engine.generate(asked(engine, ["one"], 100))}) == 100
    engine.close()


def test_an_interrupt_ends_calls_at_once_and_the_engine_goes_on(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path, env={"TOY_STEP": "0.05"}))
    groups = engine.groups(asked(engine, ["one"], 100))
    assert len(next(groups)) >= 1
    engine.interrupt()
    with pytest.raises(Interruption):
        list(groups)
    assert len(list(engine.generate(asked(engine, ["two"], 5)))) == 5
    engine.close()
    assert len(noted(tmp_path, "CORE")) == 1


def test_a_call_that_comes_just_after_the_child_died_ends_with_its_error(tmp_path: Path) -> None:
    """Found alive, the child may be gone by the time that its requests come; nobody would answer them."""
    engine = Vllm(SHIPPED, vllm=settings(tmp_path))
    requests = asked(engine, ["one"], 5)
    list(engine.generate(requests[:1]))
    running = engine._running
    assert running is not None
    running._children[0]._process.close()
    assert until(lambda: running.dead)
    call = EngineCall(requests)
    running.router.add(call)
    taken: list[Completion] = []
    thread = threading.Thread(target=lambda: taken.extend(call.take()), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    assert (taken, type(call.error)) == ([], Unavailable)
    assert len(list(engine.generate(requests))) == 5, "the next call starts it again"
    engine.close()


def test_a_caller_that_leaves_takes_its_requests_along(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path, env={"TOY_STEP": "0.02"}))
    groups = engine.groups(asked(engine, ["one"], 1000))
    assert isinstance(groups, Generator)
    next(groups)
    groups.close()
    assert len(list(engine.generate(asked(engine, ["two"], 20)))) == 20
    engine.close()
    assert len(noted(tmp_path, "STEP")) < 20


def test_a_request_that_vllm_refuses_names_why(tmp_path: Path) -> None:
    engine = Vllm(SHIPPED, vllm=settings(tmp_path))
    with pytest.raises(SetupError, match=r"vLLM refuses the request: .*temperature must be at most 2, got 2\.5"):
        list(engine.generate(asked(engine, ["one"], 1, temperature=2.5)))
    engine.close()


def test_a_finished_recipe_needs_no_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLMILL_VLLM", "/nowhere/python")
    engine = Vllm(SHIPPED)
    assert engine.render("Hi") == "<|user|>Hi<|assistant|>"
    assert len(engine.model_digest) == 32
    assert engine.fingerprint()["vllm"] == "not known: no interpreter"
    with pytest.raises(SetupError, match="'/nowhere/python', does not exist") as told:
        list(engine.generate(asked(engine, ["one"], 1)))
    assert "make vllm" in (told.value.next_command or "")
