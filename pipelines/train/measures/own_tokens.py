"""The measure `own_tokens`: training on contexts that mix reference tokens with the model's own, as it meets them in use.

Scheduled sampling in batches (Cen et al. 2024, arXiv:2410.14655): each token of the context is the model's own with some
probability, and every target stays the reference's. The gap is measured by a wrong digit in the context: how likely are the
reference's tokens behind it?
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.pipelines.option_checks import checked_count, checked_positive, checked_share
from rollmill.pipelines.synthesize.splits import worked_problems
from rollmill.pipelines.train.checkpoint import adamw
from rollmill.pipelines.train.learners.tiny import token_logps
from rollmill.pipelines.train.measures.bench import Bench, Measured
from rollmill.pipelines.train.measures.reading import ReadingModel
from rollmill.pipelines.train.roles import TokenBatch
from rollmill.pipelines.train.rows import Encoded, EncodedRow, TrainedText, TrainingRows
from rollmill.pipelines.train.token_batches import token_batch
from rollmill.stats import Estimate
from rollmill.stats.trials.two_way import two_way

Ints = npt.NDArray[np.int64]
LEVELS = (4, 5, 6, 7)
BATCH = 16  # texts of a step
ARMS = ("gold", "mixed")


class OwnTokens:
    """Effects `after a wrong digit: mixed - gold` and `reference: mixed - gold`, in nats per token.

    `rows`: number of worked problems to train on. `texts`: number of unseen problems whose solutions are scored. `steps`:
    steps of each training. `learning_rate`: learning rate of each training. `mix`: share of context tokens that are the
    model's own. `seeds`: trainings of each arm.
    """

    name, version = "own_tokens", "1"

    def __init__(
        self,
        rows: int = 256,
        texts: int = 96,
        steps: int = 30,
        mix: float = 0.3,
        seeds: int = 3,
        learning_rate: float = 3e-4,
    ) -> None:
        for option, value in {"rows": rows, "texts": texts, "steps": steps, "seeds": seeds}.items():
            checked_count("measure", self.name, option, value)
        checked_positive("measure", self.name, "learning_rate", learning_rate)
        self.rows, self.texts, self.steps, self.seeds = rows, texts, steps, seeds
        self.mix, self.learning_rate = checked_share("measure", self.name, "mix", mix), learning_rate

    def measure(self, bench: Bench) -> Measured:
        """Train both arms of each seed on the same batches; two-way intervals over trainings and texts."""
        cells = {
            arm: np.asarray(
                [bench.kept(f"{arm}-{seed}", partial(self._read, bench, arm, seed)) for seed in range(self.seeds)]
            )
            for arm in ARMS
        }
        effects, table = {}, {}
        for place, what in enumerate(("reference", "after a wrong digit")):
            for arm in ARMS:
                table[f"{what}: {arm}"] = _mean(cells[arm][:, place], what)
            effects[f"{what}: mixed - gold"] = _mean(cells["mixed"][:, place] - cells["gold"][:, place], f"change {what}")
        return Measured(effects, table)

    def _read(self, bench: Bench, arm: str, seed: int) -> list[list[float]]:
        """Mean log-probability of the unseen texts, and of what follows a wrong digit in them."""
        model = ReadingModel.open(bench.one_model().folder)
        rows = [model.encoded(*pair) for pair in worked_problems("train", bench.seed + seed, self.rows, LEVELS)]
        trained = self._trained(model, rows, self.mix if arm == "mixed" else 0.0, bench.seed + seed)
        texts = [model.encoded(*pair) for pair in worked_problems("heldout", bench.seed, self.texts, LEVELS)]
        digits = [int(model.model.tokenizer.token_to_id(str(digit))) for digit in range(10)]
        wrong = [with_wrong_digit(text, digits, number) for number, text in enumerate(texts)]
        return [[float(scores.mean()) for scores in trained.text_logps(given)] for given in (texts, wrong)]

    def _trained(self, model: ReadingModel, texts: Sequence[Encoded], mix: float, seed: int) -> ReadingModel:
        import torch

        parameters = {name: value.clone().requires_grad_() for name, value in model.parameters.items()}
        optimiser = adamw(parameters, self.learning_rate, 0.0, 0.98)
        units = [EncodedRow(str(at), str(at), 1.0, (TrainedText(*text, 1),)) for at, text in enumerate(texts)]
        chance, own = np.random.default_rng(seed), np.random.default_rng([seed, 1])
        for _ in range(self.steps):
            batch = token_batch(TrainingRows(units, {}), chance.integers(len(units), size=BATCH).tolist())
            if mix:
                drawn = own_tokens(parameters, model.model.shape, batch, own)
                batch = mixed_context(batch, drawn, own.random(len(drawn)) < mix)
            loss = -token_logps(parameters, model.model.shape, batch).mean()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(parameters.values()), 1.0)
            optimiser.step()
        weights = {name: value.detach() for name, value in parameters.items()}
        arrays = {name: value.numpy() for name, value in weights.items()}
        return ReadingModel(replace(model.model, weights=arrays), weights)


def own_tokens(parameters: dict[str, Any], shape: Any, batch: TokenBatch, chance: np.random.Generator) -> Ints:
    """A token drawn by the model at each trained place, (n,)."""
    import torch

    from rollmill.pipelines.train.architecture import hidden_states, logits

    with torch.inference_mode():
        states = hidden_states(parameters, shape, torch.from_numpy(batch.ids)).flatten(0, 1)
        scores = logits(parameters, states[torch.from_numpy(batch.places)]).double().numpy()
    return np.asarray((scores + chance.gumbel(size=scores.shape)).argmax(axis=1), dtype=np.int64)


def mixed_context(batch: TokenBatch, drawn: Ints, replaced: npt.NDArray[np.bool_]) -> TokenBatch:
    """The batch with some tokens of the answers replaced in the context; the targets stay."""
    ids, width = batch.ids.copy(), batch.ids.shape[1]
    behind = batch.places + 1  # where a target is the context of the next one
    inside = replaced & (behind % width != 0) & np.isin(behind, batch.places)
    ids.reshape(-1)[behind[inside]] = drawn[inside]
    return replace(batch, ids=ids)


def with_wrong_digit(text: Encoded, digits: Sequence[int], seed: int) -> Encoded:
    """The text with one digit of the answer's first half replaced; only what follows it is read."""
    ids, places = text
    chance = random.Random(seed)
    early = [place for place in places[: max(1, len(places) // 2)] if ids[place] in digits]
    at = chance.choice(early or [places[0]])
    changed = [*ids]
    changed[at] = chance.choice([digit for digit in digits if digit != ids[at]])
    return changed, [place for place in places if place > at]


def _mean(cells: npt.NDArray[np.float64], what: str) -> Estimate:
    estimate = two_way(cells, bounded=False, estimand=f"mean log-probability of a token, {what}")
    assert estimate is not None  # there are texts
    return estimate.change
