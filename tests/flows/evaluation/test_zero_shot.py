"""The recipe of a benchmark made by two prompts: combinations stay with their problems, and grades rank models."""

import random
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from rollmill.stats import rank_agreement
from tests.flows.conftest import ROOT, Run, said_as_json
from tests.flows.scripted_models import said_by
from tests.pipelines.generate.http.serving import Serving
from tests.pipelines.synthesize.derived.writers import written

pytestmark = pytest.mark.integration
SKILL = {0.2: 1.0, 1.0: 0.8, 1.6: 0.3}  # chance of a right answer by temperature; solvers draw at 1


def zero_shot(asked: dict[str, Any], text: str, seed: int) -> str:
    """Writes sums (some cannot be read), solves them as well as the temperature lets it, and grades what it is shown."""
    if "JSON" in text:
        return "I cannot think of one." if seed % 7 == 0 else written(text, seed)
    left, right = map(int, re.findall(r"has (\d+) \w+ and gets (\d+)", text)[-1])
    if "Grade an answer" in text:
        return f"SCORE: {6 if f'#### {left + right}' in text else 1 + seed % 3}"
    wrong = random.Random(seed).random() >= SKILL[asked["temperature"]]
    return f"#### {left + right + wrong}"


def test_a_benchmark_of_two_prompts_ranks_models_as_their_pass_rates_do(toy: Path, rollmill: Run) -> None:
    shutil.copy(ROOT / "recipes/evaluations/zero_shot.yaml", ".")
    with Serving(said_by(zero_shot), models=["Qwen/Qwen2.5-0.5B-Instruct"]) as server:
        (toy / "p.yaml").write_text(f"profile_schema: 1\nservers: [{{url: '{server.url}'}}]\n")
        small = ("--set", "benchmarks.crossed.count=24", "--profile", "p.yaml")
        report = said_as_json(rollmill, "evaluate", "zero_shot.yaml", *small)
        grading = [body for body in server.bodies if "Grade an answer" in body["messages"][-1]["content"]]
        writing = [body for body in server.bodies if "JSON" in body["messages"][-1]["content"]]
    cells = {cell["model"]: cell["metrics"] for cell in report["cells"]}
    grades, rates = ([named(metrics, name)["value"] for metrics in cells.values()] for name in ("mean_score", "pass@k"))
    assert list(cells) == ["cool", "warm", "hot"]
    assert grades == sorted(grades, reverse=True)
    assert 1 <= grades[2] < grades[0] == 6
    tau = rank_agreement(grades, rates)
    assert tau is not None
    assert tau.value == 1
    assert all(
        named(cells[name], "mean_score")["low"] < named(cells[name], "mean_score")["high"] for name in ("warm", "hot")
    )
    assert len(grading) == 24 * 3 * 2
    assert len(writing) > 24  # what could not be read was replaced
    asked = [re.findall(r"on (\w+) \((\w+)\), as (.+?) would", body["messages"][-1]["content"])[0] for body in writing]
    assert len({body["messages"][-1]["content"] for body in writing}) > 12
    assert set(Counter(skill for skill, _, _ in asked)) == {"money", "time", "distances", "cooking"}
    skills = {row["group"].get("skill") for metrics in cells.values() for row in metrics}
    assert skills >= {"money", "time", "distances", "cooking"}


def named(metrics: list[dict[str, Any]], name: str) -> dict[str, Any]:
    """The metric over all problems."""
    (one,) = [row for row in metrics if row["metric"] == name and not row["group"]]
    return one
