"""Options that are mappings, and methods within a method's options: resolved, filled in, hashed and built."""

from pathlib import Path
from typing import Any

import pytest

from flows.recipe.methods import resolve
from storage.errors import SetupError
from storage.records import Completion, Problem

OWN = '''"""A verifier of the user's."""
from pipelines.verify.exact import ExactVerifier


class Mine(ExactVerifier):
    """Exact, by another name."""

    name = "mine"
'''


def parts(*methods: Any) -> dict[str, Any]:
    return {"verifiers": list(methods)}


def test_defaults_of_the_parts_are_written_out_at_every_depth(tmp_path: Path) -> None:
    inner = {"method": "any_of", "options": parts({"method": "exact", "options": {"case": "fold"}})}
    found = resolve("verifier", "all_of", parts(inner, {"method": "number"}), base=tmp_path)
    assert found.canonical() == {
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
    again = resolve("verifier", "all_of", found.canonical()["options"], base=tmp_path)
    assert again.canonical() == found.canonical()


def test_the_parts_are_built_and_judge(tmp_path: Path) -> None:
    found = resolve("verifier", "all_of", parts({"method": "exact"}, {"method": "math"}), base=tmp_path)
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, "7", "stop")
    built = found.build(workers=1)
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
    ("options", "said"),
    [
        (parts({"method": "mth"}), "Did you mean 'math'"),
        (parts({"method": "exact", "options": {"cse": "fold"}}), "Did you mean 'case'"),
        (parts({"method": "math", "options": {"workers": 3}}), "belongs in a profile"),
        (parts({"method": "exact", "option": {}}), "Did you mean 'options'"),
        (parts("exact"), "is not a list of methods"),
        (parts({"options": {}}), "every entry needs a method"),
        ({"verifiers": "exact"}, "is not a list of methods"),
    ],
)
def test_a_mistake_inside_is_named(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SetupError, match=said):
        resolve("verifier", "all_of", options, base=tmp_path)


def test_a_composite_without_parts_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="has no parts"):
        resolve("verifier", "all_of", {}, base=tmp_path).build()


def test_an_option_may_be_a_mapping(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ("a",)}
    found = resolve("verifier", "json_schema", {"schema": schema}, base=tmp_path)
    assert found.canonical()["options"]["schema"] == {"type": "object", "required": ["a"]}
    built = found.build()
    assert built.version != resolve("verifier", "json_schema", {}, base=tmp_path).build().version
    built.close()
