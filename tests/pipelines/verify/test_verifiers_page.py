"""docs/reference/verifiers.md names every verifier with its options, every instruction, and shows recipes that work."""

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from rollmill.flows.recipe.methods import INTERNAL_OPTIONS, PROFILE_OPTIONS, parameters, resolve
from rollmill.pipelines.verify import VERIFIERS
from rollmill.pipelines.verify.constraints.instructions import INSTRUCTIONS
from rollmill.pipelines.verify.structured.linear_model import model_of

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "verifiers.md").read_text()


@pytest.mark.parametrize("name", sorted(VERIFIERS))
def test_every_verifier_has_a_row_with_its_options(name: str) -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and f"`{name}`" in line.split("|")[1]]
    assert rows
    for option in parameters(cast("type[Any]", VERIFIERS[name])).keys() - PROFILE_OPTIONS - INTERNAL_OPTIONS:
        assert re.search(rf"`{option}[:`]", rows[0]), option


def test_every_instruction_is_listed() -> None:
    for name in INSTRUCTIONS:
        assert f"`{name}`" in PAGE, name


def test_what_it_shows_works() -> None:
    shown = re.findall(r"```(yaml|json)\n(.*?)```", PAGE, re.DOTALL)
    assert [language for language, _ in shown] == ["yaml", "json"]
    for method in yaml.safe_load(shown[0][1])["verify"]:
        resolve("verifier", method["method"], method["options"], base=Path()).build().close()
    assert model_of(json.loads(shown[1][1])).names == ("x", "y")
