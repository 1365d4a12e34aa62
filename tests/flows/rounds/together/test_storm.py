"""Kills at random failpoints and at random moments: no committed row lost, none doubled, the rows of no kill."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollmill.places import CHECKOUT
from tests.tied import tied

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


@pytest.fixture
def folder() -> Iterator[Path]:
    """In memory where there is room: a killed process leaves there what it leaves on a disk, and nobody waits for one."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as made:
        yield Path(made)


def storm(folder: Path, seed: int, kills: int, how: str, *served: str) -> subprocess.Popen[str]:
    """A storm as a process, which ends with this one; it prints what it did, or the seed that failed."""
    place = folder / f"{how}-{seed}"
    place.mkdir()
    command = tied(
        sys.executable, "-m", "tests.flows.rounds.together.storm", str(place), str(seed), str(kills), how, *served
    )
    single = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(command, cwd=CHECKOUT, env=single, stdout=subprocess.PIPE, text=True)


def survived(*storms: subprocess.Popen[str]) -> int:
    """How many kills they survived in all; each is waited for, also where one failed."""
    printed = [process.communicate()[0] for process in storms]
    assert [process.returncode for process in storms] == [0] * len(storms)
    done: list[dict[str, int]] = [json.loads(text) for text in printed]
    return sum(life["kills"] for life in done)


@pytest.mark.parametrize("kills", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_kills_at_random_failpoints(folder: Path, kills: int) -> None:
    """Two at a time, as machines have two cores at least."""
    assert survived(storm(folder, 1, kills // 2, "point"), storm(folder, 2, kills // 2, "point")) >= kills


@pytest.mark.parametrize("kills", [16, pytest.param(50, marks=pytest.mark.long)])
def test_kills_at_random_moments(folder: Path, kills: int) -> None:
    """Half of them while a server of ours on loopback answers, a process that counts what it was asked."""
    calls = folder / "calls"
    server = tied(sys.executable, "-m", "tests.pipelines.generate.http.serving", "0", str(calls), "0.01")
    with subprocess.Popen(server, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        try:
            direct = storm(folder, 3, kills // 2, "moment")
            served = storm(folder, 4, kills // 2, "moment", url, str(calls))
            assert survived(direct, served) >= kills
        finally:
            process.kill()
