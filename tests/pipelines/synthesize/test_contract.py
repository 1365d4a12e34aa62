"""Every synthesizer of the registry: problems that a verifier can judge, the same for the same seed, none twice."""

import random
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.edit import EDITORS
from rollmill.pipelines.synthesize.sources import Source, SourceRollout
from rollmill.roles.registries import registry
from tests.pipelines.synthesize.derived.writers import Author, Authors, written

SYNTHESIZERS = registry("synthesizer")
PROBLEMS = tuple(SYNTHESIZERS["templates"](levels=(1, 2, 3)).synthesize(120, 7))


def wrong_rollouts() -> Iterator[SourceRollout]:
    """Three wrong answers to every problem of the source."""
    for problem in PROBLEMS:
        for step in (1, 2, 3):
            answer = str(int(problem.reference) + step)
            text = f"{problem.prompt} And {step} more?"
            yield SourceRollout(problem.id, f"{problem.id}-{step}", "", text, "incorrect", answer, kept=True, measured=True)


SOURCE = Source("toy@v1", "0" * 64, PROBLEMS, wrong_rollouts)
AUTHORS: dict[str, Any] = {
    "samplers": Authors({"author": Author(say=written)}),
    "writer": {"model": "author"},
    "solver": {"model": "author"},
}
SUMS = tuple(
    Problem(f"Ann has {n} pears and gets 5. How many pears?", str(n + 5), source="toy", licence="CC0-1.0", skill="sums")
    for n in range(300, 1300, 50)
)


def programs() -> Iterator[SourceRollout]:
    """A program of variants of every sum."""
    for problem in SUMS:
        sum_text = f"{int(problem.reference) - 5} + 5 = {problem.reference}"
        text = EDITORS["efa"](sum_text, random.Random(2), known=str(problem.prompt))
        yield SourceRollout(problem.id, problem.id, "write", text.text, "correct", None, kept=True, measured=True)


OPTIONS: dict[str, dict[str, Any]] = {
    "templates": {"levels": (1, 4)},
    "template_shares": {"shares": {"1": 3, "4": 1}},
    "functions": {},
    "instructions": {"lengths": (2, 3)},
    "dependencies": {"names": (0, 2), "context": ("given",)},
    "laws": {"forms": ("known",), "points": 0},
    "recursion": {"depths": (1, 2)},
    "strategies": {},
    "triangles": {},
    "goals": {"levels": (1, 3)},
    "obligations": {"tier": 0},
    "coq_library": {"files": ["Bool/Bool", "ZArith/Zdiv"]},
    "addition": {"digits": (3, 5)},
    "conversations": {"turns": 8},
    "number_statements": {"levels": (1, 2)},
    "optimization_models": {"form": "story"},
    "patterns": {"examples": 3},
    "reasoning_gym": {"tasks": ["chain_sum", "gcd"]},
    "composed": {"source": SOURCE},
    "renumbered": {"source": SOURCE},
    "distractors": {"source": SOURCE},
    "fitted": {"source": SOURCE, "rounds": 2},
    "grid": {"source": SOURCE},
    "archive": {"source": SOURCE, "axes": ["level"]},
    "self_instruct": {"source": SOURCE, **AUTHORS},
    "abstractions": {"source": Source("toy@v1", "0" * 64, SUMS, programs), "sandbox": "none"},
    "attributes": {
        "attributes": {"skill": ["sums", "gifts", "trips"]},
        "ask": "On {skill}.",
        "licence": "CC0-1.0",
        **AUTHORS,
    },
    "rewritten": {"source": SOURCE, "reference": "carried", "read": r"(.+)", "near": 1.0},
}

OPTIONS = {name: options for name, options in OPTIONS.items() if name in SYNTHESIZERS}  # methods/ may be absent

WITH_COQ = [
    pytest.param(name, marks=[pytest.mark.sandbox] if name in ("coq_library", "obligations") else [])
    for name in sorted(SYNTHESIZERS)
]


def made(name: str, seed: int, count: int = 20) -> list[Problem]:
    return list(islice(SYNTHESIZERS[name](**OPTIONS[name]).synthesize(count, seed), count))


def test_the_table_covers_the_registry() -> None:
    assert set(OPTIONS) == set(SYNTHESIZERS)


@pytest.mark.parametrize("name", WITH_COQ)
def test_problems_are_whole_distinct_and_a_function_of_the_seed(name: str) -> None:
    first = made(name, 1)
    assert len(first) == 20
    assert len({problem.id for problem in first}) == 20
    assert all(problem.prompt and problem.source and problem.licence and problem.skill for problem in first)
    assert all(problem.reference for problem in first)
    assert first == made(name, 1)
    assert {problem.id for problem in first} != {problem.id for problem in made(name, 2)}


@pytest.mark.integration
def test_another_process_with_other_string_hashes_makes_the_same_problems() -> None:
    names = [name for name in sorted(SYNTHESIZERS) if name not in ("coq_library", "obligations", "reasoning_gym")]
    code = (
        "from tests.pipelines.synthesize.test_contract import made\n"
        f"for name in {names}:\n    print(name, *(problem.id for problem in made(name, 1)))\n"
    )
    here = "".join(f"{name} {' '.join(problem.id for problem in made(name, 1))}\n" for name in names)
    for hash_seed in ("1", "2"):
        command, environment = [sys.executable, "-c", code], {"PYTHONHASHSEED": hash_seed, "PATH": "/usr/bin:/bin"}
        root = Path(__file__).parents[3]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == here, hash_seed


@pytest.mark.parametrize("name", sorted(SYNTHESIZERS))
def test_it_needs_no_arguments_and_names_itself(name: str) -> None:
    one = SYNTHESIZERS[name]()
    assert one.name == name
    assert one.version
