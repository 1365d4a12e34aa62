"""The shipped model through the engine: same request, same bits, whatever surrounds it."""

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Origin, Problem, Request, Sampling, request_for
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.generate.embedded.session import SIZES
from rollmill.pipelines.generate.registry import GENERATORS
from tests.known import known

SHORT = Sampling(max_tokens=14)
PROMPTS = (
    "Tom has 12 apples and buys 7 apples. How many apples does Tom have now?",
    "Zoe is 18 years old and Mia is 2 years old. How old are they in all, in years?",
    "Max shares 54 books between 4 red and 5 blue boxes. How many books are in one box?",
    "x",
    "",
    "Leo buys 4 apples at 15 dollars each with a discount of 25 percent. How many dollars does Leo pay in all? " * 3,
    "Wörter, die es nie sah: 数学 🙂",
)


@pytest.fixture(scope="module")
def engine() -> Iterator[Embedded]:
    engine = Embedded()
    yield engine
    engine.close()


def request(engine: Embedded, prompt: str, index: int = 0, sampling: Sampling = SHORT, seed: int = 1) -> Request:
    problem = Problem(prompt, "0")
    origin = Origin(engine.engine, engine.model_digest, "curate", seed)
    return request_for(problem, engine.render(prompt), sampling, origin, index)


def many(engine: Embedded, count: int) -> list[Request]:
    """Requests whose prompts, lengths and sampling all differ, so that neighbours change in every batch."""
    cuts = (SHORT, Sampling(max_tokens=9), Sampling(0.7, 0.9, 0, 12), Sampling(0.0, max_tokens=11))
    return [request(engine, PROMPTS[i % len(PROMPTS)], i, cuts[i % len(cuts)]) for i in range(count)]


def bits(completion: Completion) -> Completion:
    return replace(completion, seconds=None)


def drawn(engine: Embedded, requests: Sequence[Request]) -> dict[str, Completion]:
    return {completion.id: bits(completion) for completion in engine.generate(requests)}


@pytest.fixture(scope="module")
def alone(engine: Embedded) -> dict[str, Completion]:
    """256 completions, each drawn in a batch of its own."""
    found: dict[str, Completion] = {}
    for one in many(engine, 256):
        found |= drawn(engine, [one])
    assert len(found) == 256
    return found


@pytest.mark.integration
@pytest.mark.each_commit
@pytest.mark.parametrize("size", [2, 3, 5, 8, 15, 16, 17, 31, 64, 100, 255, 256])
def test_no_batch_size_changes_a_bit(engine: Embedded, alone: dict[str, Completion], size: int) -> None:
    requests = many(engine, 256)
    found: dict[str, Completion] = {}
    for at in range(0, 256, size):
        found |= drawn(engine, requests[at : at + size])
    assert found == alone


@pytest.mark.parametrize("seed", range(4))
def test_no_order_changes_a_bit(engine: Embedded, alone: dict[str, Completion], seed: int) -> None:
    requests = many(engine, 256)
    random.Random(seed).shuffle(requests)
    assert drawn(engine, requests) == alone


@pytest.mark.integration
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_no_thread_count_changes_a_bit(alone: dict[str, Completion], threads: int) -> None:
    engine = Embedded(threads=threads)
    assert drawn(engine, many(engine, 256)) == alone
    engine.close()


@pytest.mark.integration
@pytest.mark.parametrize("sizes", [(1,), (2,), (3,), (16,), (1, 4, 16)])
def test_no_tile_changes_a_bit(alone: dict[str, Completion], sizes: tuple[int, ...]) -> None:
    """Few places make rows wait and be refilled; one fixed size makes every step carry padding rows."""
    engine = Embedded(threads=2)
    session, _ = engine._loaded()
    session.sizes = sizes
    assert drawn(engine, many(engine, 256)) == alone
    engine.close()


def test_neighbours_of_other_lengths_change_nothing(engine: Embedded, alone: dict[str, Completion]) -> None:
    chosen = many(engine, 12)
    for length in (1, 40, 150):
        others = [request(engine, "7 " * length, 1000 + i, Sampling(max_tokens=3 * i + 1)) for i in range(30)]
        mixed = [one for pair in zip(chosen, others, strict=False) for one in pair] + others[12:]
        completions = drawn(engine, mixed)
        assert all(completions[one.completion_id] == alone[one.completion_id] for one in chosen)


def test_concurrent_calls_change_nothing(engine: Embedded, alone: dict[str, Completion]) -> None:
    requests = many(engine, 60)
    results: list[dict[str, Completion]] = [{} for _ in range(3)]

    def work(out: dict[str, Completion]) -> None:
        out.update(drawn(engine, requests))

    calls = [threading.Thread(target=work, args=(out,)) for out in results]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert all(out == {request.completion_id: alone[request.completion_id] for request in requests} for out in results)


def test_all_row_counts_agree_here(engine: Embedded) -> None:
    assert engine._loaded()[0].sizes == SIZES
    assert engine.fingerprint()["rows"] == "any"


def test_the_record_says_what_was_drawn(engine: Embedded) -> None:
    ask = request(engine, PROMPTS[0], 3, Sampling(max_tokens=200))
    (one,) = engine.generate([ask])
    session, vocabulary = engine._loaded()
    assert (one.id, one.prompt_id, one.seed, one.sample_index) == (ask.completion_id, ask.prompt_id, ask.seed, 3)
    assert (one.engine, one.model, one.model_digest) == ("embedded", "rollmill-tiny", engine.model_digest)
    assert list(known(one.prompt_token_ids)) == vocabulary.encode(ask.rendered)
    assert (one.tokens_in, one.tokens_out) == (len(known(one.prompt_token_ids)), len(known(one.token_ids)))
    assert one.finish_reason == "stop"
    assert known(one.token_ids)[-1] == session.files.end
    assert one.text == vocabulary.decode(known(one.token_ids))
    assert known(one.seconds) > 0


def test_logprob_and_certainty_agree_with_the_model_run_over_the_whole_text(engine: Embedded) -> None:
    import numpy as np

    (one,) = engine.generate([request(engine, PROMPTS[2], 5, Sampling(0.8, 0.95, 0, 60))])
    session, _ = engine._loaded()
    logprob, certainty = 0.0, []
    ids, prompt = known(one.token_ids), known(one.prompt_token_ids)
    for at, token in enumerate(ids):
        logits = session.prefill([*prompt, *ids[:at]]).logits.astype(np.float64)
        logp = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
        logprob += logp[token]
        certainty.append(-np.log(len(logp)) - logp.mean())
    assert one.logprob_sum == pytest.approx(logprob, abs=1e-3)
    assert one.self_certainty == pytest.approx(np.mean(certainty), abs=1e-3)


def test_greedy_takes_the_heaviest_token_each_time(engine: Embedded) -> None:
    (one,) = engine.generate([request(engine, PROMPTS[1], 0, Sampling(0.0, max_tokens=40))])
    (again,) = engine.generate([request(engine, PROMPTS[1], 1, Sampling(0.0, max_tokens=40), seed=9)])
    session, _ = engine._loaded()
    assert again.token_ids == one.token_ids
    ids, prompt = known(one.token_ids), known(one.prompt_token_ids)
    for at, token in enumerate(ids):
        assert session.prefill([*prompt, *ids[:at]]).logits.argmax() == token


def test_first_tokens_over_sample_indices_follow_the_models_distribution(engine: Embedded) -> None:
    """From recipe seed and sample index to token: chi-square over 6,000 completions of one token."""
    import numpy as np

    sampling = Sampling(temperature=3.0, max_tokens=1)
    asked = [request(engine, PROMPTS[0], index, sampling) for index in range(6000)]
    session, vocabulary = engine._loaded()
    scores = session.prefill(vocabulary.encode(asked[0].rendered)).logits.astype(np.float64) / 3.0
    probs = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    seen = np.bincount([known(one.token_ids)[0] for one in engine.generate(asked)], minlength=len(probs))
    common = 6000 * probs >= 5
    observed = np.append(seen[common], seen[~common].sum())
    expected = 6000 * np.append(probs[common], probs[~common].sum())
    statistic, degrees = ((observed - expected) ** 2 / expected).sum(), common.sum()
    assert degrees >= 10
    assert abs(statistic - degrees) < 4 * np.sqrt(2 * degrees)


def test_samples_of_one_prompt_differ(engine: Embedded) -> None:
    texts = {one.text for one in engine.generate([request(engine, PROMPTS[5], i, Sampling(2.0)) for i in range(20)])}
    assert len(texts) > 10


def test_max_tokens_cuts_and_says_so(engine: Embedded) -> None:
    (one,) = engine.generate([request(engine, PROMPTS[0], 0, Sampling(max_tokens=2))])
    assert (one.finish_reason, one.tokens_out) == ("length", 2)


def test_stop_strings_end_the_text_before_them(engine: Embedded) -> None:
    (free,) = engine.generate([request(engine, PROMPTS[0], 0, Sampling(0.0, max_tokens=60))])
    (one,) = engine.generate([request(engine, PROMPTS[0], 0, Sampling(0.0, max_tokens=60, stop=("\n", "####")))])
    assert "\n" in free.text
    assert (one.text, one.finish_reason) == (free.text.split("\n")[0], "stop")
    assert one.token_ids == known(free.token_ids)[: len(known(one.token_ids))]


def test_a_prompt_beyond_the_context_gives_an_empty_text_and_its_cause(engine: Embedded) -> None:
    (one,) = engine.generate([request(engine, "7 " * 600)])
    assert (one.text, one.finish_reason, one.tokens_out) == ("", "length", 0)
    assert one.meta["cause"] == "prompt of 1202 tokens, context of 512"


def test_a_prompt_that_fills_the_context_gets_what_is_left(engine: Embedded) -> None:
    _, vocabulary = engine._loaded()
    prompt = "7" * (512 - len(vocabulary.encode(engine.render(""))) - 3)
    (one,) = engine.generate([request(engine, prompt, 0, Sampling(2.0, max_tokens=50))])
    assert one.tokens_in == 509
    assert known(one.tokens_out) <= 3


def test_no_requests_give_no_completions(engine: Embedded) -> None:
    assert list(engine.generate([])) == []


def test_closing_twice_is_safe_and_a_later_call_loads_again() -> None:
    engine = Embedded()
    engine.close()
    engine.close()
    assert len(list(engine.generate(many(engine, 1)))) == 1
    engine.close()


@pytest.mark.parametrize(
    ("sampling", "says"),
    [
        (Sampling(temperature=-1.0), "temperature is -1.0."),
        (Sampling(top_p=0.0), "top_p is 0.0."),
        (Sampling(top_k=-3), "top_k is -3."),
        (Sampling(max_tokens=0), "max_tokens is 0."),
        (Sampling(stop=("",)), "stop is ['']."),
    ],
)
def test_impossible_sampling_is_a_setup_error(engine: Embedded, sampling: Sampling, says: str) -> None:
    with pytest.raises(SetupError) as error:
        list(engine.generate([request(engine, "x", 0, sampling)]))
    assert error.value.message == says


def test_fingerprint_names_what_equality_rests_on(engine: Embedded) -> None:
    import numpy
    import onnxruntime

    found = engine.fingerprint()
    assert sorted(found) == ["cpu", "engine", "model", "numpy", "onnxruntime", "rows"]
    assert (found["onnxruntime"], found["numpy"]) == (onnxruntime.__version__, numpy.__version__)
    assert found["model"] == engine.model_digest


def test_onnxruntime_tells_its_maker_nothing(tmp_path: Path) -> None:
    """It keeps what it sends in files; in CI it sends nothing by itself, so no trace of that is left to the process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "ORT_", "BUILD", "GITHUB"))}
    fingerprint = "from rollmill.pipelines.generate.embedded.engine import Embedded; Embedded().fingerprint()"
    environment = {**kept, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", fingerprint], env=environment, check=True, timeout=120)
    assert list(tmp_path.iterdir()) == []


def test_the_registry_builds_by_name_without_arguments() -> None:
    assert GENERATORS["embedded"]().engine == "embedded"


def test_threads_below_zero_are_a_setup_error() -> None:
    with pytest.raises(SetupError, match="threads is -1"):
        Embedded(threads=-1)
