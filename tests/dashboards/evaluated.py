"""An evaluation of imported rollouts, for the tests of what compares."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import run_in
from tests.json_lines import write_lines

EVALUATION = """\
evaluation_schema: 1
name: asked
benchmarks: [{name: sums, imported: sums, verify: [{method: number}]}]
models: [{name: all, engine: imported}]
metrics: [{metric: pass@k, ks: [1]}]
"""


def evaluate(folder: Path, problems: Sequence[dict[str, Any]], rollouts: Sequence[dict[str, Any]]) -> None:
    """A new workspace in which the evaluation `asked` of these problems and rollouts is done."""
    Workspace.init(folder).close()
    write_lines(folder / "problems.jsonl", problems)
    write_lines(folder / "rollouts.jsonl", rollouts)
    (folder / "asked.yaml").write_text(EVALUATION)
    run_in(
        folder,
        ["import", "problems", "problems.jsonl", "--name", "sums"],
        ["import", "rollouts", "rollouts.jsonl", "--name", "sums", "--problems", "sums"],
        ["evaluate", "asked.yaml", "--direct"],
    )
