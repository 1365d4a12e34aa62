"""The table of papers: what each row says is there is there, and its numbers and verdicts are those of their source."""

import ast
import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from docs.generate import papers as page_of_papers
from rollmill.flows import cli
from rollmill.flows.loops.loaded_loop import load_loop
from rollmill.flows.mixing.mix_recipe import load_mixture
from rollmill.flows.recipe.evaluations import load_evaluation
from rollmill.flows.recipe.load import load_recipe
from rollmill.flows.recipe.parse import kind_of_file, read_yaml
from rollmill.flows.studies.shelf import shipped_result
from rollmill.flows.studies.study_recipe import load_study
from rollmill.flows.sweeps.sweep_recipe import load_sweep
from rollmill.flows.training.training_recipe import load_training
from rollmill.flows.trials.trial_recipe import load_trial
from rollmill.ground.errors import SetupError
from rollmill.storage.queries.published.papers import MEASURED, SYSTEMS, PaperRow, published_papers, words_of
from tests.flows.conftest import Run

ROOT = Path(__file__).resolve().parents[3]
ROWS = published_papers()
LOADERS: Mapping[str, Callable[..., Any]] = {
    "curate": load_recipe,
    "evaluate": load_evaluation,
    "loop": load_loop,
    "mix": load_mixture,
    "study": load_study,
    "sweep": load_sweep,
    "train": load_training,
    "trial": load_trial,
}
FIGURE = re.compile(r"[+-]?\d*\.?\d(?:[\d,]*\d)?")
LISTED = re.compile(r"^\| \[?([a-z0-9-]+)\]?.* \| (reproduced|contradicted|inconclusive) \|", re.MULTILINE)
VERDICTS = {
    "contradicted": "does not hold here",
    "inconclusive": "cannot be seen on this model",
    "reproduced": "holds",
}  # from the strongest on
COMMANDS = [(row, command) for row in ROWS for command in row.run]
RECIPES = [(row, command) for row, command in COMMANDS if " recipes/" in command]


@cache
def command_line() -> Any:
    return get_command(cli.build())


@cache
def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def functions_of(name: str) -> set[str]:
    return {node.name for node in ast.parse(text_of(name)).body if isinstance(node, ast.FunctionDef)}


def figures_of(text: str) -> set[str]:
    return {figure.lstrip("+") for figure in FIGURE.findall(text)}


@cache
def board() -> dict[str, tuple[str, str]]:
    """Board and status of each claim, and status of each published number, as the page of claims has them."""
    sections = re.split(r"^## ", text_of("docs/reference/claims.md"), flags=re.MULTILINE)
    found = {}
    for section in sections:
        for name, status in LISTED.findall(section):
            found[name] = (section.partition("\n")[0], status)
    return found


def test_there_are_177_papers_with_names_and_titles_of_their_own() -> None:
    assert len(ROWS) == len({row.name for row in ROWS}) == len({row.title for row in ROWS}) == 177
    assert len({row.kind for row in ROWS}) == len(list(SYSTEMS.glob("*.yaml")))


def test_a_row_says_what_its_status_needs() -> None:
    for row in ROWS:
        assert row.does.endswith("."), row.name
        assert row.reports.endswith("."), row.name
        if row.status == "not here":
            assert (bool(row.missing), row.run) == (True, ()), row.name
        else:
            assert row.run or row.missing.startswith("No engine runs it"), row.name
            assert row.tests, row.name
        assert bool(row.measured) == bool(row.source), row.name
        assert bool(row.numbers) or row.status not in MEASURED, row.name


def test_every_command_is_one_of_the_command_line() -> None:
    context = command_line().make_context("rollmill", [], resilient_parsing=True)
    for row, command in COMMANDS:
        assert command.startswith("rollmill "), row.name
        verb, words = command_line(), list(words_of(command))
        while hasattr(verb, "commands"):
            verb = verb.commands[words.pop(0)]
        verb.make_context(row.name, words, parent=context)


@pytest.mark.integration
@pytest.mark.parametrize(
    ("row", "command"), RECIPES, ids=[f"{row.name}-{row.run.index(command)}" for row, command in RECIPES]
)
def test_a_recipe_that_a_command_names_is_sound(row: PaperRow, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    words = words_of(command)
    sets = [value for word, value in pairwise(words) if word == "--set"]
    for path in (Path(word) for word in words if word.startswith("recipes/")):
        kind = kind_of_file(read_yaml(path, "recipes")[0])
        assert kind is not None
        verb = kind.split()[1]
        assert words[0] in (verb, "synthesize")
        last = [other for other in row.run if " recipes/" in other][-1]
        LOADERS[verb](path, sets=[*sets, *(row.quick if command == last else ())])


def test_every_named_test_is_there() -> None:
    for row in ROWS:
        for test in row.tests:
            path, _, name = test.partition("::")
            assert name in functions_of(path), row.name


def test_measured_figures_are_those_of_the_page_that_is_named() -> None:
    """Every number of a row stands on the page; n and counts too."""
    for row in ROWS:
        figures = figures_of(row.measured)
        assert bool(figures) == bool(row.source), row.name
        assert figures <= figures_of(text_of(row.source) if row.source else ""), row.name


@pytest.mark.parametrize("row", [row for row in ROWS if row.study or row.claims], ids=lambda row: row.name)
def test_a_status_is_that_of_the_study_or_of_the_claims(row: PaperRow) -> None:
    if row.study:
        result = shipped_result(row.study)
        assert result is not None
        assert row.status == result["verdict"]
        return
    claimed = [board()[claim] for claim in row.claims]
    if all(section == "Implementation checks" for section, _ in claimed):
        assert row.status == "implementation checked"
    else:
        statuses = {status for _, status in claimed}
        assert row.status == next(verdict for status, verdict in VERDICTS.items() if status in statuses)


def test_the_page_has_every_paper() -> None:
    page = page_of_papers.page()
    assert [row.title for row in ROWS if f"**{row.title}**" not in page] == []
    assert "| **Bridging the Training-Inference Gap" in page
    assert "after a wrong digit: mixed - gold +0.067 [+0.043, +0.092] (n 96)" in page


@pytest.mark.integration
def test_papers_are_listed_by_status_and_kind(toy: Path, rollmill: Run) -> None:
    (toy / "recipes").mkdir()
    rows = json.loads(rollmill("recipe", "list", "--papers", "--json").out)
    assert len(rows) == 178  # the study that no paper of the table names is the last
    some = json.loads(rollmill("recipe", "list", "--status", "holds", "--kind", "Verification", "--json").out)
    assert [row["name"] for row in some] == ["b4"]
    wrong = rollmill("recipe", "list", "--papers", "--status", "hold")
    assert (wrong.status, "Did you mean 'holds'" in wrong.err) == (2, True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind: K\npapers: [{name: a, titel: A}]", "unknown key of k.yaml 'titel'. Did you mean 'title'"),
        ("kind: K\npapers: [{name: a, title: A, does: D, reports: R, status: hold}]", "unknown status of a 'hold'"),
        ("papers: 3", "not a table of papers"),
        (
            "kind: K\npapers: [&a {name: a, title: A, does: D, reports: R, status: holds}, *a]",
            "two papers have one name: a",
        ),
    ],
)
def test_a_mistake_in_the_table_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "k.yaml").write_text(text)
    with pytest.raises(SetupError, match=re.escape(said)):
        published_papers(tmp_path)
