"""`rollmill contamination check`: files, imports, datasets and recipes by their names; a report; an exit status."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.contamination.report_page import html, markdown
from tests.flows.conftest import Curated, Run

pytestmark = pytest.mark.integration

ASKED = "Ann has 12 red and 15 blue pens in a box and gives 4 of them to Ben. How many pens has Ann?"
OTHER = "A tank holds 90 litres and a pump takes 7 litres out of it each minute. When is it empty?"


def rows(path: Path, *values: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(value) + "\n" for value in values))
    return path.name


@pytest.fixture
def benchmark(toy: Path) -> str:
    return rows(toy / "benchmark.jsonl", {"question": ASKED, "answer": "23"}, {"question": OTHER, "answer": "13"})


def test_training_data_is_looked_through_in_every_column(toy: Path, benchmark: str, rollmill: Run) -> None:
    turns = [{"role": "user", "content": "Repeat it."}, {"role": "assistant", "content": f"It was: {ASKED} 23."}]
    chats = rows(toy / "chats.jsonl", {"messages": turns}, {"messages": [{"role": "user", "content": "Hello there"}]})
    pairs = rows(toy / "pairs.jsonl", {"prompt": ASKED.replace("12", "13"), "chosen": "24", "rejected": f"I saw: {OTHER}"})
    result = rollmill("contamination", "check", chats, benchmark, "--json", "--copies", "2")
    report = json.loads(result.out)
    assert (result.status, report["train"]["problems"], report["train"]["completions"]) == (1, 2, 1)
    assert [(leak["kind"], leak["row"], leak["class"]) for leak in report["leaks"]] == [
        ("completion", "row 1", "same problem")
    ]
    assert report["failures"] == ["1 row leak 1 of the benchmark's problems"]
    report = json.loads(rollmill("contamination", "check", pairs, benchmark, "--json", "--copies", "2").out)
    assert report["classes"]["problem"] == {"exact": 0, "same problem": 0, "new numbers": 1}
    assert report["classes"]["completion"]["same problem"] == 1


def test_a_clean_file_passes_and_too_high_a_floor_does_not(toy: Path, benchmark: str, rollmill: Run) -> None:
    clean = rows(toy / "clean.jsonl", {"prompt": "Name the largest river of the north.", "answer": "it depends"})
    result = rollmill("contamination", "check", clean, benchmark, "--report", "out", "--min-recall", "0.1")
    assert result.status == 0, result.err
    assert "no leak" in result.out
    page, text = ((toy / "out" / f"contamination.{kind}").read_text() for kind in ("html", "md"))
    assert "default-src 'none'" in page
    assert "Recall of planted copies" in page
    assert "| exact | problem | leak | 2 of 2 | 1.000 |" in text
    result = rollmill("contamination", "check", clean, benchmark, "--min-recall", "0.9", "--edit", "exact")
    assert result.status == 1
    assert "recall of planted copies is not shown to be 0.90 or more" in result.err


def test_an_import_is_checked_with_its_solution_graphs(toy: Path, rollmill: Run) -> None:
    steps = "<<12+15=27>> then <<27-4=23>> and <<23*2=46>>"
    rows(toy / "one.jsonl", {"prompt": ASKED, "reference": "46", "solution": steps})
    again = "Of 12 cats and 15 dogs on a farm 4 are sold; each of the others eats 2 meals a day. Count all the meals."
    rows(toy / "two.jsonl", {"prompt": ASKED + " Say 2 times that.", "reference": "46", "solution": steps})
    rows(toy / "three.jsonl", {"prompt": again, "reference": "46", "solution": steps.replace("then", "so")})
    for name in ("two", "three"):
        assert rollmill("import", "problems", f"{name}.jsonl", "--name", name).status == 0
    report = json.loads(rollmill("contamination", "check", "three", "two", "--json").out)
    assert (report["train"]["graphs"], report["benchmark"]["graphs"]) == (1, 1)
    assert [(leak["class"], leak["by"]) for leak in report["leaks"]] == [("same problem", ["graph"])]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_dataset_keeps_its_checks_and_stays_as_it_was(toy: Path, curated: Curated, rollmill: Run) -> None:
    outcome = curated()
    version = Path(outcome["path"])
    before = contents(version)
    result = rollmill("contamination", "check", "toy", "toy.yaml", "--json", "--copies", "5", "--seed", "3")
    report = json.loads(result.out)
    assert (result.status, report["benchmark"]["problems"], report["failures"]) == (0, 12, [])
    assert report["train"]["completions"] == outcome["funnel"]["kept"]
    kept = Path(report.pop("kept_at"))
    assert kept.parent == version.parent / "contamination"
    assert kept.name.startswith(outcome["content_hash"][:8])
    assert json.loads(kept.read_text()) == report
    assert contents(version) == before
    assert rollmill("dataset", "verify", "toy", "--base", ".").status == 0
    assert "no leak" in rollmill("dataset", "show", "toy").out


def test_a_defined_benchmark_is_named_by_its_name(toy: Path, rollmill: Run) -> None:
    (toy / "mine.yaml").write_text(
        "benchmark_schema: 1\nname: mine\nabout: Held-out sums.\norigin: toys.py\nlicence: MIT\n"
        "synthesize: toys.py:ToyProblems\ncount: 4\noptions: {split: held}\n"
    )
    clean = rows(toy / "clean.jsonl", {"prompt": "Name the largest river of the north.", "answer": "it depends"})
    report = json.loads(rollmill("contamination", "check", clean, "mine.yaml", "--json").out)
    assert report["benchmark"]["name"] == "mine"
    assert report["benchmark"]["problems"] == 4
    result = rollmill("contamination", "check", clean, "gsm8k")
    assert (result.status, "rollmill import problems" in result.err) == (2, True), result.err


def test_a_recipe_with_a_floor_publishes_its_certificate_and_one_too_high_publishes_nothing(
    toy: Path, curated: Curated, rollmill: Run
) -> None:
    floor = "gate:\n  contamination: {min_recall: 0.2, edits: [exact], copies: 12}"
    recipe = (toy / "toy.yaml").read_text()
    (toy / "toy.yaml").write_text(recipe.replace("gate:", floor))
    version = Path(curated()["path"])
    certificate = json.loads((version / "manifest.json").read_text())["contamination"]["certificate"]
    assert certificate["copies"] == 12
    assert json.loads((version / "report.json").read_text())["facts"]["evaluation"]["certificate"] == certificate
    assert "| exact copies in a problem | 12 of 12 | 0.735 to 1.000 |" in (version / "README.md").read_text()
    (toy / "toy.yaml").write_text(recipe.replace("gate:", floor.replace("0.2", "0.99")))
    result = rollmill("curate", "toy.yaml", "--direct")
    assert (result.status, "evaluation, recall" in result.err) == (1, True), result.err
    (toy / "toy.yaml").write_text(recipe.replace("gate:", floor.replace("exact", "exakt")))
    result = rollmill("recipe", "check", "toy.yaml")
    assert (result.status, "exact" in result.err) == (2, True), result.err


def test_names_that_nothing_has_are_refused(toy: Path, benchmark: str, rollmill: Run) -> None:
    for arguments, words in (
        (("nothing", benchmark), "nothing"),
        (("lost.jsonl", benchmark), "there is no file lost.jsonl"),
        ((benchmark, benchmark, "--edit", "nothing", "--min-recall", "1"), "rewrapped"),
        ((benchmark, benchmark, "--edit", "exact"), "--min-recall"),
        ((benchmark, benchmark, "--map", "prompt"), "prompt=question"),
    ):
        result = rollmill("contamination", "check", *arguments)
        assert (result.status, words in result.err) == (2, True), result.err


def test_pages_show_texts_inert() -> None:
    leak = {"kind": "problem", "row": "<b>|x", "class": "exact", "benchmark_problem": "b", "share": 1.0, "by": ["text"]}
    counts = {kind: {"exact": 1, "same problem": 0, "new numbers": 0} for kind in ("problem", "completion")}
    report = {
        "train": {"name": "<script>", "problems": 1, "completions": 0, "graphs": 0},
        "benchmark": {"name": "b", "problems": 1, "graphs": 0},
        "classes": counts,
        "methods": {kind: {"text": 1} for kind in counts},
        "leaks": [leak],
        "certificate": {"seed": 0, "recall": [], "false_flags": []},
        "failures": [],
    }
    assert "<script>" not in html(report)
    assert "&lt;b>\\|x" in markdown(report)
