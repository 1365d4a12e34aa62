"""A sweep of toy models with whole commands: planned, killed, limited, finished with the same table; mistakes by name."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.sweeps.sweep_recipe import load_sweep
from rollmill.ground.errors import SetupError
from rollmill.storage.workspace import Workspace
from rollmill_mixing.allocators.lists.demonstrations import ListOptions
from tests.flows.conftest import Run, finish, said_as_json, start

ROOT = Path(__file__).resolve().parents[3]
SWEEP: dict[str, Any] = {
    "sweep_schema": 1, "name": "chances", "base": "toy.yaml", "set": {"problems": {"imported": "sums"}, "evaluation": []},
    "arms": {"worse": {"options": {"chance": 0.2}}, "better": {"options": {"chance": 0.9}}},
    "allocator": {"method": "halving", "options": {"total": 72}},
}  # fmt: skip
HELD: dict[str, Any] = {
    "evaluation_schema": 1, "name": "held", "seed": 1, "samples": 2,
    "benchmarks": [{"name": name, "synthesize": "toys.py:ToyProblems", "count": 8, "verify": [{"method": "number"}]}
                   for name in ("easy", "hard")],
    "models": [{"name": "toy", "engine": "toys.py:ToyEngine", "model": "toy-1", "temperature": 0.7}],
}  # fmt: skip


@pytest.fixture
def files(toy: Path) -> Path:
    for name, value in (("chances", SWEEP), ("held", HELD)):
        (toy / f"{name}.yaml").write_text(json.dumps(value))
    rows = [{"id": f"{n}", "prompt": f"What is {n} + {n}?", "reference": f"{2 * n}"} for n in range(48)]
    (toy / "sums.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return toy


@pytest.fixture
def sums(files: Path, rollmill: Run) -> Path:
    assert rollmill("import", "problems", "sums.jsonl", "--name", "sums").status == 0
    return files


def written(files: Path, **changed: Any) -> Path:
    path = files / "other.yaml"
    path.write_text(json.dumps({**SWEEP, **changed}))
    return path


def test_the_base_is_the_default_and_a_grid_names_its_arms(files: Path) -> None:
    sweep = load_sweep(files / "chances.yaml")
    assert list(sweep.settings) == ["default", "worse", "better"]
    assert sweep.loaded.recipe.budget.options["default"] == "default"
    grid = {
        "temperature": [1.0, 0.5],
        "top_p": [1, 0.9],
        "prompt_template": ["{prompt}", "Think hard about this.\n{prompt}"],
    }
    sweep = load_sweep(written(files, arms={}, grid=grid, name="grid"))
    names = list(sweep.settings)
    assert names[0] == "temperature-1_0-top_p-1-prompt_template-prompt"
    assert names[-1] == "temperature-0_5-top_p-0_9-prompt_template-2"
    assert (len(names), sweep.budget.default) == (8, names[0])


def test_values_that_read_alike_are_arms_of_their_own(files: Path) -> None:
    grid = {"prompt_template": ["{prompt}", "Be brief. {prompt}", "be brief: {prompt}"]}
    sweep = load_sweep(written(files, arms={}, grid=grid, name="grid"))
    assert [*sweep.settings] == ["prompt_template-prompt", "prompt_template-2", "prompt_template-3"]
    arms = {"temperature-1_0": {"temperature": 0.5}}
    with pytest.raises(SetupError, match="two arms have the name 'temperature-1_0'"):
        load_sweep(written(files, arms=arms, grid={"temperature": [1.0, 0.7]}, name="grid"))


def test_an_evaluation_is_a_base_by_one_benchmark_and_model(files: Path) -> None:
    path = written(files, base="held.yaml", set={}, benchmark="hard", arms={"cold": {"temperature": 0.1}})
    recipe = load_sweep(path).loaded.recipe
    assert (recipe.seed, recipe.problems.count, recipe.generate.temperature) == (1, 8, 0.7)
    assert [step.name for step in recipe.steps] == ["default", "cold"]
    with pytest.raises(SetupError, match=r"the evaluation has 2 benchmarks\. Valid: easy, hard"):
        load_sweep(written(files, base="held.yaml", set={}))
    with pytest.raises(SetupError, match="unknown model 'big'"):
        load_sweep(written(files, base="held.yaml", set={}, benchmark="hard", model="big"))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"arms": {}}, "a sweep needs arms or a grid"),
        ({"arms": {"a": {"temprature": 0.5}}}, "unknown key 'temprature' of arm 'a'"),
        ({"arms": {"a": {"redraw": 1}}}, "unknown key 'redraw' of arm 'a'"),
        ({"arms": {"default": {"temperature": 0.5}}}, "arm 'default' is not as the base"),
        ({"arms": {"same": {}}}, "a sweep of 1 arms"),
        ({"arms": {"a": {"temperature": 0.5}, "b": {"temperature": 0.5}}}, "steps 'a' and 'b' differ in max_tokens"),
        ({"arms": {"a": {"temperature": -1.0}}}, "temperature"),
        ({"benchmark": "hard"}, "is no evaluation, so the sweep takes no 'benchmark'"),
        ({"allocator": {"method": "halfing"}}, "Did you mean 'halving'"),
        ({"allocator": {"method": "halving", "options": {"total": 4}}}, "a total of 4 gives 3 arms no pull"),
        ({"set": {"generate.engine": "imported", "generate.options": {}}}, "takes imported rollouts"),
    ],
)
def test_mistakes_are_named(files: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError) as error:
        load_sweep(written(files, **changed))
    assert message in str(error.value)


SHOWN = {
    name: {"prompt_form": "completion", "examples_from": {"imported": "shown", "ids": ids}}
    for name, ids in {"a": ["a"], "b": ["b"], "ab": ["a", "b"], "ba": ["b", "a"]}.items()
}


@pytest.mark.parametrize("allocator", ["bridge", "ease"])
def test_an_allocator_over_demonstrations_is_told_those_of_the_arms(files: Path, allocator: str) -> None:
    chooser = load_sweep(written(files, arms=SHOWN, allocator={"method": allocator})).budget.chooser
    assert isinstance(chooser, ListOptions)
    lists = {name: list(shown) for name, shown in chooser.lists.items()}
    assert lists == {"default": [], "a": ["a"], "b": ["b"], "ab": ["a", "b"], "ba": ["b", "a"]}


@pytest.mark.integration
def test_demonstrations_are_swept_and_none_of_them_is_asked(sums: Path, rollmill: Run) -> None:
    rows = [{"id": name, "prompt": f"What is {n} + 1?", "reference": f"{n + 1}"} for n, name in ((90, "a"), (91, "b"))]
    (sums / "shown.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert rollmill("import", "problems", "shown.jsonl", "--name", "shown").status == 0
    options = {"total": 48, "batch": 8, "first": 3}
    written(sums, arms=SHOWN, allocator={"method": "ease", "options": options}, report=1)
    outcome = said_as_json(rollmill, "sweep", "other.yaml")
    assert sorted(row["arm"] for row in outcome["arms"]) == ["a", "ab", "b", "ba", "default"]
    assert sum(row["completions"] for row in outcome["arms"]) == 48
    asked = {"a": {"prompt_form": "completion", "examples_from": {"imported": "sums", "ids": ["3"]}}}
    written(sums, arms=asked)
    said = rollmill("sweep", "other.yaml")
    assert (said.status, "is one of the problems that are asked" in said.err) == (2, True)


@pytest.mark.integration
def test_a_sweep_plans_draws_once_and_reports_on_the_other_half(
    sums: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sums
    monkeypatch.setenv("TOY_CALLS", str(files / "calls"))
    plan = said_as_json(rollmill, "sweep", "chances.yaml", "--plan")
    assert plan["draws"] == {"choose": 72, "report": 192, "most": 264}
    assert plan["problems"] == {"choose": 24, "report": 24, "split": "templates"}
    assert not (files / "calls").exists()
    outcome = said_as_json(rollmill, "sweep", "chances.yaml")
    assert (outcome["chosen"], outcome["default"]) == ("better", "default")
    assert outcome["gain"]["low"] > 0.1
    assert [row["problems"] for row in outcome["reported"]] == [24, 24]
    assert outcome["arms"][0]["completions"] == 24  # all that the half has, in two rounds
    assert 0 < outcome["spent"]["drawn"] <= plan["draws"]["most"]
    drawn = (files / "calls").read_text().split()
    assert len(drawn) == len(set(drawn)) == outcome["spent"]["drawn"]
    page = (files / "reports" / "chances" / "sweep.md").read_text()
    assert f"Better is better than default: {outcome['gain']['value']:+.3f}" in page
    assert "Winner's curse" in page
    first = (files / "reports" / "chances" / "sweep.json").read_bytes()
    again = rollmill("sweep", "chances.yaml")
    assert (again.status, "better is better than default" in again.out.lower()) == (0, True)
    assert (files / "reports" / "chances" / "sweep.json").read_bytes() == first
    assert (files / "calls").read_text().split() == drawn
    shown = json.loads(rollmill("runs", "list", "--json").out)
    assert [(run["run"], run["status"]) for run in shown] == [(outcome["run"], "done")]
    assert rollmill("runs", "show", outcome["run"]).status == 0


@pytest.mark.integration
def test_a_spend_limit_holds_and_the_same_sweep_goes_on(sums: Path, rollmill: Run) -> None:
    said = rollmill("sweep", "chances.yaml", "--max-tokens", "800")
    assert said.status == 1
    assert "the token limit of 800 tokens leaves no room" in said.err
    assert "rollmill sweep chances.yaml --max-tokens 1600" in said.err
    with Workspace.open(sums) as workspace:
        [run] = workspace.runs.list()
        assert 400 < workspace.spending.paid(run.id).tokens <= 800
    outcome = said_as_json(rollmill, "sweep", "chances.yaml", "--max-tokens", "100000")
    assert (outcome["run"], outcome["chosen"]) == (run.id, "better")


@pytest.mark.integration
@pytest.mark.services
def test_a_killed_sweep_ends_in_the_table_of_one_that_was_not(
    sums: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sums
    process = start("sweep", "chances.yaml", cwd=files, TOY_CALLS=str(files / "calls"), TOY_SLEEP="0.02")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not (files / "calls").exists() or len((files / "calls").read_text()) < 3000):
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert finish(process).status == -signal.SIGKILL
    assert not (files / "reports" / "chances" / "sweep.json").exists()
    outcome = said_as_json(rollmill, "sweep", "chances.yaml")
    killed = (files / "reports" / "chances" / "sweep.json").read_bytes()
    assert len(json.loads(rollmill("runs", "list", "--json").out)) == 1
    other = files.parent / "undisturbed"
    said = rollmill("init", str(other))
    assert said.status == 0
    for name in ("toys.py", "toy.yaml", "chances.yaml", "sums.jsonl"):
        (other / name).write_text((files / name).read_text())
    monkeypatch.chdir(other)
    assert rollmill("import", "problems", "sums.jsonl", "--name", "sums").status == 0
    assert said_as_json(rollmill, "sweep", "chances.yaml")["gain"] == outcome["gain"]
    assert (other / "reports" / "chances" / "sweep.json").read_bytes() == killed


def test_the_shipped_sweep_loads_and_compares_six_settings_with_the_models_own() -> None:
    sweep = load_sweep(ROOT / "recipes" / "sweeps" / "temperature.yaml")
    assert len(sweep.settings) == 6
    assert sweep.settings[sweep.budget.default] == {"temperature": 1.0, "top_p": 1.0}
