"""BRIDGE by commands: search for examples, write answers of many with them, search among the model's own answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.problem_sets import imported_problems
from rollmill.flows.recipe.load import load_recipe
from rollmill.flows.recipe.schema import ExamplesFrom
from rollmill.flows.worked_examples import Examples
from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.prompts import PromptForm
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run, said_as_json

ENGINE = '''\
"""A model that is often right after the example 90 + 1, or after 95 + 1 with an answer of its own."""

from collections.abc import Mapping
from typing import Any

from toys import ToyEngine

from rollmill.ground.records import Request


class Follower(ToyEngine):
    def answer(self, request: Request) -> Mapping[str, Any]:
        shown = request.rendered
        self.chance = 0.95 if "90 + 1" in shown or ("95 + 1" in shown and "####" in shown) else 0.3
        return super().answer(request)
'''


def shown(ids: dict[str, str], **source: str) -> dict[str, Any]:
    """An arm for each example."""
    return {name: {"prompt_form": "completion", "examples_from": {**source, "ids": [key]}} for name, key in ids.items()}


@pytest.fixture
def pool(toy: Path, rollmill: Run) -> Path:
    """Forty-eight problems to ask, `sums`, and ten for examples, `pool`, in two splits."""
    sums = [{"id": f"{n}", "prompt": f"What is {n} + {n}?", "reference": f"{2 * n}"} for n in range(48)]
    extra = [
        {"id": f"{n}", "prompt": f"What is {n} + 1?", "reference": f"{n + 1}", "split": "first" if n < 93 else "rest"}
        for n in range(90, 100)
    ]
    for name, rows in (("sums", sums), ("pool", extra)):
        (toy / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert rollmill("import", "problems", f"{name}.jsonl", "--name", name).status == 0
    beside = f"import sys\n\nsys.path.insert(0, {str(toy)!r})\nfrom toys"
    (toy / "follower.py").write_text(ENGINE.replace("from toys", beside))
    return toy


def sweep(folder: Path, rollmill: Run, name: str, arms: dict[str, Any]) -> str:
    """The arm that a search by BRIDGE chooses."""
    recipe = {
        "sweep_schema": 1, "name": name, "base": "toy.yaml", "arms": arms, "report": 1,
        "set": {"problems": {"imported": "sums"}, "evaluation": [], "generate.engine": "follower.py:Follower"},
        "allocator": {"method": "bridge", "options": {"total": 64, "batch": 8, "first": 4}},
    }  # fmt: skip
    (folder / f"{name}.yaml").write_text(json.dumps(recipe))
    return str(said_as_json(rollmill, "sweep", f"{name}.yaml")["chosen"])


def form_of(folder: Path, part: ExamplesFrom) -> PromptForm:
    """The form in which the problems of `sums` are asked with these examples."""
    loaded = load_recipe(folder / "toy.yaml", sets=["problems={imported: sums}"])
    with Workspace.open(folder) as workspace:
        examples = Examples(workspace, loaded, imported_problems(workspace, "sums"))
        return examples.form_of(loaded.recipe.generate.model_copy(update={"examples_from": part}))


@pytest.mark.integration
def test_a_search_for_examples_and_the_writing_with_them_alternate(pool: Path, rollmill: Run) -> None:
    arms = shown({"a": "90", "b": "91", "c": "92"}, imported="pool", split="first")
    assert sweep(pool, rollmill, "first", arms) == "a"
    sets = [
        "name=written", "problems={imported: pool, split: rest}", "evaluation=[]", "gate.min_kept=1",
        "generate.engine=follower.py:Follower", "generate.prompt_form=completion",
        'generate.examples_from={imported: pool, split: first, ids: ["90"]}',
    ]  # fmt: skip
    assert rollmill("curate", "toy.yaml", *(word for text in sets for word in ("--set", text)), "--direct").status == 0
    arms = shown({"d": "94", "e": "95", "f": "96"}, version="written", answer="{rollout}")
    assert sweep(pool, rollmill, "second", arms) == "e"

    [own] = form_of(pool, ExamplesFrom(version="written", ids=("95",), answer="So: {rollout}")).examples
    assert own.question == "What is 95 + 1?"
    assert own.answer.startswith("So: ")
    assert own.answer.endswith(" #### 96")  # kept, so it is right
    assert len(form_of(pool, ExamplesFrom(version="written", count=5, answer="{rollout}")).examples) == 5
    with Workspace.open(pool) as workspace:
        [problem] = [row for row in imported_problems(workspace, "pool") if row.external_id == "95"]
    assert form_of(pool, ExamplesFrom(version="written", ids=(problem.id,), answer="So: {rollout}")).examples == (own,)


@pytest.mark.integration
def test_a_problem_without_a_kept_rollout_is_no_example(pool: Path, rollmill: Run) -> None:
    sets = ["name=few", "problems={imported: pool, split: rest}", "evaluation=[]", "gate.min_kept=0",
            "generate.options.chance=0.5", "budget={method: fixed, options: {initial: 1}}"]  # fmt: skip
    assert rollmill("curate", "toy.yaml", *(word for text in sets for word in ("--set", text)), "--direct").status == 0
    with pytest.raises(SetupError, match=r"wants 7 examples, and its problem set has [1-6]\."):
        form_of(pool, ExamplesFrom(version="few", count=7, answer="{rollout}"))
    with pytest.raises(SetupError, match="the version kept no rollout of problem 9"):
        form_of(pool, ExamplesFrom(version="few", ids=tuple(f"{n}" for n in range(93, 100)), answer="{rollout}"))
    with pytest.raises(SetupError, match=r"it names none\. Next: examples_from: \{version: NAME\}"):
        form_of(pool, ExamplesFrom(answer="{rollout}"))
    with pytest.raises(SetupError, match="a kept rollout of a dataset version, and it names none"):
        form_of(pool, ExamplesFrom(imported="pool", answer="{rollout}"))
