"""Settings and stored results that Prefect would read by itself and that somebody else may have written: they are not read.

Files of the current folder: at its import, Prefect reads `prefect.toml`, `.env` and `pyproject.toml` there, and from any of
them a file of profiles. One setting names a logging configuration, which can call anything. A workspace may be a clone of
somebody else's, so no such file is read. Settings come from the environment, and for a user's own server from the file of
profiles in their own home.

Stored results: a state in Prefect's database can name a file or a block whose content is unpickled when the result is asked
for. The flows of this package keep their results in memory, so a process that serves schedules reads no other.
"""

import os
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from rollmill.ground.errors import RollmillError

SOURCES = "prefect.settings.sources"
PROFILES = Path(os.devnull) / "profiles.toml"
LOGGING = Path(os.devnull) / "logging.yml"


def read_no_settings_of_folders() -> None:
    """Let this process's import of Prefect, if it is still to come, read no file of the current folder."""
    if not any(isinstance(finder, SourcesFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, SourcesFinder())


class SourcesFinder(MetaPathFinder):
    """Import hook for the module in which Prefect reads its settings, before anything has been read."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module's own specification, with a loader that replaces what reads the folder's files."""
        spec = PathFinder.find_spec(name, path, target) if name == SOURCES else None
        if spec is not None and spec.loader is not None:
            spec.loader = _SourcesLoader(spec.loader)
        return spec


class _SourcesLoader(Loader):
    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        replace(module.TomlConfigSettingsSourceBase, "_read_files", lambda *_, **__: {})
        replace(module.TomlConfigSettingsSourceBase, "_read_file", lambda *_: {})
        replace(module.FilteredDotEnvSettingsSource, "_load_env_vars", lambda *_: {})
        replace(module, "_get_profiles_path", own_profiles)


def own_profiles() -> Path:
    """The file of profiles that the environment names, or that of the user's home."""
    named = os.environ.get("PREFECT_PROFILES_PATH")
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    return Path(named) if named else home / "profiles.toml"


def replace(owner: Any, name: str, value: Any) -> None:
    """Set an attribute of Prefect's own; RollmillError if it has none, as another release of Prefect works otherwise."""
    if not hasattr(owner, name):
        kind = getattr(owner, "__name__", type(owner).__name__)
        raise RollmillError(f"this release of Prefect has no {kind}.{name}; use one that pyproject.toml allows.")
    setattr(owner, name, value)


def refuse_stored_results() -> None:
    """Let this process read no stored result of Prefect's from now on."""
    from prefect.results import ResultStore

    replace(ResultStore, "read", _refuse)
    replace(ResultStore, "aread", _refuse)


def _refuse(*_arguments: Any, **_options: Any) -> NoReturn:
    raise RollmillError("a result that Prefect's database points to is not read: no flow of Rollmill stores one.")
