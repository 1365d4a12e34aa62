"""Recipes whose budget is a search: which steps they get, what is refused, and that their hash is that of what they say."""

import json
from pathlib import Path

import pytest

from rollmill.flows.recipe.load import LoadedRecipe, load_recipe
from rollmill.ground.errors import SetupError
from rollmill.storage.exports.asked import label_seeing_steps
from tests.flows.conftest import ROOT

SEARCH = "{method: search, options: {policy: beam, process: lines}}"
RECIPE = f"""\
recipe_schema: 1
name: s
problems: {{synthesize: templates, count: 4}}
generate: {{max_tokens: 90, stop: ["Question:"]}}
budget: {SEARCH}
"""


def loaded(path: Path, text: str) -> LoadedRecipe:
    (path / "r.yaml").write_text(text)
    return load_recipe(path / "r.yaml")


def test_a_search_gets_its_steps_and_what_is_written_down_is_the_same_recipe(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, RECIPE)
    assert [(step.name, step.node.step.role, step.node.step.turn) for step in recipe.steps] == [
        ("piece", "step", "new"),
        ("next", "step", "continue"),
        ("answer", "answer", "new"),
    ]
    assert [step.generate.stop for step in recipe.steps[:2]] == [("\n", "Question:")] * 2
    assert [step.generate.max_tokens for step in recipe.steps] == [64, 64, 90]
    assert [step["name"] for step in recipe.canonical()["steps"]] == ["piece", "next", "answer"]
    again = loaded(tmp_path, json.dumps(recipe.shown()))
    assert again.recipe_hash == recipe.recipe_hash


def test_a_process_that_draws_has_a_step_of_its_own(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, RECIPE.replace("process: lines", "process: rollouts"))
    assert [step.name for step in recipe.steps] == ["piece", "next", "process", "answer"]
    process = recipe.steps[2]
    assert (process.node.step.turn, process.node.step.role, process.node.step.searched) == ("continue", "step", True)
    assert (process.generate.stop, process.generate.max_tokens) == (("Question:",), 90)
    again = loaded(tmp_path, json.dumps(recipe.shown()))
    assert again.recipe_hash == recipe.recipe_hash
    own = 'steps: [{name: process, role: step, template: "{answer}\\nSo?"}]\nbudget:'
    assert loaded(tmp_path, RECIPE.replace("budget:", own)).steps[-1].name == "process"
    with pytest.raises(SetupError, match="step 'process' belongs to budget 'search'"):
        loaded(tmp_path, RECIPE.replace("budget:", own).replace("process: lines", "process: rollouts"))


def test_a_search_by_verdicts_marks_its_steps_as_having_seen_a_label(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, RECIPE.replace("process: lines", "process: {method: outcome, options: {estimate: lines}}"))
    assert all(step.node.sees_label for step in recipe.steps)
    assert label_seeing_steps(recipe.canonical()) == {"piece", "next", "answer"}
    assert loaded(tmp_path, json.dumps(recipe.shown())).recipe_hash == recipe.recipe_hash
    plain = loaded(tmp_path, RECIPE)
    assert label_seeing_steps(plain.canonical()) == set()
    assert "sees_label" not in json.dumps(plain.canonical()["steps"])
    verify = "verify: [{method: votes, options: {of: mark.grade, least: 4}}]\nbudget:"
    vote = "steps: [{name: mark, role: vote, template: '{prompt} {answer}', read: {grade: '(\\d)'}}]\n"
    assert loaded(tmp_path, RECIPE.replace("budget:", vote + verify)).steps
    with pytest.raises(SetupError, match="depends on verdicts, and verifier 'votes' judges once everything is drawn"):
        loaded(tmp_path, RECIPE.replace("budget:", vote + verify).replace("process: lines", "process: outcome"))


def test_a_policy_that_writes_has_steps_for_it_and_ends_answers_before_they_are_cut_off(tmp_path: Path) -> None:
    text = RECIPE.replace("policy: beam", "policy: budget_forcing")
    with pytest.raises(SetupError, match=r"ends answers at 128 tokens, .* cuts them off at 90"):
        loaded(tmp_path, text)
    recipe = loaded(tmp_path, text.replace("max_tokens: 90", "max_tokens: 192"))
    steps = {step.name: step for step in recipe.steps}
    assert list(steps) == ["piece", "next", "wait", "end", "answer"]
    assert [steps[name].node.step.template for name in ("wait", "end")] == ["{piece}\nWait,", "{piece}#### "]
    assert all(steps[name].node.step.turn == "continue" for name in ("wait", "end"))
    assert loaded(tmp_path, json.dumps(recipe.shown())).recipe_hash == recipe.recipe_hash


def test_a_policy_by_its_name_is_the_policy_with_its_defaults(tmp_path: Path) -> None:
    options = "{method: beam, options: {width: 16, expand: 4}}"
    written = RECIPE.replace("policy: beam", f"policy: {options}")
    assert loaded(tmp_path, written).recipe_hash == loaded(tmp_path, RECIPE).recipe_hash
    other = RECIPE.replace("policy: beam", "policy: {method: beam, options: {width: 8}}")
    assert loaded(tmp_path, other).recipe_hash != loaded(tmp_path, RECIPE).recipe_hash


def test_a_policy_and_a_process_of_a_users_own_are_part_of_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "class Even:\n"
        "    name, version = 'even', '1'\n"
        "    def scores(self, problem, partials):\n"
        "        return [0.5 for _ in partials]\n"
    )
    recipe = loaded(tmp_path, RECIPE.replace("process: lines", 'process: "mine.py:Even"'))
    built = recipe.budget.build()
    assert built.scored_by.name == "even"
    assert built.scored_by.version.startswith("1+file.")
    assert "source_sha256" in json.dumps(recipe.canonical())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("policy: beam", "policy: bean"), "unknown search policy 'bean'. Did you mean 'beam'?"),
        (("process: lines", "process: line"), "unknown process 'line'. Did you mean 'lines'?"),
        (("policy: beam", "policy: [beam, particles]"), "search.policy is not a list of methods"),
        (("policy: beam", "policy: {method: beam, options: {width: 7}}"), "width 7 is not a multiple of expand 4"),
        (("policy: beam", "policy: beam, piece_tokens: 0"), "piece_tokens"),
        (("policy: beam", "policy: beam, stop: ''"), "stop is ''"),
        (("generate: {", "generate: {engine: imported} #"), "engine imported draws nothing"),
        (("budget:", "steps: [{name: own}]\nbudget:"), "step 'own' follows nothing, and budget 'search' draws"),
        (("budget:", "steps: [{name: piece}]\nbudget:"), "step 'piece' belongs to budget 'search'"),
    ],
)
def test_what_cannot_be_searched_is_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in RECIPE
    with pytest.raises(SetupError) as caught:
        loaded(tmp_path, RECIPE.replace(*change, 1))
    assert message in str(caught.value)


def test_steps_of_the_recipe_follow_finished_answers(tmp_path: Path) -> None:
    steps = (
        'steps: [{name: critic, role: step, when: {answer: incorrect}, template: "{prompt}\\n{answer}\\nWhy?"}]\nbudget:'
    )
    recipe = loaded(tmp_path, RECIPE.replace("budget:", steps))
    assert [step["name"] for step in recipe.canonical()["steps"]] == ["piece", "next", "answer", "critic"]
    assert recipe.graph.nodes["critic"].parents == ("answer",)


def test_the_shipped_recipe_is_sound() -> None:
    assert load_recipe(ROOT / "recipes" / "searched.yaml").budget.build().grown_by.name == "particles"


@pytest.mark.parametrize("process", ["votes", "critiques", "back_verification"])
def test_a_key_that_yaml_takes_for_a_truth_value_is_an_option(tmp_path: Path, process: str) -> None:
    nested = "process: {method: %s, options: {%s: ja}}"
    bare = loaded(tmp_path, RECIPE.replace("process: lines", nested % (process, "yes")))
    quoted = loaded(tmp_path, RECIPE.replace("process: lines", nested % (process, "'yes'")))
    assert bare.recipe_hash == quoted.recipe_hash
    for key in ("1", "null", "2020-01-01"):
        with pytest.raises(SetupError, match=f"unknown option '.*' of process {process!r}"):
            loaded(tmp_path, RECIPE.replace("process: lines", nested % (process, key)))
    with pytest.raises(SetupError, match="a list or a mapping cannot be a key"):
        loaded(tmp_path, RECIPE.replace("process: lines", nested % (process, "[1]")))
