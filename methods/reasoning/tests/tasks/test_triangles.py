"""Triangles: all of them by brute force, known ones among them, and new outputs told from known and repeated ones."""

import random
from itertools import permutations

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Pool
from rollmill.ground.records import Problem
from rollmill.metrics.registry import measure
from rollmill.metrics.sample import Options
from rollmill.pipelines.score import SCORERS, group_scores
from rollmill.pipelines.verify import VERIFIERS
from rollmill.roles.protocols import Candidates
from rollmill.roles.registries import registry
from rollmill_reasoning.tasks.triangles import triangles_of
from tests.known import known
from tests.metrics.pools import pool
from tests.pipelines.select.rollouts import rollout

N = 8


def made(count: int, **options: object) -> list[Problem]:
    return list(registry("synthesizer")["triangles"](**options).synthesize(count, 4))


def test_triangles_are_those_of_brute_force_and_half_of_them_are_known() -> None:
    assert triangles_of(["AB", "AC", "BC", "BD", "CD"]) == ["ABC", "BCD"]
    for problem in made(60):
        edges = set(str(problem.prompt).split(": ")[1].split(".")[0].split(", "))
        letters = sorted({letter for edge in edges for letter in edge})
        brute = {
            "".join(sorted(three))
            for three in permutations(letters, 3)
            if all("".join(sorted(pair)) in edges for pair in permutations(three, 2))
        }
        assert set(problem.reference.split("|")) == brute
        assert set(problem.meta["seen"]) < brute
        assert len(problem.meta["seen"]) == len(brute) // 2


def sampled(problems: list[Problem], choose: str) -> Pool:
    """N outputs of each problem: valid ones at random, known ones alone, one new one again and again, or any letters."""
    rng, verifier, outcomes, answers, flags = random.Random(2), VERIFIERS["regex"](), [], [], []
    for problem in problems:
        valid, seen = problem.reference.split("|"), list(problem.meta["seen"])
        new = sorted(set(valid) - set(seen))
        pools = {
            "any": valid,
            "known": seen,
            "again": new[:1],
            "wild": ["".join(three) for three in permutations("ABCDEF", 3)],
        }
        drawn = [rollout(at, "correct", rng.choice(pools[choose])).completion for at in range(N)]
        verdicts = [verifier.verify(problem, completion) for completion in drawn]
        outcomes.append("".join("c" if verdict.outcome == "correct" else "i" for verdict in verdicts))
        keys = {text: chr(97 + at) for at, text in enumerate(sorted({str(verdict.extracted) for verdict in verdicts}))}
        answers.append("".join(keys[str(verdict.extracted)] for verdict in verdicts))
        scorer = SCORERS["known_answer"](key="seen", verifier="exact")
        flags += [score.value for score in group_scores(scorer, [Candidates(problem, drawn)])]
    return pool(outcomes, answers=answers, scores={"known_answer": np.array(flags)})


def test_new_outputs_are_told_from_known_repeated_and_invalid_ones() -> None:
    """All but the wild sampler are always right, so pass@1 tells none of the others apart."""
    problems = made(40)
    new, right = {}, {}
    for choose in ("any", "known", "again", "wild"):
        drawn = sampled(problems, choose)
        [row] = measure(drawn, "new@k", Options(ks=(N,), score="known_answer"))
        new[choose] = known(row.value)
        right[choose] = known(measure(drawn, "pass@k", Options(ks=(1,)))[0].value)
        assert known(row.low) <= new[choose] <= known(row.high)
    assert right["any"] == right["known"] == right["again"] == 1.0
    assert right["wild"] < 0.5
    assert (new["known"], new["again"]) == (0.0, 1 / N)
    assert new["any"] > new["wild"] > 0.0
    assert new["any"] > 2 * new["again"]


def test_splits_share_nothing_and_mistakes_are_named() -> None:
    train, held = made(60), made(30, split="heldout")
    assert not {problem.prompt for problem in train} & {problem.prompt for problem in held}
    with pytest.raises(SetupError, match="sizes is 5"):
        made(1, sizes=[5])
