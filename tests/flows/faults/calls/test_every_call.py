"""Every call of a command fails once, and whoever runs the command again finds nothing lost, doubled or left over.

`.ci/run` tries for half a minute calls of the scenario that the commit's name chooses (`--one-of-each`), which chooses the
calls as well. `make test-long` tries all calls of all scenarios, a day or more, goes on where it was stopped and prints
the figures; `make test-long PART="--kinds 2"` tries two of each group of equal calls.
"""

import subprocess
from pathlib import Path

import pytest

from tests.flows.faults.calls.every_call import main
from tests.flows.faults.calls.machine import ROOT
from tests.flows.faults.calls.scenarios import SCENARIOS

pytestmark = pytest.mark.chaos

HOURS = 3600


@pytest.mark.each_commit
@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_some_calls_of_a_command_fail_without_a_trace(scenario: str, pytestconfig: pytest.Config) -> None:
    seed = pytestconfig.getoption("--one-of-each") or "0"
    figures = main([scenario, "--kinds", "1", "--seconds", "30", "--seed", seed])[scenario]
    assert figures["tried"] > 0
    assert figures["groups"] > 50
    assert figures["wrong"] == 0


@pytest.mark.long
@pytest.mark.timeout(40 * HOURS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_call_of_a_command_fails_without_a_trace(
    scenario: str, pytestconfig: pytest.Config, capfd: pytest.CaptureFixture[str]
) -> None:
    described = ["git", "describe", "--always", "--exclude=*", "--dirty"]
    commit = subprocess.run(described, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    progress = Path(ROOT, ".every-call", f"{commit}.jsonl")
    progress.parent.mkdir(exist_ok=True)
    kinds = pytestconfig.getoption("--kinds")
    with capfd.disabled():
        figures = main([scenario, "--progress", str(progress), *(["--kinds", kinds] if kinds else [])])[scenario]
    assert figures["wrong"] == 0
