"""The members of a zip file that Inspect wrote, as the product reads them."""

from collections.abc import Mapping
from pathlib import Path

from rollmill.storage.imports.logs.evaluation_log import unfolded_log
from rollmill.storage.imports.reading.zip_members import zip_members


def members_of(path: Path) -> Mapping[str, bytes]:
    """Every member by name."""
    return zip_members(path, unfolded_log(path))
