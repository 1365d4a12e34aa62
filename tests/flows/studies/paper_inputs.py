"""What the rows of the table of papers import, written small: problems and answers of a user's own, by row."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from tests.flows.conftest import Run
from tests.flows.written.step_recipe_inputs import DOUBLE, HALF, PROGRAM, RIGHT, SUMS, imported
from tests.json_lines import write_lines

EVALUATION = """\
evaluation_schema: 1
name: mine
benchmarks: [{name: mine, imported: mine, verify: [{method: number}]}]
models: [{name: all, engine: imported}]
"""
TRUSTED = "def largest(xs):\n    best = xs[0]\n    for x in xs:\n        if x > best: best = x\n    return best"
SUSPECT = TRUSTED.replace("xs[0]", "0")  # wrong where every number is negative
VALID = "def valid(xs):\n    return len(xs) > 0 and all(type(x) is int for x in xs)"


def answers_of(problem: str, texts: Sequence[str]) -> list[dict[str, Any]]:
    return [{"problem_id": problem, "model": "m", "sample_index": n, "text": text} for n, text in enumerate(texts)]


def eggs(rollmill: Run) -> None:
    del rollmill
    wrong = RIGHT.replace("9 * 2=18>>18", "9 + 2=11>>11").replace("18", "11")
    write_lines(Path("problems.jsonl"), [SUMS])
    write_lines(Path("answers.jsonl"), answers_of("eggs", [RIGHT, "Surely.\nA: 18", HALF, wrong, "None.\nA: 3"]))


def programs(rollmill: Run) -> None:
    del rollmill
    write_lines(Path("humaneval.jsonl"), [PROGRAM])
    write_lines(Path("answers.jsonl"), answers_of("double", [DOUBLE, DOUBLE.replace("+= x", "+= 1")]))


def suspects(rollmill: Run) -> None:
    """A subtly wrong program, an input on which it fails, and one on which it does not."""
    del rollmill
    puzzle = {"suspect": SUSPECT, "validator": VALID, "entry_point": "largest"}
    row = {"id": "largest", "prompt": "Break it.", "reference": TRUSTED, "tests": [json.dumps(puzzle)], "kind": "code"}
    write_lines(Path("suspects.jsonl"), [row])
    inputs = [f"```python\n[[{numbers}]]\n```" for numbers in ("-3, -1, -2", "1, 2")]
    write_lines(Path("inputs.jsonl"), answers_of("largest", inputs))


def classes(rollmill: Run) -> None:
    """A program with the class that was asked for, and one that does the same without it."""
    wanted = {"Doubler": {"methods": ["double"]}}
    row = {**PROGRAM, "id": "doubler", "prompt": "Write a class Doubler.", "reference": "", "classes": wanted}
    bare = DOUBLE.removeprefix("```python\n").removesuffix("\n```")
    made = (
        "class Doubler:\n    def double(self, x):\n        return 2 * x\n\ndef double(x):\n    return Doubler().double(x)"
    )
    imported(rollmill, [row], answers_of("doubler", [f"```python\n{text}\n```" for text in (made, bare)]), "humaneval")


def choices(rollmill: Run) -> None:
    del rollmill
    rows = [
        {
            "prompt": f"Which tree has number {n}?\nA) oak\nB) elm\nC) fir\nD) yew",
            "reference": "ABCD"[n % 4],
            "kind": "choice",
        }
        for n in range(12)
    ]
    write_lines(Path("choices.jsonl"), rows)


def losses(rollmill: Run) -> None:
    del rollmill
    rows = [f"{n},{1.7 + 400 / n**0.35:.6f}" for n in (10**power * digit for power in (4, 5, 6, 7) for digit in (1, 3))]
    Path("losses.csv").write_text("\n".join(["parameters,loss", *rows]) + "\n")


def evaluation(rollmill: Run) -> None:
    problems = [{"id": f"{n}", "prompt": f"What is {n} + 5?", "reference": str(n + 5)} for n in range(60)]
    texts = [f"#### {n + 5 + (n % 3 == 0)}" for n in range(60)]
    answers = [{"problem_id": f"{n}", "model": "all", "text": text} for n, text in enumerate(texts)]
    imported(rollmill, problems, answers, "mine")
    Path("mine.yaml").write_text(EVALUATION)


def nothing(rollmill: Run) -> None:
    del rollmill


def outcomes(rollmill: Run) -> None:
    """The main job's version, and what a new training did to some of its problems."""
    assert rollmill("curate", "recipes/arithmetic.yaml", "--direct").status == 0
    with duckdb.connect(str(next(Path("datasets/arithmetic").glob("v1-*/dataset.duckdb"))), read_only=True) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM problems ORDER BY id").fetchall()]
    lines = [f"{problem},1,{'' if at % 3 else at % 2}" for at, problem in enumerate(ids)]
    Path("recipes/mixtures/outcomes.csv").write_text("\n".join(["problem_id,before,after", *lines]) + "\n")


def copied(rollmill: Run) -> None:
    """Problems of which a third are copies of one training problem."""
    del rollmill
    fresh = [f"Ann has {n} pens and buys {m}. How many has she?" for n in range(2, 32) for m in range(3, 13)]
    write_lines(Path("train.jsonl"), [{"prompt": prompt} for prompt in fresh[:20]])
    write_lines(Path("fresh.jsonl"), [{"prompt": prompt} for prompt in fresh[20:260]])
    write_lines(Path("made.jsonl"), [{"prompt": prompt} for prompt in [*fresh[260:], *[fresh[0]] * 20]])


INPUTS: Mapping[str, Callable[[Run], None]] = {
    "data-copying": copied,
    "enamel": programs,
    "functional-hashing": programs,
    "lintseq": programs,
    "mbpp": nothing,
    "misfitting": losses,
    "mix-cd": outcomes,
    "oop": classes,
    "partly-correct": eggs,
    "refute": suspects,
    "rise": eggs,
    "thresholdout": evaluation,
    "wicked": choices,
}
"""By row: what is there before its first command."""
