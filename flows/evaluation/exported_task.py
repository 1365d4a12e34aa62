"""A version's problems as a task of lm-eval or Inspect, with the recipe's verifiers as its scorer.

The folder holds the problems as JSON lines, the recipe, and a short Python file in which `rollmill.reward` judges each
answer; the base install of Rollmill in the tool's environment is enough. An undecided answer is no wrong one: it is left
out of the mean and counted beside it.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rollmill.flows.problem_sets import version_problems
from rollmill.flows.problems import prompt_text
from rollmill.flows.recipe.load import as_recipe
from rollmill.flows.recipe.methods import ORIGIN
from rollmill.flows.recipe.user_files import parts_with, stored_methods
from rollmill.ground.errors import SetupError, explained
from rollmill.ground.files import write_text
from rollmill.storage.versions.read import load_manifest
from rollmill.storage.versions.resolve import VersionInfo, resolve
from rollmill.storage.workspace import Workspace

COLUMNS = ("id", "reference", "kind", "level", "skill", "template", "split")
JUDGE = '''"""The verifiers of {ref} as the scorer of {tool}, in whose environment `rollmill` must be: the base install."""

from functools import cache
from pathlib import Path

import rollmill

HERE = Path(__file__).resolve().parent


@cache
def verifiers():
    """The verifiers and the policy of the recipe, in processes that are started once."""
    return rollmill.reward(HERE / "recipe.yaml", correct=1.0, incorrect=0.0, unparsed=0.0)


def judged(problem, answer):
    """The verdict on an answer: `value` is 1.0, 0.0, or None where the verifiers could not decide."""
    item = rollmill.RewardItem(answer, reference=problem["reference"], prompt=problem["prompt"], kind=problem["kind"])
    [verdict] = verifiers().judge([item])
    return verdict
'''
LM_EVAL = '''

def process_results(doc, results):
    """The metrics of one problem, of the first answer."""
    verdict = judged(doc, results[0])
    return {{"correct": verdict.value, "undecided": float(verdict.outcome == "undecided")}}


def mean_of_decided(values):
    """The share of right answers among those that could be decided."""
    decided = [value for value in values if value is not None]
    return sum(decided) / len(decided) if decided else float("nan")
'''
INSPECT = '''

from inspect_ai import Task, task
from inspect_ai.dataset import FieldSpec, json_dataset
from inspect_ai.scorer import Score, accuracy, scorer, stderr
from inspect_ai.solver import generate

FIELDS = FieldSpec(input="prompt", target="reference", id="id", metadata=["kind", "level", "skill", "template"])


@scorer(metrics=[accuracy(), stderr()])
def rollmill_verifiers():
    """Right or wrong as the verifiers judge; an answer that they cannot decide is not scored."""

    async def score(state, target):
        problem = {{"prompt": state.input_text, "reference": target.text, "kind": state.metadata["kind"] or ""}}
        verdict = judged(problem, state.output.completion)
        about = f"{{verdict.outcome}} by {{verdict.verifier}}: {{verdict.rule or verdict.cause}}"
        if verdict.value is None:
            return Score.unscored(answer=verdict.extracted, explanation=about)
        return Score(value=verdict.value, answer=verdict.extracted, explanation=about)

    return score


@task
def {name}():
    """{problems} problems of {ref}."""
    dataset = json_dataset(str(HERE / "problems.jsonl"), FIELDS, name="{ref}")
    return Task(dataset=dataset, solver=generate(), scorer=rollmill_verifiers())
'''


def write_task(
    workspace: Workspace, reference: str, tool: str, out: Path, *, split: str | None = None, max_tokens: int = 1024
) -> dict[str, Any]:
    """Write the folder of a task; the number of its problems, and of those left out with the reason.

    SetupError for a version whose verifiers are a user's own files, or without a problem that has a reference.
    """
    if tool not in TOOLS:
        raise SetupError(f"no task is written for {tool!r}.", choices=TOOLS)
    info = resolve(workspace.datasets, reference)
    recipe = load_manifest(info)["recipe"]
    _require_shipped(info, recipe)
    judging = _judging(recipe)
    # Whoever runs the task runs what this recipe names, with his environment.
    with stored_methods(info.ref, judging, None, base=out) as methods:
        methods.require_own()
    rows, left_out = _problems(workspace, info.ref, split)
    if not rows:
        why = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise SetupError(
            f"{info.ref} has no problem for a task: {why or 'it has none'}.", next_command="name another split"
        )
    name = _identifier(info.name)
    about = {"ref": info.ref, "tool": tool, "name": name, "problems": len(rows)}
    files = {
        "problems.jsonl": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows),
        "recipe.yaml": yaml.safe_dump(judging, sort_keys=False, allow_unicode=True),
        **TOOLS[tool](about, out, max_tokens),
    }
    for file, text in files.items():
        with explained(out / file):
            (out / file).parent.mkdir(parents=True, exist_ok=True)
            write_text(out / file, text)
    return {
        "version": info.ref,
        "tool": tool,
        "folder": str(out),
        "task": name,
        "problems": len(rows),
        "left_out": left_out,
    }


def _require_shipped(info: VersionInfo, recipe: Mapping[str, Any]) -> None:
    own = [part["method"] for part in parts_with(recipe.get("verify"), lambda part: any(key in part for key in ORIGIN))]
    if own:
        raise SetupError(
            f"{info.ref} was judged by {own[0]}, which does not come with Rollmill.",
            next_command="rollmill reverify RUN with verifiers of `rollmill methods verifiers`",
        )


def _judging(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe with the verifiers and the policy of this one, which needs no other file."""
    every = as_recipe(recipe)
    drawn = {"problems": {"synthesize": "templates", "count": 1}, "generate": {"model": "models/rollmill-tiny"}}
    return {**drawn, **{key: every[key] for key in ("recipe_schema", "name", "verify", "accept") if key in every}}


def _problems(workspace: Workspace, ref: str, split: str | None) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Rows of the problems that a reference decides, by id, and how many others there are."""
    rows, left_out = [], Counter[str]()
    for problem in version_problems(workspace, ref):
        if split is not None and problem.split != split:
            left_out["of another split"] += 1
        elif not problem.reference:
            left_out["without a reference"] += 1
        else:
            about = {
                key: getattr(problem, key) for key in ("id", "reference", "kind", "level", "skill", "template", "split")
            }
            rows.append({**about, "prompt": prompt_text(problem.prompt)})
    return rows, dict(left_out)


def _identifier(name: str) -> str:
    """A dataset's name as one of Python."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in name)
    return plain if plain.isidentifier() else f"task_{plain}"


def _lm_eval(about: Mapping[str, Any], out: Path, max_tokens: int) -> dict[str, str]:
    name = about["name"]
    metrics = [
        {"metric": "correct", "aggregation": f"!function {name}.mean_of_decided", "higher_is_better": True},
        {"metric": "undecided", "aggregation": "mean", "higher_is_better": False},
    ]
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str((out / "problems.jsonl").resolve())}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "{{prompt}}",
        "doc_to_target": "{{reference}}",
        "generation_kwargs": {"until": [], "max_gen_toks": max_tokens, "do_sample": False},
        "process_results": f"!function {name}.process_results",
        "metric_list": metrics,
        "metadata": {"version": 1.0, "rollmill": about["ref"]},
    }
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True).replace("'!function", "!function")
    tagged = "\n".join(line.rstrip("'") if "!function" in line else line for line in text.splitlines())
    return {f"{name}.yaml": f"{tagged}\n", f"{name}.py": (JUDGE + LM_EVAL).format(**about)}


def _inspect(about: Mapping[str, Any], _out: Path, max_tokens: int) -> dict[str, str]:
    text = (JUDGE + INSPECT).format(**about).replace("solver=generate()", f"solver=generate(max_tokens={max_tokens})")
    return {f"{about['name']}.py": text}


TOOLS = {"lm-eval": _lm_eval, "inspect": _inspect}
