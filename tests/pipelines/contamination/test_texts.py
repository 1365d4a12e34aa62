"""Tokens of texts: numbers have one spelling, signs are kept, runs are of eight."""

from rollmill.pipelines.contamination.texts import blind, grams, hard, numbers, tokens


def test_tokens_numbers_and_runs() -> None:
    assert tokens("In 1,000 days, 2.5 of Ben's") == ["in", "1000", "days", "2.5", "of", "ben", "s"]
    assert numbers(["a", "9", "10"]) == ("10", "9")
    assert grams(["a", "b"]) == {("a", "b")}
    assert grams([]) == set()
    assert grams(list("abcdefghi")) == {tuple("abcdefgh"), tuple("bcdefghi")}


def test_a_number_has_one_spelling() -> None:
    assert tokens("thirty-two, 32, twelve, 2.50, 2.5, one, twenty pens") == [
        "32",
        "32",
        "12",
        "2.5",
        "2.5",
        "one",
        "20",
        "pens",
    ]
    assert tokens("٣ and ３") == ["3", "and", "3"]
    assert blind(["has", "12", "+", "3"]) == ["has", "#", "+", "#"]


def test_signs_of_arithmetic_are_tokens_and_marks_of_writing_are_none() -> None:
    assert hard(tokens("What is 3 * -4 + x^2 / 5?")) == ("3", "*", "-", "4", "+", "^", "2", "/", "5")
    assert hard(tokens("**Ann** has a well-known hat - and three pens")) == ("3",)
