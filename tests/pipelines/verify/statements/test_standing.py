"""Which stated answers stand: denied, attributed, quoted and withdrawn ones do not, in eight languages."""

import pytest

from pipelines.verify import verify
from pipelines.verify.extract import FinalAnswer, final_answer

CITIES = "Which city is the capital?\nA) Lyon\nB) Paris\nC) Nice\nD) Lille"


@pytest.mark.parametrize(
    "text",
    [
        "It is not true that the answer is 17.",
        "My friend says the answer is 17. I say 18.",
        "#### 18\nThe sample ended with `#### 17`",
        "#### 18\nA sample line: #### 17",
        r"\boxed{17}" + "\nActually no, that is not correct. I cannot determine the answer.",
        r"`\boxed{18}` is the answer; `\boxed{17}` is wrong.",
        "The answer is 17. I take that back.",
        "The answer is 18.\n> The answer is 17.",
        "La respuesta no es 17.",
        "La réponse n'est pas 17 mais 18.",
        "Es stimmt nicht, dass die Antwort 17 ist.",
        "A resposta é 17. Não, isso está errado.",
        "Ответ: 17. Нет, это неверно.",
        "答案不是17，而是18。",
        "答えは17ではなく18です。",
        "The answer is 18, unless it is 17.",
        "The answer is 18; it took us 17 minutes.",
        "Final answers: 18; 17",
        "My confidence is 17.",
        "It took me 17 tries.",
        "The answer is 17. But 17{,}0 is not needed, and 17 is not correct.",
    ],
)
def test_what_is_taken_back_or_somebody_elses_is_no_answer(text: str) -> None:
    working = "15 + 2 = 17\n"
    for name in ("number", "math"):
        for whole in (text, working + text):
            assert verify([("?", "17", whole)], name)[0].outcome != "correct", (name, whole)


@pytest.mark.parametrize(
    "text",
    [
        "The answer is 18. Wait, no: 17.",
        "The answer is not 18 but 17.",
        "The answer is 17, not 18.",
        "18. But 18 is wrong, so 17.",
        "My friend says the answer is 17, and I agree.",
        "The answer is 17. Many would say 18, but that is wrong.",
        "The answer is 17. Did I forget one? No. It is right.",
        "The answer is 17. I hope I have not made a mistake.",
        "We do not count the last one, so the answer is 17.",
        r"We add them, giving \boxed{17}.",
        "#### 17\n> #### 18",
        r"We get $\boxed{3}$ first. The final answer is $17$",
        r"\boxed{17}. The answer is unique.",
        "La respuesta es 18. Espera, no: 17.",
        "答案是18。等等，不对，是17。",
    ],
)
def test_the_last_answer_that_stands_is_the_answer(text: str) -> None:
    assert verify([("?", "17", text)], "number")[0].outcome == "correct"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("A. But A is wrong, so B.", "correct"),
        ("B. But B is wrong, so C.", "incorrect"),
        ("Final answer: B? No, C.", "incorrect"),
        ("B - no wait, A", "incorrect"),
        ("The answer is A. Wait, no: B.", "correct"),
        ("The answer is B, not A.", "correct"),
        ("B\n\nA is wrong because it is small. C is wrong too.", "correct"),
        ("La respuesta es B.", "correct"),
        ("La réponse est B.", "correct"),
        ("Die Antwort ist B.", "correct"),
        ("A resposta é B.", "correct"),
        ("Ответ: B", "correct"),
        ("答案是B。", "correct"),
        ("答えはBです。", "correct"),
    ],
)
def test_options_that_are_taken_back(text: str, outcome: str) -> None:
    assert verify([(CITIES, "B", text)], "choice")[0].outcome == outcome


def test_a_text_without_doubt_is_read_as_it_was() -> None:
    assert final_answer("12 + 7 = 19\n#### 19") == FinalAnswer("19", "hash")
    assert final_answer(r"So \boxed{17} apples are not sold.") == FinalAnswer("17", "boxed")
    assert final_answer("Neither box is full.\nThe answer is 17.") == FinalAnswer("17", "phrase")


@pytest.mark.parametrize("bulk", ["no, wait ", "The answer is not 17. ", "“", "> ", "the answer is 17? No, "])
def test_long_texts_of_doubt_end(bulk: str) -> None:
    assert final_answer(bulk * (4_000 // len(bulk))) is not False


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        (r"\frac{1}{2}", r"\color{red}{\frac{1}{2}}"),
        ("17", r"\textcolor{blue}{17}"),
        (r"\frac{1}{2}", r"\mathbf{\frac{1}{2}}"),
        ("101_2", r"101_{\text{two}}"),
        ("no solution", r"\varnothing"),
        ("17", "１７"),
        ("17", "十七"),
        ("17", r"\text{seventeen}"),
        ("3:30", "3:30:00"),
        (r"\frac{\pi}{6}", r"30^\circ"),
        ("(5,2),(7,2)", "p=5,q=2;p=7,q=2"),
    ],
)
def test_other_spellings_are_read(reference: str, answer: str) -> None:
    right = [("?", reference, f"\\boxed{{{answer}}}"), ("?", answer, f"\\boxed{{{reference}}}")]
    assert [verdict.outcome for verdict in verify(right, "math")] == ["correct", "correct"]


@pytest.mark.parametrize(
    ("reference", "answer"),
    [
        ("17", "eighteen"),
        ("101_2", r"101_{\text{three}}"),
        ("0", r"\emptyset"),
        ("3:30", "3:30:30"),
        (r"\frac{\pi}{6}", r"60^\circ"),
        (r"\frac{\pi}{6}", "30"),
        ("(5,2),(7,2)", "p=5,q=2;p=2,q=7"),
        ("23", "two three"),
    ],
)
def test_other_values_are_not(reference: str, answer: str) -> None:
    assert verify([("?", reference, f"\\boxed{{{answer}}}")], "math")[0].outcome == "incorrect"


def test_several_answers_are_one_list_and_no_ones_else() -> None:
    """ "Final answers: 4" was read as what someone, the final, answers."""
    assert final_answer("The sum is 7.\nFinal answers: 4; 3") == FinalAnswer("4; 3", "phrase")
    assert verify([("Give both roots.", "3, 4", "Final answers: 3, 4")], "math")[0].outcome == "correct"


def test_a_value_with_thousands_in_braces_is_taken_back() -> None:
    text = "The answer is 10{,}000. But 10{,}000 is not correct."
    assert verify([("?", "10000", text)], "number")[0].outcome != "correct"
