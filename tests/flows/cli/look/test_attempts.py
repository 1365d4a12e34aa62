"""`rollmill runs attempts`: a scripted critic follows its Markov chain, no flip is uncounted, and every thread says why it
stopped.
"""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.flows.conftest import Curated, Run, said_as_json

pytestmark = pytest.mark.integration

CRITIC = """
import random
from tests.toys import Toy

FLAGGED_WRONG, FLAGGED_RIGHT, FIXED, MUMBLED = 0.8, 0.1, 0.5, 0.02  # two of five first answers are right


class Critic(Toy):
    def __init__(self, model="critic", threads=0):
        super().__init__(model=model, model_digest="critic-1")

    def answer(self, request):
        rng, asked = random.Random(request.seed), request.rendered
        left, right = (int(part) for part in asked.split("What is ")[1].split("?")[0].split(" + "))
        if "CHECK" in asked:
            said = int(asked.split("####")[1].split()[0])
            mumbled = rng.random() < MUMBLED
            flagged = rng.random() < (FLAGGED_RIGHT if said == left + right else FLAGGED_WRONG)
            text = "Hm." if mumbled else "VERDICT: wrong" if flagged else "VERDICT: ok"
        else:
            good = rng.random() < FIXED if "AGAIN" in asked else left % 5 < 2
            text = f"#### {left + right if good else left + right + 1 + rng.randrange(10**6)}"
        return {"text": text, "tokens_in": 4, "tokens_out": 6}
"""
RECIPE = """\
recipe_schema: 1
name: critic
problems: {synthesize: toys.py:ToyProblems, count: %d}
generate: {engine: critic.py:Critic, model: critic, max_tokens: 16, batch_size: 512}
steps:
  - {name: solve, count: 1, template: "SOLVE {prompt}"}
  - {name: critic, role: step, template: "CHECK {prompt} {solve}", read: {verdict: 'VERDICT: (ok|wrong)'}}
  - {name: refine, template: "AGAIN {prompt} {solve} {critic}", when: {critic.verdict: wrong}, repeat: 2}
verify: [{method: number}]
select: {method: all_correct}
gate: {min_kept: 1}
"""


def chain(rounds: int) -> tuple[list[float], dict[str, float]]:
    """Accuracy after each attempt, and shares of stops, of the closed chain."""
    right, wrong, stopped_right, accuracy = 0.4, 0.6, 0.0, [0.4]
    stops = {"accepted": 0.0, "unreadable": 0.0}
    for _ in range(rounds):
        stops["unreadable"] += 0.02 * (right + wrong)
        stops["accepted"] += 0.98 * (0.9 * right + 0.2 * wrong)
        stopped_right += right * (1 - 0.98 * 0.1)
        asked = 0.98 * (0.1 * right + 0.8 * wrong)
        right = wrong = 0.5 * asked
        accuracy.append(right + stopped_right)
    return accuracy, {**stops, "cap": right + wrong}


@pytest.fixture
def critic(toy: Path) -> Path:
    (toy / "critic.py").write_text(CRITIC)
    return toy


@pytest.mark.timeout(300)
def test_a_scripted_critic_follows_its_markov_chain(critic: Path, curated: Curated, rollmill: Run) -> None:
    (critic / "critic.yaml").write_text(RECIPE % 2000)
    run = curated("critic.yaml")["run"]
    table = said_as_json(rollmill, "runs", "attempts", run)
    accuracy, stops = chain(3)
    assert (table["steps"], table["threads"], table["problems"], table["left_out"]) == (["refine"], 2000, 2000, 0)
    measured = [row["accuracy"]["value"] for row in table["attempts"]]
    assert measured == pytest.approx(accuracy, abs=0.02)
    assert {stop: count / 2000 for stop, count in table["stopped"].items()} == pytest.approx(stops, abs=0.02)
    assert sum(table["stopped"].values()) == 2000

    right = [round(2000 * value) for value in measured]
    flips = [row["wrong_to_right"] - row["right_to_wrong"] for row in table["attempts"]]
    assert flips == [0, *(now - before for before, now in pairwise(right))]
    assert table["attempts"][1]["right_to_wrong"] == pytest.approx(2000 * 0.4 * 0.98 * 0.1 * 0.5, abs=20)
    steps = {step["step"]: step for step in said_as_json(rollmill, "runs", "show", run)["steps"]}
    assert sum(row["asked"] for row in table["attempts"][1:]) == steps["refine"]["completions"]
    assert table["attempts"][0]["gain"] is None
    for row, value in zip(table["attempts"][1:], accuracy[1:], strict=True):
        assert row["accuracy"]["low"] < row["accuracy"]["value"] < row["accuracy"]["high"]
        assert row["gain"]["value"] == pytest.approx(value - 0.4, abs=0.03)
        assert row["accuracy"]["clusters"] == 4

    each = said_as_json(rollmill, "runs", "attempts", run, "--threads")["each"]
    assert Counter(thread["stop"] for thread in each) == table["stopped"]
    assert {len(thread["outcomes"]) for thread in each if thread["stop"] == "cap"} == {4}
    assert {len(thread["completions"]) - len(thread["outcomes"]) for thread in each} == {0}

    assert said_as_json(rollmill, "runs", "attempts", "critic@v1") == {**table, "of": "critic@v1"}
    said = rollmill("runs", "attempts")
    assert (said.status, f"stopped: accepted {table['stopped']['accepted']:,}, cap " in said.out) == (0, True)


UNJUDGED = """\
recipe_schema: 1
name: idea
problems: {synthesize: toys.py:ToyProblems, count: 4}
generate: {engine: critic.py:Critic, model: critic, max_tokens: 16}
steps:
  - {name: idea, role: step, count: 1, template: "SOLVE {prompt}"}
  - {name: solve, template: "AGAIN {prompt} {idea}"}
verify: [{method: number}]
gate: {min_kept: 0}
"""


def test_mistakes_are_named(critic: Path, curated: Curated, rollmill: Run) -> None:
    (critic / "critic.yaml").write_text(RECIPE % 12)
    curated("critic.yaml")
    wrong = rollmill("runs", "attempts", "--step", "refin")
    assert (wrong.status, "Did you mean 'refine'" in wrong.err) == (2, True)
    assert rollmill("curate", "toy.yaml", "--direct").status == 0
    plain = rollmill("runs", "attempts", "toy@v1")
    assert (plain.status, "has no step that answers again" in plain.err) == (2, True)
    nowhere = rollmill("runs", "attempts", "tou@v1")
    assert (nowhere.status, "unknown run or dataset 'tou@v1'" in nowhere.err) == (2, True)
    assert json.loads(rollmill("runs", "attempts", "critic", "--json").out)["threads"] == 12
    listed = rollmill("runs", "attempts", "critic", "--threads").out.partition("last attempt")[2]
    assert sum(listed.count(f" {stop}\n") for stop in ("accepted", "cap", "unreadable")) == 12
    (critic / "idea.yaml").write_text(UNJUDGED)
    assert rollmill("curate", "idea.yaml", "--direct").status == 0
    unjudged = rollmill("runs", "attempts", "idea")
    assert (unjudged.status, "nobody judges step 'idea', with which its answers begin" in unjudged.err) == (2, True)


DIALOGUE = """\
recipe_schema: 1
name: dialogue
problems: {synthesize: toys.py:ToyProblems, count: 60}
generate: {engine: critic.py:Critic, model: critic, max_tokens: 16}
steps:
  - {name: solve, count: 1, template: "SOLVE {prompt}"}
  - {name: second, template: "AGAIN {prompt} {solve}", when: {solve: incorrect}}
  - {name: third, template: "AGAIN {prompt} {solve} {second}", when: {second: incorrect}}
  - {name: alone, template: "SOLVE {prompt} {solve}", when: {solve: incorrect}}
verify: [{method: number}]
select: {method: all_correct}
gate: {min_kept: 1}
"""


def test_attempts_may_be_of_several_steps(critic: Path, curated: Curated, rollmill: Run) -> None:
    (critic / "dialogue.yaml").write_text(DIALOGUE)
    curated("dialogue.yaml")
    table = said_as_json(rollmill, "runs", "attempts", "--step", "second", "--step", "third")
    asked = [row["asked"] for row in table["attempts"]]
    assert asked[:2] == [60, 36]
    assert asked[2] == 36 - table["attempts"][1]["wrong_to_right"]
    assert table["stopped"] == {"accepted": 60 - asked[2], "cap": asked[2]}
    assert all(row["right_to_wrong"] == 0 for row in table["attempts"])
    first = said_as_json(rollmill, "runs", "attempts")
    assert (first["steps"], [row["asked"] for row in first["attempts"]]) == (["second"], [60, 36])


UNREADABLE = """\
recipe_schema: 1
name: unreadable
problems: {synthesize: toys.py:ToyProblems, count: 20}
generate: {engine: critic.py:Critic, model: critic, max_tokens: 16}
steps:
  - {name: solve, count: 1, template: "SOLVE {prompt}"}
  - {name: told, engine: edit, model: tool, role: step, template: "{solve}", when: {solve: incorrect},
     options: {known: "{prompt}"}}
  - {name: second, template: "AGAIN {prompt} {told}"}
verify: [{method: number}]
select: {method: all_correct}
gate: {min_kept: 1}
"""


def test_a_thread_whose_answer_an_editor_cannot_read_is_not_accepted(critic: Path, curated: Curated, rollmill: Run) -> None:
    (critic / "unreadable.yaml").write_text(UNREADABLE)  # the answers have no calculation
    curated("unreadable.yaml")
    table = said_as_json(rollmill, "runs", "attempts")
    assert [row["asked"] for row in table["attempts"]] == [20]
    assert table["stopped"] == {"accepted": 8, "unreadable": 12}
    assert said_as_json(rollmill, "runs", "attempts", "unreadable@v1")["stopped"] == table["stopped"]


THINKING = """\
recipe_schema: 1
name: thinking
problems: {synthesize: toys.py:ToyProblems, count: 40}
generate: {engine: critic.py:Critic, model: critic, max_tokens: 16}
steps:
  - {name: solve, count: 1, template: "SOLVE {prompt}", read: {answer: '#### (\\d*[02468])\\Z'}}
  - {name: again, template: "AGAIN {prompt} {solve.answer}", read: {answer: '#### (\\d*[02468])\\Z'}, repeat: 1}
verify: [{method: number}]
select: {method: all_correct}
gate: {min_kept: 1}
"""


def test_a_thread_whose_own_answer_cannot_be_shown_is_not_accepted(critic: Path, curated: Curated, rollmill: Run) -> None:
    """Nothing judges here whether to go on: a thread ends at its last round, or at an answer that cannot be read."""
    (critic / "thinking.yaml").write_text(THINKING)
    curated("thinking.yaml")
    table = said_as_json(rollmill, "runs", "attempts")
    first, second, third = (row["asked"] for row in table["attempts"])
    assert first == 40 > second > third > 0
    assert table["stopped"] == {"cap": third, "unreadable": 40 - third}


SILENT = """\
recipe_schema: 1
name: silent
problems: {synthesize: toys.py:ToyProblems, count: 20}
generate: {engine: silent.py:Silent, model: silent, max_tokens: 16}
steps:
  - {name: solve, count: 1, template: "SOLVE {prompt}"}
  - {name: second, template: "AGAIN {prompt} {solve}", when: {solve: incorrect}}
verify: [{method: number}]
select: {method: all_correct}
gate: {min_kept: 0}
"""


def test_a_text_without_an_answer_that_ends_a_thread_is_not_accepted(critic: Path, curated: Curated, rollmill: Run) -> None:
    """Of five problems two are right, one is wrong, and two have no answer: nothing was asked about those."""
    (critic / "silent.py").write_text(
        CRITIC.replace("class Critic", "class Silent").replace(
            'text = f"#### {left', 'text = "I do not know." if left % 5 > 2 else f"#### {left'
        )
    )
    (critic / "silent.yaml").write_text(SILENT)
    curated("silent.yaml")
    table = said_as_json(rollmill, "runs", "attempts")
    asked = [row["asked"] for row in table["attempts"]]
    assert asked == [20, 4]
    assert table["stopped"] == {"accepted": 8, "cap": 4, "unreadable": 8}
