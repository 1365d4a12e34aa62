"""Batch size, order, threads, workers, failures, kills and growth change neither rows nor content hash (real model).

The batch size is part of the recipe's hash, as plans name batches, and still changes no row.
"""

import json
import os
import random
import signal
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.places import CHECKOUT
from tests.flows.rounds.together.invariance import BUDGETS, Break, Life, arguments, lived

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]  # dozens of whole runs, some on a busy machine
KILLED_LIVES = [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3, 4))]
BREAKS: st.SearchStrategy[Break] = st.one_of(
    st.tuples(st.just("engine"), st.integers(0, 47)), st.tuples(st.just("point"), st.integers(1, 60))
)
LIVES = st.builds(
    Life,
    budget=st.sampled_from(sorted(BUDGETS)),
    order=st.integers(0, 99),
    batch=st.integers(1, 64),
    threads=st.integers(1, 4),
    judges=st.integers(1, 3),
    open_batches=st.integers(1, 4),
    grown=st.integers(0, 6),
    breaks=st.lists(BREAKS, max_size=3).map(tuple),
)
QUIET: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}


@cache
def engine(threads: int) -> Embedded:
    """One for each number of threads, loaded once."""
    return Embedded(threads=threads)


def outcome(life: Life) -> dict[str, Any]:
    """What a life leaves, in a workspace of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return lived(Path(folder) / "ws", life, engine(life.threads))


@cache
def undisturbed(budget: str) -> dict[str, Any]:
    """What the recipe leaves in one command, on one thread, in batches of 256."""
    return outcome(Life(budget=budget))


def expected(life: Life) -> dict[str, Any]:
    """What a life must leave."""
    return undisturbed(life.budget)


def test_the_undisturbed_recipe_has_every_outcome_and_a_choice() -> None:
    """Else equality would say little."""
    rows = undisturbed("fixed")
    outcomes = {json.loads(row)["outcome"] for row in rows["verdicts"]}
    assert len(rows["completions"]) == 48
    assert {"correct", "incorrect"} <= outcomes
    assert {json.loads(row)["kept"] for row in rows["decisions"]} == {True, False}
    assert len(undisturbed("uniform")["completions"]) < 48


def test_growing_from_four_samples_to_eight_is_drawing_eight() -> None:
    grown = Life(grown=6, batch=7, threads=2)
    assert outcome(grown) == expected(grown)


@settings(max_examples=4, derandomize=True, **QUIET)
@given(life=LIVES)
def test_no_circumstance_changes_a_row_or_the_hash(life: Life) -> None:
    assert outcome(life) == expected(life)


@pytest.mark.chaos
@settings(max_examples=12, **QUIET)
@given(life=LIVES)
def test_no_circumstance_changes_a_row_or_the_hash_in_many_more_lives(life: Life) -> None:
    assert outcome(life) == expected(life)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", KILLED_LIVES)
def test_killed_at_any_point_the_next_commands_leave_the_same(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    budget = sorted(BUDGETS)[seed % 2]
    kills = 0
    while kills < 3:
        life = Life(
            budget, rng.randrange(99), rng.randint(1, 48), rng.randint(1, 3), rng.randint(1, 2), 2, 6 * (seed % 3 == 0)
        )
        armed = os.environ | {"ROLLMILL_FAILPOINT": f"*:{rng.randint(1, 40)}"}
        died = subprocess.run(arguments(tmp_path / "ws", life), cwd=CHECKOUT, env=armed, capture_output=True, check=False)
        if died.returncode == 0:
            break
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()
        kills += 1
    assert kills > 0
    last = subprocess.run(arguments(tmp_path / "ws", Life(budget)), cwd=CHECKOUT, capture_output=True, check=False)
    assert last.returncode == 0, last.stderr.decode()
    assert json.loads(last.stdout) == json.loads(json.dumps(undisturbed(budget)))
