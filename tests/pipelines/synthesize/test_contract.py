"""Every synthesizer of the registry: problems that a verifier can judge, the same for the same seed, none twice."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from pipelines.synthesize import SYNTHESIZERS
from pipelines.synthesize.sources import Source, SourceRollout
from storage.ground.records import Problem
from tests.pipelines.synthesize.derived.writers import Author, Authors, written

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
OPTIONS: dict[str, dict[str, Any]] = {
    "templates": {"levels": (1, 4)},
    "template_shares": {"shares": {"1": 3, "4": 1}},
    "reasoning_gym": {"tasks": ["chain_sum", "gcd"]},
    "composed": {"source": SOURCE},
    "renumbered": {"source": SOURCE},
    "distractors": {"source": SOURCE},
    "grid": {"source": SOURCE},
    "archive": {"source": SOURCE, "axes": ["level"]},
    "self_instruct": {"source": SOURCE, **AUTHORS},
    "attributes": {
        "attributes": {"skill": ["sums", "gifts", "trips"]},
        "ask": "On {skill}.",
        "licence": "CC0-1.0",
        **AUTHORS,
    },
    "rewritten": {"source": SOURCE, "reference": "carried", "read": r"(.+)", "near": 1.0},
}


def made(name: str, seed: int, count: int = 20) -> list[Problem]:
    return list(islice(SYNTHESIZERS[name](**OPTIONS[name]).synthesize(count, seed), count))


def test_the_table_covers_the_registry() -> None:
    assert set(OPTIONS) == set(SYNTHESIZERS)


@pytest.mark.parametrize("name", sorted(SYNTHESIZERS))
def test_problems_are_whole_distinct_and_a_function_of_the_seed(name: str) -> None:
    first = made(name, 1)
    assert len(first) == 20
    assert len({problem.id for problem in first}) == 20
    assert all(problem.prompt and problem.source and problem.licence and problem.skill for problem in first)
    assert all(problem.reference for problem in first)
    assert first == made(name, 1)
    assert {problem.id for problem in first} != {problem.id for problem in made(name, 2)}


@pytest.mark.parametrize("name", sorted(SYNTHESIZERS))
def test_it_needs_no_arguments_and_names_itself(name: str) -> None:
    one = SYNTHESIZERS[name]()
    assert one.name == name
    assert one.version
