"""`verify` on what people have in a notebook: dicts, dataclasses, tuples, frames; references of every sensible type."""

import math
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Message
from rollmill.pipelines.verify import verify
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.structured.dataframes import COLUMNS

ROOT = Path(__file__).parents[3]
RIGHT = {"prompt": "What is 1/2 + 1/4?", "reference": "3/4", "answer": "The answer is 0.75."}
WRONG = {**RIGHT, "answer": "The answer is 0.7."}
ROWS: list[dict[str, Any]] = [RIGHT, WRONG, {**RIGHT, "answer": None}]
OUTCOMES = ["correct", "incorrect", "unparsed"]


class Sample(NamedTuple):
    response: str
    question: str
    gold: str


@dataclass
class Row:
    prompt: str
    reference: str
    answer: str


def test_a_dict_is_read_by_its_keys_in_any_order() -> None:
    assert [one.outcome for one in verify(ROWS)] == OUTCOMES
    assert [one.outcome for one in verify(dict(reversed(row.items())) for row in ROWS)] == OUTCOMES


def in_database() -> sqlite3.Row:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    found: sqlite3.Row = connection.execute("SELECT 'q' AS question, '3' AS reference, '3' AS response").fetchone()
    connection.close()
    return found


@pytest.mark.parametrize(
    "row",
    [
        Row("q", "3", "3"),
        ("q", "3", "3"),
        ["q", "3", "3"],
        np.array(["q", "3", "3"]),
        Sample("3", "q", "3"),
        pd.Series({"problem": "q", "target": 3, "output": "3"}),
        in_database(),
        ([{"role": "user", "content": "q"}], "3", "3"),
        ((Message("user", "q"),), "3", "3"),
        {"question": "q", "answer": "3", "response": "so #### 3"},
        {"question": "q", "answer": "so #### 3", "expected_answer": "3"},
        {"question": "q", "answer": "2", "expected_answer": "3", "generation": "3"},
    ],
    ids=lambda row: type(row).__name__,
)
def test_any_row_that_says_what_is_what(row: Any) -> None:
    assert verify([row])[0].outcome == "correct"


@pytest.mark.parametrize(
    ("reference", "spelled"),
    [
        (3, "3"),
        (-0.75, "-0.75"),
        (1e-7, "0.0000001"),
        (np.float32(0.1), "0.1"),
        (np.int64(7), "7"),
        (Fraction(3, 4), "3/4"),
        (Fraction(6, 2), "3"),
        (Decimal("0.10"), "0.10"),
        (Decimal("1E+3"), "1000"),
        (10**5000, "1" + "0" * 5000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_number_as_reference(reference: Any, spelled: str) -> None:
    assert verify([("q", reference, spelled)], "exact")[0].outcome == "correct"
    assert verify([("q", "2", reference)], "math")[0].outcome == "incorrect"


def test_one_of_several_references_suffices() -> None:
    rows = [("q", ["5", Fraction(1, 2)], "#### 0.5"), ("q", ["5", "7"], "#### 6"), ("q", ["5"], "")]
    verdicts = verify(rows)
    assert [one.outcome for one in verdicts] == ["correct", "incorrect", "unparsed"]
    assert verdicts[0].reference_form == "1/2"


def test_an_alternative_in_doubt_is_no_wrong_answer() -> None:
    assert verify([("q", ["5", "x + 1"], "#### 4")], "number")[0].outcome == "undecided"


def test_tests_and_the_rest_of_a_row_reach_the_verifier() -> None:
    row = {"prompt": "Say yes.", "tests": [{"id": "no_comma"}], "response": "yes"}
    assert verify([row], "constraints")[0].outcome == "correct"
    assert verify([{**row, "response": "yes, yes"}], "constraints")[0].outcome == "incorrect"
    question = {"prompt": "Which?", "reference": "B", "choices": ["red", "blue"], "answer": "The answer is blue."}
    assert verify([question], "choice")[0].outcome == "correct"


def test_a_text_that_was_cut_off_gives_no_answer() -> None:
    assert verify([{**RIGHT, "answer": "#### 3/4", "finish_reason": "length"}])[0].outcome == "unparsed"


def test_a_verifier_with_options_stays_open() -> None:
    with MathVerifier(policy="lenient") as lenient:
        for _ in range(2):
            assert verify([("2/3?", "2/3", "#### 0.67")], lenient)[0].outcome == "correct"
    assert verify([("2/3?", "2/3", "#### 0.67")])[0].outcome == "incorrect"


def test_a_pandas_frame_comes_back_with_its_index() -> None:
    frame = pd.DataFrame([{**row, "extra": n} for n, row in enumerate(ROWS)], index=[7, 7, 9])
    found = verify(frame)
    assert [*found.columns] == ["prompt", "reference", "answer", "extra", *COLUMNS]
    assert [*found.index] == [7, 7, 9]
    assert [*found.outcome] == OUTCOMES
    assert [*frame.columns] == ["prompt", "reference", "answer", "extra"]


@pytest.mark.parametrize("missing", [math.nan, None, pd.NA])
def test_every_kind_of_missing_answer_in_a_frame(missing: Any) -> None:
    frame = pd.DataFrame({"prompt": ["q", "q"], "reference": [3, 4], "response": ["3", missing]})
    assert [*verify(frame).outcome] == ["correct", "unparsed"]


def test_lists_in_a_frame_are_alternatives() -> None:
    table = pa.table({"prompt": ["q", "q"], "reference": [[3, 4], [5]], "response": ["4", "4"]})
    assert verify(table)["outcome"].to_pylist() == ["correct", "incorrect"]
    assert [*verify(table.to_pandas()).outcome] == ["correct", "incorrect"]


def test_arrow_and_duckdb_come_back_as_they_came() -> None:
    table = pa.Table.from_pylist(ROWS)
    found = verify(table)
    assert isinstance(found, pa.Table)
    assert found["outcome"].to_pylist() == OUTCOMES
    assert isinstance(verify(table.to_batches()[0]), pa.Table)
    with duckdb.connect() as connection:
        relation = verify(connection.sql("SELECT prompt, reference, answer FROM found"))
        assert isinstance(relation, duckdb.DuckDBPyRelation)
        assert relation.filter("outcome = 'correct'").select("answer").fetchall() == [("The answer is 0.75.",)]


def test_a_frame_without_rows_stays_one() -> None:
    frame = pd.DataFrame({"prompt": [], "reference": [], "response": []})
    assert verify(frame).shape == (0, 3 + len(COLUMNS))
    assert verify([]) == []


def test_names_of_the_users_own() -> None:
    rows = [{"q": "q", "gold_label": 3, "said": "3", "reference": "4"}]
    assert verify(rows, prompt="q", reference="gold_label", answer="said")[0].outcome == "correct"
    with pytest.raises(SetupError, match=r"for the reference of row 1: .gold_lable.\. Did you mean .gold_label."):
        verify(rows, prompt="q", reference="gold_lable", answer="said")


def raising() -> Iterator[Any]:
    yield RIGHT
    yield {"prompt": "q"}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (RIGHT, "is one dict. Valid: a list of dicts"),
        ({"prompt": ["q"], "reference": ["3"], "answer": ["3"]}, "is one dict"),
        ("rows.jsonl", "'rows.jsonl' is str"),
        (None, "None is NoneType"),
        (["abc"], "row 1 is 'abc', which says not"),
        ([3], "row 1 is 3"),
        ([("q", "3")], "row 1 is .'q', '3'."),
        ([("q", "3", "3", "3")], "row 1 is"),
        ([{"q", "3", "4"}], "row 1 is"),
        ([SimpleNamespace(prompt="q")], "row 1 is namespace"),
        (raising(), "row 2 has no reference and no answer; it has prompt. Known names: reference: reference, expected"),
        ([{"question": "q", "answer": "3"}], "row 1 has no reference and no answer; it has question, answer"),
        ([("q", None, "3")], "the reference of row 1 is None. Valid: text, int, float, Fraction"),
        ([("q", math.nan, "3")], "the reference of row 1 is nan"),
        ([("q", math.inf, "3")], "the reference of row 1 is inf"),
        ([("q", True, "3")], "the reference of row 1 is True"),
        ([("q", (1, 2), "3")], r"the reference of row 1 is \(1, 2\)"),
        ([("q", {"answer": 3}, "3")], "the reference of row 1 is {'answer': 3}"),
        ([("q", [], "3")], r"the reference of row 1 is \[\]"),
        ([("q", ["3", None], "3")], "the reference of row 1 is None"),
        ([("q", 1 + 2j, "3")], r"the reference of row 1 is \(1\+2j\)"),
        ([("q", "3", ["3", "4"])], "the answer of row 1 is .'3', '4'.: one row is one answer"),
        ([("q", "3", True)], "the answer of row 1 is True"),
        ([(None, "3", "3")], "the prompt of row 1 is None. Valid: text, a list of turns"),
        ([(["q"], "3", "3")], r"the prompt of row 1 is \['q'\]"),
        ([(3, "3", "3")], "the prompt of row 1 is 3"),
        (pd.DataFrame({"a": [1]}), "row 1 has no prompt and no reference and no answer; it has a."),
        (pd.DataFrame([["q", "3"]], columns=["prompt", "prompt"]), "more than one column 'prompt'"),
        (verify(pd.DataFrame(ROWS)), "already has the column outcome, rule, cause"),
        (pd.Series(["a"]), "row 1 is 'a'"),
    ],
)
def test_what_makes_no_sense_is_told(rows: Any, told: str) -> None:
    with pytest.raises(SetupError, match=told) as found:
        verify(rows)
    assert found.value.next_command


@pytest.mark.parametrize("verifier", [MathVerifier, None, 3])
def test_what_is_no_verifier_is_told(verifier: Any) -> None:
    with pytest.raises(SetupError, match="is no verifier"):
        verify([], verifier)


def test_the_documented_blocks_do_as_they_say() -> None:
    page = (ROOT / "docs/reference/verifiers.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    lines = [line.partition("  # ") for block in blocks for line in block.splitlines()]
    names: dict[str, Any] = {}
    for code, _, shown in lines:
        if shown:
            assert repr(eval(code, names)) == shown, code
        else:
            exec(code, names)
    assert len([shown for _, _, shown in lines if shown]) == 3


def test_the_block_on_reading_a_dataset_runs_alone(capfd: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs/how-to/read-a-dataset.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    [block] = [block for block in blocks if "verify" in block]
    exec(block, {})
    assert capfd.readouterr().out.split() == ["outcome", "rule", "0", "correct", "boxed:number"]
