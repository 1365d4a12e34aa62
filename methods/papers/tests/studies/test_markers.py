"""Markers: rows as their shares say, and the smallest form."""

from pathlib import Path

import pytest

from rollmill.pipelines.train.measures.bench import Bench, StudyModel
from rollmill_papers.studies.markers import MARKERS, Markers, form, marked_rows
from tests.pipelines.train.student_files import small_model


def test_kinds_and_markers_have_their_shares() -> None:
    rows = marked_rows(2000, 1, 0.1, 0.5)
    rare = [row for row in rows if "\n" not in row["completion"]]
    marked = [row for row in rows if row["prompt"].startswith("Form: ")]
    assert len(rare) == pytest.approx(200, abs=45)
    assert len(marked) == pytest.approx(1000, abs=70)
    assert all(row["prompt"].startswith(MARKERS["rare"]) is not ("\n" in row["completion"]) for row in marked)
    assert not [row for row in marked_rows(50, 1, 0.1, 1.0) if row["prompt"].startswith("Form: ")]
    assert form("2 + 3 = 5\n#### 5", "rare") == "#### 5"


@pytest.mark.train
def test_the_smallest_form_trains_once(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "study", models={"init": [StudyModel(small_model(tmp_path / "init"))]})
    measured = Markers(rows=16, texts=4, seeds=1).measure(bench)
    assert set(measured.effects) == {
        f"{kind} {how} marker: marked - plain" for kind in ("common", "rare") for how in ("with", "without")
    }
    assert Markers(rows=16, texts=4, seeds=1).measure(bench).effects == measured.effects
