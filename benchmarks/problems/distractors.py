"""Plausibility of wrong options: the share of freshly drawn wrong answers that are among three of them.

    python benchmarks/problems/distractors.py --problems 400 --samples 16

Mined are the most frequent wrong answers of the first half of each problem's completions; near are numbers beside the key.
Counted are wrong answers of the second half, on problems that have three mined ones. Intervals are over problems.
"""

import argparse
import random
from collections import Counter

from benchmarks.engines.asking import requests_of
from rollmill.ground.records import Problem, Sampling
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.synthesize.derived.distractors import distinct, near, wrong_answers
from rollmill.pipelines.synthesize.sources import SourceRollout
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.number import NumberVerifier
from rollmill.stats import cluster_share

OPTIONS = 3


def main() -> None:
    """Print both shares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=400)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    problems = list(Templates(levels=(4, 5, 6, 7, 8), split="heldout").synthesize(given.problems, given.seed))
    rollouts = drawn(problems, given.samples)
    print(f"{len(rollouts)} completions")
    half = given.samples // 2
    mined, fresh = (wrong_answers(row for row, index in rollouts if (index < half) == first) for first in (True, False))
    hits: dict[str, list[float]] = {"mined": [], "near": []}
    wholes = []
    for problem in problems:
        often = sorted(mined.get(problem.id, Counter()).items(), key=lambda item: -item[1])
        chosen = distinct(problem, [text for text, _ in often])[:OPTIONS]
        later = fresh.get(problem.id, Counter())
        if len(chosen) < OPTIONS or not later:
            continue
        beside = distinct(problem, near(problem.reference, random.Random(problem.id)))[:OPTIONS]
        wholes.append(float(later.total()))
        for name, options in (("mined", chosen), ("near", beside)):
            forms = {read(option).form for option in options}
            hits[name].append(float(sum(count for text, count in later.items() if read(text).form in forms)))
    for name, parts in hits.items():
        share = cluster_share(parts, wholes, estimand="wrong answers among the options")
        assert share is not None
        print(f"{name:6} {share.value:.3f} [{share.low:.3f}, {share.high:.3f}] of {sum(wholes):.0f}, {share.n} problems")


def drawn(problems: list[Problem], samples: int) -> list[tuple[SourceRollout, int]]:
    """Judged completions of the shipped model, each with its sample index."""
    engine, verifier = Embedded(), NumberVerifier()
    requests = requests_of(engine, problems, samples, Sampling(max_tokens=200), stream="evaluate")
    by_prompt = {problem.prompt_id: problem for problem in problems}
    rows = []
    for completion in engine.generate(requests):
        problem = by_prompt[completion.prompt_id]
        verdict = verifier.verify(problem, completion)
        row = SourceRollout(
            problem.id, completion.id, "", completion.text, verdict.outcome, verdict.extracted, kept=False, measured=True
        )
        rows.append((row, completion.sample_index))
    engine.close()
    return rows


if __name__ == "__main__":
    main()
