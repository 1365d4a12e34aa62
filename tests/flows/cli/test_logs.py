"""The log: loggers `rollmill.*`, a record for each stage, as text or as JSON, from a level on; nothing of it on import."""

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rollmill.flows.cli.logs import LOGGER
from tests.flows.conftest import ROOT, Run

pytestmark = pytest.mark.integration
STAGES = ["synthesize", "draw", "verify", "select", "gate", "publish"]


def test_every_line_of_standard_error_is_json(toy: Path, rollmill: Run) -> None:
    ended = rollmill("--log-json", "curate", "toy.yaml", "--direct", "--json")
    assert ended.status == 0
    assert json.loads(ended.out)["dataset"] == "toy"
    rows = [json.loads(text) for text in ended.err.splitlines()]
    assert list(dict.fromkeys(row["stage"] for row in rows if row["logger"] == "rollmill.stages")) == STAGES
    drawn = [row for row in rows if row.get("stage") == "draw"][-1]
    assert drawn["done"] == drawn["total"] > 0
    assert drawn["level"] == "info"
    assert abs((datetime.now(UTC) - datetime.fromisoformat(drawn["time"])).total_seconds()) < 600


def test_a_mistake_is_a_record_too_wherever_the_option_stands(toy: Path, rollmill: Run) -> None:
    for words in (("curate", "absent.yaml", "--log-json"), ("--log-json", "curate", "--absent")):
        ended = rollmill(*words)
        [row] = [json.loads(text) for text in ended.err.splitlines()]
        assert (ended.status, row["logger"]) == (2, "rollmill.notes"), row
        assert "absent" in row["message"]


def test_a_level_leaves_out_what_is_below(toy: Path, rollmill: Run) -> None:
    assert "stage=publish" in rollmill("curate", "toy.yaml", "--direct", "--log-level", "info").err
    quiet = rollmill("curate", "toy.yaml", "--direct", "--set", "seed=4", "--log-level=warning")
    assert (quiet.status, quiet.err) == (0, "")
    refused = rollmill("--log-level", "loud", "runs", "show")
    assert refused.status == 2
    assert "Valid: debug, info, warning, error" in refused.err


def test_the_logger_is_as_before_once_a_command_has_ended(toy: Path, rollmill: Run) -> None:
    before = LOGGER.level, LOGGER.propagate, list(LOGGER.handlers)
    assert rollmill("--log-level", "debug", "dataset", "list").status == 0
    assert (LOGGER.level, LOGGER.propagate, list(LOGGER.handlers)) == before


def test_a_program_that_calls_curate_chooses_its_own_handler(toy: Path) -> None:
    """Records of the loggers `rollmill.*` go where a program sends them, as those of any other library."""
    program = """
import logging, rollmill
logging.basicConfig(level=logging.INFO, format="HERE %(name)s %(message)s")
rollmill.curate("toy.yaml")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=toy, env={"PYTHONPATH": str(ROOT), "PATH": ""}, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    lines = [text for text in ended.stderr.splitlines() if "stage=publish" in text]
    assert len(lines) == 1
    assert lines[0].startswith("HERE rollmill.stages stage=publish")


def test_a_library_that_is_imported_logs_nothing_by_itself() -> None:
    logger = logging.getLogger("rollmill")
    assert logger.handlers == []
    assert logger.level == logging.NOTSET
