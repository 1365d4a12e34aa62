"""Rounds of an archive against as many problems with other numbers: cells filled, and what is to be learned from them.

    python benchmarks/problems/archive.py --rounds 4 --count 160 --samples 4

Both begin with the same 60 problems of levels 1 to 3 and make `count` problems a round, which the shipped model solves.
Coverage is the number of cells of level x skill x length that hold a problem, the quality-diversity score the sum of
4 p (1 - p) over their elites. Scores are those of the draws that chose the elites, so they are high by selection.
"""

import argparse
from collections.abc import Sequence

from benchmarks.problems.distractors import drawn
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize.derived.archive import Archive, elites_of
from rollmill.pipelines.synthesize.derived.cells import filled
from rollmill.pipelines.synthesize.derived.renumbered import Renumbered
from rollmill.pipelines.synthesize.sources import Source
from rollmill.pipelines.synthesize.templates import Templates

AXES = ("level", "skill", "length")


def main() -> None:
    """Print coverage and score after each round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--count", type=int, default=160)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    first = list(Templates(levels=(1, 2, 3)).synthesize(60, given.seed))
    evolved = measured(first, given.samples)
    others, every = evolved, list(first)
    for turn in range(given.rounds + 1):
        shown = [filled(elites_of(source, AXES, given.samples)) for source in (evolved, others)]
        cells = "  ".join(
            f"{name} {count} cells, score {score:.1f}"
            for name, (count, score) in zip(("archive", "numbers"), shown, strict=True)
        )
        print(f"round {turn}: {cells}")
        if turn == given.rounds:
            return
        evolved = measured(list(Archive(source=evolved).synthesize(given.count, given.seed + turn)), given.samples)
        beginning = Source("first", "", tuple(first))
        copies = list(Renumbered(per_problem=9, source=beginning).synthesize(given.count, given.seed + turn))
        every = list({problem.id: problem for problem in (*every, *copies)}.values())
        others = measured(every, given.samples)


def measured(problems: Sequence[Problem], samples: int) -> Source:
    """The problems with judged completions of the shipped model."""
    rows = [row for row, _ in drawn(list(problems), samples)]
    rows = [
        type(row)(row.problem_id, row.completion_id, "", "", row.outcome, None, kept=False, measured=True) for row in rows
    ]
    return Source("round", "", tuple(sorted(problems, key=lambda problem: problem.id)), lambda: iter(rows))


if __name__ == "__main__":
    main()
