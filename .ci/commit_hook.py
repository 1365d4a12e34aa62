"""Build hook of the wheel: the commit that it was made of, which `rollmill --version` says. An editable install has git."""

import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DESCRIBE = ["git", "describe", "--always", "--exclude=*", "--dirty=+changes"]


class CommitHook(BuildHookInterface):  # type: ignore[misc]
    """Adds rollmill/COMMIT to a wheel made from a checkout; one made from a source archive has none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard" or not (Path(self.root) / ".git").exists():
            return
        described = subprocess.run(DESCRIBE, cwd=self.root, capture_output=True, text=True)
        if described.returncode == 0:
            with NamedTemporaryFile("w", suffix="-commit", delete=False) as file:
                file.write(described.stdout.strip())
            self._written = Path(file.name)
            build_data["force_include"][file.name] = "rollmill/COMMIT"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        if hasattr(self, "_written"):
            self._written.unlink()
