"""The commands of every row of the table of papers, run one after the other in a workspace of their own.

Shared recipes are written small (SMALL, and `smallest` for loops); a row's `quick` overrides make its last recipe small.
What a row imports is written by paper_inputs.py. Rows that need a server, people or labels are skipped with the reason.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest

from rollmill.flows.recipe.parse import override, read_yaml
from rollmill.storage.queries.published.papers import PaperRow, published_papers, words_of
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Prepare, Run
from tests.flows.loops.test_recipes import smallest
from tests.flows.studies.paper_inputs import INPUTS

pytestmark = [pytest.mark.papers, pytest.mark.timeout(600)]

ROWS = [row for row in published_papers() if row.run]
SMALL: Mapping[str, tuple[str, ...]] = {
    "arithmetic": ("problems.count=48", "gate={min_kept: 10}", "evaluation=[]", "budget.options.cap=16"),
    "evaluations/arithmetic": ("samples=4", "benchmarks.easy.count=12", "benchmarks.hard.count=12"),
    "evaluations/few": ("samples=4", "benchmarks.few.count=4"),
    "evaluations/heldout": ("benchmarks.easy.count=8", "benchmarks.hard.count=8"),
    "proofs": ("problems.count=20",),
    "evaluations/specialised": ("samples=2", "benchmarks.target.count=8", "benchmarks.generic.count=8"),
    "searched": ("problems.count=8",),
    "training/student": ("learner.options={steps: 2, batch: 4, learning_rate: 1e-4}",),
    "steps/mode_views": ("problems.count=16", "gate={min_kept: 1}"),
    "training/modes": ("learner.options={steps: 2, batch: 4, learning_rate: 1e-4}",),
    "training/p2value": ("learner.options={steps: 2, batch: 4, learning_rate: 1e-4}",),
    "training/fill_in": ("learner.options={steps: 2, batch: 4, learning_rate: 1e-4}",),
}
"""Overrides of the shared recipes, by file."""
FEW_DRAWS = [
    word
    for change in ("samples=16", "benchmarks.unseen.count=12", "benchmarks.pair.count=12", "benchmarks.ladder.count=16")
    for word in ("--set", change)
]
"""Overrides of the pools of claims."""
WITH_RECIPE = ("curate", "evaluate", "loop", "mix", "study", "sweep", "synthesize", "train", "trial")
WRITTEN: Mapping[str, str] = {
    "claims": "reports/claims/*.json",
    "curate": "datasets/*/index.json",
    "evaluate": "reports/*/*",
    "loop": "reports/*/loop.md",
    "mix": "datasets/*/index.json",
    "study": "reports/studies/*.md",
    "train": "models/*/index.json",
    "trial": "reports/*/trial.md",
}
"""Files that a command writes, by verb."""
SHARED = [
    f"rollmill {command}" for command in ("curate recipes/arithmetic.yaml", "evaluate recipes/evaluations/arithmetic.yaml")
]
"""Commands with which several rows begin: run once in each process."""


def out_of_reach(row: PaperRow) -> str:
    """Reason why the commands of a row cannot be run here; empty if they can."""
    reasons = {
        "people": "people who judge",
        "server": "a server with a model that follows instructions",
        "labels": "a version with labels of lines",
    }
    lacking = [reason for need, reason in reasons.items() if need in row.needs]
    if "imports" in row.needs and row.name not in INPUTS:
        lacking.append("data that a user imports")
    if "train" in row.needs and find_spec("torch") is None:
        lacking.append("torch")
    if "sandbox" in row.needs and shutil.which("bwrap") is None:
        lacking.append("bubblewrap")
    return f"needs {', '.join(lacking)}" if lacking else ""


def arguments(row: PaperRow, command: str) -> list[str]:
    """The words of a command, with the row's `quick` overrides if it is the last one with a recipe."""
    words = list(words_of(command))
    recipes = [other for other in row.run if words_of(other)[0] in WITH_RECIPE]
    if recipes and command == recipes[-1]:
        words += [word for value in row.quick for word in ("--set", value)]
    if words[:2] == ["claims", "run"]:
        words += [*([] if "--seeds" in words else ["--seeds", "1"]), *FEW_DRAWS]
    return [*words, "--direct"] if words[0] == "curate" else words


def unwritten(words: Sequence[str]) -> list[str]:
    """Files that a command should have written and has not."""
    wanted = [after for word, after in pairwise(words) if word == "--out"]
    if words[0] in WRITTEN and not {"--dry-run", "--signals"} & set(words):
        wanted.append(WRITTEN[words[0]])
    return [name for name in wanted if not any(path.stat().st_size for path in Path().glob(name))]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the shipped recipes, the shared ones small; the current folder."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    for name, changes in SMALL.items():
        path = folder / f"recipes/{name}.yaml"
        data, _ = read_yaml(path, "recipes")
        for change in changes:
            override(data, change)
        path.write_text(json.dumps(data))
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_commands_of_a_row_run(row: PaperRow, workspace: Path, rollmill: Run, prepare: Prepare) -> None:
    reason = out_of_reach(row)
    if reason:
        pytest.skip(reason)
    for command in row.run:
        if command.startswith("rollmill loop "):
            smallest(Path(words_of(command)[1]).stem, workspace)
    commands = list(row.run)
    if row.name in INPUTS:
        INPUTS[row.name](rollmill)
    elif commands[0] in SHARED and len(commands) > 1:
        [began] = prepare(arguments(row, commands.pop(0)))
        assert began.status == 0, began.err
    for command in commands:
        words = arguments(row, command)
        said = rollmill(*words)
        assert said.status == 0, f"{command}\n{said.out[-1500:]}\n{said.err[-1500:]}"
        assert said.out, command
        assert unwritten(words) == [], command
