"""A ledger that came with a folder: no command on a run of it loads Python, a scorer or a profile that the person did not
name here.
"""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select, update

from rollmill.storage.ledger.models import RunRow
from rollmill.storage.workspace import Workspace
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


@pytest.mark.parametrize(
    "command",
    [
        "reverify {run}",
        "reverify {run} --dry-run",
        "score {run} --with answer_agreement",
        "audit scorer {run}",
        "select {run}",
        "select {run} --fdr 0.1",
        "review --undecided {run} --apply",
        "runs resume {run}",
    ],
)
def test_a_command_on_a_run_of_somebody_else_loads_nothing_of_it(stranger: Path, command: str) -> None:
    refused = rollmill(stranger, *command.format(run=run_of(stranger)).split())
    assert (refused.status, (stranger / "imported").exists()) == (2, False)
    assert "is code that you did not run before: it is not run. Next: read it, then rollmill curate toy.yaml" in refused.err


JUDGE = "from rollmill.pipelines.verify.number import NumberVerifier\n\n\nclass Mine(NumberVerifier):\n    name = 'mine'\n"


@pytest.fixture
def own(stranger: Path) -> Path:
    """The folder with a run of the person's own, by a verifier of his own."""
    (stranger / "toys.py").write_text(TOYS.read_text())
    (stranger / "judge.py").write_text(JUDGE)
    (stranger / "mine.yaml").write_text(
        RECIPE.replace("method: number", "method: judge.py:Mine").replace("name: toy", "name: m")
    )
    assert rollmill(stranger, "curate", "mine.yaml", "--profile", "p.yaml", "--direct").status == 0
    return stranger


def test_a_verifier_that_the_person_edits_judges_runs_of_his_own_again(own: Path) -> None:
    (own / "judge.py").write_text(f"{JUDGE}    version = '3'\n")
    (own / "p.yaml").write_text("profile_schema: 1\n# edited\n")
    again = rollmill(own, "reverify", run_of(own), "--dry-run")
    assert (again.status, "Nothing was judged" in again.out) == (0, True), again


def test_a_resumed_run_has_code_and_profile_as_they_ran(own: Path) -> None:
    """They may be others since a pull."""
    (own / "judge.py").write_text(f"open({str(own / 'imported')!r}, 'w').close()\n{JUDGE}")
    refused = rollmill(own, "runs", "resume", run_of(own))
    assert (refused.status, (own / "imported").exists()) == (2, False)
    assert "judge.py of run " in refused.err
    (own / "judge.py").write_text(JUDGE)
    assert rollmill(own, "runs", "resume", run_of(own), "--dry-run").status == 0
    (own / "p.yaml").write_text("profile_schema: 1\n# edited\n")
    refused = rollmill(own, "runs", "resume", run_of(own))
    assert (refused.status, "p.yaml, which you did not use here as it is now" in refused.err) == (2, True)


def test_a_scorer_that_only_the_ledger_names_is_not_loaded(stranger: Path) -> None:
    (stranger / "toys.py").write_text(TOYS.read_text())
    assert rollmill(stranger, "curate", "toy.yaml", "--profile", "p.yaml", "--direct").status == 0
    (stranger / "scorers.py").write_text(f"open({str(stranger / 'imported')!r}, 'w').close()\nclass Evil: pass\n")
    with Workspace.open(stranger) as workspace, workspace.ledger.write() as session:
        for row in session.scalars(select(RunRow)):
            row.recipe = {**row.recipe, "score": [{"method": "scorers.py:Evil", "options": {}}]}
    refused = rollmill(stranger, "score", run_of(stranger))
    assert (refused.status, (stranger / "imported").exists()) == (2, False), refused
    assert "scorers.py" in refused.err


def run_of(folder: Path) -> str:
    with Workspace.open(folder) as workspace:
        return workspace.runs.list()[0].id
