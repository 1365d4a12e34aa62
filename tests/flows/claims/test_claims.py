"""`rollmill claims` from an evaluation's file to stored results, with a toy engine whose calls are counted."""

import json
from pathlib import Path

import pytest

from flows.claims.page import markdown
from flows.claims.results import claim_row, result_of
from pipelines.claims import CLAIMS, Effect
from tests.flows.conftest import Run
from tests.shared_data import ROOT, shared_data

pytestmark = pytest.mark.integration

POOLS = """\
evaluation_schema: 1
name: small
samples: 8
benchmarks:
  - {name: unseen, synthesize: "toys.py:ToyProblems", count: 12, options: {split: held}}
  - {name: ladder, synthesize: "toys.py:ToyProblems", count: 12, options: {levels: [1, 2, 3, 4]}, samples: 16}
models:
  - {name: warm, engine: "toys.py:ToyEngine", model: toy-1, max_tokens: 16, options: {chance: 0.4}}
metrics: [{metric: pass@k, ks: [1]}]
"""


@pytest.fixture
def small(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with small pools in recipes/evaluations/claims.yaml, where the command looks first."""
    own = toy / "recipes" / "evaluations" / "claims.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(POOLS.replace("toys.py", str(toy / "toys.py")))
    monkeypatch.setenv("TOY_CALLS", str(toy / "calls"))
    return toy


def drawn(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def test_pools_are_drawn_once_and_results_are_the_same(small: Path, rollmill: Run) -> None:
    first = rollmill("claims", "run", "regression-to-the-mean", "--seeds", "1", "--json")
    assert first.status == 0, first.err
    assert drawn(small) == 12 * 8  # `unseen` alone
    names = ("regression-to-the-mean", "dars-hard-coverage", "certainty-borda", "models-vote")
    rows = json.loads(rollmill("claims", "run", *names, "--seeds", "2", "--json").out)
    assert drawn(small) == 2 * (12 * 8 + 12 * 16)  # `unseen` of seed 1 was there; seed 2 draws problems of its own
    by_name = {row["claim"]: row for row in rows}
    assert by_name["certainty-borda"]["status"] == "not testable here"
    assert by_name["certainty-borda"]["why"] == "pool unseen has no score 'self_certainty' of every completion"
    assert by_name["models-vote"]["why"].endswith("import the rollouts under the name mathcoder (docs/claims.md)")
    drift = by_name["regression-to-the-mean"]["effects"][2]
    assert (drift["seeds"], [seed_row["n"] for seed_row in drift["by_seed"]]) == (2, [12, 12])
    assert [len(effect["by_seed"]) for effect in by_name["dars-hard-coverage"]["effects"]] == [2, 2, 2]

    files = {path.name: path.read_bytes() for path in (small / "reports" / "claims").iterdir()}
    assert sorted(files) == sorted(f"{name}.json" for name in names)
    again = json.loads(rollmill("claims", "run", *names, "--seeds", "2", "--json", "--write", "page.md").out)
    assert drawn(small) == 2 * (12 * 8 + 12 * 16)
    assert again == rows
    assert {path.name: path.read_bytes() for path in (small / "reports" / "claims").iterdir()} == files

    assert json.loads(rollmill("claims", "show", "--json").out) == sorted(
        rows, key=lambda row: list(CLAIMS).index(row["claim"])
    )
    text = rollmill("claims", "show", "regression-to-the-mean").out
    assert "seed 2: " in text
    assert (small / "page.md").read_text() == markdown(json.loads(rollmill("claims", "show", "--json").out))


def test_a_plan_and_mistakes(toy: Path, rollmill: Run) -> None:
    assert rollmill("claims", "show").err.rstrip().endswith("no claim was checked here. Next: rollmill claims run")
    result = rollmill("claims", "run", "coverage", "--seeds", "1")
    assert result.status == 2
    assert "unknown claim 'coverage'" in result.err
    assert rollmill("claims", "run", "certainty-borda", "--seeds", "0").status == 2
    assert (
        "1 claims on unseen, 5 seeds. Nothing was written." in rollmill("claims", "run", "certainty-borda", "--dry-run").out
    )
    assert not (toy / "reports").exists()
    listed = json.loads(rollmill("claims", "list", "--json").out)
    assert [row["claim"] for row in listed] == list(CLAIMS)
    (toy / "reports" / "claims").mkdir(parents=True)
    (toy / "reports" / "claims" / "certainty-borda.json").write_text("{")
    assert "Next: rollmill claims run certainty-borda" in rollmill("claims", "show").err


def test_a_result_without_bounds_is_json() -> None:
    claim = CLAIMS["vote-beats-likelihood"]
    row = result_of(claim, {1: [Effect(0.5, 3, float("-inf"), float("inf"))]})
    assert (row["effects"][0]["low"], row["effects"][0]["by_seed"][0]["high"]) == (None, None)
    assert "+0.500 |" in markdown([row])


def test_the_page_is_of_the_registry() -> None:
    """docs/claims.md has every claim with its statement, source, reach, predictions and a status."""
    page = (ROOT / "docs" / "claims.md").read_text()
    sections = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    assert list(sections) == list(CLAIMS)
    for name, claim in CLAIMS.items():
        row = claim_row(claim)
        assert f"{row['statement']} {row['source']}.\n" in sections[name]
        assert row["reach"] in sections[name]
        assert [f"| {effect['effect']} | {effect['words']} |" in sections[name] for effect in row["expected"]] == [
            True
        ] * len(row["expected"])
        status = sections[name].split("**")[1]
        assert status in ("Reproduced", "Not reproduced", "Not testable here")
        assert f"| [{name}](#{name}) | {status.lower()} | {claim.source} |" in page


@pytest.mark.data
@pytest.mark.timeout(600)
def test_recorded_rollouts(toy: Path, rollmill: Run) -> None:
    rollmill("import", "problems", str(shared_data("math_problems.jsonl")), "--name", "math")
    rollmill("import", "rollouts", str(shared_data("math_rollouts.jsonl")), "--name", "math", "--problems", "math")
    names = ("reward-beats-majority", "shorter-is-right-recorded")
    rows = json.loads(rollmill("claims", "run", *names, "--json").out)
    assert [row["seeds"] for row in rows] == [[0], [0]]
    reward, length = sorted(rows, key=lambda row: row["claim"])
    assert [effect["n"] for effect in reward["effects"]] == [50, 50]
    assert 0 < length["effects"][0]["n"] < 50  # those with a right and a wrong solution


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_three_claims_with_five_seeds_are_as_the_page_says(toy: Path, rollmill: Run) -> None:
    names = ("coverage-log-linear", "certainty-best-of-n-falls", "until-correct-bias")
    rows = json.loads(rollmill("claims", "run", *names, "--json").out)
    page = (ROOT / "docs" / "claims.md").read_text()
    for row in rows:
        assert f"| [{row['claim']}](#{row['claim']}) | {row['status']} | " in page
        assert [effect["seeds"] for effect in row["effects"]] == [5] * len(row["effects"])
