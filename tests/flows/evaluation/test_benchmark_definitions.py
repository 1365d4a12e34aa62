"""Every definition that ships, from rows in the documented form to verdicts on given answers and to prompts as sent."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from rollmill.flows import cli
from rollmill.flows.problems import preview_problems
from rollmill.flows.recipe.benchmarks import shipped_definitions
from rollmill.flows.recipe.evaluations import load_evaluation
from rollmill.flows.worked_examples import Examples
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.generate.prompts import PromptForm
from rollmill.pipelines.verify.constraints.constraints_verifier import ConstraintsVerifier
from rollmill.storage.segments.schema import from_table
from rollmill.storage.workspace import Workspace
from tests.flows.evaluation.published_rows import ROWS
from tests.json_lines import write_lines

pytestmark = pytest.mark.timeout(300)  # one evaluation of all of them, on a machine that does other work too
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
            rollmill("import", "problems", write_lines(folder / "file.jsonl", rows.rows), *words)
            split = ("--set", f"split={rows.shown_split}") if rows.shown_split else ()
            if rows.shown:
                rollmill("import", "problems", write_lines(folder / "shown.jsonl", rows.shown), *words, *split)
    yield folder
    os.chdir(before)


def evaluated(folder: Path, name: str, benchmarks: list[str], model: str) -> Cells:
    """The cells of an evaluation, by benchmark."""
    text = EVALUATION.replace("NAME", name).replace("BENCHMARKS", ", ".join(benchmarks)).replace("MODEL", model)
    (folder / f"{name}.yaml").write_text(text)
    rollmill("evaluate", f"{name}.yaml", "--direct")
    cells = json.loads((folder / "reports" / name / "evaluation.json").read_text())["cells"]
    return {cell["benchmark"]: cell for cell in cells}


def test_every_definition_that_ships_has_rows_here() -> None:
    assert set(shipped_definitions()) == set(ROWS)


@pytest.mark.integration
def test_given_answers_get_the_verdicts_that_they_deserve(published: Path) -> None:
    names = sorted(imported_as(name) for name in ROWS if name == imported_as(name))
    for name in names:
        first = next(row for row in stored(name) if ROWS[name].first in str(row.prompt))
        fields = {"prompt": first.prompt, "reference": first.reference, "kind": first.kind, "model": "given"}
        rows = [{**fields, "text": text, **({"tests": first.tests} if first.tests else {})} for text in ROWS[name].answers]
        file = write_lines(published / "r.jsonl", rows)
        rollmill("import", "rollouts", file, "--name", f"{name}-given", "--problems", name)
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


@pytest.mark.integration
def test_the_embedded_engine_runs_every_prompt_form_end_to_end(published: Path) -> None:
    """Chat turns, one text with worked examples, examples by skill, instructions; the checkers are tested above."""
    names = ["gpqa", "gsm8k-few-shot", "ifeval", "mmlu"]
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


def form_and_problems(folder: Path, benchmark: str) -> tuple[PromptForm, tuple[Problem, ...]]:
    """How an evaluation asks a benchmark, and its problems."""
    text = EVALUATION.replace("NAME", "one").replace("BENCHMARKS", benchmark).replace("MODEL", "{name: tiny}")
    (folder / "one.yaml").write_text(text)
    [loaded] = load_evaluation(folder / "one.yaml").cells
    with Workspace.open() as workspace:
        problems = preview_problems(workspace, loaded).problems
        return Examples(workspace, loaded, problems).form_of(loaded.recipe.generate), problems


def test_worked_examples_are_of_another_split_and_answered_as_the_model_shall(published: Path) -> None:
    form, problems = form_and_problems(published, "{benchmark: gsm8k-few-shot}")
    text = form.prompt_for(problems[0])
    assert isinstance(text, str)
    assert len(form.examples) == text.count("\n#### ") == 8
    shown = {problem.prompt for problem in stored("gsm8k", "train")}
    assert {example.question for example in form.examples} < shown
    assert not shown & {problem.prompt for problem in problems}
    assert text.endswith(f"\n\nQuestion: {problems[0].prompt}\nAnswer:")


def test_mmlu_shows_five_questions_of_the_subject_that_is_asked(published: Path) -> None:
    form, problems = form_and_problems(published, "{benchmark: mmlu}")
    assert len(form.examples) == 10
    for problem in problems:
        shown = form.shown_before(problem)
        assert [example.skill for example in shown] == [problem.skill] * 5
        assert {example.answer for example in shown} <= set("ABCD")


def test_the_function_that_mbpp_wants_is_named_in_its_prompt(published: Path) -> None:
    form, problems = form_and_problems(published, "{benchmark: mbpp}")
    assert sorted(problem.external_id or "" for problem in problems) == ["11", "12"]
    turns = form.prompt_for(problems[0])
    assert isinstance(turns, tuple)
    assert [turn.role for turn in turns] == ["user", "assistant"] * 3 + ["user"]
    assert turns[1].content == "```python\ndef add_2(x):\n    return x + 2\n```"
    assert f"assert add_{problems[0].external_id}(1) ==" in turns[-1].content


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("examples_from: {split: test, count: 2}", "is one of the problems that are asked"),
        ("examples: [{prompt: 'Ana has 1 pens and buys 1,000.', answer: '1001'}]", "is one of the problems that are asked"),
        ("examples_from: {split: train, count: 11}", "examples_from wants 11 examples, and its problem set has 10"),
        (
            "imported: mmlu, examples_from: {imported: gsm8k, count: 1, per_skill: true}",
            "wants 1 examples of skill 'signs'",
        ),
        ("examples_from: {split: train, ids: [x]}", "no problem with the id 'x' among these 10"),
        ("examples_from: {split: training}", "unknown split of gsm8k: 'training'. Did you mean 'train'?"),
        ("split: tests", "unknown split of gsm8k: 'tests'. Did you mean 'test'?"),
    ],
)
def test_examples_that_would_mislead_are_refused(published: Path, change: str, message: str) -> None:
    with pytest.raises(SetupError) as caught:
        form_and_problems(published, f"{{benchmark: gsm8k-few-shot, {change}}}")
    assert message in str(caught.value)


@pytest.mark.parametrize(("mode", "outcome"), [("strict", "incorrect"), ("loose", "correct")])
def test_ifeval_is_strict_unless_it_is_said_to_be_loose(
    published: Path, mode: Literal["strict", "loose"], outcome: str
) -> None:
    [problem] = stored("ifeval")
    assert problem.tests == (
        '{"instruction_id_list":["detectable_format:number_bullet_lists","change_case:english_lowercase"],'
        '"kwargs":[{"num_bullets":2},{}]}',
    )
    text = Completion("id", problem.prompt_id, "e", "m", "d", "evaluate", 0, None, "Sure!\n* red\n* blue", "stop")
    verdict = ConstraintsVerifier(mode=mode).verify(problem, text)
    assert (verdict.outcome, verdict.value) == (outcome, {"strict": 0.5, "loose": 1.0}[mode])
