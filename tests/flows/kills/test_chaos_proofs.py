"""kill -9 while theorems are proved and while their proofs are judged: the next command publishes what an undisturbed one
does, and no Coq stays behind.
"""

import json
import shutil
from pathlib import Path

import pytest

from rollmill.storage.segments.keys import Kind
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, finish, start
from tests.flows.test_services import left_behind
from tests.waiting import until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

SMALL = [
    "problems.count=12",
    "generate.batch_size=2",
    "generate.options.trials=40",
    "gate.max_undecided=1",
    "gate.min_kept=0",
]
CURATE = ["curate", "proofs.yaml", "--direct", "--json", *(word for one in SMALL for word in ("--set", one))]


def workspace(folder: Path) -> Path:
    Workspace.init(folder).close()
    shutil.copy(ROOT / "recipes" / "proofs.yaml", folder)
    return folder


def published(folder: Path) -> str:
    result = finish(start(*CURATE, cwd=folder))
    assert result.status == 0, result.err
    return str(json.loads(result.out)["content_hash"])


def committed(folder: Path, kind: Kind) -> int:
    """Rows of a kind that are registered."""
    with Workspace.open(folder) as opened:
        return sum(segment.rows for segment in opened.segments.registry.segments(kind))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    return published(workspace(tmp_path_factory.mktemp("undisturbed") / "ws"))


@pytest.mark.parametrize("kind", ["completions", "verdicts"])
def test_a_killed_run_of_proofs_publishes_the_same(tmp_path: Path, undisturbed: str, kind: Kind) -> None:
    folder = workspace(tmp_path / "ws")
    command = start(*CURATE, cwd=folder)
    assert until(lambda: committed(folder, kind), 120)
    command.kill()
    assert finish(command).status == -9
    assert until(lambda: left_behind(folder) == []), left_behind(folder)
    assert 0 < committed(folder, kind) <= 12
    assert committed(folder, "verdicts") < 12, "it was killed before it was through"
    assert published(folder) == undisturbed
    assert committed(folder, "completions") == committed(folder, "verdicts") == 12
