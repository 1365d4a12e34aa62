"""A workspace with two dataset versions of toy rollouts, and an imported set whose texts attack whoever shows them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from rollmill.dashboards.session.commands import WRITES
from rollmill.flows import cli
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import RECIPE, ROOT
from tests.json_lines import write_lines

STRANGER = "http://127.0.0.1:47999"
HOSTILE = (
    f"<script>document.title='owned'</script> <img src={STRANGER}/tag.png> ![pixel]({STRANGER}/pixel.png) "
    f"[![a]({STRANGER}/a.png)]({STRANGER}/) :red[not red] **bold** $x$ \u202e | ``` ` [b]: {STRANGER}/b"
)
IMPORTED = """\
recipe_schema: 1
# ![x](http://127.0.0.1:47999/comment.png) <script>document.title='owned'</script>
name: hostile
problems: {imported: hostile}
generate: {engine: imported}
verify: [{method: number}]
budget: {method: fixed}
select: {method: all_correct}
gate: {min_kept: 1}
"""


def run_in(folder: Path, *commands: list[str]) -> None:
    """Run these commands, which must succeed, as somebody in that folder does."""
    with chdir(folder):
        for command in commands:
            assert cli.run(command) == 0, command


@pytest.fixture(scope="module")
def curated(_curated_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace, a copy for each test file: what one file adds, another does not count."""
    folder = tmp_path_factory.mktemp("dashboard") / "ws"
    shutil.copytree(_curated_once, folder, symlinks=True)
    return folder


@pytest.fixture(scope="session")
def _curated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace that is copied."""
    folder = tmp_path_factory.mktemp("dashboard") / "ws"
    Workspace.init(folder).close()
    shutil.copyfile(Path(__file__).parents[1] / "toys.py", folder / "toys.py")
    (folder / "toy.yaml").write_text(RECIPE)
    (folder / "hostile.yaml").write_text(IMPORTED)
    rows = [
        {
            "id": f"h{n} {HOSTILE}",
            "prompt": f"{HOSTILE} What is {n} + 1?",
            "reference": str(n + 1),
            **dict.fromkeys(("skill", "template", "source", "licence"), HOSTILE),
            "meta": {HOSTILE: HOSTILE},
            HOSTILE: HOSTILE,
        }
        for n in range(3)
    ]
    models = (HOSTILE, HOSTILE, "second")
    answers = [
        {"problem_id": f"h{n} {HOSTILE}", "model": models[n], "text": f"{HOSTILE} #### {n + 1}", "meta": {HOSTILE: HOSTILE}}
        for n in range(3)
    ]
    write_lines(folder / "problems.jsonl", rows)
    write_lines(folder / "answers.jsonl", answers)
    run_in(
        folder,
        ["curate", "toy.yaml", "--direct"],
        ["curate", "toy.yaml", "--direct", "--set", "select.options.per_problem=1"],
        ["import", "problems", "problems.jsonl", "--name", "hostile"],
        ["import", "rollouts", "answers.jsonl", "--name", "hostile", "--problems", "hostile"],
        ["curate", "hostile.yaml", "--direct"],
    )
    return folder


@pytest.fixture
def page(curated: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """Run one page of the dashboard on that workspace."""
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(curated))

    return opened


def text_of(element: Any) -> str:
    """The value of an element that has one."""
    return str(element.value)


def explore_table(page: AppTest) -> pd.DataFrame:
    """The table of Explore: its columns in order, and the ids that each row opens (`problem_id`, `rollout_id`)."""
    [table] = [one.proto for one in page.get("bidi_component") if one.proto.component_name == "rollmill_explore_table"]
    data = json.loads(table.json)
    frame = pd.DataFrame([row["cells"] for row in data["rows"]], columns=[column["name"] for column in data["columns"]])
    return frame.assign(**{f"{name}_id": [row[name] for row in data["rows"]] for name in ("problem", "rollout")})


def elements(page: AppTest, kind: str) -> Any:
    """Elements of a kind, whose attributes differ by kind."""
    return page.get(kind)


def opened(name: str, **address: str) -> AppTest:
    """A page within the dashboard, at an address with these parameters, in a session that may write."""
    script = f"from rollmill.dashboards.server.app import main\nmain({name.capitalize()!r})\n"
    test = AppTest.from_string(script, default_timeout=60)
    test.query_params.update(address)
    test.session_state[WRITES] = True
    return test.run()


@contextmanager
def serving(workspace: Path, *flags: str) -> Iterator[str]:
    """A dashboard of its own; the address that it prints."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "rollmill.flows.cli", "dashboard", "--port", str(port), *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=workspace, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        printed = process.stdout.readline().split()[0]
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health")
        yield printed
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
