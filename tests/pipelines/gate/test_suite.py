"""Expectations of a person's own beside those of the gate's keys, and suite files with mistakes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollmill.ground.errors import SetupError
from rollmill.pipelines.gate import Gate, check_suite
from rollmill.pipelines.gate.engine import quiet
from rollmill.pipelines.gate.suite import OURS
from rollmill.pipelines.gate.suite_file import checked, read_suite

pytestmark = pytest.mark.integration

LENGTHS = {
    "table": "kept",
    "type": "expect_column_value_lengths_to_be_between",
    "kwargs": {"column": "text", "max_value": 9},
}
REGEX = {"table": "kept", "type": "expect_column_values_to_match_regex", "kwargs": {"column": "text", "regex": "b>appl"}}
QUERY = {
    "table": "joined",
    "type": "unexpected_rows_expectation",
    "kwargs": {
        "unexpected_rows_query": "SELECT completion_id FROM {batch} WHERE level = 2 AND template = 'apples-1' AND kept"
    },
}


def test_expectations_of_the_library_name_their_rows(toy: Any) -> None:
    result = Gate(suite=[LENGTHS, REGEX, QUERY]).check(toy.tables, toy.expected())
    assert [check.name for check in result.failed] == [
        "expect_column_value_lengths_to_be_between on kept.text",
        "unexpected_rows_expectation on joined",
    ]
    lengths, query = result.failed
    assert (lengths.failing_count, lengths.failing[:2]) == (24, ("c-7-0", "c-7-2"))
    assert lengths.observed == "24 of 24 rows against it"
    assert query.failing == ("c-9-0", "c-9-2", "c-17-0", "c-17-2", "c-25-0", "c-25-2")


def test_a_warning_is_shown_and_refuses_nothing(toy: Any) -> None:
    result = Gate(suite=[{**LENGTHS, "severity": "warning"}]).check(toy.tables, toy.expected())
    assert result.passed
    assert [line[:53] for line in result.lines()] == ["warning  expect_column_value_lengths_to_be_between on"]
    assert result.validation["success"] is False


def test_the_stored_suite_gives_the_same_checks(toy: Any, tmp_path: Path) -> None:
    result = Gate(min_kept=25, level_shares={1: (0.6, 1.0)}, suite=[QUERY]).check(toy.tables, toy.expected())
    texts = result.texts()
    (tmp_path / "suite.yaml").write_text(texts["suite.yaml"])
    again = check_suite(read_suite(tmp_path / "suite.yaml"), toy.tables, toy.expected())
    assert again.checks == result.checks
    assert [check.name for check in again.failed] == ["kept", "level shares", "unexpected_rows_expectation on joined"]
    assert json.loads(texts["validation.json"]) == json.loads(again.texts()["validation.json"])


def test_the_result_is_one_that_the_library_reads(toy: Any) -> None:
    text = Gate(min_kept=25).check(toy.tables, toy.expected()).texts()["validation.json"]
    with quiet():
        from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema

        result = expectationSuiteValidationResultSchema.load(json.loads(text))
    [failed] = [one for one in result["results"] if not one.success]
    assert failed.expectation_config.type == "expect_table_row_count_to_be_between"
    assert (failed.expectation_config.kwargs["batch_id"], failed.result["observed_value"]) == ("kept", 24)
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({**LENGTHS, "table": "keptt"}, "unknown table 'keptt' of"),
        ({**LENGTHS, "type": "expect_column_value_length"}, "Did you mean 'expect_column_value_lengths_to_equal'?"),
        ({**LENGTHS, "kwargs": {"colunm": "text"}}, "Did you mean 'column'? Valid: column, condition_parser"),
        ({**LENGTHS, "kwargs": {"max_value": 9}}, "needs column"),
        ({**LENGTHS, "severity": "fatal"}, "Valid: critical, info, warning"),
        ({**LENGTHS, "kwargs": [1]}, "kwargs is '[1]', not a dict"),
        ({**LENGTHS, "batch": 1}, "unknown key 'batch' of"),
        ({**LENGTHS, "kwargs": {"column": {"$PARAMETER": "x"}}}, "a gate has no suite parameters"),
        ("text", "expectation 1 is no mapping"),
    ],
    ids=["table", "type", "parameter", "lacking", "severity", "kwargs", "key", "variable", "text"],
)
def test_a_mistake_is_one_line_with_the_valid_names(entry: Any, words: str) -> None:
    with pytest.raises(SetupError) as caught:
        checked([entry], "mine.yaml")
    assert words in caught.value.text()
    assert "mine.yaml" in caught.value.text() or "expect_" in caught.value.text()


def test_a_value_that_an_expectation_refuses_is_named(toy: Any) -> None:
    odd = {**LENGTHS, "kwargs": {"column": "text", "max_value": "nine", "mostly": 7}}
    with pytest.raises(SetupError, match=r"the gate's expect_column_value_lengths_to_be_between on kept: .*mostly"):
        Gate(suite=[odd]).check(toy.tables, toy.expected())


def test_a_file_that_is_none(tmp_path: Path) -> None:
    for text in ("", "expectations: {}", "expectations: []", "- 1", "expectations: [", "\x00"):
        (tmp_path / "suite.yaml").write_text(text)
        with pytest.raises(SetupError, match=r"suite\.yaml"):
            read_suite(tmp_path / "suite.yaml")
    with pytest.raises(SetupError, match="no suite file"):
        read_suite(tmp_path / "absent.yaml")


def test_the_listed_parameters_are_those_of_our_classes() -> None:
    with quiet():
        from great_expectations.expectations.registry import get_expectation_impl

        from rollmill.pipelines.gate.expectations import RowsExpectation

    base = set(RowsExpectation.__fields__)
    for name, parameters in OURS.items():
        assert {*parameters} == set(get_expectation_impl(name).__fields__) - base


def test_every_entry_of_the_short_form_is_one_of_a_file(toy: Any) -> None:
    result = Gate(max_drift={"level": 0.1}, least=0.1).check(toy.tables, toy.expected())
    assert checked(yaml.safe_load(result.texts()["suite.yaml"])["expectations"], "suite") == result.suite
