"""Texts that are given to the shipped model: their log-probabilities are those of brute force, whatever the neighbours."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Origin, Problem, Request, Sampling, given_request, request_for
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.generate.embedded.given_texts import GivenTexts, shared_tokens
from rollmill.roles.engine_roles import ScoresTexts
from tests.known import known
from tests.toys import ToyEngine

PROMPT = "Tom has 12 apples and buys 7 apples. How many apples does Tom have now?"
TEXTS = (
    "12 + 7 = 19\n#### 19",
    "12",
    "19",
    " 19",
    "the",
    "12 + 7 = 18\n#### 18",
    "数学 🙂",
    "12 - 7 = 5\n#### 5",
    "x" * 40,
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Embedded]:
    made = Embedded(threads=1)
    yield made
    made.close()


def asked(engine: Embedded, text: str, prompt: str = PROMPT, behind: str = "") -> Request:
    origin = Origin(engine.engine, engine.model_digest, "score")
    return given_request(origin, prompt, engine.render(prompt) + behind, text)


def scored(engine: Embedded, requests: Sequence[Request]) -> dict[str, Completion]:
    return {one.id: replace(one, seconds=None) for one in engine.score_given(requests)}


def brute_force(engine: Embedded, rendered: str, text: str) -> tuple[tuple[int, ...], list[float]]:
    """Every token's log-probability from a prefill of all before it."""
    session, vocabulary = engine._loaded()
    ids = vocabulary.encode(rendered + text)
    cut = shared_tokens(vocabulary.encode(rendered), ids)
    logprobs = []
    for at in range(cut, len(ids)):
        logits = session.prefill(ids[:at]).logits.astype(np.float64)
        logprobs.append(float(logits[ids[at]] - logits.max() - math.log(np.exp(logits - logits.max()).sum())))
    return tuple(ids[cut:]), logprobs


def test_every_token_has_the_log_probability_of_brute_force(engine: Embedded) -> None:
    for text in TEXTS:
        request = asked(engine, text)
        [completion] = engine.score_given([request])
        ids, logprobs = brute_force(engine, request.rendered, text)
        assert completion.token_ids == ids
        np.testing.assert_allclose(known(completion.logprobs), np.asarray(logprobs), rtol=0, atol=2e-5)
        assert math.isclose(known(completion.logprob_sum), math.fsum(logprobs), abs_tol=1e-4)
        assert (completion.text, completion.tokens_out) == (text, 0)


def test_neighbours_and_order_change_no_bit(engine: Embedded) -> None:
    requests = [asked(engine, text, prompt) for prompt in (PROMPT, "2 + 2 = ?") for text in TEXTS]
    together = scored(engine, requests)
    assert len(together) == 18
    assert scored(engine, requests[::-1]) == together
    assert {key: value for one in requests for key, value in scored(engine, [one]).items()} == together


def test_a_drawn_text_given_again_has_the_log_probability_that_it_was_drawn_with(engine: Embedded) -> None:
    problem = Problem(PROMPT, "19")
    origin = Origin(engine.engine, engine.model_digest, "curate", 5)
    drawn = list(
        engine.generate([request_for(problem, engine.render(PROMPT), Sampling(1.5), origin, n) for n in range(24)])
    )
    _, vocabulary = engine._loaded()
    whole = [
        one
        for one in drawn
        if one.finish_reason == "stop" and list(known(one.token_ids)[:-1]) == vocabulary.encode(one.text)
    ]
    assert len({one.text for one in whole}) >= 4
    for one in whole:
        [again] = engine.score_given([asked(engine, one.text + "<|end|>")])
        assert again.token_ids == one.token_ids
        assert math.isclose(known(again.logprob_sum), known(one.logprob_sum), abs_tol=1e-3)


def test_the_probability_of_an_answer_is_how_often_it_is_drawn(engine: Embedded) -> None:
    """VeriFree's identity: the likelihood of the reference is the expectation of drawing just it."""
    prompt = "Mia has 3 red boxes. How many are there?"
    problem = Problem(prompt, "3")
    origin = Origin(engine.engine, engine.model_digest, "curate", 11)
    rendered = engine.render(prompt)
    count = 1_500
    drawn = engine.generate([request_for(problem, rendered, Sampling(1.0, max_tokens=3), origin, n) for n in range(count)])
    starts = Counter(known(one.token_ids)[:2] for one in drawn)
    _, vocabulary = engine._loaded()
    for ids, number in starts.most_common(3):
        text = vocabulary.decode(ids)
        [given] = engine.score_given([asked(engine, text, prompt)])
        assert given.token_ids == ids
        chance = math.exp(known(given.logprob_sum))
        assert abs(number / count - chance) < 4 * math.sqrt(chance * (1 - chance) / count)


def test_the_cut_moves_left_where_the_text_changes_the_prompts_last_token(engine: Embedded) -> None:
    _, vocabulary = engine._loaded()
    apart = vocabulary.encode(engine.render(PROMPT) + "12 appl")
    whole = vocabulary.encode(engine.render(PROMPT) + "12 apples")
    cut = shared_tokens(apart, whole)
    assert cut < len(apart)
    assert apart[:cut] == whole[:cut]
    [completion] = engine.score_given([asked(engine, "es", behind="12 appl")])
    assert completion.token_ids == tuple(whole[cut:])


@pytest.mark.parametrize(
    ("prompt", "whole", "cut"),
    [([1, 2], [1, 2, 3], 2), ([1, 2], [1, 5, 3], 1), ([1, 2], [7, 8], 1), ([1, 2, 3], [1, 2], 2), ([], [4], 1)],
)
def test_shared_tokens(prompt: list[int], whole: list[int], cut: int) -> None:
    assert shared_tokens(prompt, whole) == cut


def test_what_the_context_has_no_room_for_has_no_log_probability(engine: Embedded) -> None:
    session, _ = engine._loaded()
    [completion] = engine.score_given([asked(engine, "word " * session.files.context)])
    assert (completion.logprob_sum, completion.text, completion.finish_reason) == (None, "", "length")
    assert "context of" in completion.meta["cause"]


def test_an_engine_that_only_draws_says_so(engine: Embedded) -> None:
    toy = ToyEngine()
    assert (isinstance(engine, ScoresTexts), isinstance(toy, ScoresTexts)) == (True, False)
    assert (DirectSampler(engine).scores_texts, DirectSampler(toy).scores_texts) == (True, False)
    with pytest.raises(SetupError, match="engine 'toy' gives no log-probabilities of given texts"):
        GivenTexts(toy)
    request = asked(engine, "12")
    assert known(DirectSampler(engine).sample([request]).completions[request.completion_id].logprob_sum) < 0
