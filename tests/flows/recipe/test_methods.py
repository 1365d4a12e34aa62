"""Methods by name: options that are mappings or methods themselves are resolved, filled in, hashed and built.

A user's own file is part of the version of what it holds: an edit is another verifier, selector, engine.
"""

from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.recipe.methods import file_mark, resolve
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import sha256_text
from rollmill.ground.records import Completion, Problem

OWN = '''"""A verifier of the user's."""
from rollmill.pipelines.verify.exact import ExactVerifier


class Mine(ExactVerifier):
    """Exact, by another name."""

    name = "mine"
'''


def parts(*methods: Any) -> dict[str, Any]:
    return {"verifiers": list(methods)}


def test_defaults_of_the_parts_are_written_out_at_every_depth(tmp_path: Path) -> None:
    inner = {"method": "any_of", "options": parts({"method": "exact", "options": {"case": "fold"}})}
    method = resolve("verifier", "all_of", parts(inner, {"method": "number"}), base=tmp_path)
    assert method.canonical() == {
        "method": "all_of",
        "options": {
            "verifiers": [
                {
                    "method": "any_of",
                    "options": {
                        "verifiers": [
                            {
                                "method": "exact",
                                "options": {"answer": "whole", "case": "fold", "whitespace": "strip", "unicode": "keep"},
                            }
                        ]
                    },
                },
                {"method": "number", "options": {"policy": "strict"}},
            ]
        },
    }
    again = resolve("verifier", "all_of", method.canonical()["options"], base=tmp_path)
    assert again.canonical() == method.canonical()


def test_the_parts_are_built_and_judge(tmp_path: Path) -> None:
    method = resolve("verifier", "all_of", parts({"method": "exact"}, {"method": "math"}), base=tmp_path)
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, "7", "stop")
    built = method.build(workers=1)
    assert built.verify(Problem("?", "7"), completion).outcome == "correct"
    assert built.parts[1].workers == 1
    built.close()


def test_a_users_own_part_counts_with_its_content(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    first = resolve("verifier", "any_of", parts({"method": "own.py:Mine"}), base=tmp_path)
    (tmp_path / "own.py").write_text(OWN + "# changed\n")
    second = resolve("verifier", "any_of", parts({"method": "own.py:Mine"}), base=tmp_path)
    assert first.canonical() != second.canonical()
    again = resolve("verifier", "any_of", first.canonical()["options"], base=tmp_path)
    assert again.canonical() == second.canonical()
    assert second.build().parts[0].name == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (parts({"method": "mth"}), "Did you mean 'math'"),
        (parts({"method": "exact", "options": {"cse": "fold"}}), "Did you mean 'case'"),
        (parts({"method": "math", "options": {"workers": 3}}), "belongs in a profile"),
        (parts({"method": "exact", "option": {}}), "Did you mean 'options'"),
        (parts("exact"), "is not a list of methods"),
        (parts({"options": {}}), "every entry needs a method"),
        ({"verifiers": 3}, "is not a list of methods"),
    ],
)
def test_a_mistake_inside_is_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        resolve("verifier", "all_of", options, base=tmp_path)


def test_a_composite_without_parts_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="has no parts"):
        resolve("verifier", "all_of", {}, base=tmp_path).build()


def test_an_option_may_be_a_mapping(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ("a",)}
    method = resolve("verifier", "json_schema", {"schema": schema}, base=tmp_path)
    assert method.canonical()["options"]["schema"] == {"type": "object", "required": ["a"]}
    built = method.build()
    assert built.version != resolve("verifier", "json_schema", {}, base=tmp_path).build().version
    built.close()


SELECTORS = """
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
    for number, text in enumerate((SELECTORS, SELECTORS + "# edited")):
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


def test_a_default_that_a_factory_makes_is_the_same_recipe_given_or_not() -> None:
    left_out = resolve("selector", "elected", {}, base=Path())
    given = resolve("selector", "elected", {"least": {}}, base=Path())
    assert given.canonical() == left_out.canonical()
    assert resolve("selector", "elected", {"least": {"votes": 1}}, base=Path()).canonical() != left_out.canonical()
