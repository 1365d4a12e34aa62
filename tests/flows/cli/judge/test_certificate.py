"""`rollmill select --fdr`: from a simple audit to a version with a certificate, and every refusal on the way."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.storage.audits import PersonJudgement
from rollmill.storage.queries import Reader
from tests.flows.conftest import RECIPE, Curated, Run, said_as_json

pytestmark = pytest.mark.integration

SCORED = RECIPE.replace("count: 12", "count: 40", 1).replace("select:\n", "score: [{method: length}]\nselect:\n")
LAX = ("--set", "gate.min_kept=1", "--set", "gate.max_undecided=1.0")


@pytest.fixture
def scored(toy: Path, curated: Curated) -> str:
    """A run with a score, some of whose kept rows are wrong in the eyes of people."""
    (toy / "toy.yaml").write_text(SCORED)
    return str(curated()["run"])


def judge(folder: Path, audit: str, *, wrong_every: int = 0, limit: int | None = None) -> None:
    """People agree with the verifier, but for every so-manyth accepted row."""
    with Reader.open(folder) as reader:
        rows = []
        for item in reader.audits.items(audit)[:limit]:
            agrees = not wrong_every or item.ordinal % wrong_every > 0
            right = item.outcome == "correct" and agrees
            rows.append(PersonJudgement(item.completion_id, item.problem_id, "ann", "correct" if right else "incorrect"))
        reader.audits.judge(rows)


def audited(rollmill: Run, run: str, n: int, *more: str) -> str:
    return str(said_as_json(rollmill, "audit", "verifier", "chain", "--run", run, "--n", str(n), *more)["audit"])


def test_from_a_simple_audit_to_a_published_certificate(toy: Path, scored: str, rollmill: Run) -> None:
    audit = audited(rollmill, scored, 90, "--simple")
    judge(toy, audit, wrong_every=20)
    row = said_as_json(rollmill, "select", scored, "--fdr", ".3")
    assert row["guarantee"] == ["fdr", "1"]
    assert row["level"] == 0.3
    assert row["calibration"]["judged"] == 90 > row["calibration"]["n"] > row["calibration"]["right"] > 0
    assert row["chosen_on_the_same_rows"] == ["length"]
    assert row["kept"] + row["judged_wrong"] + row["not_certified"] == row["selected"]
    assert 0 < row["certified"] <= row["rows"]
    assert not list(toy.glob("*certificate*"))
    assert said_as_json(rollmill, "select", "toy@v1", "--fdr", ".3") == row  # the run that made the version
    page = rollmill("select", scored, "--fdr", ".3").out
    assert "at most 30.0% of the rows kept here are wrong (false discovery rate)" in page
    assert "Assumption: the judged rows are a simple random sample of the rows" in page
    published = said_as_json(rollmill, "select", scored, "--fdr", ".3", "--publish", *LAX)
    assert (published["spent"]["drawn"], published["spent"]["judged"]) == (0, 0)
    assert published["funnel"]["kept"] == row["kept"]
    assert published["funnel"]["dropped"].get("judged_wrong", 0) == row["judged_wrong"]
    assert published["funnel"]["dropped"].get("not_certified", 0) == row["not_certified"]
    manifest = json.loads((Path(published["path"]) / "manifest.json").read_text())
    for key in ("claim", "level", "assumption", "calibration", "chosen_on_the_same_rows"):
        assert manifest["certificate"][key] == row[key]
    assert said_as_json(rollmill, "dataset", "verify", "toy", "--base", ".")["passed"] is True
    again = said_as_json(rollmill, "select", published["run"], "--fdr", ".3", "--audit", audit)
    assert (again["certified"], again["calibration"]) == (row["certified"], row["calibration"])


def test_a_strict_level_keeps_only_what_people_judged(toy: Path, scored: str, rollmill: Run) -> None:
    judge(toy, audited(rollmill, scored, 40, "--simple"), wrong_every=3)
    row = said_as_json(rollmill, "select", scored, "--fdr", ".01", "--by", "length", "--by=-length")
    assert row["certified"] == 0
    assert row["kept"] == row["calibration"]["right"]
    assert row["chosen_on_the_same_rows"] == ["length", "-length"]


def test_a_batch_is_certified_whole(toy: Path, scored: str, rollmill: Run) -> None:
    judge(toy, audited(rollmill, scored, 60, "--simple"))
    row = said_as_json(rollmill, "select", scored, "--guarantee", "batch level=.2", "--set", "score=[]")
    assert row["certified"] == row["rows"]
    assert row["kept"] == row["selected"] == row["rows"] + row["calibration"]["n"]
    assert 0 < row["facts"]["least_right"] < row["rows"]
    assert row["claim"].startswith(f"At least {row['facts']['least_right']} of the {row['rows']} rows that nobody judged")


def refusal(rollmill: Run, *arguments: str) -> str:
    refused = rollmill("select", *arguments)
    assert refused.status == 2
    return refused.err


def test_what_no_certificate_can_rest_on_is_refused(toy: Path, scored: str, rollmill: Run) -> None:
    assert f"nobody drew a simple audit of run {scored}" in refusal(rollmill, scored, "--fdr", ".1")
    stratified = audited(rollmill, scored, 30)
    assert "does not draw each rollout with the same chance" in refusal(
        rollmill, scored, "--fdr", ".1", "--audit", stratified
    )
    simple = audited(rollmill, scored, 30, "--simple")
    assert simple != stratified
    judge(toy, simple, limit=20)
    assert "10 of the 30 rollouts of natural-" in refusal(rollmill, scored, "--fdr", ".1")
    judge(toy, simple)
    assert "unknown score of the recipe 'lenght'" in refusal(rollmill, scored, "--fdr", ".1", "--by", "lenght")
    assert "option 'level' is 1.5" in refusal(rollmill, scored, "--fdr", "1.5")
    assert "name one of both" in refusal(rollmill, scored, "--fdr", ".1", "--guarantee", "fdr")
    assert "belong to a certificate" in refusal(rollmill, scored, "--by", "length")
    assert "chooses rows by a score, and the recipe makes none" in refusal(
        rollmill, scored, "--fdr", ".1", "--set", "score=[]"
    )


@pytest.mark.parametrize(
    ("changed", "part"),
    [("target: 3", "recipe"), ("model: toy-1", "model digest"), ("count: 40", "source")],
)
def test_judged_rows_of_another_recipe_model_or_source_certify_nothing(
    toy: Path, scored: str, rollmill: Run, changed: str, part: str
) -> None:
    audit = audited(rollmill, scored, 30, "--simple")
    judge(toy, audit)
    others: dict[str, Any] = {"target: 3": "target: 2", "model: toy-1": "model: toy-2", "count: 40": "count: 41"}
    (toy / "toy.yaml").write_text(SCORED.replace(changed, others[changed], 1))
    other = said_as_json(rollmill, "curate", "toy.yaml", "--direct")["run"]
    assert f"which has another {part} than {other}" in refusal(rollmill, other, "--fdr", ".1", "--audit", audit)
