"""Packages with entry points for tests: laid into a folder of the path, as pip would lay them."""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from rollmill.installed import entry_points

Install = Callable[..., Path]
Texts = Mapping[str, str]
NONE: Texts = {}


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package of this name; `points`: entry points by kind of method; `modules`: texts by name."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)

    def lay(package: str, version: str = "1.0", *, points: Texts = NONE, modules: Texts = NONE) -> Path:
        info = folder / f"{package.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        groups = [f"[rollmill.{kind}]\n{point}\n" for kind, point in points.items()]
        (info / "entry_points.txt").write_text("".join(groups))
        for name, text in modules.items():
            (folder / f"{name}.py").write_text(text)
        entry_points.cache_clear()
        return info

    entry_points.cache_clear()
    yield lay
    entry_points.cache_clear()
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
