"""kill -9 while a run is judged again: what was committed is not judged twice, and the report is that without a kill."""

import json
import random
import shutil
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, finish, start
from tests.waiting import until

pytestmark = pytest.mark.chaos

BATCH = 16
SLOW = '''"""The verifier number, slower, with a log of what it judges and the version that the environment names."""
import os
import time

from rollmill.pipelines.verify.number import NumberVerifier

VERSION = os.environ.get("SLOW_VERSION", "1")


class Slow(NumberVerifier):
    name = "slow"
    rules = (("hash", "1"), ("equal", "1"), ("unequal", VERSION))
    version = f"slow-{VERSION}"

    def verify(self, problem, completion):
        from dataclasses import replace

        time.sleep(float(os.environ.get("SLOW_SLEEP", "0")))
        with open(os.environ["SLOW_LOG"], "a") as log:
            log.write(f"{completion.id} {self.version}\\n")
        verdict = super().verify(problem, completion)
        passes = VERSION != "1" and verdict.rule == "hash:unequal" and len(completion.text) % 2
        return replace(verdict, outcome="correct" if passes else verdict.outcome)
'''


@pytest.fixture
def slow(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (toy / "slow.py").write_text(SLOW)
    (toy / "toy.yaml").write_text(
        RECIPE.replace("method: number", "method: slow.py:Slow")
        .replace("min_kept: 10", "min_kept: 1")
        .replace("count: 12", "count: 40", 1)
    )
    monkeypatch.setenv("SLOW_LOG", str(toy / "first"))
    result = finish(start("curate", "toy.yaml", "--direct", cwd=toy))
    assert result.status == 0, result.err
    return toy


def judged_again(log: Path) -> list[str]:
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def has_judged(log: Path, target: int) -> bool:
    return len(judged_again(log)) >= target


def stored(folder: Path) -> int:
    with Workspace.open(folder) as workspace:
        rows = workspace.segments.read("verdicts", producer="slow", columns=("version",)).to_pylist()
        return sum(row["version"].startswith("slow-2+file.") for row in rows)


def report(folder: Path, log: Path, *arguments: str) -> dict[str, Any]:
    result = finish(start("reverify", "--json", *arguments, cwd=folder, SLOW_VERSION="2", SLOW_LOG=str(log)))
    assert result.status == 0, result.err
    outcome: dict[str, Any] = json.loads(result.out)
    return outcome


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_kill_9_loses_one_batch_at_most(slow: Path, tmp_path: Path, seed: int) -> None:
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(slow, undisturbed)
    expected = report(undisturbed, tmp_path / "whole")
    log, rng = slow / "log", random.Random(seed)
    total = len(judged_again(tmp_path / "whole"))
    assert total == expected["verdicts"]["slow"]["judged"] > 2 * BATCH
    paid = committed = 0
    for kill in range(2):
        target = paid + rng.randint(total // 4, total // 3)
        command = start("reverify", cwd=slow, SLOW_VERSION="2", SLOW_LOG=str(log), SLOW_SLEEP="0.02")
        assert until(partial(has_judged, log, target), 120), kill
        time.sleep(rng.uniform(0, 0.1))
        command.kill()
        finish(command)
        before = paid - committed
        paid, committed = len(judged_again(log)), stored(slow)
        assert paid - committed - before <= 2 * BATCH
    assert 0 < committed < total
    changes = report(slow, log)
    assert changes["verdicts"]["slow"]["stored"] == committed
    assert {key: changes[key] for key in ("flips", "rates", "metrics", "decisions")} == {
        key: expected[key] for key in ("flips", "rates", "metrics", "decisions")
    }
    counts = Counter(judged_again(log))
    assert set(counts) == set(judged_again(tmp_path / "whole"))
    assert sum(counts.values()) - len(counts) <= 2 * 2 * BATCH


def test_kill_9_while_accepting_is_finished_by_the_same_command(slow: Path, tmp_path: Path) -> None:
    result = finish(
        start(
            "reverify",
            "--accept",
            cwd=slow,
            SLOW_VERSION="2",
            SLOW_LOG=str(slow / "log"),
            ROLLMILL_FAILPOINT="segment.renamed:3",
        )
    )
    assert result.status == -9
    found = report(slow, slow / "log", "--accept")
    assert found["accepted"] is True
    paid = len(judged_again(slow / "log"))
    again = finish(
        start("curate", "toy.yaml", "--direct", "--json", cwd=slow, SLOW_VERSION="2", SLOW_LOG=str(slow / "log"))
    )
    assert again.status == 0, again.err
    outcome = json.loads(again.out)
    assert outcome["run"] == found["run_after"]
    assert len(judged_again(slow / "log")) - paid == outcome["spent"]["judged"] == outcome["spent"]["drawn"]
