"""kill -9 of a loop at random moments: the same command again ends with the digests of a loop that nothing disturbed."""

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import finish, start
from tests.flows.loops.test_recipes import smallest
from tests.flows.test_services import left_behind
from tests.waiting import until

pytestmark = [pytest.mark.train, pytest.mark.timeout(1800)]
MEASURED = ("left_out", "trained_tokens", "policies", "pass@1", "pass@k", "distinct")
DIGESTED = ("round", "version", "kept", "drawn", "model", *MEASURED)


def digests(folder: Path, outcome: dict[str, Any]) -> list[dict[str, Any]]:
    """What each round made: numbers, the state of its policies, and the content hashes of its dataset and its model."""
    return [
        {
            **{key: row[key] for key in DIGESTED},
            "dataset": content_hash(folder / "datasets", row["version"]),
            "weights": content_hash(folder / "models", row["model"]),
        }
        for row in outcome["rounds"]
    ]


def content_hash(base: Path, reference: str) -> str:
    name, _, version = reference.partition("@v")
    index = json.loads((base / name / "index.json").read_text())
    return next(str(entry["content_hash"]) for entry in index["versions"] if entry["number"] == int(version))


def killed_after(command: subprocess.Popen[str], lines: int) -> bool:
    """Kill a command behind so many lines of its progress; False if it ended before."""
    assert command.stderr is not None
    for _ in range(lines):
        if not command.stderr.readline():
            finish(command)
            return False
    command.kill()
    finish(command)
    return True


@pytest.mark.parametrize("name", ["gvm", "v_star"])
def test_a_loop_killed_anywhere_ends_with_the_digests_of_an_undisturbed_one(name: str, toy: Path, tmp_path: Path) -> None:
    recipe = smallest(name, toy).relative_to(toy)
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(toy, undisturbed)
    whole = finish(start("loop", str(recipe), "--json", cwd=undisturbed), 900)
    assert whole.status == 0, whole.err
    expected = digests(undisturbed, json.loads(whole.out))
    chance, said = random.Random(name), len(whole.err.splitlines())
    kills = 0
    for _ in range(3):
        kills += killed_after(start("loop", str(recipe), "--json", cwd=toy), int(chance.uniform(0.1, 0.6) * said))
        assert until(lambda: left_behind(toy) == []), left_behind(toy)
    assert kills
    again = finish(start("loop", str(recipe), "--json", cwd=toy), 900)
    assert again.status == 0, again.err
    assert digests(toy, json.loads(again.out)) == expected
