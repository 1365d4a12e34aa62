"""An import that is killed between its batches: what it committed stays, and the next import adds the rest."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.imports import ImportSpec, import_rollouts
from storage.imports.report import Count
from storage.workspace import Workspace

WriteLines = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
from pathlib import Path
from storage.imports import ImportSpec, import_rollouts
from storage.workspace import Workspace
import_rollouts(Workspace.open(Path(sys.argv[1])), ImportSpec(Path(sys.argv[2]), "r", batch_rows=4))
"""


@pytest.mark.parametrize(
    ("failpoint", "there"),
    [
        ("segment.temp_written:1", (0, 0)),
        ("segment.registered:1", (2, 4)),
        ("segment.renamed:3", (2, 4)),
        ("segment.registered:2", (4, 8)),
    ],
)
def test_a_killed_import_is_finished_by_the_next(
    ws: Workspace, jsonl: WriteLines, failpoint: str, there: tuple[int, int]
) -> None:
    path = jsonl(
        *(
            {"problem_id": f"p{n // 2}", "prompt": f"{n // 2}+1?", "reference": "1", "model": "m", "text": str(n)}
            for n in range(10)
        )
    )
    environment = {**os.environ, "ROLLMILL_FAILPOINT": failpoint}
    command = [sys.executable, "-c", SCRIPT, str(ws.root), str(path)]
    assert subprocess.run(command, cwd=ROOT, env=environment).returncode == -signal.SIGKILL
    ws.recover()
    report = import_rollouts(ws, ImportSpec(path, "r", batch_rows=4))
    problems, completions = there
    assert report.problems == Count(new=5 - problems, already=problems)
    assert report.completions == Count(new=10 - completions, already=completions)
    with ws.segments.connect() as connection:
        counted = "SELECT (SELECT count(*) FROM problems), (SELECT count(*) FROM completions)"
        assert connection.sql(counted).fetchall() == [(5, 10)]
