"""kill -9 of the command line: everything of it is gone at once, and the same command again ends as if nothing had been."""

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.segments.keys import KINDS
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, finish, start
from tests.flows.test_services import left_behind
from tests.waiting import until

pytestmark = pytest.mark.chaos

BATCH = 16


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_kill_9_while_drawing_repays_two_batches_at_most(toy: Path, tmp_path: Path, seed: int) -> None:
    # The verifier with worker processes of its own: they must be gone too.
    (toy / "toy.yaml").write_text((toy / "toy.yaml").read_text().replace("method: number", "method: math"))
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(toy, undisturbed)
    expected = json.loads(finish(start("curate", "toy.yaml", "--direct", "--json", cwd=undisturbed)).out)
    env = {"TOY_SLEEP": "0.05", "TOY_CALLS": str(toy / "calls")}
    command = start("curate", "toy.yaml", "--prefect", cwd=toy, **env)
    assert until((toy / "calls").exists, 120)
    time.sleep(random.Random(seed).uniform(0.5, 3.0))
    command.kill()
    finish(command)
    assert until(lambda: left_behind(toy) == []), left_behind(toy)
    with Workspace.open(toy) as workspace:
        committed = workspace.segments.read("completions").num_rows
    paid = len((toy / "calls").read_text().split())
    assert paid - committed <= 2 * BATCH
    assert '"killed"' in finish(start("runs", "list", "--json", cwd=toy)).out
    again = finish(start("curate", "toy.yaml", "--json", cwd=toy, **env))
    assert again.status == 0, again.err
    outcome = json.loads(again.out)
    assert outcome["content_hash"] == expected["content_hash"]
    assert outcome["spent"]["drawn"] == expected["funnel"]["drawn"] - committed


@pytest.mark.parametrize(
    "point",
    [
        "publish.renamed",
        *(pytest.param(f"publish.{step}", marks=pytest.mark.long) for step in ("folder_written", "ledger", "index")),
    ],
)
def test_kill_9_while_publishing_is_finished_by_the_next_command(toy: Path, point: str) -> None:
    """Every point without the command line is in storage/versions/test_publish."""
    command = start("curate", "toy.yaml", "--direct", cwd=toy, ROLLMILL_FAILPOINT=point)
    assert finish(command).status == -9
    again = finish(start("curate", "toy.yaml", "--direct", "--json", cwd=toy))
    assert again.status == 0, again.err
    outcome = json.loads(again.out)
    assert (outcome["version"], outcome["spent"]["drawn"]) == (1, 0)
    rows = json.loads(finish(start("dataset", "list", "--json", cwd=toy)).out)
    assert [row["version"] for row in rows] == ["toy@v1"]
    assert finish(start("dataset", "verify", "toy", "--base", ".", cwd=toy)).status == 0


@pytest.mark.parametrize(
    "point",
    [
        "segment.renamed:4",
        "plan.committed:2",
        pytest.param("segment.temp_written:1", marks=pytest.mark.long),
    ],
)
def test_kill_9_between_two_steps_of_a_commit(toy: Path, uninterrupted: dict[str, Any], point: str) -> None:
    """The first segment is the problems', the fourth a verdict's; every point of a run is in rounds/test_storm."""
    env = {"TOY_CALLS": str(toy / "calls")}
    assert finish(start("curate", "toy.yaml", "--direct", cwd=toy, ROLLMILL_FAILPOINT=point, **env)).status == -9
    assert until(lambda: left_behind(toy) == []), left_behind(toy)
    again = finish(start("curate", "toy.yaml", "--direct", "--json", cwd=toy, **env))
    assert again.status == 0, again.err
    outcome = json.loads(again.out)
    assert outcome["content_hash"] == uninterrupted["content_hash"]
    assert outcome["funnel"] == uninterrupted["funnel"]
    paid = (toy / "calls").read_text().split()
    assert len(set(paid)) == uninterrupted["funnel"]["drawn"]
    assert len(paid) - len(set(paid)) <= 2 * BATCH
    with Workspace.open(toy) as workspace:
        for kind in ("problems", "completions", "verdicts", "decisions", "plan", "stops"):
            segments = workspace.segments.registry.segments(kind)
            assert workspace.segments.read(kind).num_rows == sum(segment.rows for segment in segments)
        files = [path for path in (toy / ".rollmill" / "segments").rglob("*") if path.is_file()]
        parquet = [path for path in files if path.suffix == ".parquet"]
        assert len(parquet) == sum(len(workspace.segments.registry.segments(kind)) for kind in KINDS)
    assert finish(start("dataset", "verify", "toy", "--base", ".", cwd=toy)).status == 0


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the toy recipe gives when nobody kills it."""
    folder = tmp_path_factory.mktemp("uninterrupted") / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(Path(__file__).parents[2] / "toys.py", folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    outcome: dict[str, Any] = json.loads(finish(start("curate", "toy.yaml", "--direct", "--json", cwd=folder)).out)
    return outcome
