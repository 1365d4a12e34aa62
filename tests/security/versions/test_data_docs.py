"""Data Docs of a version that came from elsewhere: its pages run nothing of what suite.yaml and validation.json say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import FoundWanting, RollmillError
from rollmill.pipelines.gate.data_docs import write_data_docs
from rollmill.pipelines.gate.inert_results import inert, stored_result

pytestmark = [pytest.mark.security, pytest.mark.integration]
AT = "2026-01-01T00:00:00+00:00"
EVIL = "<img src=x onerror=alert(1)>"
HOSTILE = [
    EVIL,
    "<script>alert(1)</script>",
    "'\"><svg onload=alert(1)>",
    "[x](javascript:alert(1))",
    "[x]: JaVaScRiPt :alert(1)",
    "<javascript:alert(1)>",
    "{{ 7 * 191 }} {% do x %} ${column}",
    "&lt;script&gt;alert(1)",
    "\\u003cscript>",
]


def result(text: str, **more: Any) -> dict[str, Any]:
    return {
        "success": False,
        "expectation_config": {
            "type": "expect_column_values_to_not_be_null",
            "kwargs": {"column": text, "batch_id": "kept"},
            "meta": {"notes": text, "renderer": text},
            "notes": text,
            "description": text,
            "rendered_content": [text],
        },
        "result": {
            "element_count": 1,
            "unexpected_count": 1,
            "partial_unexpected_list": [text, {text: [text]}],
            text: text,
        },
        "meta": {text: text},
        "exception_info": {"raised_exception": True, "exception_message": text, "exception_traceback": text},
        "rendered_content": [{"name": text, "value": {"template": text, "styling": {"attributes": {"onload": text}}}}],
        **more,
    }


def entry(text: str) -> dict[str, Any]:
    notes = {"notes": {"format": "markdown", "content": [text]}, "renderer": {"class_name": text, "module_name": "os"}}
    return {
        "table": "kept",
        "type": "expect_column_values_to_not_be_null",
        "kwargs": {"column": text},
        "notes": text,
        "meta": notes,
    }


def pages(folder: Path, suite: list[dict[str, Any]], validation: dict[str, Any]) -> str:
    write_data_docs(folder, "toy@v1", AT, suite, stored_result(json.dumps(validation), "validation.json"))
    return "\n".join(path.read_text() for path in folder.rglob("*.html"))


def test_no_text_becomes_markup_a_link_or_a_template(tmp_path: Path) -> None:
    plain = pages(tmp_path / "plain", [entry("a")], {"results": [result("a")], "meta": {}})
    rows = [result(text) for text in HOSTILE]
    meta = {text: {text: text, "batch_spec": text, "great_expectations_version": text} for text in HOSTILE}
    validation = {
        "results": rows,
        "success": EVIL,
        "statistics": {EVIL: EVIL},
        "meta": meta,
        "suite_name": EVIL,
        EVIL: EVIL,
    }
    written = pages(tmp_path / "evil", [entry(text) for text in HOSTILE], validation)
    for mark in ("<img src=x", "<svg", "javascript:", "1337", "onerror=alert(1)>"):
        assert written.casefold().count(mark) == plain.casefold().count(mark), mark
    assert set(re.findall(r"<script[^>]*>", written)) == set(re.findall(r"<script[^>]*>", plain))
    assert not re.search(r"<script>\s*alert", written)
    assert set(re.findall(r"\son\w+=", written)) <= {*re.findall(r"\son\w+=", plain), " onerror=", " onload="}


def test_the_pages_lie_in_their_folder_alone(tmp_path: Path) -> None:
    outside = "../../../outside"
    bad = result(outside)
    bad["expectation_config"]["kwargs"]["batch_id"] = outside
    pages(tmp_path / "in", [entry(outside)], {"results": [bad, result(outside)], "meta": {"run_id": {"run_name": outside}}})
    assert {path.name for path in tmp_path.iterdir()} == {"in"}


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[]",
        '{"results": 1}',
        '{"results": [1]}',
        '{"results": [{"success": "yes", "expectation_config": {"type": "x", "kwargs": {}}}]}',
        '{"results": [{"success": true, "expectation_config": {"type": "x", "kwargs": []}}]}',
        '{"results": [{"success": true, "expectation_config": {"type": "x", "kwargs": {}}, "result": 1}]}',
        "gASVCgAAAAAAAACMBm9zLnN5c5Qu",
        "!!python/object/apply:os.system [id]",
    ],
)
def test_what_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(FoundWanting, match=r"validation\.json is no "):
        stored_result(text, "validation.json")


def test_an_expectation_of_another_name_is_not_looked_up(tmp_path: Path) -> None:
    row = result("a")
    row["expectation_config"]["type"] = "os.system"
    with pytest.raises(RollmillError, match=r"'os\.system', which its suite does not name"):
        pages(tmp_path, [entry("a")], {"results": [row], "meta": {}})


def test_a_parameter_that_the_expectation_lacks_is_refused(tmp_path: Path) -> None:
    row = result("a")
    row["expectation_config"]["kwargs"]["renderer"] = "x"
    with pytest.raises(RollmillError, match="unknown parameter 'renderer' of 'expect_column_values_to_not_be_null'"):
        pages(tmp_path, [entry("a")], {"results": [row], "meta": {}})


def test_values_have_bounds() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    assert "x" not in json.dumps(inert(deep))
    assert len(inert(["x"] * 100_000)) == 1_000
    assert len(inert("x" * 1_000_000)) == 10_000
