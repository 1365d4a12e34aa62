"""Training batches: a pure function of seed and step, loss places on solution tokens only."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from tokenizers import Tokenizer

from rollmill.pipelines.train.corpus import (
    BATCHES_PER_BLOCK,
    TrainingBatch,
    batches,
    block_seed,
    encode_pairs,
    template_source,
    train_tokenizer,
)
from rollmill.pipelines.train.training_settings import TrainSettings

SETTINGS = TrainSettings(batch=4, seed=5)


def sums(seed: int, count: int) -> Iterator[tuple[str, str]]:
    rng = random.Random(seed)
    for _ in range(count):
        a, b = rng.randint(1, 99), rng.randint(1, 999)
        yield f"What is {a} plus {b}?", f"{a} + {b} = {a + b}\n#### {a + b}"


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return train_tokenizer((text for pair in sums(1, 200) for text in pair), 300)


def take(tokenizer: Tokenizer, first: int, count: int, settings: TrainSettings = SETTINGS) -> list[TrainingBatch]:
    stream = batches(sums, tokenizer, settings, first)
    return [next(stream) for _ in range(count)]


def same(left: TrainingBatch, right: TrainingBatch) -> bool:
    return all((getattr(left, part) == getattr(right, part)).all() for part in ("ids", "places", "targets"))


def test_a_stream_started_later_goes_on_with_the_same_batches(tokenizer: Tokenizer) -> None:
    whole = take(tokenizer, 0, 2 * BATCHES_PER_BLOCK + 3)
    for first in (1, 31, 32, 40, 66):
        assert same(take(tokenizer, first, 1)[0], whole[first])


def test_blocks_and_seeds_differ(tokenizer: Tokenizer) -> None:
    first = take(tokenizer, 0, 1)[0]
    assert not same(first, take(tokenizer, BATCHES_PER_BLOCK, 1)[0])
    assert not same(first, take(tokenizer, 0, 1, TrainSettings(batch=4, seed=6))[0])
    assert len({block_seed(5, block) for block in range(-1, 500)}) == 501


def test_the_loss_covers_each_solution_token_and_the_end_and_no_prompt_token(tokenizer: Tokenizer) -> None:
    batch = take(tokenizer, 3, 1)[0]
    flat = batch.ids.reshape(-1)
    end = tokenizer.token_to_id("<|end|>")
    text = tokenizer.decode(batch.targets.tolist(), skip_special_tokens=False)
    assert [part.count("####") for part in text.split("<|end|>")] == [1, 1, 1, 1, 0]
    assert (batch.targets == end).sum() == 4
    for place, target in zip(batch.places, batch.targets, strict=True):
        assert target == end or flat[place + 1] == target
    assert (flat[batch.places] == tokenizer.token_to_id("<|assistant|>")).sum() == 4


def test_batches_hold_rows_of_similar_length(tokenizer: Tokenizer) -> None:
    for batch in take(tokenizer, 0, BATCHES_PER_BLOCK):
        assert batch.ids.shape[0] == 4
        assert batch.ids.shape[1] % 8 == 0


def test_prompts_are_rendered_and_solutions_ended(tokenizer: Tokenizer) -> None:
    ((prompt, solution),) = encode_pairs(tokenizer, [("1?", "#### 2")])
    assert [tokenizer.id_to_token(index) for index in prompt] == ["<|user|>", "1", "?", "<|assistant|>"]
    assert tokenizer.id_to_token(solution[-1]) == "<|end|>"


def test_the_shipped_tokenizer_is_what_training_makes() -> None:
    from rollmill.pipelines.train.corpus import tokenizer_texts
    from rollmill.pipelines.train.trainer import TOKENIZER_PROBLEMS, VOCABULARY
    from rollmill.places import CHECKOUT

    settings = TrainSettings()
    texts = tokenizer_texts(template_source(settings.levels), TOKENIZER_PROBLEMS, settings.seed)
    made = train_tokenizer(texts, VOCABULARY).to_str(pretty=True) + "\n"
    assert made == (CHECKOUT / "models/rollmill-tiny/tokenizer.json").read_text()
