"""The version of a checkout, from its git tags. The build and `rollmill --version` use it; it imports nothing of Rollmill.

The commit with the tag `v0.1.0` has the version 0.1.0. Five commits later the version is 0.1.1.dev5. Without a tag (a
shallow clone, a downloaded tree) the version is the newest in the changelog; if `## Unreleased` has text, it is the
development version of the next release. A source archive has its version in PKG-INFO, which the build reads.
"""

import re
import subprocess
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
DESCRIBE = ["git", "describe", "--tags", "--long", "--dirty", "--match", "v[0-9]*.[0-9]*.[0-9]*"]
DESCRIBED = re.compile(r"v(\d+\.\d+\.\d+)-(\d+)-g[0-9a-f]+(-dirty)?")
UNKNOWN = "0.0.0.dev0"


def tree_version(tree: Path = TREE) -> str:
    """The version (PEP 440) of a checkout or a downloaded tree."""
    if (tree / ".git").exists():
        described = subprocess.run(DESCRIBE, cwd=tree, capture_output=True, text=True, check=False)
        match = DESCRIBED.fullmatch(described.stdout.strip())
        if match:
            tag, commits, dirty = match.groups()
            return _next(tag, int(commits)) if dirty or commits != "0" else tag
    changelog = tree / "CHANGELOG.md"
    return _changelog_version(changelog.read_text(encoding="utf-8")) if changelog.is_file() else UNKNOWN


def sections(changelog: str) -> dict[str, str]:
    """The text of each section of the changelog by its title (`Unreleased`, `0.1.0`), the newest first."""
    parts = re.split(r"^## (\S+).*\n", changelog, flags=re.MULTILINE)[1:]
    return {title: text.strip() for title, text in zip(parts[::2], parts[1::2], strict=True)}


def _changelog_version(changelog: str) -> str:
    texts = sections(changelog)
    released = next((title for title in texts if re.fullmatch(r"\d+\.\d+\.\d+", title)), None)
    if released is None:
        return UNKNOWN
    return _next(released, 0) if texts.get("Unreleased") else released


def _next(version: str, commits: int) -> str:
    *front, last = version.split(".")
    return f"{'.'.join(front)}.{int(last) + 1}.dev{commits}"
