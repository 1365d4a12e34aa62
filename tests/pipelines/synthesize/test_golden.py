"""The shipped model is trained on these very texts: a change of a template must be a new template, so nothing drifts."""

import hashlib
import random
import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.pipelines.synthesize.splits import problems_for_training
from rollmill.pipelines.synthesize.template import LEVELS, solution_text

ROOT = Path(__file__).parents[3]

GOLDEN = {
    "age_chain": "749fa60e69ed4473",
    "age_gap": "49c2ab2873976ebb",
    "age_sum": "46abe47d10ad62b2",
    "basket": "17b4965c364594c5",
    "catch_up": "697132526f056306",
    "clubs": "6ab59999eddddbd0",
    "conversion": "3c6f8501dcf7b168",
    "counter": "01777c52452e3e42",
    "discount": "e341f5105df46408",
    "divisor": "28367f76bf32f810",
    "leftovers": "54b603de3bd97a56",
    "linear": "ad05bc2150fd9e37",
    "machine": "7b663848509d95eb",
    "outfits": "de36aed88b7249b7",
    "rope": "a4b9f494001eb7d3",
    "sharing": "7877b2f18b935831",
    "shop": "0b83302adbdbcf77",
    "tank": "ee3f3716e25cccc3",
    "trips": "1c5b847f0afd1f6e",
    "two_numbers": "92281c40550d89da",
    "undo": "b895b0ffe2dda3e9",
}


def digest_of(name: str) -> str:
    """Hash of all wordings and solutions of 25 instances per level."""
    template = TEMPLATES[name]()
    digest = hashlib.sha256()
    for level in LEVELS:
        for seed in range(25):
            params = template.sample(level, random.Random(seed))
            for phrasing in range(template.phrasings):
                digest.update((template.render(params, phrasing) + "\n").encode())
            digest.update((solution_text(template.solve(params)) + "\n").encode())
    return digest.hexdigest()[:16]


def test_every_template_is_frozen() -> None:
    assert sorted(GOLDEN) == sorted(TEMPLATES)


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_texts_and_solutions_are_those_the_model_was_trained_on(name: str) -> None:
    assert digest_of(name) == GOLDEN[name]


def test_the_training_stream_is_the_one_the_model_was_trained_on() -> None:
    digest = hashlib.sha256()
    for text, solution in problems_for_training(5, 3000):
        digest.update(f"{text}\n{solution}\n".encode())
    assert digest.hexdigest()[:16] == "465d27409c0ab6a6"


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_another_process_with_other_string_hashes_makes_the_same_problems(hash_seed: str) -> None:
    code = (
        "from rollmill.pipelines.synthesize.templates import Templates\n"
        "for split in ('train', 'heldout', 'evaluation'):\n"
        "    print(*(problem.id for problem in Templates(split=split).synthesize(24, 3)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert hashlib.sha256(done.stdout.encode()).hexdigest()[:16] == "53c1087437fa386f"
