"""kill -9 of a trial at random moments: the same command again ends with the students and numbers of an undisturbed one."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.flows.conftest import finish, start
from tests.flows.loops.test_loop_killed import content_hash, killed_after
from tests.flows.test_services import left_behind
from tests.flows.trials.test_trial import EVALUATION, SUMS, TRAINING, TRIAL
from tests.waiting import until

pytestmark = [pytest.mark.train, pytest.mark.timeout(1800)]
COMMAND = ("trial", "pair.yaml", "--set", "seeds=2", "--json")


def made(folder: Path, outcome: dict[str, Any]) -> dict[str, Any]:
    """Numbers of a trial, with the content hashes of its datasets and of its students, by arm."""
    arms = {
        arm["arm"]: [
            arm["rows"],
            arm["tokens_each"],
            [part["content_hash"] for part in arm["data"]],
            [content_hash(folder / "models", student) for student in arm["students"]],
        ]
        for arm in outcome["arms"]
    }
    return {"arms": arms, "comparisons": outcome["comparisons"], "messages": outcome["messages"]}


def test_a_trial_killed_anywhere_ends_with_the_digests_of_an_undisturbed_one(toy: Path, tmp_path: Path) -> None:
    for name, value in (("sums", SUMS), ("student", TRAINING), ("held", EVALUATION), ("pair", TRIAL)):
        (toy / f"{name}.yaml").write_text(json.dumps(value))
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(toy, undisturbed)
    whole = finish(start(*COMMAND, cwd=undisturbed), 900)
    assert whole.status == 0, whole.err
    expected = made(undisturbed, json.loads(whole.out))
    chance, said = random.Random(7), len(whole.err.splitlines())
    kills = 0
    for _ in range(3):
        kills += killed_after(start(*COMMAND, cwd=toy), int(chance.uniform(0.1, 0.6) * said))
        assert until(lambda: left_behind(toy) == []), left_behind(toy)
    assert kills
    again = finish(start(*COMMAND, cwd=toy), 900)
    assert again.status == 0, again.err
    assert made(toy, json.loads(again.out)) == expected
