"""A workspace with two versions of a model, trained by a command that copies the initial one, and an evaluation of both."""

import shutil
import sys
from pathlib import Path

import pytest

from rollmill.storage.artifacts import marks
from rollmill.storage.models.kind import MODEL_KIND
from rollmill.storage.workspace import Workspace
from tests.dashboards.conftest import HOSTILE, run_in

LEARNER = """\
import json
import shutil
import sys
import time
from pathlib import Path

init, out, seed = sys.argv[1:4]
shutil.copytree(init, out)
config = Path(out) / "config.json"
config.write_text(json.dumps({**json.loads(config.read_text()), "trained_with_seed": int(seed)}))
for step in range(1, 5):
    print(json.dumps({"step": step, "share": step / 4, "loss": 1 / step, "tokens": 100 * step, "seconds": step / 2}))
    while step == 2 and Path("hold").exists():
        time.sleep(0.1)
"""
TRAINING = """\
train_schema: 1
name: student
data: {{versions: {{toy: all}}}}
learner: {{method: command, options: {{command: "{python} train.py {{init}} {{out}} {{seed}} {{data}}"}}}}
seed: 1
"""
EVALUATION = """\
evaluation_schema: 1
name: held
samples: 2
benchmarks:
  - name: sums
    synthesize: templates
    options: {split: heldout, levels: [1, 2]}
    count: 8
    verify: [{method: number}]
models: [{name: tiny, max_tokens: 64}]
"""


def training_recipe(folder: Path) -> None:
    """Write the learner and the recipe of the training into a workspace."""
    (folder / "train.py").write_text(LEARNER)
    (folder / "student.yaml").write_text(TRAINING.format(python=sys.executable))


@pytest.fixture(scope="module")
def trained(curated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace: `student@v1`, `student@v2` from it, `student@v3` with hostile marks, the first two evaluated."""
    folder = tmp_path_factory.mktemp("models") / "ws"
    shutil.copytree(curated, folder)
    training_recipe(folder)
    (folder / "held.yaml").write_text(EVALUATION)
    asked = "models=[{{name: s{0}, model: models/student@v{0}, max_tokens: 64}}]"
    run_in(
        folder,
        ["train", "student.yaml"],
        ["train", "student.yaml", "--set", "seed=2", "--set", "init=models/student@v1"],
        ["train", "student.yaml", "--set", "seed=3"],
        ["evaluate", "held.yaml", "--direct"],
        ["evaluate", "held.yaml", "--direct", "--set", asked.format(1)],
        ["evaluate", "held.yaml", "--direct", "--set", asked.format(2)],
    )
    with Workspace.open(folder) as workspace:
        marks.tag(MODEL_KIND, workspace, "student@v1", "release")
        marks.yank(MODEL_KIND, workspace, "student@v3", HOSTILE)
        card = next((workspace.models / "student").glob("v3-*")) / "README.md"
    card.write_text(f"# {HOSTILE}\n\n{HOSTILE}\n\n## {HOSTILE}\n\n| a |\n|---|\n| {HOSTILE} |\n")
    index = folder / "models" / "student" / "index.json"
    index.write_text(index.read_text().replace('"tags": {', '"tags": {"![a](http://127.0.0.1:47999/t.png)": "VERSION", '))
    index.write_text(index.read_text().replace("VERSION", card.parent.name))
    return folder
