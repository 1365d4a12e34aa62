"""Probes on hidden states: completions of a model with verdicts, and a linear head trained on its states."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipelines.generate.embedded.engine import Embedded
from pipelines.synthesize.templates import Templates
from pipelines.train.measures.reading import Doubles
from pipelines.verify import VERIFIERS
from storage.ground.records import Origin, Problem, Sampling, request_for

SAMPLING = Sampling(temperature=1.0, max_tokens=160)
STEPS = 60  # of Newton's method, at most


@dataclass(frozen=True, slots=True)
class LinearHead:
    """A logistic head on standardised states."""

    mean: Doubles
    scale: Doubles
    weights: Doubles

    def __call__(self, states: Doubles) -> Doubles:
        """Probabilities of states (n, width)."""
        scores = _with_one((states - self.mean) / self.scale) @ self.weights
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))))


def trained_head(states: Doubles, targets: Doubles, ridge: float) -> LinearHead:
    """The head of least cross-entropy to targets from 0 to 1, with a ridge on its weights; Newton's method."""
    mean, scale = states.mean(axis=0), states.std(axis=0) + 1e-9
    x = _with_one((states - mean) / scale)
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 1e-6
    weights = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (p - targets) + penalty * weights
        hessian = (x * (p * (1 - p) + 1e-9)[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return LinearHead(mean, scale, weights)


def _with_one(values: Doubles) -> Doubles:
    return np.hstack([np.ones((len(values), 1)), values])


def problems_of(split: str, count: int, levels: Sequence[int], seed: int) -> list[Problem]:
    """Problems of the templates."""
    return list(Templates(split=split, levels=levels).synthesize(count, seed))


def judged_texts(folder: Path, problems: Sequence[Problem], samples: int, seed: int) -> list[list[tuple[str, bool]]]:
    """Of each problem: completions of a model at temperature 1, and whether each is correct."""
    verifier = VERIFIERS["number"]()
    with closing(Embedded(str(folder), threads=1)) as engine:
        origin = Origin(engine.engine, engine.model_digest, "evaluate", seed)
        requests = [
            request_for(problem, engine.render(problem.prompt), SAMPLING, origin, index)
            for problem in problems
            for index in range(samples)
        ]
        texts: dict[str, list[tuple[str, bool]]] = {problem.prompt_id: [] for problem in problems}
        by_prompt = {problem.prompt_id: problem for problem in problems}
        for completion in engine.generate(requests):
            correct = verifier.verify(by_prompt[completion.prompt_id], completion).outcome == "correct"
            texts[completion.prompt_id].append((completion.text, correct))
    return [sorted(texts[problem.prompt_id]) for problem in problems]
