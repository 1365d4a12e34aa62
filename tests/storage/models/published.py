"""A published version of a small model without a training, for tests that name one."""

from pathlib import Path

from rollmill.storage.models.publish import publish_model
from rollmill.storage.workspace import Workspace


def published_student(root: Path) -> Path:
    """The folder of `student@v1` in a new workspace at `root`; it has a configuration and bytes in place of weights."""
    made = root / "made"
    made.mkdir(parents=True)
    (made / "config.json").write_text('{"model_type": "toy"}\n')
    (made / "model.safetensors").write_bytes(b"weights")
    Workspace.init(root).close()
    with Workspace.open(root) as workspace:
        return publish_model(
            workspace, "student", made, {"init": None, "data": [], "format": "sft"}, "# card\n"
        ).version.path
