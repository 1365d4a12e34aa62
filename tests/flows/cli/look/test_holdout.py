"""`rollmill holdout`: halves that agree cost nothing, each look is in the ledger, and a spent budget refuses."""

import json
from pathlib import Path

import pytest

from rollmill.storage.holdouts import Holdouts
from rollmill.storage.workspace import Workspace
from tests.flows.cli.look.test_leaderboard import BENCHMARKS, evaluated
from tests.flows.conftest import Run

pytestmark = pytest.mark.integration
MANY = ("{name: many, synthesize: 'apart.py:Apart', count: 120}",)
APART = """\
from rollmill.ground.records import Problem


class Apart:
    name, version = "apart", "1"

    def synthesize(self, budget, seed):
        for number in range(budget):
            yield Problem(f"What is {number} + 70?", str(number + 70), source="apart", split="held", skill="sums", level=1)
"""


@pytest.fixture
def folder(toy: Path) -> Path:
    """A workspace with a synthesizer whose problems have no template."""
    (toy / "apart.py").write_text(APART)
    return toy


def test_questions_are_answered_within_their_bounds_and_kept_in_a_ledger(folder: Path, rollmill: Run) -> None:
    evaluated(folder, rollmill, "two", MANY, {"good": 0.9, "poor": 0.2})
    assert "No half of a benchmark is guarded yet" in rollmill("holdout", "show").out
    answer = rollmill("holdout", "open", "final", "two", "--budget", "1", "--json")
    assert answer.status == 0, answer.err
    opened = json.loads(answer.out)
    assert opened["problems"] == 120
    assert opened["visible"] + opened["guarded"] == 120
    assert opened["looks"] == 0
    rates = {row["model"]: row["value"] for row in json.loads(rollmill("leaderboard", "two", "--json").out)["cells"]}
    answer = json.loads(rollmill("holdout", "ask", "final", "two:good", "--json").out)
    assert answer["question"]["low"] <= rates["good"] <= answer["question"]["high"]
    again = json.loads(rollmill("holdout", "ask", "final", "two:good", "--json").out)
    assert again == answer
    assert len(again["questions"]) == 1
    shown = rollmill("holdout", "show").out
    assert "two:good" in shown
    assert "looks are spent" in shown


def test_a_spent_budget_refuses_new_questions_and_repeats_old_answers(folder: Path, rollmill: Run) -> None:
    evaluated(folder, rollmill, "two", MANY, {"good": 0.9, "poor": 0.2})
    assert rollmill("holdout", "open", "final", "two", "--budget", "1").status == 0
    first = json.loads(rollmill("holdout", "ask", "final", "two:good", "--json").out)
    with Workspace.open(folder) as workspace:
        path = Holdouts(workspace.state).path
    stored = json.loads(path.read_text())
    stored["final"]["questions"][0]["looked"] = True
    path.write_text(json.dumps(stored))
    refused = rollmill("holdout", "ask", "final", "two:poor")
    assert refused.status == 2
    assert "all 1 looks at final are spent" in refused.err
    assert "Next: rollmill holdout open final-2" in refused.err
    again = json.loads(rollmill("holdout", "ask", "final", "two:good", "--json").out)
    assert again["question"]["value"] == first["question"]["value"]
    path.write_text('{"final": {}}')
    assert "is damaged" in rollmill("holdout", "show").err


def test_mistakes_are_named(folder: Path, rollmill: Run) -> None:
    evaluated(folder, rollmill, "small", BENCHMARKS, {"good": 0.9, "poor": 0.2})
    evaluated(folder, rollmill, "many", MANY, {"good": 0.9, "poor": 0.2})
    assert rollmill("holdout", "open", "final", "many").status == 0
    for words, message in (
        (("open", "final", "many"), "there is a guarded half 'final' already"),
        (("open", "other", "small"), "small has 2 benchmarks. Valid: --benchmark small, --benchmark large"),
        (("open", "other", "small", "--benchmark", "huge"), "has no benchmark 'huge'"),
        (("open", "other", "small", "--benchmark", "large"), "20 are needed in each"),
        (("ask", "fina", "many:good"), "unknown guarded half 'fina'. Did you mean 'final'?"),
        (("ask", "final", "many"), "is of 2 models; a question is about one. Valid: many:good, many:poor"),
        (("ask", "final", "small:good"), "small:good has no results on many"),
    ):
        answer = rollmill("holdout", *words)
        assert answer.status == 2
        assert message in answer.err
