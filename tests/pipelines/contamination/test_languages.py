"""Copies of problems are found in scripts with and without spaces, and other problems with the same numbers are not."""

import random
import re
from collections.abc import Sequence

import pytest

from rollmill.ground.records import Problem
from rollmill.pipelines.contamination import LEAKS, BenchmarkIndex, ProblemText
from rollmill.pipelines.contamination.edits import EDITS
from rollmill.pipelines.contamination.texts import tokens
from rollmill.pipelines.select.near_duplicates import near_duplicates
from tests.pipelines.contamination.problems_in_languages import SENTENCES, problems

EDITED = ("exact", "rewrapped", "respaced", "reordered", "misspelt", "respelled")


def leaks(index: BenchmarkIndex, text: str) -> str | None:
    hit = index.problem(ProblemText.of(Problem(text, "")))
    return hit.evaluation_id if hit is not None and hit.overlap in LEAKS else None


def sentences(language: str, text: str) -> set[int]:
    """The numbers of a problem's sentences."""
    forms = [form for part in SENTENCES[language] for form in part]
    return {at for at, form in enumerate(forms) if re.search(re.escape(form).replace(r"\{\}", r"\d+"), text)}


@pytest.mark.parametrize("language", SENTENCES)
def test_edited_copies_are_found(language: str) -> None:
    held = problems(language, 100)
    index = BenchmarkIndex([Problem(text, "") for text in held])
    for name in EDITED:
        copies = [EDITS[name](text, random.Random(at)) for at, text in enumerate(held)]
        known = [copy is None or leaks(index, copy) is not None for copy in copies]
        assert known.count(False) <= 5, (name, copies[known.index(False)])


@pytest.mark.parametrize("language", SENTENCES)
def test_others_are_not(language: str) -> None:
    held = {Problem(text, "").id: text for text in problems(language, 500)[:250]}
    index = BenchmarkIndex([Problem(text, "") for text in held.values()])
    for text in problems(language, 500)[250:]:
        copied = leaks(index, text)
        # Of one problem they have two sentences at least, and its numbers.
        assert copied is None or len(sentences(language, text) & sentences(language, held[copied])) >= 2


def test_words_of_scripts_without_spaces_are_runs_of_letters() -> None:
    words: Sequence[tuple[str, list[str]]] = [
        ("小明有5个苹果，\n吃了三\n个。", ["小明", "明有", "5", "个苹", "苹果", "吃了", "了三", "三个"]),
        ("コーヒーを12個", ["コー", "ーヒ", "ヒー", "ーを", "12", "個"]),
        ("ข้าว 5", ["ข้าว", "5"]),
        ("किताबें नहीं", ["किताबें", "नहीं"]),
        ("민수는 사과 5개", ["민수는", "사과", "5", "개"]),
        ("x轴上有y", ["x", "轴上", "上有", "y"]),
    ]
    assert [tokens(text) for text, _ in words] == [expected for _, expected in words]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("图书馆有一百本书，星期一借出三十本，还剩多少本书？", "图书馆有一百本书， 星期一借出三十本，还剩多少本书?", True),
        ("图书馆有一百本书，星期一借出三十本，还剩多少本书？", "图书馆有一百本书，星期一借出四十本，还剩多少本书？", False),
        ("小红比小明多三个苹果，小明有五个苹果。", "小红比小明少三个苹果，小明有五个苹果。", False),
        ("उसके पास पाँच किताबें हैं और वह दुखी है", "उसके पास पाँच किताबें नहीं हैं और वह दुखी है", False),
    ],
)
def test_near_duplicates(first: str, second: str, same: bool) -> None:
    assert near_duplicates([first, second], 0.8) == [None, 0 if same else None]
