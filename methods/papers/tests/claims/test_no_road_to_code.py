"""Claims in a folder of somebody else's: its files choose no code that is run."""

import subprocess
import sys
from pathlib import Path

import pytest

from rollmill_papers.claims.pools import DRAWN

pytestmark = pytest.mark.security


def test_the_claims_are_measured_by_our_own_evaluation(tmp_path: Path) -> None:
    """One of the same name in a workspace, which may be somebody else's, may name a Python file."""
    touched = tmp_path / "touched"
    folder = tmp_path / "recipes/evaluations"
    folder.mkdir(parents=True)
    (tmp_path / "rollmill.toml").write_text("")
    (folder / "evil.py").write_text(f"open({str(touched)!r}, 'w')\n")
    (folder / "claims.yaml").write_text(DRAWN.read_text().replace("engine: embedded", "engine: evil.py:E"))
    rollmill = Path(sys.executable).with_name("rollmill")
    command = [str(rollmill), "claims", "run", "certainty-borda", "--dry-run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not touched.exists()
