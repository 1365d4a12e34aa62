"""Which of several numbers in a last sentence the question asks for."""

from time import process_time

import pytest

from rollmill.pipelines.verify import verify

WORKING = "First we compute the parts.\nWe use all the numbers given.\n"
APPLES, ANN = "There are 8 apples, 3 are green. How many red apples are there?", "Ann is 2. How old will she be in 7 years?"
MONEY, TRIP = "He had $50. How much money does he have left?", "How many hours will the trip take?"
CASES = [
    (APPLES, "Thus, there are 5 red apples out of 8.", "5"),
    (APPLES, "There are 5 red apples and 3 green ones.", "5"),
    (APPLES, "So 5 of the 8 apples are red.", "5"),
    (ANN, "So Ann will be 9 years old in 7 years.", "9"),
    (ANN, "In 7 years, Ann will be 9.", "9"),
    ("Combien aura-t-il ?", "Il aura donc 220 $ d'ici 12 mois.", "220"),
    ("Combien de pommes reste-t-il ?", "Il reste 9 pommes sur 15.", "9"),
    ("Wie viele Äpfel hat er?", "Er hat nach 3 Tagen 17 Äpfel.", "17"),
    ("¿Cuántos años tendrá?", "Tendrá 30 años dentro de 5 años.", "30"),
    (MONEY, "He has $15 left out of the original $50.", "15"),
    (MONEY, "Since he spent $35 of his $50, he has $15 left.", "15"),
    (TRIP, "It will take 3 hours to travel 180 miles at 60 mph.", "3"),
    ("How many more marbles does Bob have than Jim?", "Bob has 12 more marbles than Jim, who has 18.", "12"),
    ("What percentage of the students are girls?", "Girls make up 60% of the 25 students.", "60"),
    ("How many boxes are needed?", "He needs 7 boxes, since 40 / 6 = 6.67.", "7"),
]  # fmt: skip


@pytest.mark.parametrize("verifier", ["number", "math"])
@pytest.mark.parametrize(("prompt", "sentence", "number"), CASES)
def test_the_number_that_is_asked_for(prompt: str, sentence: str, number: str, verifier: str) -> None:
    assert verify([(prompt, number, WORKING + sentence)], verifier)[0].outcome == "correct"
    assert verify([(prompt, f"1{number}", WORKING + sentence)], verifier)[0].outcome == "incorrect"


@pytest.mark.parametrize("sentence", ["Tom is now 14, and his sister is 10.", "There are 5 red apples or 6 red apples."])
def test_several_that_fit_as_well_leave_it_open(sentence: str) -> None:
    prompt = ANN if "Tom" in sentence else APPLES
    assert verify([(prompt, "14", WORKING + sentence)], "math")[0].outcome == "undecided"


@pytest.mark.parametrize("sentence", ["Er hat nicht 17 Äpfel.", "There aren't 17 red apples out of 20."])
def test_a_denied_number_is_none(sentence: str) -> None:
    assert verify([("Wie viele Äpfel hat er?", "17", WORKING + sentence)], "math")[0].outcome != "correct"


@pytest.mark.parametrize(
    "text",
    ["5 + 7 = 12\nSo Ann has 12 apples.\n\nQuestion: Bob has 3. How many?\nAnswer: 3", "A: 12\nQ: What is 3 + 4?\nA: 7"],
)
def test_a_text_that_runs_on_is_judged_on_its_first_answer_and_says_so(text: str) -> None:
    for verifier in ("number", "math"):
        verdict = verify([("How many apples?", "12", text)], verifier)[0]
        assert (verdict.outcome, verdict.cause) == ("correct", "the text goes on with another question, which was left out")


@pytest.mark.parametrize(
    "run", ["\U0001f600", "\u2028", "5 apples ", "5 of ", "858颗", "\nQ: "], ids=["emoji", "lines", "n", "of", "zh", "q"]
)
def test_a_long_run_of_one_mark_is_read_in_linear_time(run: str) -> None:
    started = process_time()
    verify([(APPLES, "5", run * (20_000 // len(run)) + "5.")], "number")
    assert process_time() - started < 1
