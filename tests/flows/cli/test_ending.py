"""An interrupted command ends with status 130, wherever the interrupt found it."""

import subprocess
import sys
from pathlib import Path

from tests.flows.conftest import ROOT

INTERRUPTED = """
from rollmill.flows import cli

def interrupted(_verb):
    exec("raise KeyboardInterrupt")  # as in the making of a dataclass while a module is imported

cli.build = interrupted
cli.main(["runs", "list"])
"""


def test_an_interrupt_in_a_string_that_is_executed_is_status_130(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(INTERRUPTED)
    command = [
        sys.executable,
        "-m",
        "program",
    ]  # as `python -m rollmill.flows.cli`: a script ends before the interpreter looks
    ended = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert ended.returncode == 130
    assert ended.stderr == "rollmill: interrupted. Next: run the same command again; everything committed before is safe\n"
