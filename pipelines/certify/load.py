"""From a name to a verifier: a registry's, `path/to/file.py:Class`, or `package.module:Class`. Runs in the child process.

Whatever goes wrong is one line for the person who typed the name. Needs nothing but the standard library for names with a
colon, so that a peer can be loaded by an interpreter that has none of our dependencies.
"""

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any


class NotLoaded(Exception):  # noqa: N818 - says what happened
    """There is no such verifier, or it cannot be built."""


def load(name: str, options: Mapping[str, Any]) -> Any:
    """An instance of the named verifier; `NotLoaded` with a reason in one line."""
    place, colon, attribute = name.rpartition(":")
    try:
        cls = getattr(_module(place), attribute) if colon else _registered(name)
        return cls(**options)
    except NotLoaded:
        raise
    except Exception as error:
        text = " ".join(str(error).split())
        raise NotLoaded(f"{type(error).__name__}: {text}") from error


def _registered(name: str) -> Any:
    from pipelines.verify import VERIFIERS

    return VERIFIERS[name]


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        return importlib.import_module(place)
    path = Path(place).resolve()
    sys.path.append(str(path.parent))  # behind the libraries: a file called json.py shadows nothing
    key = f"rollmill_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(key, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise NotLoaded(f"no file {place}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module
    spec.loader.exec_module(module)
    return module
