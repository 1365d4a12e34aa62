"""A suite of expectations from a stranger runs no code, reads no file and writes none."""

import os
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.gate import Gate
from rollmill.pipelines.gate.suite_file import read_suite
from tests.pipelines.gate.conftest import expected, tables

pytestmark = pytest.mark.security


@pytest.mark.parametrize(
    "text",
    [
        "expectations: !!python/object/apply:os.system ['touch taken']",
        "expectations: [{table: kept, type: !!python/name:os.system , kwargs: {}}]",
        "expectations: [{table: kept, type: 'mine.py:ExpectNothing', kwargs: {}}]",
        "expectations: [{table: kept, type: os.system, kwargs: {}}]",
        "expectations: [{table: kept, type: expect_column_max_to_be_between, kwargs: {column: a, module: os}}]",
        "expectations: [{table: kept, type: expect_query_results_to_match_comparison, kwargs: {}}]",
        "expectations: [{table: 'kept; ATTACH ''x''', type: expect_table_row_count_to_equal, kwargs: {value: 1}}]",
        "a: &a [x, x]\nexpectations: [{table: kept, type: expect_column_to_exist, kwargs: {column: *a}}]",
        "expectations: " + "[" * 5_000,
        "expectations: [{table: kept, type: expect_column_max_to_be_between, kwargs: {column: level, max_value: .nan}}]",
        "expectations: [{table: kept, type: expect_column_max_to_be_between, kwargs: {column: level, max_value: 1%s}}]"
        % ("0" * 400),
        "expectations: [{table: kept, type: expect_column_max_to_be_between, kwargs: {column: level, max_value: %s}}]"
        % ("1" * 5_000),
    ],
    ids=[
        "object",
        "name",
        "file",
        "module",
        "parameter",
        "elsewhere",
        "table",
        "alias",
        "depth",
        "not a number",
        "a large number",
        "digits",
    ],
)
def test_only_registered_names_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "suite.yaml").write_text(text)
    (tmp_path / "mine.py").write_text("open('taken', 'w')")
    with pytest.raises(SetupError):
        read_suite(tmp_path / "suite.yaml")
    assert not (tmp_path / "taken").exists()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "COPY (SELECT 1) TO '{taken}'",
        "SELECT 1; COPY (SELECT 1) TO '{taken}'",
        "SELECT 1; ATTACH '{taken}'",
        "SELECT 1; SET enable_external_access = true",
        "SELECT 1; INSTALL httpfs",
        "SELECT * FROM suite",
    ],
    ids=["function", "path", "copy", "second", "attach", "setting", "extension", "variable"],
)
def test_a_query_reaches_no_file(tmp_path: Path, query: str) -> None:
    (tmp_path / "secret.csv").write_text("hidden\nvalue")
    suite: Any = query.format(secret=tmp_path / "secret.csv", taken=tmp_path / "taken")
    entry = {"table": "kept", "type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": suite}}
    result = Gate(suite=[entry]).check(tables(), expected())
    [check] = result.failed
    assert check.observed.startswith("the check broke: ")
    assert "value" not in str(check.failing)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret.csv"]


def test_a_gate_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    assert Gate().check(tables(), expected()).passed
    assert list(tmp_path.iterdir()) == []
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
