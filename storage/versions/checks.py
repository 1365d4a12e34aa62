"""Reports of contamination checks of a version, stored beside its folder under its content hash.

The version itself is unchanged, so its files and DVC's pointer stay valid; a rebase that renumbers it loses no report.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rollmill.ground.files import json_text, read_object, write_text
from rollmill.storage.versions.resolve import VersionInfo


def keep_check(info: VersionInfo, benchmark: str, digest: str, report: Mapping[str, Any]) -> Path:
    """Write the report of a check against a benchmark; it replaces one against the same problems."""
    slug = re.sub(r"[^a-z0-9]+", "-", benchmark.lower()).strip("-")[:40]
    path = _folder(info) / f"{info.content_hash[:8]}-{slug}-{digest[:8]}.json"
    path.parent.mkdir(exist_ok=True)
    write_text(path, json_text(dict(report)))
    return path


def kept_checks(info: VersionInfo) -> list[dict[str, Any]]:
    """The reports kept of a version, by the benchmark's name."""
    paths = sorted(_folder(info).glob(f"{info.content_hash[:8]}-*.json"))
    return [read_object(path, next_command=f"rm {path} and check again") for path in paths]


def _folder(info: VersionInfo) -> Path:
    return info.path.parent / "contamination"
