"""`rollmill audit scorer`: preferences of scorers on the toy run, and grades of imported rollouts beside constant ones."""

import json
from pathlib import Path

import pytest

from tests.flows.conftest import Curated, Run, said_as_json

pytestmark = pytest.mark.integration

GRADED = """\
recipe_schema: 1
name: graded
problems: {imported: sums}
generate: {engine: imported}
score: [{method: imported, options: {key: judge}}]
gate: {min_kept: 1, max_undecided: 1.0}
"""


def test_pairs_of_a_run_show_that_length_is_no_measure(toy: Path, rollmill: Run, curated: Curated) -> None:
    run = curated()["run"]
    report = said_as_json(
        rollmill, "audit", "scorer", str(run), "--n", "8", "--with", "length", "--with", "answer_agreement"
    )
    assert 0 < report["pairs"] <= 8
    length, agreement = report["scorers"]
    assert (length["scorer"], length["prefers"]["value"]) == ("length", 0.0)
    assert (agreement["prefers"], agreement["why"].startswith("needs answers")) == (None, True)
    page = rollmill("audit", "scorer", str(run), "--n", "8").out
    assert "length              0.000 [0.000," in page or "0.000 [0.000," in page
    assert "0.5 is chance" in page


def test_grades_are_shown_beside_constant_grades(ten_sums: Path, rollmill: Run) -> None:
    rows = [
        {
            "problem_id": str(n),
            "completion": f"{'so ' * (n % 3)}{2 * n}",
            "model": "m",
            "grade": n % 3,
            "judge": n % 3 + int(n == 0),
        }
        for n in range(9)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (ten_sums / "rows.jsonl").write_text(text)
    imported = rollmill("import", "rollouts", "rows.jsonl", "--name", "sums", "--problems", "sums")
    assert imported.status == 0, imported.err
    (ten_sums / "graded.yaml").write_text(GRADED)
    assert rollmill("curate", "graded.yaml", "--direct").status == 0
    report = said_as_json(rollmill, "audit", "scorer", "--grades", "grade", "--with", "imported key=judge")
    grades = report["grades"]
    assert grades["n"] == 9
    assert round(grades["constant"]["1"]["quality"]["value"], 3) == 0.667
    assert grades["constant"]["1"]["within_one"]["value"] == 1.0
    [judge] = grades["scorers"]
    assert judge["exact"]["value"] == pytest.approx(8 / 9)
    assert judge["quality"]["value"] == pytest.approx((8 + 0.5) / 9)
    page = rollmill("audit", "scorer", "--grades", "grade", "--with", "imported key=judge").out
    assert "always 1" in page
    refused = rollmill("audit", "scorer", "--grades", "nothing", "--with", "imported key=judge")
    assert refused.status == 2
    assert "no rollout of the run has a grade in the field 'nothing'" in refused.err
    refused = rollmill("audit", "scorer", "--grades", "grade", "--most", "1")
    assert "a grade of 2 is not between 0 and 1" in refused.err


def test_a_run_that_reached_a_limit_is_resumed_before_its_scorers_are_audited(toy: Path, rollmill: Run) -> None:
    assert rollmill("curate", "toy.yaml", "--direct", "--max-tokens", "600").status == 1
    refused = rollmill("audit", "scorer", "--with", "length")
    assert refused.status == 2
    assert "has rollouts that are not judged yet. Next: rollmill runs resume toy-" in refused.err
