"""What a shell completes: the names that an argument may take in this workspace, and nothing where there is none."""

import subprocess
import sys
from pathlib import Path

import pytest

from rollmill.flows.cli.terminal import styled
from tests.flows.conftest import ROOT, Curated

pytestmark = pytest.mark.integration


def completed(folder: Path, typed: str) -> list[str]:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1), "_ROLLMILL_COMPLETE": "complete_bash"}
    command = [sys.executable, "-m", "rollmill.flows.cli"]
    ended = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(ROOT), **words}, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    return ended.stdout.split()


def test_names_of_this_workspace_are_offered(toy: Path, curated: Curated) -> None:
    outcome = curated()
    (toy / "recipes").mkdir(exist_ok=True)
    (toy / "recipes" / "other.yaml").write_text("recipe_schema: 1\n")
    assert completed(toy, "rollmill dataset show t") == ["toy", "toy@v1"]
    assert completed(toy, "rollmill dataset yank t") == ["toy", "toy@v1"]
    assert completed(toy, "rollmill model show t") == []
    assert completed(toy, "rollmill runs show t") == [outcome["run"]]
    assert completed(toy, "rollmill compare t") == ["toy", "toy@v1", outcome["run"]]
    assert completed(toy, "rollmill curate t") == ["toy.yaml"]
    assert completed(toy, "rollmill curate recipes/o") == ["recipes/other.yaml"]
    assert completed(toy, "rollmill recipe get steps/modes steps/ri") == ["steps/rise"]
    assert completed(toy, "rollmill certify verifier ma") == ["math"]
    assert completed(toy, "rollmill dataset sho") == ["show"]


def test_nothing_is_offered_and_nothing_made_outside_of_a_workspace(tmp_path: Path) -> None:
    assert completed(tmp_path, "rollmill dataset show t") == []
    assert completed(tmp_path, "rollmill runs show t") == []
    assert list(tmp_path.iterdir()) == []


def test_no_colour_leaves_texts_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert styled("text", bold=True) != "text"
    monkeypatch.setenv("NO_COLOR", "1")
    assert styled("text", bold=True) == "text"
