"""Ends of sentences: what follows an abbreviation, a title, an initial or a number goes on with its sentence."""

import pytest

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify import VERIFIERS
from rollmill.pipelines.verify.extract import final_answer


def judged(verifier: str, reference: str, text: str, options: list[str] | None = None) -> str:
    problem = Problem("?", reference, meta={"options": options} if options else {})
    completion = Completion("c", problem.prompt_id, "e", "m", "", "curate", 0, None, text, "stop")
    instance = VERIFIERS[verifier](**({"answer": "final"} if verifier == "exact" else {}))
    return instance.verify(problem, completion).outcome


@pytest.mark.parametrize(
    "name",
    [
        "St. Paul",
        "Dr. No",
        "Mt. Everest",
        "J. K. Rowling",
        "J.K. Rowling",
        "John F. Kennedy",
        "Martin Luther King Jr.",
        "the U.S.",
        "the U.S. Army",
        "Washington D.C.",
        "5 p.m.",
        "3.5",
        "12:30",
        "example.com",
        "No. 5",
        "Ph.D.",
        "Node.js",
        "Mr. T. Rex",
    ],
)
def test_a_full_stop_within_a_name_ends_no_sentence(name: str) -> None:
    for text in (
        f"The answer is {name}{'' if name.endswith('.') else '.'}",
        f"The answer is {name}{'' if name.endswith('.') else '.'} It is well known.",
        f"The answer is {name}{'' if name.endswith('.') else '.'} I hope it helps.",
        f"We look it up.\n{name}",
    ):
        found = final_answer(text)
        assert found is not None
        assert found.text == name, text
        assert judged("exact", name, text) == "correct"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is B. Option A is wrong.", "B"),
        ("The answer is A. Because of B.", "A"),
        ("The answer is option C. Paris is not in Spain.", "option C"),
        ("The answer is Team B. Team A lost.", "Team B"),
        ("The answer is No. Paul was there.", "No"),
        ("The answer is 12. Paul has 12 apples.", "12"),
        ("The answer is $x = 5$. Mr. Smith agrees.", "$x = 5$"),
        ("The answer is x. Then y follows.", "x"),
        ("La respuesta es 12. Porque son doce.", "12"),
        ("La respuesta es St. Paul. Porque sí.", "St. Paul"),
    ],
)
def test_a_sentence_ends_where_the_next_one_begins(text: str, answer: str) -> None:
    found = final_answer(text)
    assert found is not None
    assert found.text == answer


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("The capital is St. Paul.", "correct"),
        ("The capital is St. Louis.", "incorrect"),
        ("The answer is St. Paul.", "correct"),
        ("Of the two it is 3.5.", "incorrect"),
        ("It is 10:30 a.m.", "incorrect"),
    ],
)
def test_options_are_read_with_their_full_stops(text: str, outcome: str) -> None:
    options = ["St. Louis", "St. Paul", "3.5", "10:30 a.m."]
    assert judged("choice", "B", text, options) == outcome


def test_numbers_with_a_time_or_a_country_behind_them_are_read() -> None:
    assert judged("number", "5", "The answer is 5 p.m.") == judged("number", "5", "The answer is 5 p.m")
    assert judged("number", "5", "In all 12 came. Mr. Smith has 5 apples.") == "correct"


def test_a_text_of_full_stops_is_read_at_once() -> None:
    assert final_answer("The answer is " + "A. B. " * 200_000) is not None
