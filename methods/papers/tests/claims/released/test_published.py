"""Published numbers: the table as a file that is checked, and the numbers from the released outputs of ../shared/data."""

import gzip
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill_papers.claims.released.published import FILE, published_table
from tests.flows.conftest import Run
from tests.shared_data import ROOT, shared_data

pytestmark = pytest.mark.integration
UNPACKED = ("mathcoder_rollouts.parquet", "gsm8k_problems.jsonl", "gsm8k_rollouts.jsonl", "math_problems.jsonl")


def test_the_table_holds_figures_with_table_and_row_and_a_sentence() -> None:
    table = published_table()
    figures = [number for number in table.numbers if number.published is not None]
    assert len(figures) >= 30
    assert all(number.where and (number.says or table.papers[number.paper].says) for number in table.numbers)
    assert {number.paper for number in table.numbers} == set(table.papers)
    assert {number.output for number in table.numbers} == set(table.outputs)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("of: pass_rates, options: {model: MathCoder-L-7b, source: GSM8K}", "of: best, options: {}", "best is none of"),
        ("published: 64.2", "printed: 64.2", "printed"),
        ("    published: 64.2\n", "", "either published, as the paper prints it, or sign"),
        (
            'paper: mathcoder\n    where: "table 2, MathCoder-L 7B, GSM8K"',
            "paper: other\n    where: here",
            "not in this file",
        ),
        ("name: mathcoder-l-7b-svamp", "name: mathcoder-l-7b-gsm8k", "two numbers have one name"),
    ],
)
def test_a_mistake_in_the_table_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = FILE.read_text()
    assert old in text
    path = tmp_path / "published.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(SetupError, match=said):
        published_table(path)


def status_on_the_page(name: str) -> str:
    page = (ROOT / "docs" / "reference" / "claims.md").read_text()
    return (
        next(line for line in page.splitlines() if line.startswith(f"| {name} |")).rpartition(" | ")[2].removesuffix(" |")
    )


@pytest.mark.data
@pytest.mark.timeout(900)
def test_numbers_of_released_outputs_are_as_the_page_says(toy: Path, rollmill: Run) -> None:
    """All but CodeT's: 33 numbers, of 13,000 answers, judged once; a second call judges none and gives the same."""
    folder = toy / "outputs"
    folder.mkdir()
    for name in (*UNPACKED, "math_rollouts.jsonl"):
        shutil.copy(shared_data(name), folder / name)
    asked = ("claims", "run", "numbers", "shorter-is-right-recorded", "models-vote", "--json")
    rows = json.loads(rollmill(*asked, "--outputs", "outputs").out)
    measured = [row for row in rows if row["board"] == "numbers" and row["ours"] is not None]
    assert len([row for row in measured if row["published"] is not None]) >= 30
    assert [row["status"] for row in measured] == [status_on_the_page(row["claim"]) for row in measured]
    assert all(abs(row["labels"] - row["ours"]["value"]) < 0.03 for row in measured)  # two graders of the same answers
    length, vote = rows[-2:]
    assert 0 < length["effects"][0]["n"] < 50  # those with a right and a wrong solution
    assert vote["effects"][0]["n"] > 1000
    shutil.rmtree(folder)  # what was imported stays
    assert json.loads(rollmill(*asked).out) == rows


def subset(folder: Path, tasks: int, samples: int) -> None:
    """CodeT's files, cut to some tasks with some samples each, the reference program as the last of them."""
    folder.mkdir()
    read: list[list[dict[str, Any]]] = []
    names = [f"codet_{part}.jsonl.gz" for part in ("humaneval", "codegen16b_solutions", "codegen16b_tests")]
    for name in names:
        with gzip.open(shared_data(name), "rt") as file:
            read.append([json.loads(line) for line in file])
    problems = random.Random(3).sample(read[0], tasks)
    for name, lines in zip(names, read, strict=True):
        with gzip.open(folder / name, "wt") as file:
            for line in lines:
                task = next((one for one in problems if line["prompt"].startswith(one["prompt"])), None)
                if task is not None and "samples" in line:
                    right = [task["canonical_solution"]] if name == names[1] else []
                    cut = line | {"samples": line["samples"][:samples] + right}
                else:
                    cut = line
                if task is not None:
                    print(json.dumps(cut), file=file)


@pytest.mark.data
@pytest.mark.sandbox
@pytest.mark.timeout(600)
def test_a_seeded_subset_of_codet_is_run_in_the_sandbox(toy: Path, rollmill: Run) -> None:
    """Four tasks with eight programs each; the whole run takes half an hour of one core (docs/reference/claims.md)."""
    subset(toy / "outputs", tasks=4, samples=7)
    names = ("codegen-humaneval-pass-at-1", "codegen-humaneval-pass-at-10", "codet-beats-one-by-lot", "b4-beats-codet")
    once, ten, lot, b4 = json.loads(rollmill("claims", "run", *names, "--outputs", "outputs", "--json").out)
    assert once["ours"]["n"] == 4
    assert once["ours"]["value"] >= 1 / 8  # the reference program is right
    assert (once["status"], once["why"]) == ("inconclusive", "the outputs are of another run than the figure")
    assert ten["why"] == "a problem has fewer than 10 completions"
    beside = {part["label"]: part["value"] for part in lot["beside"]}
    assert len(beside) == 15
    assert all(0.0 <= value <= 1.0 for value in beside.values())
    assert lot["ours"]["value"] == pytest.approx(beside["CodeT @1"] - once["ours"]["value"])
    assert b4["ours"]["value"] == pytest.approx(beside["B4 (1000, 10000) @1"] - beside["CodeT @1"])
    assert beside["CodeT @10"] >= beside["CodeT @1"]
