"""Code of the user's own by its place: `file.py` in the recipe's folder, or `package.module`; the single loader.

For every role, for templates, and for verifiers under test, whose interpreter may have nothing but the standard library:
therefore this module needs no more either. A failure raises NotLoaded with one line; the caller adds its purpose.
"""

import hashlib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

MODULES = "rollmill_user_"
"""Begins the names of modules that are files of a user's own."""


class NotLoaded(Exception):  # noqa: N818 - says what happened
    """User code that is missing or cannot run."""


_OURS = ("flows", "pipelines", "storage", "dashboards")


class NoFile(NotLoaded):
    """There is no such file."""


def load_module(place: str, folder: Path) -> ModuleType:
    """The module at a place; a file or module is looked for in the folder, modules also wherever Python looks.

    A file is run once per content and place. Its imports are searched in its folder after the libraries, so a `json.py`
    there shadows nothing.
    """
    path = folder / place
    searched = str((path.parent if place.endswith(".py") else folder).resolve())
    if searched not in sys.path:
        sys.path.append(searched)
    if place.endswith(".py"):
        return _from_file(path)
    return import_named(place)


def import_named(place: str) -> ModuleType:
    """The module of this dotted name."""
    try:
        return importlib.import_module(place)
    except ImportError as error:
        raise NotLoaded(f"cannot import {place!r}: {error}{_elsewhere(error)}") from error
    except Exception as error:
        raise NotLoaded(f"{place} cannot be loaded: {type(error).__name__}: {error}") from error


def _elsewhere(error: Exception) -> str:
    """Advice for an import of a package of ours without the name that it stands under."""
    name = (error.name or "").partition(".")[0] if isinstance(error, ImportError) else ""
    return f" (it is rollmill.{error.name})" if name in _OURS else ""  # type: ignore[attr-defined]


def source_of(module: ModuleType) -> Path | None:
    """The Python file that a module was loaded from; None for one of another kind."""
    path = Path(module.__file__ or "")
    return path if path.suffix == ".py" else None


def classes_of(module: ModuleType) -> dict[str, type]:
    """The classes that a module has, imported ones included, by name."""
    return {name: value for name, value in vars(module).items() if isinstance(value, type)}


def found_file(place: str, folder: Path) -> Path | None:
    """The Python file at a place, None without one; nothing is imported, so nothing runs."""
    if place.endswith(".py"):
        return path if (path := folder / place).is_file() else None
    parts = place.split(".")
    for entry in (*sys.path, str(folder)):
        base = Path(entry or ".")
        if (base / parts[0]).is_dir() or (base / f"{parts[0]}.py").is_file():  # the one that an import would find
            path = base.joinpath(*parts)
            return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)
    return None


def signed(built: Any, attribute: str, mark: str) -> Any:
    """The instance with a mark behind a text of it, also where its class computes it or has no place to keep another."""
    text = f"{getattr(built, attribute, '')}{mark}"
    try:
        object.__setattr__(built, attribute, text)  # frozen dataclasses too
    except AttributeError:  # a property, or slots without a place for it: a subclass that has the text
        cls = type(built)
        built.__class__ = type(cls.__name__, (cls,), {"__slots__": (), attribute: text, "__module__": cls.__module__})
    return built


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise NoFile(f"no file {path}")
    name = MODULES + hashlib.sha256(str(path.resolve()).encode() + path.read_bytes()).hexdigest()[:16]
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise NotLoaded(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Before it runs: dataclasses look their module up there while the classes are made.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a user's file may raise anything
        # Else the next call would be given a module that ran halfway.
        del sys.modules[name]
        raise NotLoaded(f"{path.name} cannot be loaded: {type(error).__name__}: {error}{_elsewhere(error)}") from error
    return module
