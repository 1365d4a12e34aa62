"""`rollmill certify` as a person uses it: exit statuses, the table, JSON, mistakes in one line."""

import json
from pathlib import Path

import pytest

from rollmill.flows.cli import run

pytestmark = pytest.mark.integration

TOYS = Path(__file__).parents[3] / "pipelines" / "certify" / "toys.py"


def test_a_clean_verifier_exits_with_0_and_its_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["certify", "number", "--section", "always_equal", "--section", "non_equivalence"]) == 0
    out = capsys.readouterr().out
    assert "suite number" in out
    assert "always_equal" in out
    assert "false accept" in out
    assert "Clopper-Pearson" in out


def test_a_verifier_found_wanting_exits_with_1_and_names_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["certify", f"{TOYS}:Credulous", "--section", "always_equal"]) == 1
    streams = capsys.readouterr()
    assert "false_accept, poisoned: always_equal, all things at once" in streams.out
    assert r"7 | \boxed{x}" in streams.out
    assert "rollmill: 24 of 24 rows are wrong: 24 false accepts, 24 poisoned" in streams.err


def test_json_has_every_failing_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["certify", f"{TOYS}:Stubborn", "--section", "equivalence", "--json"]) == 1
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["clean"] is False
    assert len(outcome["failing"]) == outcome["rates"]["false_reject"]["count"] == outcome["rows"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mth"], "Did you mean 'math'"),
        (["math", "--suite", "maths"], "unknown suite 'maths'. Did you mean 'math'"),
        (["math", "--section", "sign"], "unknown section 'sign'"),
        (["math", "--options", "[]"], "--options '[]' is not a JSON object"),
        (["math", "--options", '{"polcy": "strict"}'], "unknown option 'polcy' of verifier 'math'. Did you mean 'policy'?"),
        ([f"{TOYS}:Missing"], "no attribute 'Missing'"),
        (["nowhere.py:Verifier"], "no file"),
        (["json:JSONDecoder"], "a verifier has a name and a version"),
    ],
)
def test_a_mistake_is_one_line_and_exits_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["certify", *arguments]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
