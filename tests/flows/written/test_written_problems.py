"""Problems whose references a model elects: stored, charged to the recipe's run, limited, and never asked for twice."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.problem_sources import source_of
from rollmill.ground.records import Request
from rollmill.pipelines.synthesize.library import TEMPLATES
from rollmill.storage.spending import WRITE
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.toys import Toy

pytestmark = pytest.mark.integration

EVOLVE = """\
recipe_schema: 1
name: evolve
seed: 3
problems: {synthesize: templates, count: 6, options: {levels: [1]}}
generate: {engine: "author.py:Author", model: toy-1, max_tokens: 200}
budget: {method: fixed, options: {initial: 2}}
gate: {min_kept: 0, max_undecided: 1.0}
"""
EVOLVED = """\
recipe_schema: 1
name: evolved
seed: 3
problems:
  synthesize: rewritten
  count: 8
  options: {from: evolve, kept: false, votes: 4, least: 0.7, solver: {model: models/rollmill-tiny, max_tokens: 60}}
generate: {engine: embedded, model: models/rollmill-tiny, max_tokens: 60}
budget: {method: fixed, options: {initial: 2}}
gate: {min_kept: 0, max_undecided: 1.0}
"""
STEPS = """\
recipe_schema: 1
name: evolve
seed: 3
problems: {synthesize: templates, count: 6, options: {levels: [1]}}
steps:
  - {name: solve, engine: embedded, model: models/rollmill-tiny, max_tokens: 60, count: 2}
  - {name: evolve, engine: "author.py:Author", model: toy-1, role: step, template: "{prompt}\\n{solve}\\nMake it harder."}
gate: {min_kept: 0, max_undecided: 1.0}
"""
AUTHOR = """\
from tests.flows.written.test_written_problems import Writer


class Author(Writer):
    pass
"""


class Writer(Toy):
    """Writes an instance of a template for every request."""

    def __init__(self, model: str = "toy-1", threads: int = 0) -> None:
        super().__init__(model=model, model_digest=f"writer-{threads * 0}")

    def answer(self, request: Request) -> Mapping[str, Any]:
        rng, template = random.Random(request.seed), TEMPLATES["basket"]()
        return {"text": f"PROBLEM: {template.render(template.sample(2, rng), 0)}", "tokens_in": 4, "tokens_out": 30}


@pytest.fixture
def evolved(toy: Path, rollmill: Run) -> Path:
    """A workspace with the recipe evolved.yaml over the version of one that writes problems."""
    (toy / "author.py").write_text(AUTHOR)
    (toy / "evolve.yaml").write_text(EVOLVE)
    (toy / "evolved.yaml").write_text(EVOLVED)
    assert rollmill("curate", "evolve.yaml", "--direct").status == 0
    return toy


def paid(folder: Path) -> tuple[int, int]:
    """Completions and tokens paid for writing."""
    with Workspace.open(folder) as ws:
        run = next(name for name in _payers(ws) if name.startswith("evolved-"))
        charges = [payment.charge.sums for payment in ws.spending.payments(run) if payment.charge.purpose == WRITE]
        return sum(sums.completions for sums in charges), sum(sums.tokens for sums in charges)


def _payers(ws: Workspace) -> list[str]:
    return [run for run, _ in ws.spending.by_span([0.0])]


def test_writing_is_stored_charged_and_asked_once(evolved: Path, rollmill: Run) -> None:
    before = rollmill("synthesize", "evolved.yaml", "--dry-run")
    assert before.status == 2
    assert "not written yet" in before.err
    assert "rollmill synthesize" in before.err
    first = rollmill("synthesize", "evolved.yaml", "--json")
    assert first.status == 0, first.err
    outcome = json.loads(first.out)
    assert outcome["problems"] > 3
    count, tokens = paid(evolved)
    assert count % 4 == 0
    assert tokens > count
    again = json.loads(rollmill("synthesize", "evolved.yaml", "--json").out)
    assert (again["digest"], paid(evolved)) == (outcome["digest"], (count, tokens))
    assert json.loads(rollmill("synthesize", "evolved.yaml", "--dry-run", "--json").out)["digest"] == outcome["digest"]
    with Workspace.open(evolved) as ws:
        streams = ws.segments.read("completions")["stream"].to_pylist()
        assert streams.count("write") == count
    result = rollmill("curate", "evolved.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    cost = json.loads(rollmill("runs", "cost", json.loads(result.out)["run"], "--json").out)
    assert cost["writing"]["completions"] == count
    assert cost["paid"]["completions"] == count + cost["spent"]["completions"]


def test_a_limit_holds_for_writers_and_a_higher_one_goes_on(evolved: Path, rollmill: Run) -> None:
    stopped = rollmill("synthesize", "evolved.yaml", "--max-tokens", "600")
    assert stopped.status == 1
    assert "token limit" in stopped.err
    assert 0 < paid(evolved)[1] <= 600
    assert rollmill("synthesize", "evolved.yaml", "--json").status == 0
    count, tokens = paid(evolved)
    with Workspace.open(evolved) as ws:
        assert ws.segments.read("completions")["stream"].to_pylist().count("write") == count
    assert tokens > 600


def test_texts_of_a_step_that_nobody_judges_become_problems(toy: Path, rollmill: Run) -> None:
    (toy / "author.py").write_text(AUTHOR)
    (toy / "evolve.yaml").write_text(STEPS)
    (toy / "evolved.yaml").write_text(EVOLVED.replace("kept: false", "step: evolve"))
    result = rollmill("curate", "evolve.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    with Workspace.open(toy) as ws:
        version, run = source_of(ws, "evolve"), source_of(ws, json.loads(result.out)["run"])
        texts = [row for row in version.rollouts() if row.step == "evolve"]
        assert texts == [row for row in run.rollouts() if row.step == "evolve"]
        assert {row.outcome for row in texts} == {None}
        assert len(texts) == 12
    outcome = json.loads(rollmill("synthesize", "evolved.yaml", "--json").out)
    assert outcome["problems"] > 3


def test_refusals_are_counted_where_problems_are(evolved: Path, rollmill: Run) -> None:
    sets = ("--set", "problems.options.least=1.0", "--set", "problems.options.solver.temperature=1.5")
    outcome = json.loads(rollmill("synthesize", "evolved.yaml", "--json", *sets).out)
    assert outcome["dropped"]["refused_no_reference"] > 0
    report = json.loads((evolved / "reports/evolved/problems.json").read_text())
    assert report["dropped"] == outcome["dropped"]
