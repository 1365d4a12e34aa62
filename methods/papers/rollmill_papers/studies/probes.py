"""Completions of a model with verdicts, on whose hidden states probes are trained, and what probes are measured by."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rollmill.methods import (
    Bench,
    Doubles,
    Estimate,
    Origin,
    Problem,
    Sampling,
    auroc,
    cluster_mean,
    registry,
    request_for,
)

SAMPLING = Sampling(temperature=1.0, max_tokens=160)
Solutions = Sequence[Sequence[tuple[str, bool]]]
"""Texts of each problem, each with True if it is correct."""


def judged_sets(
    bench: Bench, problems: int, samples: int, levels: Sequence[int]
) -> tuple[dict[str, list[Problem]], dict[str, Solutions]]:
    """Problems and their judged texts of two sets: `train`, twice as many, and `heldout`, unseen instances of templates."""
    sets = {
        "train": problems_of("train", 2 * problems, levels, bench.seed),
        "heldout": problems_of("heldout", problems, levels, bench.seed),
    }
    folder = bench.one_model().folder
    solutions = {
        name: bench.kept(name, partial(judged_texts, folder, given, samples, bench.seed)) for name, given in sets.items()
    }
    return sets, solutions


def problems_of(split: str, count: int, levels: Sequence[int], seed: int) -> list[Problem]:
    """Problems of the templates."""
    return list(registry("synthesizer")["templates"](split=split, levels=levels).synthesize(count, seed))


def judged_texts(folder: Path, problems: Sequence[Problem], samples: int, seed: int) -> list[list[tuple[str, bool]]]:
    """Completions of a model for each problem at temperature 1, each with True if it is correct."""
    verifier = registry("verifier")["number"]()
    with closing(registry("engine")["embedded"](str(folder), threads=1)) as engine:
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


def mean_over(values: Doubles, clusters: Sequence[str | None], estimand: str) -> Estimate:
    """The mean of at least one value with its interval over clusters."""
    estimate = cluster_mean(values.tolist(), clusters, estimand=estimand)
    assert estimate is not None  # there are values
    return estimate


def auroc_less_half(
    scores: Doubles,
    right: Any,
    clusters: Sequence[str | None],
    *,
    n: int | None = None,
    without: str = "all right or all wrong",
) -> Estimate:
    """AUROC less .5. `n`: by default the number of scores; `without`: the words for an interval without both outcomes."""
    value = auroc(scores, right, clusters)
    # Without both outcomes there is no AUROC, so the interval covers every possible value.
    if value is None:
        return Estimate(0.0, -0.5, 0.5, len(right) if n is None else n, 1, without, "AUROC less .5")
    less = {part: getattr(value, part) - 0.5 for part in ("value", "low", "high")}
    return replace(value, **less, n=value.n if n is None else n, estimand="AUROC less .5")
