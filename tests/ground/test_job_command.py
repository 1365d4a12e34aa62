"""The command line of a recorded job, as it was and with other settings."""

from typing import Any

from rollmill.ground.job_command import command_words

JOB: dict[str, Any] = {
    "workspace": "/home/ann/ws",
    "recipe": "/home/ann/ws/recipes/toy.yaml",
    "sets": ["gate.min_kept=5000", "name=refused", "gate.max_drift.level=0.1"],
    "profile": "/etc/rollmill/p.yaml",
    "keep_going": False,
    "max_tokens": 900,
    "max_cost": "1.50",
}


def test_paths_of_the_workspace_are_relative_and_others_are_not() -> None:
    words = ["curate", "recipes/toy.yaml", "--set", "gate.min_kept=5000", "--set", "name=refused"]
    words += ["--set", "gate.max_drift.level=0.1", "--profile", "/etc/rollmill/p.yaml"]
    assert command_words(JOB) == [*words, "--max-tokens", "900", "--max-cost", "1.50"]


def test_a_new_value_takes_the_place_of_the_old_one_and_of_those_below_it() -> None:
    plain = {**JOB, "profile": None, "max_tokens": None, "max_cost": None, "verb": "evaluate"}
    words = ["evaluate", "recipes/toy.yaml", "--set", "name=refused", "--set", "gate.max_drift.level=0.1"]
    assert command_words(plain, {"gate.min_kept": "73"}) == [*words, "--set", "gate.min_kept=73"]
    drift = command_words(plain, {"gate.max_drift": '{"level": 0.2}'})
    assert drift[2:] == ["--set", "gate.min_kept=5000", "--set", "name=refused", "--set", 'gate.max_drift={"level": 0.2}']
    assert command_words(plain, {"gate.min": "1"})[2:4] == ["--set", "gate.min_kept=5000"]  # another key
