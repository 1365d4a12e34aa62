"""Random search against its exact expectation 1 - (1 - p)^N, on planted bugs of known probability."""

import math
import random

import pytest

from benchmarks.problems.random_refutation import chance, random_search, refuting
from rollmill.pipelines.sandbox import Sandbox, SandboxLimits
from rollmill.pipelines.verify.code.counterexample import Puzzle
from rollmill.pipelines.verify.code.suite import BadTestsError

SQUARE = "def f(n): return n * n"
RARE = "def f(n): return n * n + (n % 100 == 13)"  # one input in a hundred
VALID = "def valid(n): return 0 <= n < 10_000"
PUZZLE = Puzzle(SQUARE, RARE, VALID, "f")


def test_the_chance_of_n_draws() -> None:
    assert chance(0.5, 2) == pytest.approx(0.75, abs=1e-15)
    assert chance(0.01, 50) == pytest.approx(1 - 0.99**50, abs=1e-12)
    assert chance(1e-18, 1_000_000) == pytest.approx(1e-12, rel=1e-9)
    assert (chance(0.0, 9), chance(1.0, 1), chance(1.0, 0), chance(0.3, 0)) == (0.0, 1.0, 0.0, 0.0)
    for p, draws in ((-0.1, 1), (1.1, 1), (math.nan, 1), (0.5, -1)):
        with pytest.raises(ValueError, match="p must lie"):
            chance(p, draws)


@pytest.mark.sandbox
def test_every_planted_bug_is_found_and_nothing_else() -> None:
    with Sandbox("strict") as box:
        found = [n for n, refutes in enumerate(refuting(box, PUZZLE, [(n,) for n in range(10_000)])) if refutes]
    assert found == list(range(13, 10_000, 100))


@pytest.mark.sandbox
def test_random_search_succeeds_as_often_as_it_should() -> None:
    rng = random.Random(5)
    searches, draws = 400, 50
    with Sandbox("strict") as box:
        flags = list(refuting(box, PUZZLE, [(rng.randrange(10_000),) for _ in range(searches * draws)]))
    hits = sum(any(flags[start : start + draws]) for start in range(0, len(flags), draws))
    expected = searches * chance(0.01, draws)
    deviation = math.sqrt(expected * (1 - chance(0.01, draws)))
    assert abs(hits - expected) < 4 * deviation
    assert abs(sum(flags) - searches * draws * 0.01) < 4 * math.sqrt(searches * draws * 0.01)


@pytest.mark.sandbox
def test_the_number_of_draws_up_to_the_first_hit() -> None:
    with Sandbox("strict") as box:
        assert random_search(box, PUZZLE, [(1,), (13,), (113,)]) == 2
        assert random_search(box, PUZZLE, [(1,), (20_013,)]) is None  # not valid: refutes nothing
        assert random_search(box, PUZZLE, ((n,) for n in range(200)), batch=10) == 14


@pytest.mark.sandbox
def test_an_input_that_ends_a_program_does_not_hide_the_next() -> None:
    hangs = Puzzle(SQUARE, RARE.replace("return", "\n while n == 7: pass\n return"), VALID, "f")
    dies = Puzzle(SQUARE, "import os\n" + RARE.replace("return", "\n if n == 8: os._exit(0)\n return"), VALID, "f")
    with Sandbox("strict", SandboxLimits(cpu_seconds=0.5)) as box:
        assert list(refuting(box, hangs, [(7,), (1,), (13,)])) == [True, False, True]
        assert list(refuting(box, dies, [(1,), (8,), (13,), (2,)])) == [False, True, True, False]
        with pytest.raises(BadTestsError, match="stdin"):
            list(refuting(box, Puzzle(SQUARE, RARE, VALID), [(1,)]))
        with pytest.raises(BadTestsError, match="does not compile"):
            list(refuting(box, Puzzle(SQUARE, "def f(", VALID, "f"), [(1,)]))
