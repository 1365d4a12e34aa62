"""Completions of a model with verdicts, on whose hidden states probes are trained."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rollmill.methods import Origin, Problem, Sampling, registry, request_for

SAMPLING = Sampling(temperature=1.0, max_tokens=160)


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
