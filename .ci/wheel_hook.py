"""Build hook of the wheel: the packages as subpackages of `rollmill`, and the commit that they were made of.

In a checkout the packages lie side by side and import one another as `pipelines.verify`. In site-packages such plain names
would be taken from everybody else, so that there they are `rollmill.pipelines.verify`: imports, and texts that name a
module, are rewritten while the wheel is built. An editable install keeps the checkout as it is.
"""

import io
import re
import shutil
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES = ("flows", "pipelines", "storage", "dashboards")
# From 3.12 on the texts of an f-string are tokens of their own.
_TEXTS = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
DESCRIBE = ["git", "describe", "--always", "--exclude=*", "--dirty=+changes"]
_MODULE = re.compile(rf"(?<![\w./-])(?=(?:{'|'.join(PACKAGES)})\.\w)")  # before a module's name inside a text


class WheelHook(BuildHookInterface):  # type: ignore[misc]
    """Adds the packages, and rollmill/COMMIT where the wheel is made from a checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "standard":
            return
        root, self._made = Path(self.root), Path(mkdtemp(prefix="rollmill-wheel-"))
        for package in PACKAGES:
            shutil.copytree(root / package, self._made / package, ignore=shutil.ignore_patterns("__pycache__"))
            build_data["force_include"][str(self._made / package)] = f"rollmill/{package}"
        for name in ("__init__.py", "__main__.py"):
            shutil.copy(root / "rollmill" / name, self._made)
            build_data["force_include"][str(self._made / name)] = f"rollmill/{name}"
        for path in self._made.rglob("*.py"):
            path.write_text(as_subpackage(path.read_text(encoding="utf-8")), encoding="utf-8")
        described = subprocess.run(DESCRIBE, cwd=root, capture_output=True, text=True) if (root / ".git").exists() else None
        if described is not None and described.returncode == 0:
            (self._made / "COMMIT").write_text(described.stdout.strip())
            build_data["force_include"][str(self._made / "COMMIT")] = "rollmill/COMMIT"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's
        if hasattr(self, "_made"):
            shutil.rmtree(self._made)


def as_subpackage(source: str) -> str:
    """The source of a module with the packages named as subpackages of `rollmill`."""
    lines = source.splitlines(keepends=True)
    # From the last place to the first, so that the places before stay where they are.
    for line, column in sorted(_places(source), reverse=True):
        text = lines[line - 1]
        lines[line - 1] = f"{text[:column]}rollmill.{text[column:]}"
    return "".join(lines)


def _places(source: str) -> Iterator[tuple[int, int]]:
    """Line and column of each name of a package: in import statements, and of modules in texts."""
    before = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and token.string in PACKAGES and before in ("from", "import"):
            yield token.start
        if token.type in _TEXTS:
            for match in _MODULE.finditer(token.string):
                above = token.string[: match.start()]
                column = match.start() - above.rfind("\n") - 1
                yield token.start[0] + above.count("\n"), column + (0 if "\n" in above else token.start[1])
        before = token.string
