"""A ledger that came with a folder: `runs resume` runs no Python and uses no profile that the person did not name here."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import update

from storage.ledger.models import RunRow
from storage.workspace import Workspace
from tests.flows.conftest import RECIPE, Said, finish, start

pytestmark = pytest.mark.security
TOYS = Path(__file__).parents[2] / "toys.py"


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with a run that somebody else began and interrupted."""
    folder = tmp_path / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(TOYS, folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "p.yaml").write_text("profile_schema: 1\n")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "theirs"))
    said = rollmill(folder, "curate", "toy.yaml", "--profile", "p.yaml", "--direct")
    assert said.status == 0, said.err
    with Workspace.open(folder) as workspace, workspace.ledger.write() as session:
        session.execute(update(RunRow).values(status="interrupted"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "mine"))
    (folder / "toys.py").write_text(f"{TOYS.read_text()}\nopen({str(folder / 'imported')!r}, 'w').close()\n")
    return folder


def rollmill(folder: Path, *arguments: str) -> Said:
    return finish(start(*arguments, cwd=folder))


def test_a_run_of_somebody_else_is_resumed_by_the_names_of_its_recipe_and_profile_alone(stranger: Path) -> None:
    refused = rollmill(stranger, "runs", "resume")
    assert (refused.status, (stranger / "imported").exists()) == (2, False)
    advice = "Next: read it, then rollmill curate toy.yaml --profile p.yaml"
    assert f"is code that you did not run before: it is not run. {advice}" in refused.err
    (stranger / "toys.py").write_text(TOYS.read_text())
    assert rollmill(stranger, "curate", "toy.yaml", "--direct").status == 0
    refused = rollmill(stranger, "runs", "resume", "--dry-run")
    assert (refused.status, f"p.yaml, which you did not use here as it is now. {advice}" in refused.err) == (2, True)
    assert rollmill(stranger, "curate", "toy.yaml", "--profile", "p.yaml", "--direct").status == 0
    resumed = rollmill(stranger, "runs", "resume", "--dry-run")
    assert (resumed.status, resumed.out) == (0, "Would run: rollmill curate toy.yaml --profile p.yaml\n")
