"""Every HumanEval reference in every dress a model may give it: the same function is extracted, by the rule that should."""

import ast
import json

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.verify.code.program import program_of, task_of
from rollmill.pipelines.verify.code.suite import suite_of
from tests.shared_data import shared_data

pytestmark = pytest.mark.data
DRESSES = {
    "as the prompt goes on": ("continuation", "{body}"),
    "without its first indentation": ("continuation", "{stripped}"),
    "with prose behind it": ("continuation", "{body}\nThat's it: isn't this nice?\n\n- one\n- two"),
    "the whole program": ("whole", "{prompt}{body}"),
    "in a block": ("fenced", "Sure!\n\n```python\n{prompt}{body}\n```\nUse it:\n```\nprint(1)\n```"),
    "the body in a block": ("fenced-joined", "The body is\n```python\n{body}```\n"),
    "between prose": ("embedded", "Here it is:\n\n{prompt}{body}\n\nThat's all there is to it."),
    "after a thought": ("fenced", "<think>```python\nx\n```</think>```\n{prompt}{body}```"),
}


def rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in shared_data("humaneval.jsonl").read_text(encoding="utf-8").splitlines()]


def function(source: str, name: str) -> str:
    found = [part for part in ast.parse(source).body if isinstance(part, ast.FunctionDef) and part.name == name]
    return ast.dump(found[-1])


@pytest.mark.parametrize("dress", sorted(DRESSES))
def test_the_same_function_in_every_dress(dress: str) -> None:
    rule, form = DRESSES[dress]
    for row in rows():
        prompt, body, name = row["prompt"], row["canonical_solution"], row["entry_point"]
        found = program_of(form.format(prompt=prompt, body=body, stripped=body.strip()), task_of(prompt, name))
        assert found is not None, row["task_id"]
        assert (found.rule, function(found.text, name)) == (rule, function(prompt + body, name)), row["task_id"]


def test_every_test_is_read_and_counted() -> None:
    sizes = []
    for row in rows():
        meta = {"entry_point": row["entry_point"]}
        sizes.append(suite_of(Problem(row["prompt"], "", "code", (row["test"],), meta=meta)).size)
    assert (len(sizes), sum(sizes), min(sizes), max(sizes)) == (82, 573, 1, 16)
