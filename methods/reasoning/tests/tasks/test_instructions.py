"""Chains of instructions: the last result needs every step, the interpreter follows by hand, and skipping shows."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.metrics.registry import measure
from rollmill.metrics.sample import Options
from rollmill.pipelines.score import SCORERS, group_scores
from rollmill.roles.protocols import Candidates
from rollmill.roles.registries import registry
from rollmill_reasoning.tasks.instructions import ChainStep, all_needed, run
from tests.known import known
from tests.metrics.pools import pool
from tests.pipelines.select.rollouts import rollout


def made(count: int = 200, **options: object) -> list[Problem]:
    return list(registry("synthesizer")["instructions"](**options).synthesize(count, 4))


def test_words_follow_by_hand() -> None:
    chain = [
        ChainStep("swap", (1, 3), ""),
        ChainStep("replace", (2, "sun"), ""),
        ChainStep("move", (1,), ""),
        ChainStep("append", ("sea",), ""),
        ChainStep("reverse", (), ""),
        ChainStep("remove", (2,), ""),
    ]
    states = [" ".join(state) for state in run("text", ("a", "b", "c"), chain)]
    assert states == ["a b c", "c b a", "c sun a", "sun a c", "sun a c sea", "sea c a sun", "sea a sun"]


def test_numbers_and_rules_follow_by_hand() -> None:
    names = [("add", (5,)), ("double", ()), ("again", ()), ("subtract", (4,)), ("multiply", (3,))]
    numbers = run("arithmetic", ("7",), [ChainStep(name, args, "") for name, args in names])
    assert [state[0] for state in numbers] == ["7", "12", "24", "31", "27", "81"]
    rules = [
        ("allow", ("lab",)),
        ("exchange", ("lab", "store")),
        ("copy", ("store", "hall")),
        ("forbid", ("store",)),
        ("turn", ("office",)),
    ]
    rights = run("rules", (), [ChainStep(name, args, "") for name, args in rules])
    assert [set(state) for state in rights] == [
        set(),
        {"lab"},
        {"store"},
        {"store", "hall"},
        {"hall"},
        {"hall", "office"},
    ]


def test_no_step_of_a_chain_can_be_left_out() -> None:
    """Trap: a chain whose last result is right although a step was skipped verifies nothing of that step."""
    reverse, allow = ChainStep("reverse", (), ""), ChainStep("allow", ("lab",), "")
    assert not all_needed("rules", (), [allow, allow])
    assert not all_needed("text", ("a", "b"), [reverse, reverse])  # nobody need follow either
    assert all_needed("text", ("a", "b"), [reverse])
    for problem in made(90):
        assert len(problem.meta["states"]) == problem.level
        assert problem.meta["states"][-1] == problem.reference
        assert problem.reference not in problem.meta["states"][:-1]


def test_the_longest_chains_are_found_too() -> None:
    """Trap: of 12 rules at random hardly one chain in a million needs them all."""
    for problem in made(9, lengths=[12]):
        assert len(problem.meta["states"]) == 12
        assert all(before != after for before, after in pairwise(problem.meta["states"]))


def test_shuffled_steps_keep_their_numbers_and_their_result() -> None:
    lengths = [4]
    listed, shuffled = made(60, lengths=lengths), made(60, lengths=lengths, order="shuffled")
    assert all(problem.meta["listed"] == [1, 2, 3, 4] for problem in listed)
    assert sum(problem.meta["listed"] == [1, 2, 3, 4] for problem in shuffled) < 10
    for problem in shuffled:
        shown = [int(line[5]) for line in str(problem.prompt).splitlines() if line.startswith("Step ")]
        assert shown == problem.meta["listed"]


def test_a_model_with_one_rate_per_step_follows_the_power_of_its_length() -> None:
    """Accuracy by length of a simulated model that is right in .8 of single steps, against .8 to the length."""
    rng, problems = random.Random(1), made(2_400, tasks=["arithmetic"], lengths=[1, 2, 4])
    outcomes = ["c" if all(rng.random() < 0.8 for _ in problem.meta["states"]) else "i" for problem in problems]
    levels = tuple(problem.level for problem in problems)
    rows = measure(pool(outcomes, strata={"level": levels}), "pass@k", Options(ks=(1,)), by=["level"])
    for row in rows:
        length = int(str(row.group["level"]))
        assert known(row.low) < 0.8**length < known(row.high)


def test_the_depth_of_the_first_failure_is_the_share_of_leading_steps() -> None:
    problem = Problem("?", "c", meta={"states": ["a", "b c", "d", "e"]})
    texts = {
        "Step 1: a\nStep 2: b c\nStep 3: d\nStep 4: e\n#### e": 1.0,
        "step 1: A.\n**Step 2**: b  c\nStep 3: x\nStep 4: e\n#### e": 0.5,  # right at the end, wrong in between
        "Step 2: b c\n#### e": 0.0,
        "Step 1: x\nStep 1: a\n#### e": 0.25,
        "": 0.0,
        f"Step {'9' * 5000}: a": 0.0,
    }
    group = Candidates(problem, [rollout(at, "correct", text).completion for at, text in enumerate(texts)])
    assert [row.value for row in group_scores(SCORERS["leading_steps"](), [group])] == list(texts.values())
    assert list(group_scores(SCORERS["leading_steps"](), [Candidates(Problem("?", "1"), group.completions)])) == []


def test_every_task_and_length_comes_as_often_and_splits_share_nothing() -> None:
    counts = Counter((problem.skill, problem.level) for problem in made(54))
    assert set(counts.values()) == {3}
    train, held = made(60), made(60, split="heldout")
    assert not {problem.prompt for problem in train} & {problem.prompt for problem in held}
    with pytest.raises(SetupError, match="lengths is 13"):
        made(lengths=[13])
    with pytest.raises(SetupError, match="tasks is empty"):
        made(tasks=[])
