"""`rollmill claims` from an evaluation's file to stored results, with a toy engine whose calls are counted."""

import json
from itertools import groupby
from pathlib import Path

import pytest

from rollmill.methods import Effect
from rollmill_papers.claims.boards import BOARDS, STATUSES
from rollmill_papers.claims.chosen import chosen_claims
from rollmill_papers.claims.claim_table import CLAIMS
from rollmill_papers.claims.markdown_page import markdown, printed
from rollmill_papers.claims.released.number_rows import number_row
from rollmill_papers.claims.released.published import published_table
from rollmill_papers.claims.results import claim_row, result_of
from tests.flows.conftest import Run
from tests.shared_data import ROOT

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


SMALL = ("--recipe", "small.yaml")


@pytest.fixture
def small(toy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with small pools in small.yaml."""
    (toy / "small.yaml").write_text(POOLS.replace("toys.py", str(toy / "toys.py")))
    monkeypatch.setenv("TOY_CALLS", str(toy / "calls"))
    return toy


def drawn(folder: Path) -> int:
    return len((folder / "calls").read_text().splitlines())


def test_pools_are_drawn_once_and_results_are_the_same(small: Path, rollmill: Run) -> None:
    first = rollmill("claims", "run", "regression-to-the-mean", "--seeds", "1", "--json", *SMALL)
    assert first.status == 0, first.err
    assert drawn(small) == 12 * 8  # `unseen` alone
    names = ("regression-to-the-mean", "dars-hard-coverage", "certainty-borda", "models-vote")
    rows = json.loads(rollmill("claims", "run", *names, "--seeds", "2", "--json", *SMALL).out)
    assert drawn(small) == 2 * (12 * 8 + 12 * 16)  # `unseen` of seed 1 was there; seed 2 draws problems of its own
    by_name = {row["claim"]: row for row in rows}
    assert by_name["certainty-borda"]["status"] == "not measured"
    assert by_name["certainty-borda"]["why"] == "pool unseen has no score 'self_certainty' of every completion"
    assert by_name["models-vote"]["why"].startswith(
        "needs outputs of MathCoder's released solutions, from https://github.com"
    )
    drift = by_name["regression-to-the-mean"]["effects"][2]
    assert (drift["seeds"], [seed_row["n"] for seed_row in drift["by_seed"]]) == (2, [12, 12])
    assert [len(effect["by_seed"]) for effect in by_name["dars-hard-coverage"]["effects"]] == [2, 2, 2]

    files = {path.name: path.read_bytes() for path in (small / "reports" / "claims").iterdir()}
    assert sorted(files) == sorted(f"{name}.json" for name in names)
    again = json.loads(rollmill("claims", "run", *names, "--seeds", "2", "--json", "--write", "page.md", *SMALL).out)
    assert drawn(small) == 2 * (12 * 8 + 12 * 16)
    assert again == rows
    assert {path.name: path.read_bytes() for path in (small / "reports" / "claims").iterdir()} == files

    order = chosen_claims(()).names
    assert json.loads(rollmill("claims", "show", "--json").out) == sorted(rows, key=lambda row: order.index(row["claim"]))
    text = rollmill("claims", "show", "regression-to-the-mean").out
    assert "seed 2: " in text
    assert (small / "page.md").read_text() == markdown(json.loads(rollmill("claims", "show", "--json").out))


def test_a_plan_and_mistakes(toy: Path, rollmill: Run) -> None:
    assert rollmill("claims", "show").err.rstrip().endswith("no claim was checked here. Next: rollmill claims run")
    result = rollmill("claims", "run", "coverage", "--seeds", "1")
    assert result.status == 2
    assert "unknown claim 'coverage'" in result.err
    assert rollmill("claims", "run", "certainty-borda", "--seeds", "0").status == 2
    mistaken = rollmill("claims", "run", "--recipe", "toy.yaml", "--dry-run")
    assert "toy.yaml is a recipe, not an evaluation" in mistaken.err
    assert (
        "1 claims on unseen, 5 seeds. Nothing was written." in rollmill("claims", "run", "certainty-borda", "--dry-run").out
    )
    assert not (toy / "reports").exists()
    listed = json.loads(rollmill("claims", "list", "--json").out)
    assert [row["claim"] for row in listed] == chosen_claims(()).names
    assert [board for board, _ in groupby(row["board"] for row in listed)] == ["numbers", "mechanisms", "checks"]
    (toy / "reports" / "claims").mkdir(parents=True)
    (toy / "reports" / "claims" / "certainty-borda.json").write_text("{")
    assert "Next: rollmill claims run certainty-borda" in rollmill("claims", "show").err


def test_a_result_without_bounds_is_json() -> None:
    claim = CLAIMS["vote-beats-likelihood"]
    row = result_of(claim, {1: [Effect(0.5, 3, float("-inf"), float("inf"))]})
    assert (row["effects"][0]["low"], row["effects"][0]["by_seed"][0]["high"]) == (None, None)
    assert "+0.500 |" in markdown([row])


def test_the_boards_without_any_data_say_where_to_get_them(toy: Path, rollmill: Run) -> None:
    rows = json.loads(rollmill("claims", "run", "numbers", "--json").out)
    assert [row["claim"] for row in rows] == [number.name for number in published_table().numbers]
    assert {row["status"] for row in rows} == {"not measured"}
    needed = {row["why"] for row in rows}
    assert needed == {output.needed for output in published_table().outputs.values()}
    assert all("https://github.com/" in words and "--outputs FOLDER" in words for words in needed)
    assert "Published numbers: 40 not measured" in rollmill("claims", "show").out
    (toy / "empty").mkdir()
    refused = rollmill("claims", "run", "numbers", "--outputs", "empty")
    assert (refused.status, "holds the files of no output that is known" in refused.err) == (2, True)
    assert "no such folder" in rollmill("claims", "run", "numbers", "--outputs", "nowhere").err


def test_a_result_of_an_older_version_is_no_result(toy: Path, rollmill: Run) -> None:
    """Files of before the boards had another meaning of the same status."""
    folder = toy / "reports" / "claims"
    folder.mkdir(parents=True)
    (folder / "certainty-borda.json").write_text(json.dumps({"claim": "certainty-borda", "status": "not reproduced"}))
    assert "no claim was checked here" in rollmill("claims", "show").err


def test_the_page_is_of_the_registry() -> None:
    """docs/reference/claims.md has three boards, with every claim's statement, sentence, reach, predictions, status."""
    page = (ROOT / "docs" / "reference" / "claims.md").read_text()
    boards = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    assert list(boards) == list(BOARDS.values())
    table = published_table()
    for number in table.numbers:
        row = number_row(table, number)
        assert f"| {number.name} | {row['where']} | {printed(row)} | " in boards["Published numbers"]
        assert f"> {row['says']}\n" in boards["Published numbers"]
    for board, title in list(BOARDS.items())[1:]:
        sections = dict(part.split("\n", 1) for part in boards[title].split("\n### ")[1:])
        assert list(sections) == [name for name, claim in CLAIMS.items() if claim.board == board]
        for name, section in sections.items():
            row = claim_row(CLAIMS[name])
            assert f"{row['statement']} {row['source']}.\n" in section
            assert row["reach"] in section
            assert (f"> {row['says']}\n" in section) == bool(row["says"])
            for effect in row["expected"]:
                assert f"| {effect['effect']} | {effect['words']} |" in section
            status = section.split("**")[1]
            assert status.lower() in STATUSES
            assert f"| [{name}](#{name}) | {status.lower()} | {row['source']} |" in boards[title]


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_three_claims_with_five_seeds_are_as_the_page_says(toy: Path, rollmill: Run) -> None:
    names = ("coverage-log-linear", "certainty-grows-with-n", "until-correct-bias")
    rows = json.loads(rollmill("claims", "run", *names, "--json").out)
    page = (ROOT / "docs" / "reference" / "claims.md").read_text()
    for row in rows:
        assert f"| [{row['claim']}](#{row['claim']}) | {row['status']} | " in page
        assert [effect["seeds"] for effect in row["effects"]] == [5] * len(row["effects"])
