"""Files of published benchmarks, read by a layout: what is required, what each cell may hold, and the order of options."""

import hashlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.storage.imports.problems import import_problems
from rollmill.storage.imports.reading.answers import boxed_in
from rollmill.storage.imports.reading.cells import CellError
from rollmill.storage.imports.reading.layouts import ChoiceColumns, Layout, Splits
from rollmill.storage.imports.spec import ImportSpec
from rollmill.storage.segments.schema import from_table
from rollmill.storage.workspace import Workspace

WriteLines = Callable[..., Path]
SUMS = Layout("sums", "{question}", {"reference": "answer", "skill": "topic|subject"}, "hash")
FIRST = Layout("first", "{Q}", choices=ChoiceColumns(("Right", "Wrong 1", "Wrong 2", "Wrong 3"), order_seed=1))
PLACED = Layout("placed", "{question}", choices=ChoiceColumns(("choices",), "answer", line="{letter}. {text}"))


def stored(ws: Workspace, name: str) -> list[Problem]:
    rows: list[Problem] = from_table("problems", ws.segments.read("problems", producer=f"import:{name}"))
    return rows


def test_a_row_becomes_a_problem_and_the_rest_is_kept(ws: Workspace, jsonl: WriteLines) -> None:
    path = jsonl({"Question": "2+2?", "answer": "2+2=<<2+2=4>>4\n#### 4", "Subject": "sums", "id": 7, "test": "none"})
    constants = {"licence": "MIT", "source": "sums", "kind": "math", "split": "test"}
    report = import_problems(ws, ImportSpec(path, "s", layout=SUMS, constants=constants))
    [problem] = stored(ws, "s")
    assert (problem.prompt, problem.reference, problem.skill, problem.tests) == ("2+2?", "4", "sums", ())
    assert (problem.licence, problem.source, problem.split) == ("MIT", "sums", "test")
    assert problem.meta == {"solution": "2+2=<<2+2=4>>4\n#### 4", "id": 7, "test": "none"}
    assert report.format == "benchmark sums"
    assert report.notes == (f"read as sums; SHA-256 of the file: {hashlib.sha256(path.read_bytes()).hexdigest()}",)


def test_a_file_that_lacks_a_column_is_named_with_it_and_nothing_is_stored(ws: Workspace, jsonl: WriteLines) -> None:
    with pytest.raises(SetupError) as caught:
        import_problems(ws, ImportSpec(jsonl({"prompt": "2+2?", "answer": "#### 4"}), "s", layout=SUMS))
    assert str(caught.value).endswith(
        "rows.jsonl is no sums file: it has no column 'question'. Columns found: prompt, answer. "
        "Next: rollmill benchmark show sums"
    )
    assert stored(ws, "s") == []
    with pytest.raises(SetupError, match="defines every column, so --map is for imports without it"):
        ImportSpec(Path("rows.jsonl"), "s", {"prompt": "question"}, layout=SUMS)


def test_the_pin_of_a_file_holds(ws: Workspace, jsonl: WriteLines) -> None:
    path = jsonl({"question": "2+2?", "answer": "#### 4"})
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    pinned = Layout("sums", "{question}", {"reference": "answer"}, "hash", sha256=("0" * 64,))
    with pytest.raises(SetupError, match=f"its SHA-256 is {digest}"):
        import_problems(ws, ImportSpec(path, "s", layout=pinned))
    assert stored(ws, "s") == []
    pinned = Layout("sums", "{question}", {"reference": "answer"}, "hash", sha256=("0" * 64, digest))
    assert import_problems(ws, ImportSpec(path, "s", layout=pinned)).problems.new == 1


@pytest.mark.parametrize(
    ("layout", "row", "message"),
    [
        (SUMS, {"question": "2+2?", "answer": "it is 4"}, "ends without a line #### ANSWER"),
        (SUMS, {"question": " ", "answer": "#### 4"}, "'question' is empty"),
        (PLACED, {"question": "?", "choices": ["a", "b"], "answer": -1}, "given as '-1', which is none of 2"),
        (PLACED, {"question": "?", "choices": ["a", "b"], "answer": 2}, "given as '2', which is none of 2"),
        (PLACED, {"question": "?", "choices": ["a", "b"], "answer": "C"}, "given as 'C', which is none of 2"),
        (PLACED, {"question": "?", "choices": ["a"], "answer": 0}, "1 options, and a problem has 2 to 10"),
        (PLACED, {"question": "?", "choices": "a, b", "answer": 0}, "'choices' is not a list of options"),
        (FIRST, {"Q": "?", "Right": "a", "Wrong 1": None, "Wrong 2": "c", "Wrong 3": "d"}, "'an option' is empty"),
    ],
)
def test_a_cell_that_is_not_what_the_form_says_is_refused(layout: Layout, row: dict[str, Any], message: str) -> None:
    with pytest.raises(CellError) as caught:
        layout.rewrite(row)
    assert message in str(caught.value)


@pytest.mark.parametrize("answer", [2, "2", "C", "c"])
@pytest.mark.parametrize("choices", [["red", "blue", "green"], '["red", "blue", "green"]'])
def test_options_stay_as_published_and_the_right_one_is_a_place_or_a_letter(answer: Any, choices: Any) -> None:
    row = PLACED.rewrite({"question": "Which?", "choices": choices, "answer": answer})
    assert row["prompt"] == "Which?\n\nA. red\nB. blue\nC. green"
    assert (row["reference"], row["options"]) == ("C", {"A": "red", "B": "blue", "C": "green"})
    assert "choices" not in row  # where they stand in another order, nobody may read them by it
    assert "answer" not in row


def question(number: int) -> dict[str, str]:
    return {"Q": f"No. {number}?", "Right": f"r{number}", "Wrong 1": "w1", "Wrong 2": "w2", "Wrong 3": "w3"}


def test_where_the_right_one_comes_first_the_order_is_seeded_and_no_letter_is_right_more_often() -> None:
    rows = [FIRST.rewrite(question(number)) for number in range(2_000)]
    assert all(row["options"][row["reference"]] == f"r{number}" for number, row in enumerate(rows))
    letters = Counter(row["reference"] for row in rows)
    assert sorted(letters) == ["A", "B", "C", "D"]
    assert all(abs(count - 500) < 4 * (2_000 * 0.25 * 0.75) ** 0.5 for count in letters.values())
    orders = Counter(tuple(text[0] + text[-1] for text in row["options"].values() if text[0] == "w") for row in rows)
    assert len(orders) == 6  # the wrong ones are not left in the file's order either
    assert FIRST.rewrite(question(3)) == rows[3]  # whatever stands before it in the file
    other = Layout("first", "{Q}", choices=ChoiceColumns(("Right", "Wrong 1", "Wrong 2", "Wrong 3"), order_seed=2))
    assert sum(other.rewrite(question(n))["reference"] != rows[n]["reference"] for n in range(200)) > 100


def test_tests_of_several_columns_are_one_whatever_the_file_fills_in() -> None:
    layout = Layout("form", "{prompt}", tests={"instruction_id_list": "ids", "kwargs": "kwargs"})
    lines = layout.rewrite({"prompt": "p", "ids": ["a", "b"], "kwargs": [{"n": 3}, {}]})
    parquet = layout.rewrite({"prompt": "p", "ids": ["a", "b"], "kwargs": [{"n": 3.0, "m": None}, {"n": None, "m": None}]})
    csv = layout.rewrite({"prompt": "p", "ids": '["a", "b"]', "kwargs": '[{"n": 3}, {}]'})
    assert lines["tests"] == parquet["tests"] == csv["tests"] == ['{"instruction_id_list":["a","b"],"kwargs":[{"n":3},{}]}']


def test_a_split_is_a_range_of_ids_and_an_id_outside_is_refused() -> None:
    layout = Layout(
        "ids",
        "{text}\n{tests}",
        {"reference": "code"},
        tests="tests",
        splits=Splits("id", {"few": (1, 10), "test": (11, 99)}),
    )
    row = {"text": "Add.", "tests": ["assert f(1)", "assert f(2)"], "code": "#### 1"}
    first, second = layout.rewrite({**row, "id": 10}), layout.rewrite({**row, "id": "11"})
    assert (first["split"], second["split"]) == ("few", "test")
    assert first["prompt"] == "Add.\nassert f(1)\nassert f(2)"
    with pytest.raises(CellError, match=r"id 100 is in no split \(few 1 to 10, test 11 to 99\)"):
        layout.rewrite({**row, "id": 100})


def test_code_with_hashes_is_a_reference_as_it_stands(ws: Workspace, jsonl: WriteLines) -> None:
    layout = Layout("code", "{prompt}", {"reference": "solution"}, tests="test", kept=("entry_point",))
    row = {"prompt": "def f():\n", "solution": "    #### one\n    return 1\n", "test": "assert f()", "entry_point": "f"}
    import_problems(ws, ImportSpec(jsonl(row), "c", layout=layout))
    [problem] = stored(ws, "c")
    assert problem.reference == "    #### one\n    return 1\n"
    assert (problem.kind, problem.meta) == ("code", {"entry_point": "f"})


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("\\boxed{2}, no: \\boxed{\\frac{1}{4}}.", "\\frac{1}{4}"),
        ("$\\fbox{3}$", "3"),
        ("so $\\boxed 5$.", "5"),
        ("so \\boxed{5", None),
        ("5", None),
    ],
)
def test_the_answer_is_in_the_last_box(solution: str, answer: str | None) -> None:
    assert boxed_in(solution) == answer
