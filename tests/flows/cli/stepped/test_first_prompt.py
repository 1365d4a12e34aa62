"""Rounds of failing examples: an ideal learner over an enumerable class converges as counted by hand, round by round."""

import random
import re
from itertools import product
from pathlib import Path

import pytest

import rollmill as face
from rollmill.pipelines.edit import EDITORS, CannotEdit
from rollmill.pipelines.edit.failing_example import value_at
from rollmill_reasoning.tasks.functions import Functions
from tests.flows.conftest import Curated, Run, said_as_json

pytestmark = pytest.mark.integration

SHIPPED = Path(__file__).parents[4] / "recipes/steps/first_prompt.yaml"
LEARNER = '''
import re
from itertools import product
from tests.toys import Toy

EXAMPLE = re.compile(r"f\\((-?\\d+)\\) = (-?\\d+)")


def first_consistent(told):
    """The first function a*x + b that agrees with all examples, in a fixed order."""
    pairs = {(int(x), int(y)) for x, y in EXAMPLE.findall(told)}
    return next((a, b) for a, b in product(range(1, 10), range(-9, 10)) if all(a * x + b == y for x, y in pairs))


class Learner(Toy):
    def __init__(self, model="learner", threads=0):
        super().__init__(model=model, model_digest="learner-1")

    def render(self, prompt):
        if isinstance(prompt, str):
            return prompt
        return "\\n".join(message.content for message in prompt if message.role == "user")

    def answer(self, request):
        a, b = first_consistent(request.rendered)
        return {"text": f"#### {a}*x + {b}".replace("+ -", "- "), "tokens_in": 4, "tokens_out": 6}
'''


def by_hand(problems: int) -> list[float]:
    """Accuracy after each of four rounds."""
    solved = [0] * 4
    for problem in Functions(kinds=["linear"]).synthesize(problems, 7):
        b, a = problem.meta["coefficients"]
        told = {tuple(pair) for pair in problem.meta["examples"]}
        for attempt in range(4):
            guess = next(
                pair for pair in product(range(1, 10), range(-9, 10)) if all(pair[0] * x + pair[1] == y for x, y in told)
            )
            if guess == (a, b):
                for later in range(attempt, 4):
                    solved[later] += 1
                break
            fails = next(x for size in range(13) for x in (size, -size) if guess[0] * x + guess[1] != a * x + b)
            told.add((fails, a * fails + b))
    return [count / problems for count in solved]


@pytest.mark.timeout(300)
def test_an_ideal_learner_converges_as_counted_by_hand(toy: Path, curated: Curated, rollmill: Run) -> None:
    (toy / "learner.py").write_text(LEARNER)
    text = SHIPPED.read_text()
    text = re.sub("synthesize: functions, count: 60", "synthesize: functions, count: 90, options: {kinds: [linear]}", text)
    text = re.sub(r"engine: embedded, model: models/rollmill-tiny", "engine: 'learner.py:Learner', model: learner", text)
    (toy / "first.yaml").write_text(text)
    run = curated("first.yaml")["run"]
    steps = ["--step", "second", "--step", "third", "--step", "fourth"]
    table = said_as_json(rollmill, "runs", "attempts", run, *steps)
    expected = by_hand(90)
    assert [row["accuracy"]["value"] for row in table["attempts"]] == pytest.approx(expected[: len(table["attempts"])])
    assert expected[0] < 0.5 < expected[1] <= expected[-1] == 1.0  # one more example determines a line
    assert [row["asked"] for row in table["attempts"]][:2] == [90, 90 - round(90 * expected[0])]
    assert all(row["right_to_wrong"] == 0 for row in table["attempts"])

    with face.open(toy) as workspace:
        texts = dict(workspace.sql("SELECT id, text FROM completions").fetchall())
        supplied = workspace.sql(
            "SELECT l.completion_id, l.after, p.reference FROM plan l JOIN problems p ON p.id = l.problem_id "
            "WHERE l.step IN ('one', 'two', 'three')"
        ).fetchall()
    assert len(supplied) == sum(row["asked"] for row in table["attempts"][1:])
    for cid, after, reference in supplied:
        x, right, wrong = map(int, re.findall(r"-?\d+", texts[cid]))
        formula = texts[after.split()[0]].removeprefix("#### ")
        assert value_at(reference, x) == right != wrong == value_at(formula, x)  # truly failing


def test_formulas_that_are_none_are_refused_and_run_nothing() -> None:
    for text in ("__import__('os')", "x**9", "9**9**9", "x/2", "2.5*x", "(" * 150 + "x" + ")" * 150, "", "y + 1", "x.real"):
        with pytest.raises(CannotEdit):
            EDITORS["failing_example"](f"#### {text}", random.Random(0), known="x + 1")
    with pytest.raises(CannotEdit, match="no example fails"):
        EDITORS["failing_example"]("so f(x) = (x+1)(x-1)", random.Random(0), known="x^2 - 1")
