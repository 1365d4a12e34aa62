"""Other users of the machine who may read a workspace hold up none of its commands: they cannot lock what they cannot read.

A lock and a database are locked through any descriptor, of a file opened for reading as well.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, finish, start

pytestmark = pytest.mark.security
TOYS = Path(__file__).parents[2] / "toys.py"
# As user nobody: hold each file below the folder that can be read, with both kinds of locks.
LOCKS = """\
import fcntl, os, sys, time
os.setgroups([]); os.setgid(65534); os.setuid(65534)
held = []
for folder, _, names in os.walk(sys.argv[1]):
    for name in names:
        try:
            held.append(os.open(os.path.join(folder, name), os.O_RDONLY))
            fcntl.flock(held[-1], fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.lockf(held[-1], fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            pass
print(len(held), flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize(("before", "after"), [(0o755, 0o700), (0o775, 0o770), (0o777, 0o777), (0o2775, 0o2770)])
def test_who_may_not_write_into_the_state_cannot_look_into_it(tmp_path: Path, before: int, after: int) -> None:
    Workspace.init(tmp_path).close()
    state = tmp_path / ".rollmill"
    assert state.stat().st_mode & 0o7777 == 0o700
    state.chmod(before)
    Workspace.open(tmp_path, read_only=True).close()
    assert state.stat().st_mode & 0o7777 == before
    Workspace.open(tmp_path).close()
    assert state.stat().st_mode & 0o7777 == after


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder that other users may enter, unlike those of pytest."""
    with tempfile.TemporaryDirectory(prefix="reachable-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_a_reader_holds_up_no_command_and_no_firing(reachable: Path) -> None:
    said = finish(start("init", ".", cwd=reachable))
    assert said.status == 0, said.err
    (reachable / "toys.py").write_text(TOYS.read_text())
    (reachable / "toy.yaml").write_text(RECIPE)
    said = finish(start("curate", "toy.yaml", "--direct", cwd=reachable))
    assert said.status == 0, said.err
    (reachable / "rollmill.toml").write_text("[up]\nport = 0\n")
    attacker = subprocess.Popen([sys.executable, "-c", LOCKS, str(reachable)], stdout=subprocess.PIPE, text=True)
    try:
        assert attacker.stdout is not None
        assert int(attacker.stdout.readline()) > 0
        again = start("curate", "toy.yaml", "--direct", "--set", "seed=8", cwd=reachable)
        said = finish(again, timeout=90)
        assert said.status == 0, said.err
        said = finish(start("up", "--dashboard", "0", cwd=reachable), timeout=90)
        assert said.status == 0, said.err
    finally:
        attacker.kill()
        attacker.communicate()
        finish(start("down", cwd=reachable))
