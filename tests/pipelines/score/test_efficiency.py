"""Scorer `efficiency` on real programs: slower, wrong and stopped ones, by CPU seconds of the sandbox."""

from dataclasses import replace
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.score import SCORERS, group_scores
from rollmill.roles.blind_pool import is_blind
from rollmill.roles.protocols import Candidates
from tests.pipelines.select.rollouts import rollout

LOOP = "def f(n):\n    total = 0\n    for i in range({factor} * n):\n        total += i\n    return sum(range(n))\n"
N = 600_000  # some 20 ms


def problem(*tests: str, **meta: Any) -> Problem:
    return Problem("Write f.", LOOP.format(factor=1), "code", tests, meta={"entry_point": "f", **meta})


def call(n: int) -> str:
    return f'{{"fn": "f", "args": [{n}], "expected": {n * (n - 1) // 2}}}'


def completion(text: str) -> Completion:
    return replace(rollout(0, "correct", "").completion, id=str(hash(text)), text=f"```python\n{text}\n```")


def values(subject: Problem, texts: list[str], **options: Any) -> list[float]:
    candidates = Candidates(subject, [completion(text) for text in texts])
    return [score.value for score in group_scores(SCORERS["efficiency"](**options), [candidates])]


@pytest.mark.sandbox
def test_a_slower_program_scores_less_and_a_wrong_one_nothing() -> None:
    texts = [
        LOOP.format(factor=1),
        LOOP.format(factor=1).replace("total", "sums"),
        "def f(n):\n    return n * (n - 1) // 2",
        LOOP.format(factor=20),
        LOOP.format(factor=1).replace("sum(range(n))", "n"),
    ]
    same, renamed, fast, slow, wrong = values(problem(call(N), call(10)), texts, alpha=4.0)
    # 1 on a free machine: (4 - 1) / (4 - 1) reference times. Beside other work equal programs differ by up to two thirds.
    assert min(same, renamed) > 0.3
    assert max(same, renamed) < fast
    assert fast > 1.2  # four times the reference's time less almost nothing, over three times
    assert (slow, wrong) == (0.0, 0.0)


@pytest.mark.sandbox
def test_a_smaller_limit_stops_a_program_and_raises_no_score() -> None:
    subject = problem(call(10), call(N), levels=[1, 1])
    slow = LOOP.format(factor=1).replace("return", "sum(range(3 * n)); return")
    # About twice the reference's time: between it and four times as much, whatever else the machine does.
    [loose] = values(subject, [slow], weights=(0.0, 1.0), repeats=3, alpha=4.0)
    [tight] = values(problem(call(10), call(N)), [LOOP.format(factor=80)], cpu_seconds=0.5, repeats=2)
    assert 0.0 < loose < 1.0
    assert tight == 0.0


@pytest.mark.sandbox
def test_a_reference_that_cannot_be_timed_gives_no_score() -> None:
    quick = problem(call(5))
    assert values(quick, [LOOP.format(factor=1)]) == []
    assert values(replace(problem(call(N)), reference="no program"), [LOOP.format(factor=1)]) == []
    assert values(problem(), [LOOP.format(factor=1)]) == []


def test_it_rests_on_the_reference_and_its_options_are_checked() -> None:
    assert not is_blind("efficiency")
    for options in ({"alpha": 1.0}, {"repeats": 0}, {"weights": ()}, {"weights": (0.0,)}):
        with pytest.raises(SetupError, match="alpha above 1"):
            SCORERS["efficiency"](**options)
    assert SCORERS["efficiency"]().version != SCORERS["efficiency"](repeats=3).version
