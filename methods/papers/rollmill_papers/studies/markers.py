"""The measure `markers`: rows with markers of their kind, some of them dropped, so that a marker can ask for a rare kind.

Treasure Hunt (D'souza et al. 2025, arXiv:2506.14702): training with markers and without them lets a model infer them, and
lets people set them for the long tail. Here the kind is the form of the answer: solutions, and rarely the answer alone.
"""

import random
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from rollmill.methods import (
    Bench,
    Doubles,
    Measured,
    ReadingModel,
    Rows,
    checked_count,
    checked_positive,
    checked_share,
    registry,
    two_way,
    worked_problems,
)

LEVELS = (1, 2, 3, 4)
MARKERS: Mapping[str, str] = {"common": "Form: solution.", "rare": "Form: answer."}
ARMS = ("plain", "marked")


class Markers:
    """Effects `KIND with marker: marked - plain`, `KIND without marker: marked - plain`, in nats per answer, for the kinds
    `common` and `rare`; the model `plain` never saw a marker and is asked without one.

    `rows`: number of training rows. `texts`: number of unseen problems to test on. `rare`: share of the rare kind.
    `dropout`: share of rows whose marker is dropped. `seeds`: trainings of each arm. `learning_rate`: highest learning
    rate, reached after the warm-up.
    """

    name, version = "markers", "1"

    def __init__(
        self,
        rows: int = 512,
        texts: int = 96,
        rare: float = 0.05,
        dropout: float = 0.5,
        seeds: int = 3,
        learning_rate: float = 5e-4,
    ) -> None:
        for option, value in {"rows": rows, "texts": texts, "seeds": seeds}.items():
            checked_count("measure", self.name, option, value)
        checked_positive("measure", self.name, "learning_rate", learning_rate)
        self.rare = checked_share("measure", self.name, "rare", rare)
        self.dropout = checked_share("measure", self.name, "dropout", dropout)
        self.rows, self.texts, self.seeds, self.learning_rate = rows, texts, seeds, learning_rate

    def measure(self, bench: Bench) -> Measured:
        """Train both arms of each seed on the same rows; two-way intervals over trainings and problems."""
        read = [bench.kept(f"read-{seed}", partial(self._read, bench, seed)) for seed in range(self.seeds)]
        effects = {}
        for kind in MARKERS:
            plain = np.asarray([scores[f"plain {kind} without"] for scores in read])
            for how in ("with", "without"):
                change = two_way(np.asarray([scores[f"marked {kind} {how}"] for scores in read]) - plain, bounded=False)
                assert change is not None  # there are problems
                effects[f"{kind} {how} marker: marked - plain"] = change.change
        return Measured(effects)

    def _read(self, bench: Bench, seed: int) -> dict[str, list[float]]:
        """Log-probability of each answer by arm, kind, and with or without its marker."""
        init = bench.one_model().folder
        own = bench.seeded(seed)
        learner = registry("learner")["tiny"](epochs=1.0, batch=16, learning_rate=self.learning_rate)
        # From the bench's seed: all trainings are tested on the same problems, as two-way intervals need.
        texts = list(worked_problems("heldout", bench.seed, self.texts, LEVELS))
        scores: dict[str, list[float]] = {}
        for arm in ARMS:
            # The plain arm differs in nothing but that every marker is dropped.
            dropout = self.dropout if arm == "marked" else 1.0
            rows = marked_rows(self.rows, own.seed, self.rare, dropout)
            model = ReadingModel.open(own.trained(f"{arm}-{seed}", rows, init, learner))
            for kind, marker in MARKERS.items():
                answers = [(prompt, form(solution, kind)) for prompt, solution in texts]
                asked = [(f"{marker} {prompt}", text) for prompt, text in answers]
                scores[f"{arm} {kind} without"] = _logps(model, answers).tolist()
                scores[f"{arm} {kind} with"] = _logps(model, asked).tolist()
        return scores


def form(solution: str, kind: str) -> str:
    """A worked solution in the form of a kind: whole, or its last line alone."""
    return solution if kind == "common" else solution.splitlines()[-1]


def marked_rows(count: int, seed: int, rare: float, dropout: float) -> Rows:
    """Worked problems in two forms, each with its marker before the prompt or, where it was dropped, without."""
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for number, (prompt, solution) in enumerate(worked_problems("train", seed, count, LEVELS)):
        kind = "rare" if chance.random() < rare else "common"
        # Drawn for every row, so that both arms have the same kinds in the same rows.
        dropped = chance.random() < dropout
        asked = prompt if dropped else f"{MARKERS[kind]} {prompt}"
        rows.append({"id": str(number), "problem_id": str(number), "prompt": asked, "completion": form(solution, kind)})
    return rows


def _logps(model: ReadingModel, answers: Sequence[tuple[str, str]]) -> Doubles:
    return np.asarray([scores.sum() for scores in model.text_logps([model.encoded(*pair) for pair in answers])])
