"""kill -9 in the middle of an evaluation: the next command goes on, and its numbers are those without a kill."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.flows.cli.make.test_evaluate import EVALUATION
from tests.flows.conftest import finish, start

pytestmark = pytest.mark.chaos


def cells_of(folder: Path, **env: str) -> list[dict[str, Any]]:
    done = finish(start("evaluate", "sums.yaml", "--direct", "--json", cwd=folder, **env))
    assert done.status == 0, done.err
    return [{key: cell[key] for key in cell if key not in ("spent", "run")} for cell in json.loads(done.out)["cells"]]


@pytest.mark.parametrize("after", [20, 150])  # of 240 completions: in the first cell, and in a later one
def test_kill_9_repays_at_most_the_open_batches(toy: Path, tmp_path: Path, after: int) -> None:
    (toy / "sums.yaml").write_text(EVALUATION.replace("max_tokens: 16", "max_tokens: 16, batch_size: 16"))
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(toy, undisturbed)
    calls = tmp_path / "calls"
    calls.touch()
    command = start("evaluate", "sums.yaml", "--direct", cwd=toy, TOY_CALLS=str(calls), TOY_SLEEP="0.02")
    while command.poll() is None and len(calls.read_text().splitlines()) < after:
        time.sleep(0.02)
    command.kill()
    finish(command)
    drawn = len(calls.read_text().splitlines())
    assert after <= drawn < 240

    assert cells_of(toy, TOY_CALLS=str(calls)) == cells_of(undisturbed)
    repaid = len(calls.read_text().splitlines()) - 240
    assert 0 <= repaid <= 2 * 16
