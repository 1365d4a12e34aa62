"""Composite verifiers in a recipe: instructions, JSON and choices, with the evidence of the parts in the dataset."""

import json
from pathlib import Path

import duckdb
import pytest

from rollmill.storage.versions.resolve import resolve
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import Run
from tests.json_lines import write_lines

pytestmark = pytest.mark.integration

RECIPE = """\
recipe_schema: 1
name: mixed
problems: {imported: mixed}
generate: {engine: imported}
verify:
  - method: any_of
    options:
      verifiers:
        - method: all_of
          options: {verifiers: [{method: constraints}, {method: regex, options: {pattern: '[a-z ]+'}}]}
        - {method: choice}
        - {method: json_schema}
gate: {max_undecided: 1.0}
"""
PROBLEMS = [
    {
        "id": "form",
        "prompt": "Three small words.",
        "reference": "",
        "tests": ['{"id": "words", "exactly": 3}'],
        "kind": "form",
    },
    {"id": "city", "prompt": "Capital of France?\nA) Lyon\nB) Paris", "reference": "B", "kind": "choice"},
    {"id": "json", "prompt": "As JSON.", "reference": '{"required": ["a"]}', "kind": "json"},
]
SAID = [
    ("form", "one two three", "correct"),
    ("form", "One two three", "undecided"),
    ("city", "The answer is B.", "correct"),
    ("city", "The answer is A.", "undecided"),
    ("json", '{"a": 1}', "correct"),
    ("json", '{"b": 1}', "undecided"),
]
"""Where one part cannot judge a problem at all (no options, no schema), no other part's no makes `any_of` say no."""


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rollmill: Run) -> Path:
    """A workspace with the problems and rollouts imported."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    monkeypatch.chdir(folder)
    (folder / "mixed.yaml").write_text(RECIPE)
    write_lines(folder / "p.jsonl", PROBLEMS)
    rows = [{"problem_id": name, "model": "m", "text": text} for name, text, _ in SAID]
    write_lines(folder / "r.jsonl", rows)
    assert rollmill("import", "problems", "p.jsonl", "--name", "mixed").err == ""
    assert rollmill("import", "rollouts", "r.jsonl", "--name", "mixed", "--problems", "mixed").err == ""
    return folder


def test_a_composite_goes_end_to_end(mixed: Path, rollmill: Run) -> None:
    done = rollmill("curate", "mixed.yaml", "--direct", "--json")
    assert done.status == 0, done.err
    funnel = json.loads(done.out)["funnel"]
    assert (funnel["correct"], funnel["undecided"], funnel["kept"]) == (3, 3, 3)
    version = resolve(mixed / "datasets", "mixed")
    with duckdb.connect(str(version.path / "dataset.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "SELECT r.text, v.outcome, v.rule, v.evidence FROM verdicts v JOIN rollouts r ON r.id = v.completion_id"
        ).fetchall()
    by_text = {text: (outcome, rule, json.loads(evidence)) for text, outcome, rule, evidence in rows}
    assert {text: outcome for text, (outcome, _, _) in by_text.items()} == {text: outcome for _, text, outcome in SAID}
    _, rule, parts = by_text["The answer is B."]
    assert rule == "any_of:choice"
    assert [(part["verifier"], part["outcome"]) for part in parts] == [
        ("all_of", "incorrect"),
        ("choice", "correct"),
        ("json_schema", "undecided"),
    ]
