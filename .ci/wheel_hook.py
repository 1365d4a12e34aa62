"""Build hook of the wheel: adds rollmill/COMMIT, the commit that it was made of, where it is made from a checkout."""

import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DESCRIBE = ["git", "describe", "--always", "--exclude=*", "--dirty=+changes"]


class WheelHook(BuildHookInterface):  # type: ignore[misc]
    """Writes the commit into a file that exists while the wheel is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard" or not Path(self.root, ".git").exists():
            return
        described = subprocess.run(DESCRIBE, cwd=self.root, capture_output=True, text=True)
        if described.returncode == 0:
            self._file = NamedTemporaryFile("w")  # noqa: SIM115 - closed by finalize
            self._file.write(described.stdout.strip())
            self._file.flush()
            build_data["force_include"][self._file.name] = "rollmill/COMMIT"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        if hasattr(self, "_file"):
            self._file.close()
