"""The part of a tier that a seed chooses: one case of each test, and over the commits all of them."""

import re
from pathlib import Path

from tests.conftest import TIERS, some_files, some_of_each

ROOT = Path(__file__).resolve().parents[2]
NAMES = ["a.py::kill[term]", "a.py::kill[kill]", "a.py::kill[disk]", "a.py::alone", "b.py::kill[term]", "b.py::kill[kill]"]


def test_one_case_of_each_test_is_chosen_and_the_same_for_a_seed() -> None:
    for seed in ("8c1f", "00aa"):
        chosen = some_of_each(seed, NAMES)
        assert sorted(name.partition("[")[0] for name in chosen) == ["a.py::alone", "a.py::kill", "b.py::kill"]
        assert some_of_each(seed, NAMES) == chosen


def test_so_many_cases_are_chosen_as_asked_for() -> None:
    chosen = some_of_each("8c1f", NAMES, 2)
    assert sorted(name.partition("[")[0] for name in chosen) == ["a.py::alone", *["a.py::kill"] * 2, *["b.py::kill"] * 2]


def test_other_seeds_choose_the_other_cases() -> None:
    assert set().union(*(some_of_each(f"{seed:x}", NAMES) for seed in range(30))) == set(NAMES)


def test_every_tier_is_run_by_make_test_all_and_all_but_two_by_ci() -> None:
    make, ci = (ROOT / "Makefile").read_text(), (ROOT / ".ci/run").read_text()
    targets = re.search(r"^test-all: (.*?) ##", make, flags=re.MULTILINE)
    assert targets is not None
    assert {f"test-{tier}" for tier in TIERS} - set(targets[1].split()) == {"test-gpu"}
    assert {tier for tier in TIERS if f"make test-{tier}" not in ci} == {"gpu", "long"}


def test_a_share_of_the_files_is_chosen_by_the_seed_and_all_are_in_time() -> None:
    names = [f"tests/test_{file}.py::test_{n}" for file in range(9) for n in range(3)]
    assert some_files("8c1f", names, 1) == names
    halves = [some_files(f"{seed:x}", names, 2) for seed in range(30)]
    assert {len(half) for half in halves} == {15}  # five of nine files, whole
    assert some_files("8c1f", names, 2) == some_files("8c1f", names, 2)
    left_out = next(name for name in names if name not in some_files("8c1f", names, 2))
    assert set(some_files("8c1f", names, 2, [left_out])) == {*some_files("8c1f", names, 2), left_out}
    assert set().union(*map(set, halves)) == set(names)
