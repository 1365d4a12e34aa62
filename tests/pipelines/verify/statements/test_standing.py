"""Which stated answers stand: denied, attributed, quoted and withdrawn ones do not, in eight languages."""

import pytest

from rollmill.pipelines.verify import verify
from rollmill.pipelines.verify.extract import FinalAnswer, final_answer

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
        "The answer is 17. Actually, it's 18.",
        "The answer is 17. Wait, that should be 18.",
        "The answer is 17, wait, 18.",
        "The answer is 17. Just kidding! It's 18.",
        "The answer is no longer 17.",
        "My friend's answer is 17. Mine is 18.",
        "The book's answer is 17, and I get 18.",
        "I used to think the answer is 17.",
        r"You might be tempted to answer \boxed{17}.",
        r"A common wrong answer is \boxed{17}.",
        r"A common mistake is to answer \boxed{17}.",
        "A frequent error is to say that the answer is 17.",
        "La respuesta incorrecta más común es 17.",
        r"Une mauvaise réponse est \boxed{17}.",
        r"Eine häufige falsche Antwort ist \boxed{17}.",
        r"Uma resposta incorreta é \boxed{17}.",
        "It isn't the case that the answer is 17.",
        "I am not convinced that the answer is 17.",
        "There's no reason to think the answer is 17.",
        "One might think the answer is 17. But it is 18.",
        "Many people think the answer is 17.",
        "The answer was thought to be 17.",
        "The new answer is 18; my previous answer was 17.",
        "The answer is 18, although the answer key has 17.",
        "The answer is 18. ~~The answer is 17.~~",
        "✅ \\boxed{18}\n❌ \\boxed{17}",
        "La respuesta es 17. Perdón, es 18.",
        "Je ne pense pas que la réponse soit 17.",
        "La réponse est 17. Pardon, c'est 18.",
        "Die Antwort ist 17. Entschuldigung, 18.",
        "A resposta é 17. Desculpe, é 18.",
        "Ответ: 17. Извините, 18.",
        "答案是17。抱歉，是18。",
        "错误的答案是17。",
        "答えは17です。すみません、18です。",
        "Laut Peter ist die Antwort 17.",
        "Laut Anna beträgt die Antwort 17.",
        "Laut Herrn Müller ist das Ergebnis 17.",
        "Peter zufolge ist die Antwort 17.",
        "Nach Ansicht von Anna ist die Antwort 17.",
        "友達によると、答えは17です",
        "田中さんによれば、正解は17です。",
        "彼の話では、答えは17です。",
        "ピーターによると答えは17です。",
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
        "Example: the answer is 17",
        "Here is an example: The answer is 17.",
        "For example, the answer is 17.",
        "Example answer: 17",
        "**Example answer:** 17",
        "Example output: 17",
        "Expected format: \\boxed{17}",
        "The expected format is: $\\boxed{17}$",
        "- Format: the answer is 17",
        "Format your answer like this: \\boxed{17}",
        "Write your answer as \\boxed{17}.",
        "Your final answer should be formatted like #### 17",
        "Ejemplo: la respuesta es 17.",
        "Formato esperado: \\boxed{17}",
        "Exemple : la réponse est 17",
        "Beispiel: Die Antwort ist 17.",
        "Exemplo: a resposta é 17.",
        "Пример: ответ 17.",
        "例：答案是17。",
        "格式：\\boxed{17}",
        "例：答えは17です。",
    ],
)
def test_an_example_or_a_form_gives_no_answer(text: str) -> None:
    for name in ("number", "math"):
        assert verify([("?", "17", text)], name)[0].outcome == "unparsed", name
        assert verify([("?", "18", f"The answer is 18.\n{text}")], name)[0].outcome == "correct", name


@pytest.mark.parametrize(
    "text",
    [
        "Example 3: Tom has 15 and gets 2, so the answer is 17.",
        "Example 3\n15 + 2 = 17. The answer is 17.",
        "Example: 17",
        "Sample answer: 17",
        "Solution to the example: the answer is 17.",
        "For example, 15 + 2 = 17, so the answer is 17.",
        "The answer in the required format: \\boxed{17}",
        "In the expected format, \\boxed{17}.",
        "Final answer format: \\boxed{17}",
        "We write the answer as \\boxed{17}.",
        "Example answer: 18\nThe answer is 17.",
        "Expected format: \\boxed{18}\nSo it is \\boxed{17}",
        "比例：答案是17。",
    ],
)
def test_a_worked_example_and_an_answer_in_its_form_stand(text: str) -> None:
    assert verify([("?", "17", text)], "number")[0].outcome == "correct"


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
        "答案不是18，而是17。",
        r"Therefore, Maria answered \(\boxed{17}\) questions correctly.",
        "So Tom wrote 17 letters.",
        r"Er schrieb \boxed{17} Briefe. Das ist nicht viel.",
        "The answer is 17? Yes.",
        "The answer is 17, isn't it? Yes.",
        "The answer: 17\nIt is not 18.",
        "The answer: 18 — no, 17.",
        "The answer is 17. Is it 18? No.",
        "The answer is 17 (not 18).",
        "My friend says the answer is 17. I checked, and that is correct.",
        "Mi amigo dice que la respuesta es 17. Tiene razón.",
        "Друг говорит, что ответ 17. Он прав.",
        "朋友说答案是17。他是对的。",
        "According to the recipe, the answer is 17.",
        "Laut Tabelle ist die Antwort 17.",
        "Laut Wertetabelle ist das Ergebnis 17.",
        "Laut Aufgabe beträgt die Antwort 17.",
        "Laut Satz des Pythagoras ist die Antwort 17.",
        "Laut Formel ist die Antwort 17.",
        "Laut Rechnung ist die Antwort 17.",
        "Laut Vieta ist die Antwort 17.",
        "Laut Peter ist die Antwort 17, und er hat recht.",
        "Laut Peter sind es 15, und 2 kommen dazu.\nDie Antwort ist 17.",
        "表によると、答えは17です。",
        "計算によると答えは17です。",
        "データによると、答えは17です。",
        "友達によると、答えは17です。私もそう思います。",
        "Adding up tells us that the answer is 17.",
        "There is no doubt that the answer is 17.",
        "You can't deny that the answer is 17.",
        "My friend's answer is 17, and I agree.",
        "Her brother's age is 17.",
        "The percent error is 17.",
        r"The wrong answer is 16, so the right one is \boxed{17}.",
        r"I was tempted to stop, but the answer is \boxed{17}.",
        "It used to be 20, so the answer is 17.",
        "答えは17に違いありません。",
    ],
)
def test_the_last_answer_that_stands_is_the_answer(text: str) -> None:
    assert verify([("?", "17", text)], "number")[0].outcome == "correct"


@pytest.mark.parametrize(
    "remark",
    [
        "My apologies for the oversight earlier. The initial check was incorrect, but the final answer is accurate.",
        "Don't forget the units!",
        "Do not forget that 3 were eaten.",
        "Please ignore the typo above.",
        "If you think that is wrong, tell me.",
        "I do not think this is wrong.",
        "It is wrong to add 3 here.",
        "It is not possible to get more.",
        "It is not true that all are red.",
        "I cannot find any error in this.",
        "I don't know why I was unsure.",
        "By x I mean the number of apples.",
        "With a continuity correction the result is similar.",
        "Upon reflection across the axis we get the same.",
        "I first got 18; that is wrong.",
        "Are there any more? No.",
        "Wait, 3 apples were eaten. Yes.",
    ],
)
def test_remarks_behind_an_answer_take_nothing_back(remark: str) -> None:
    for text in (rf"\boxed{{17}}. {remark}", f"The answer is 17.\n\n{remark}"):
        assert verify([("?", "17", text)], "number")[0].outcome == "correct", text


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("The answer is A. Actually B.", "correct"),
        ("The answer is B because A is not the capital.", "correct"),
        ("B because A, C, and D are wrong.", "correct"),
        ("答案不是A，而是B。", "correct"),
        ("答えはAではなくBです。", "correct"),
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
        ("Laut Peter ist die Antwort B.", "unparsed"),
        ("友達によると、正解はBです。", "unparsed"),
        ("Example: the answer is B.", "unparsed"),
    ],
)
def test_options_that_are_taken_back(text: str, outcome: str) -> None:
    assert verify([(CITIES, "B", text)], "choice")[0].outcome == outcome


@pytest.mark.parametrize(
    "text",
    [r"The incorrect option is \boxed{B}.", r"The incorrect answer is \boxed{B}.", r"Die falsche Antwort ist \boxed{B}."],
)
def test_where_the_wrong_option_is_asked_for_it_is_an_answer(text: str) -> None:
    asked = "Which statement is incorrect?\nA) 1 + 1 = 2\nB) 1 + 1 = 3\nC) 2 + 2 = 4"
    assert verify([(asked, "B", text)], "choice")[0].outcome == "correct"


def test_a_text_without_doubt_is_read_as_it_was() -> None:
    assert final_answer("12 + 7 = 19\n#### 19") == FinalAnswer("19", "hash")
    assert final_answer(r"So \boxed{17} apples are not sold.") == FinalAnswer("17", "boxed")
    assert final_answer("Neither box is full.\nThe answer is 17.") == FinalAnswer("17", "phrase")


@pytest.mark.parametrize("bulk", ["no, wait ", "The answer is not 17. ", "“", "> ", "the answer is 17? No, "])
def test_long_texts_of_doubt_end(bulk: str) -> None:
    assert isinstance(final_answer(bulk * (4_000 // len(bulk))), FinalAnswer | None)


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
        ("5 months", "five months"),
        ("17", r"\text{seventeen}"),
        ("3:30", "3:30:00"),
        (r"\frac{\pi}{6}", r"30^\circ"),
        (r"\frac{\pi}{6}", r"30\text{ degrees}"),
        ("5", r"\boldsymbol{5}"),
        ("x + 1", r"\bm{x + 1}"),
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
        (r"\frac{\pi}{6}", "60 degrees"),
        (r"\frac{\pi}{6}", "30"),
        ("(5,2),(7,2)", "p=5,q=2;p=2,q=7"),
        ("23", "two three"),
        ("0", "zero point five"),
        ("2", "two and a half"),
        ("3", "三分之一"),
        ("105", "一百五"),
        ("2:3", "2:3:0"),
    ],
)
def test_other_values_are_not(reference: str, answer: str) -> None:
    assert verify([("?", reference, f"\\boxed{{{answer}}}")], "math")[0].outcome == "incorrect"


def test_several_answers_are_one_list_and_no_ones_else() -> None:
    """ "Final answers: 4" was read as what someone, the final, answers."""
    assert final_answer("The sum is 7.\nFinal answers: 4; 3") == FinalAnswer("4; 3", "phrase")
    assert verify([("Give both roots.", "3, 4", "Final answers: 3, 4")], "math")[0].outcome == "correct"


@pytest.mark.parametrize(
    "text",
    ["The answer is not 5 but -17.", "The answer is 5. Wait, no: -17.", "The answer is 5 - no wait, -17.", "5? No, -17.",
     "The answer is 5, or rather $-17$.", "La respuesta no es 5 sino -17."],
)  # fmt: skip
def test_a_new_answer_keeps_its_sign(text: str) -> None:
    assert [verify([("?", reference, text)], "number")[0].outcome for reference in ("-17", "17")] == [
        "correct",
        "incorrect",
    ]


def test_a_value_with_thousands_in_braces_is_taken_back() -> None:
    text = "The answer is 10{,}000. But 10{,}000 is not correct."
    assert verify([("?", "10000", text)], "number")[0].outcome != "correct"
