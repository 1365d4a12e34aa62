"""Error rates of elected references, by the share that agrees; and accepted shares of stated ones in a round trip.

    python benchmarks/problems/references.py --problems 800 --votes 8 --wrong 0.2

Problems are held-out instances of the shipped templates, so that the truth is known; the shipped model elects. A share
`--wrong` of the stated answers is made wrong (a near number). Intervals are over templates.
"""

import argparse
import random

from rollmill.ground.records import MAJORITY, ROUND_TRIP, Problem
from rollmill.pipelines.generate.direct import DirectSamplers
from rollmill.pipelines.synthesize.derived.distractors import near
from rollmill.pipelines.synthesize.derived.written.references import Elections, ReferencePolicy
from rollmill.pipelines.synthesize.templates import Templates
from rollmill.stats import cluster_share

LADDER = (0.01, 0.4, 0.6, 0.8, 1.0)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=800)
    parser.add_argument("--votes", type=int, default=8)
    parser.add_argument("--wrong", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    problems = list(Templates(split="heldout").synthesize(given.problems, given.seed))
    rng = random.Random(given.seed)
    stated = [near(problem.reference, rng)[0] if rng.random() < given.wrong else problem.reference for problem in problems]
    samplers = DirectSamplers()
    for origin in (MAJORITY, ROUND_TRIP):
        for least in LADDER:
            wanted = ReferencePolicy.of(origin, {"max_tokens": 200}, given.votes, least, "references")
            elections = Elections("references", wanted, samplers)
            questions = [(str(problem.prompt), text) for problem, text in zip(problems, stated, strict=True)]
            references = elections.references(questions, given.seed)
            texts = [None if reference is None else reference.text for reference in references]
            report(f"{origin} at least {least:g}", problems, stated, texts)
    samplers.close()


def report(name: str, problems: list[Problem], stated: list[str], found: list[str | None]) -> None:
    """Print a line: problems with a reference, its error rate, and accepted shares of right and wrong stated answers."""
    rows = list(zip(problems, stated, found, strict=True))
    taken = [(problem, text) for problem, _, text in rows if text is not None]
    wrong = [float(text != problem.reference) for problem, text in taken]
    error = cluster_share(wrong, [1.0] * len(wrong), [one.template for one, _ in taken], estimand="wrong references")
    assert error is not None
    right = [text is not None for problem, said, text in rows if said == problem.reference]
    planted = [text is not None for problem, said, text in rows if said != problem.reference]
    print(
        f"{name:24} {len(taken) / len(rows):.3f} have one, wrong {error.value:.4f} [{error.low:.4f}, {error.high:.4f}] "
        f"of {len(taken)}; accepted {sum(right)}/{len(right)} stated right, {sum(planted)}/{len(planted)} stated wrong"
    )


if __name__ == "__main__":
    main()
