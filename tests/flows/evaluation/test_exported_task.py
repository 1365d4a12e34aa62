"""Tasks of other tools: the folder has the problems, and its scorer judges as the version's verifiers do."""

import ast
import importlib.util
import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from tests.flows.conftest import Curated, Run

pytestmark = pytest.mark.integration


@pytest.fixture
def version(toy: Path, curated: Curated) -> dict[str, Any]:
    return curated()


def module_at(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("exported_toy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def exported(rollmill: Run, tool: str, *more: str) -> dict[str, Any]:
    ended = rollmill("export-task", "toy", "--for", tool, "--out", f"tasks/{tool}", "--json", *more)
    assert ended.status == 0, ended.err
    row: dict[str, Any] = json.loads(ended.out)
    return row


@pytest.mark.usefixtures("version")
def test_lm_eval_gets_its_metrics_from_the_verifiers(toy: Path, rollmill: Run) -> None:
    row = exported(rollmill, "lm-eval")
    folder = toy / "tasks" / "lm-eval"
    problems = [json.loads(text) for text in (folder / "problems.jsonl").read_text().splitlines()]
    assert len(problems) == row["problems"] == 12
    text = (folder / "toy.yaml").read_text()
    config = yaml.safe_load(text.replace("!function ", ""))
    assert text.count(": !function toy.") == 2
    assert config["dataset_kwargs"]["data_files"]["test"] == str(folder / "problems.jsonl")
    task = module_at(folder / "toy.py")
    right, wrong = f"#### {problems[0]['reference']}", "#### -12345"
    assert task.process_results(problems[0], [right]) == {"correct": 1.0, "undecided": 0.0}
    assert task.process_results(problems[0], [wrong]) == {"correct": 0.0, "undecided": 0.0}
    undecided = task.process_results({**problems[0], "reference": "no number at all"}, [right])
    assert undecided == {"correct": None, "undecided": 1.0}
    assert task.mean_of_decided([1.0, None, 0.0]) == 0.5
    assert math.isnan(task.mean_of_decided([None]))
    task.verifiers().close()


@pytest.mark.usefixtures("version")
def test_inspect_gets_a_task_and_a_scorer(toy: Path, rollmill: Run) -> None:
    exported(rollmill, "inspect", "--max-tokens", "64")
    source = (toy / "tasks" / "inspect" / "toy.py").read_text()
    functions = {node.name: node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    assert [ast.unparse(one) for one in functions["toy"].decorator_list] == ["task"]
    assert "max_tokens=64" in source
    assert "Score.unscored(" in source


@pytest.mark.usefixtures("version")
def test_what_makes_no_task_is_refused(toy: Path, rollmill: Run) -> None:
    for words, told in (
        (("--for", "helm", "--out", "x"), "Valid: lm-eval, inspect"),
        (("--for", "inspect", "--out", "x", "--split", "none"), "12 of another split"),
    ):
        refused = rollmill("export-task", "toy", *words)
        assert refused.status == 2
        assert told in refused.err
    assert not (toy / "x").exists()


def test_a_verifier_of_a_users_own_is_named(toy: Path, curated: Curated, rollmill: Run) -> None:
    recipe = (toy / "toy.yaml").read_text()
    (toy / "own.yaml").write_text(recipe.replace("method: number", "method: toys.py:OwnNumber"))
    (toy / "toys.py").write_text(
        (toy / "toys.py").read_text()
        + "\n\nfrom rollmill.pipelines.verify.number import NumberVerifier\n\nclass OwnNumber(NumberVerifier):\n    pass\n"
    )
    curated("own.yaml")
    refused = rollmill("export-task", "toy", "--for", "inspect", "--out", "x")
    assert refused.status == 2
    assert "toys.py:OwnNumber" in refused.err
