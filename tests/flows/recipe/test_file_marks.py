"""A user's own file is part of the version of what it holds: an edit is another verifier, selector, engine."""

from pathlib import Path

import pytest

from flows.recipe.methods import file_mark, resolve
from storage.ids import sha256_text

OWN = """
from dataclasses import dataclass

class Selects:
    __slots__ = ()
    def select(self, run, rollouts):
        return iter(())

class Plain(Selects):
    name, version = "plain", "1"

class Computed(Selects):
    name = "computed"
    @property
    def version(self):
        return "2"

@dataclass(frozen=True, slots=True)
class Slotted(Selects):
    name: str = "slotted"
    version: str = "3"
"""


@pytest.mark.parametrize(("cls", "version"), [("Plain", "1"), ("Computed", "2"), ("Slotted", "3")])
@pytest.mark.parametrize("dotted", [False, True], ids=["file", "dotted"])
def test_an_edit_is_another_version(tmp_path: Path, cls: str, version: str, dotted: bool) -> None:
    found = []
    for number, text in enumerate((OWN, OWN + "# edited")):
        path = tmp_path / f"own_{cls}_{number}.py".lower()
        path.write_text(text)
        method = resolve("selector", f"{path.stem if dotted else path.name}:{cls}", {}, base=tmp_path)
        built = method.build()
        assert built.version == version + file_mark(sha256_text(text))
        assert method.built_as(built, version)
        assert method.built_as(built, built.version)
        assert not method.built_as(built, version + file_mark("0" * 64))
        assert method.canonical()["source_sha256"] == sha256_text(text)
        found.append(built.version)
    assert len(set(found)) == 2


def test_shipped_methods_keep_their_versions(tmp_path: Path) -> None:
    assert resolve("selector", "quota", {}, base=tmp_path).build().version == "1"
