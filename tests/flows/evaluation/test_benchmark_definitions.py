"""Every definition that ships, from rows in the documented form to verdicts on given answers and to prompts as sent."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows import cli
from flows.recipe.benchmarks import shipped_definitions
from storage.records import Problem
from storage.segments.schema import from_table
from storage.workspace import Workspace
from tests.flows.evaluation.published_rows import ROWS

CODE = {"humaneval", "mbpp"}
EVALUATION = """\
evaluation_schema: 1
name: NAME
samples: 1
benchmarks: [BENCHMARKS]
models: [MODEL]
metrics: [{metric: pass@k, ks: [1]}]
"""
Cells = dict[str, dict[str, Any]]


def rollmill(*arguments: str) -> None:
    assert cli.run(arguments) == 0


def write(path: Path, rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def imported_as(name: str) -> str:
    """The problem set of a definition: that of another, where it is the same benchmark in another form."""
    return name.removesuffix("-few-shot")


def stored(name: str, split: str = "test") -> list[Problem]:
    with Workspace.open() as workspace:
        rows: list[Problem] = from_table("problems", workspace.segments.read("problems", producer=f"import:{name}"))
    return [row for row in rows if row.split == split]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A workspace, the current one, with every file of ROWS imported by its definition."""
    folder, before = tmp_path_factory.mktemp("published") / "ws", Path.cwd()
    Workspace.init(folder).close()
    os.chdir(folder)
    for name, rows in ROWS.items():
        if name == imported_as(name):
            words = ("--name", name, "--benchmark", name)
            rollmill("import", "problems", write(folder / "file.jsonl", rows.rows), *words)
            split = ("--set", f"split={rows.shown_split}") if rows.shown_split else ()
            if rows.shown:
                rollmill("import", "problems", write(folder / "shown.jsonl", rows.shown), *words, *split)
    yield folder
    os.chdir(before)


def evaluated(folder: Path, name: str, benchmarks: list[str], model: str) -> Cells:
    """The cells of an evaluation, by benchmark."""
    text = EVALUATION.replace("NAME", name).replace("BENCHMARKS", ", ".join(benchmarks)).replace("MODEL", model)
    (folder / f"{name}.yaml").write_text(text)
    rollmill("evaluate", f"{name}.yaml")
    cells = json.loads((folder / "reports" / name / "evaluation.json").read_text())["cells"]
    return {cell["benchmark"]: cell for cell in cells}


def test_every_definition_that_ships_has_rows_here() -> None:
    assert set(shipped_definitions()) == set(ROWS)


def test_given_answers_get_the_verdicts_that_they_deserve(published: Path) -> None:
    names = sorted(imported_as(name) for name in ROWS if name == imported_as(name))
    for name in names:
        first = next(row for row in stored(name) if ROWS[name].first in str(row.prompt))
        asked = {"prompt": first.prompt, "reference": first.reference, "kind": first.kind, "model": "given"}
        rows = [{**asked, "text": text, **({"tests": first.tests} if first.tests else {})} for text in ROWS[name].answers]
        rollmill("import", "rollouts", write(published / "r.jsonl", rows), "--name", f"{name}-given", "--problems", name)
    unprotected = ", verify: [{method: code, options: {sandbox: none}}]"
    benchmarks = [f"{{benchmark: {name}{unprotected if name in CODE else ''}}}" for name in names]
    cells = evaluated(published, "given", benchmarks, "{name: given, engine: imported}")
    with Workspace.open() as workspace, workspace.segments.connect() as connection:
        query = "SELECT c.text, v.outcome FROM verdicts v JOIN completions c ON c.id = v.completion_id ORDER BY v.verifier"
        outcomes = dict(connection.execute(query).fetchall())
    for name in names:
        deserved = dict(ROWS[name].answers)
        assert (name, {text: outcomes[text] for text in deserved}) == (name, deserved)
        assert (cells[name]["rollouts"], cells[name]["undecided"]) == (len(deserved), 0)


def test_the_embedded_engine_runs_them_end_to_end(published: Path) -> None:
    names = sorted(set(ROWS) - CODE)
    benchmarks = [f"{{benchmark: {name}, count: 2}}" for name in names]
    cells = evaluated(published, "drawn", benchmarks, "{name: tiny, max_tokens: 4, temperature: 0.0}")
    for name in names:
        assert cells[name]["problems"] == cells[name]["rollouts"] == min(2, len(ROWS[name].rows))
        assert cells[name]["undecided"] == 0


def test_a_card_tells_splits_letters_lengths_and_the_first_problem_as_sent(
    published: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rollmill("benchmark", "show", "gpqa", "--json")
    card = json.loads(capfd.readouterr().out)
    split = card["splits"]["test"]
    assert (split["problems"], split["skills"]) == (40, {"Signs": 40})
    # The file gives the right option first: without another order a model that says A would solve all of them.
    assert set(split["right_letters"]) == set("ABCD")
    assert max(split["right_letters"].values()) < 20
    assert split["characters"]["least"] <= split["characters"]["median"] <= split["characters"]["most"]
    assert card["first"].endswith("end with a line that reads: Answer: LETTER")
    assert [part["method"] for part in card["verify"]] == ["choice"]
    assert card["files"][0]["notes"][0].startswith("read as gpqa; SHA-256 of the file: ")

    rollmill("benchmark", "show", "mmlu", "--json")
    card = json.loads(capfd.readouterr().out)
    assert {name: split["problems"] for name, split in card["splits"].items()} == {"dev": 10, "test": 6}
    shown, asked = card["first"].rsplit("\n\n", 2)[0], card["first"]
    assert (shown.count("\nAnswer: "), asked.count("Answer:"), asked.endswith("Answer:")) == (5, 6, True)

    rollmill("benchmark", "show", "mbpp")
    out = capfd.readouterr().out
    assert "  split        prompt: 3 problems\n" in out
    assert "  split        test: 2 problems\n" in out
    assert "assistant  def add_2(x):" in out


def test_the_list_says_which_problems_are_here(published: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rollmill("benchmark", "list", "--json")
    rows = {row["name"]: row for row in json.loads(capfd.readouterr().out)}
    assert set(rows) == set(ROWS)
    assert all(row["imported"] for row in rows.values())
    assert (rows["humaneval"]["verify"], rows["mmlu"]["form"], rows["ifeval"]["licence"]) == (
        ["code"],
        "completion",
        "Apache-2.0",
    )
