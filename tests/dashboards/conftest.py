"""A workspace with two dataset versions of toy rollouts, and an imported set whose texts attack whoever shows them."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from flows import cli
from storage.workspace import Workspace
from tests.flows.conftest import RECIPE

HOSTILE = "<script>document.title='owned'</script> ![pixel](http://127.0.0.1:9/pixel.png) :red[not red] **bold** $x$"
IMPORTED = """\
recipe_schema: 1
name: hostile
problems: {imported: hostile}
generate: {engine: imported}
verify: [{method: number}]
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1}
"""


@pytest.fixture(scope="session")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace; made once, because the pages only read."""
    folder = tmp_path_factory.mktemp("dashboard") / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(Path(__file__).parents[1] / "toys.py", folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "hostile.yaml").write_text(IMPORTED)
    rows = [
        {"id": f"h{n}", "prompt": f"{HOSTILE} What is {n} + 1?", "reference": str(n + 1), "skill": HOSTILE[:40]}
        for n in range(3)
    ]
    models = (HOSTILE, HOSTILE, "second")
    answers = [{"problem_id": f"h{n}", "model": models[n], "text": f"{HOSTILE} #### {n + 1}"} for n in range(3)]
    (folder / "problems.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (folder / "answers.jsonl").write_text("\n".join(map(json.dumps, answers)))
    before = Path.cwd()
    os.chdir(folder)
    try:
        for command in (
            ["curate", "toy.yaml", "--direct"],
            ["curate", "toy.yaml", "--direct", "--set", "select.options.per_problem=1"],
            ["import", "problems", "problems.jsonl", "--name", "hostile"],
            ["import", "rollouts", "answers.jsonl", "--name", "hostile", "--problems", "hostile"],
            ["curate", "hostile.yaml", "--direct"],
        ):
            assert cli.run(command) == 0, command
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def page(curated: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], AppTest]:
    """Run one page of the dashboard on that workspace."""
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))

    def run(name: str) -> AppTest:
        script = (
            f"import dashboards.page_{name} as page\nfrom dashboards.scope_choice import guarded\nguarded(page.show)()\n"
        )
        return AppTest.from_string(script, default_timeout=60).run()

    return run
