"""Scans of tables: the filter loses nothing, answers are scanned with problems, batches change no result."""

import random
from typing import Any

import pytest

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.contamination import BenchmarkIndex, Overlaps, ProblemText, Scan, scan
from rollmill.pipelines.contamination.candidates import MatchCandidates
from rollmill.pipelines.contamination.edits import EDITS
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.storage.segments.schema import to_table

SHORT = Problem("What is 3 + 4 * 5?", "23")
LONG = Problem("Ann has 12 red and 15 blue pens in a box and gives 4 of them to Ben. How many pens has Ann?", "23")
BENCHMARK = (SHORT, LONG, Problem("Name the first letter of the name of the river that runs through the old town.", "T"))


def answer(number: int, text: str) -> Completion:
    return Completion(f"c{number}", "p", "toy", "m", "d", "curate", 0, 0, text, "stop")


def test_every_row_that_overlaps_passes_the_filter() -> None:
    rng = random.Random(3)
    made = list(SYNTHESIZERS["templates"]().synthesize(160, 5))
    problems = [*BENCHMARK, *made[:80]]
    edited = [edit(str(one.prompt), rng) for edit in EDITS.values() for one in problems]
    texts = ["", "?", *(str(problem.prompt) for problem in made), *filter(None, edited)]
    texts += [f"First recall this: {text} Then go on to 9 other things." for text in texts]
    index = BenchmarkIndex(problems)
    candidates = MatchCandidates(index)
    for worth, hits in (
        (candidates.problems(texts), [index.problem(ProblemText("row", "", text)) for text in texts]),
        (candidates.completions(texts), [index.completion("row", text) for text in texts]),
    ):
        assert [text for text, one, hit in zip(texts, worth, hits, strict=True) if hit and not one] == []
        assert sum(hit is not None for hit in hits) > 200


def test_a_quoted_problem_of_few_words_and_no_number_passes_the_filter() -> None:
    for words in ("Name every known prime", "Name every known prime now", "Name every known prime once more"):
        index = BenchmarkIndex([*BENCHMARK, Problem(words, "2")])
        text = f"First recall this: {words} and then go on to something else altogether."
        assert index.completion("row", text) is not None
        assert MatchCandidates(index).completions([text]).tolist() == [True]


def test_the_filter_passes_few_rows_that_have_nothing_to_do_with_the_benchmark() -> None:
    texts = [str(problem.prompt) for problem in SYNTHESIZERS["templates"]().synthesize(200, 5)]
    assert int(MatchCandidates(BenchmarkIndex(BENCHMARK[2:])).problems(texts).sum()) < 5


def test_problems_and_kept_answers_are_scanned_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = [LONG, Problem(str(LONG.prompt).replace("12", "17"), "28"), Problem("Name a colour of snow.", "white")]
    texts = (f"Given: {LONG.prompt} So 23.", "3 + 4 = 7", "What is 3 + 4 * 5? It is 23.", f"Given: {LONG.prompt}", "")
    answers = to_table("completions", [answer(number, text) for number, text in enumerate(texts)])

    def run() -> Overlaps:
        looked = Scan(BENCHMARK)
        overlaps = looked.problems([to_table("problems", problems)], Overlaps())
        return looked.completions([answers], overlaps, {"c0", "c1", "c2", "c4"})

    overlaps = run()
    assert dict(overlaps.rows) == {"problem": 3, "completion": 3}
    assert [(kind, hit.row, hit.overlap) for kind, hit in overlaps.leaks] == [
        ("problem", LONG.id, "exact"),
        ("completion", "c0", "same problem"),
        ("completion", "c2", "same problem"),
    ]
    assert overlaps.by_class() == {"exact": 1, "same problem": 2, "new numbers": 1}
    assert overlaps.problems == {LONG.id, SHORT.id}
    monkeypatch.setattr(scan, "BATCH", 1)
    assert run() == overlaps


def test_a_row_without_a_text_is_passed_over() -> None:
    rows: Any = to_table("problems", [LONG]).drop_columns(["prompt"]).append_column("prompt", [[None]])
    assert Scan(BENCHMARK).problems([rows], Overlaps()).leaks == []
