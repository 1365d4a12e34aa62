"""What the recipes of recipes/steps are given in their tests: problems and rollouts, imported, or models of a shop."""

import json
import shutil
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from tests.flows.conftest import ROOT, Run
from tests.flows.scripted_models import SHOP, shop_model
from tests.flows.written.step_versions import read
from tests.json_lines import write_lines

RIGHT = "She has 16 - 3 = <<16-3=13>>13.\nSo 13 - 4 = <<13-4=9>>9 are left.\nThat is 9 * 2 = <<9*2=18>>18.\nA: 18"
HALF = "First 16 - 3 = 13.\nThen 13 - 4 = 9.\nThat is 9 + 2 = 11.\nA: 11"
SUMS = {"id": "eggs", "prompt": "How much are the eggs?", "reference": "18", "solution": RIGHT}
PROGRAM = {
    "id": "double",
    "prompt": "def double(x):\n",
    "entry_point": "double",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(0) == 0\n",
    "kind": "code",
}
DOUBLE = "```python\ndef double(x):\n    total = x\n    total += x\n    return total\n```"


def imported(rollmill: Run, problems: Sequence[Any], rollouts: Sequence[Any], name: str) -> None:
    for kind, rows in (("problems", problems), ("rollouts", rollouts)):
        write_lines(Path(f"{kind}.jsonl"), rows)
    assert rollmill("import", "problems", "problems.jsonl", "--name", name).status == 0
    result = rollmill("import", "rollouts", "rollouts.jsonl", "--name", name, "--problems", name)
    assert result.status == 0, result.err


def eggs(rollmill: Run) -> None:
    texts = [
        RIGHT,
        "Surely.\nA: 18",
        HALF,
        RIGHT.replace("9 * 2=18>>18", "9 + 2=11>>11").replace("18", "11"),
        "None.\nA: 3",
    ]
    rows = [{"problem_id": "eggs", "model": "m", "sample_index": n, "text": text} for n, text in enumerate(texts)]
    imported(rollmill, [SUMS], rows, "gsm8k")


def programs(rollmill: Run) -> None:
    texts = [DOUBLE, DOUBLE.replace("+= x", "+= 1")]
    rows = [{"problem_id": "double", "model": "m", "sample_index": n, "text": text} for n, text in enumerate(texts)]
    imported(rollmill, [PROGRAM], rows, "humaneval")


def mine(rollmill: Run) -> None:
    problems = [{"id": f"p{n}", "prompt": f"{n} + {n} = ?", "reference": str(2 * n)} for n in range(6)]
    problems += [{"id": f"p{n}", "prompt": f"{n}x + {n}x = ?", "reference": f"{2 * n}x"} for n in range(6, 14)]
    rows = [{"problem_id": f"p{n}", "model": "m", "text": f"#### {n + 2}{'x' * (n > 5)}"} for n in range(14)]
    imported(rollmill, problems, rows, "mine")


def models(rollmill: Run, count: int = 12) -> None:
    """Models of shops with the most that they can earn."""
    rows = [
        {"id": f"shop{n}", "prompt": json.dumps(shop_model(shop)), "reference": best}
        for n, (shop, best) in enumerate(shops(count))
    ]
    file = write_lines(Path("models.jsonl"), rows)
    assert rollmill("import", "problems", file, "--name", "models").status == 0


def asserted(rollmill: Run, count: int = 12) -> None:
    """Problems of programs with an assertion to show as their solution, other ones than the tests that judge."""
    rows = [
        {**PROGRAM, "id": f"double{n}", "prompt": f"# Task {n}\ndef double(x):\n", "reference": "2 * x"}
        | {"solution": f"assert double({n + 3}) == {2 * n + 6}"}
        for n in range(count)
    ]
    assert rollmill("import", "problems", write_lines(Path("programs.jsonl"), rows), "--name", "programs").status == 0


def contests(rollmill: Run, count: int = 8) -> None:
    """Shops in words, with the most that they can earn."""
    rows = [
        {"id": f"shop{n}", "prompt": SHOP.format(*shop), "reference": best} for n, (shop, best) in enumerate(shops(count))
    ]
    assert rollmill("import", "problems", write_lines(Path("contests.jsonl"), rows), "--name", "contests").status == 0


def shops(count: int) -> list[tuple[list[int], str]]:
    """Numbers of shops, and the most that each can earn, counted out."""
    found = []
    for n in range(count):
        numbers = [3 + n % 17, 2 + n % 5, 1 + n % 3, 2, 5 + n % 7, 3 + n % 4, 2 + n % 3]
        pairs = product(range(numbers[5] + 1), range(numbers[6] + 1))
        fits = (pair for pair in pairs if numbers[2] * pair[0] + numbers[3] * pair[1] <= numbers[4])
        found.append((numbers, str(max(numbers[0] * loaves + numbers[1] * cakes for loaves, cakes in fits))))
    return found


def sums(rollmill: Run) -> None:
    del rollmill
    shutil.copy(ROOT / "tests" / "toys.py", ".")


def calls(rollmill: Run) -> None:
    """Demonstrations of calls of tools: sums, and other things."""
    sums(rollmill)
    shown = [("What is 3 + 5?", "8", "add(3, 5)"), ("Take 4 from 9. What is left?", "5", "subtract(9, 4)")]
    shown += [("What is 10 + 1?", "11", "add(10, 1)"), ("Share 8 among 2.", "4", "divide(8, 2)")]
    rows = [{"prompt": prompt, "reference": value, "solution": call} for prompt, value, call in shown]
    assert rollmill("import", "problems", write_lines(Path("calls.jsonl"), rows), "--name", "calls").status == 0


PLAIN = """\
recipe_schema: 1
name: plain
seed: 7
problems: {synthesize: templates, count: 12, options: {levels: [5, 6]}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 200}
steps: [{name: solve, count: 4}]
verify: [{method: number}]
select: {method: all_correct}
gate: {min_kept: 0}
"""
DETOUR = "Alternatively, 1 + 1 = 2."


def traces(rollmill: Run) -> None:
    """Answers of the shipped model with true lines that lead nowhere behind the first two, as another model's traces."""
    Path("plain.yaml").write_text(PLAIN)
    made = rollmill("curate", "plain.yaml", "--direct", "--json")
    assert made.status == 0, made.err
    rows = sorted(read(Path(json.loads(made.out)["path"])).of("solve"), key=lambda row: (row.problem, row.id))
    problems = {row.problem: {"id": row.problem, "prompt": row.prompt, "reference": row.reference} for row in rows}
    told = []
    for number, row in enumerate(rows):
        first, *rest = row.text.split("\n")
        text = "\n".join([first, DETOUR, *rest[:1], *([DETOUR] if rest[1:] else []), *rest[1:]])
        told.append({"problem_id": row.problem, "model": "m", "sample_index": number, "text": text})
    imported(rollmill, list(problems.values()), told, "traces")


def nothing(rollmill: Run) -> None:
    del rollmill


def plans(rollmill: Run) -> None:
    """Walks by steps of 1 and 3, with the length of the shortest."""
    rows = [
        {"id": f"walk{n}", "prompt": f"Reach {n} from 0.", "reference": str(n // 3 + n % 3)} for n in (5, 6, 7, 9, 10, 12)
    ]
    assert rollmill("import", "problems", write_lines(Path("plans.jsonl"), rows), "--name", "plans").status == 0
