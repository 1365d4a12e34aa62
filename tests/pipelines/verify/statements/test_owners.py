"""Whose answer a statement is: named owners whose answer the text corrects, in the languages of the word list."""

import pytest

from rollmill.pipelines.verify import verify


@pytest.mark.parametrize(
    "text",
    [
        "Maria's answer is 17. I say 18.",
        "Maria’s answer is 17. I say 18.",
        "Maria's answer is 17. Mine is 18.",
        "Maria's answer is 17. I got 18 instead.",
        "Maria's answer is 17. But it is 18.",
        "Maria's answer is 17. The right one is 18.",
        "Maria's answer is 17. I think it is 18.",
        "Maria's answer is 17, whereas I get 18.",
        "Maria's answer is 17. She made a mistake.",
        "Maria's answer is 17, a mistake.",
        r"Maria's final answer is \boxed{17}. I say 18.",
        r"James' solution is \boxed{17}. I get 18.",
        "The students' answer: 17. I say 18.",
        "Her answer is 17. I have 18.",
        "My answer is 18. Maria's answer is 17.",
        r"\boxed{17} is Maria's answer; mine is 18.",
        r"\boxed{17} is what Maria says. I say 18.",
        r"The answer given by Maria is \boxed{17}. I say 18.",
        "Maria's answer is 17. That's one too few.",
        "The answer is 17, according to Maria. I say 18.",
        "The answer is 17, says Maria.",
        "The answer is 17, my friend says. I say 18.",
        r"La respuesta de María es \boxed{17}. Yo digo 18.",
        r"La respuesta de María es \boxed{17}. La mía es 18.",
        "Su respuesta es 17. Yo digo 18.",
        "La respuesta es 17, según María.",
        r"La réponse de Marie est \boxed{17}. Moi, je dis 18.",
        "Sa réponse est 17. Je dis 18.",
        "La réponse est 17, dit Marie.",
        "Marias Antwort ist 17. Ich sage 18.",
        r"Die Antwort von Maria ist \boxed{17}. Meine ist 18.",
        "Die Antwort ist 17, sagt Maria.",
        r"A resposta da Maria é \boxed{17}. Eu digo 18.",
        r"A resposta dela é \boxed{17}. A minha é 18.",
        "Ответ Марии: 17. Я говорю 18.",
        "Её ответ 17. Я говорю 18.",
        "玛丽的答案是17。我说18。",
        r"小明的答案是\boxed{17}。我的是18。",
        "マリアの答えは17です。私は18だと思います。",
        r"La risposta di Maria è \boxed{17}. Io dico 18.",
        "La risposta è 17, secondo Maria.",
        "Odpowiedź Marii to 17. Ja mówię 18.",
        "Odpowiedź to 17, mówi Maria.",
    ],
)
def test_what_somebody_else_answers_and_the_text_corrects_is_no_answer(text: str) -> None:
    for name in ("number", "math"):
        for whole in (text, f"15 + 2 = 17\n{text}"):
            assert verify([("?", "17", whole)], name)[0].outcome != "correct", (name, whole)


@pytest.mark.parametrize(
    "text",
    [
        "The model's solution is 17.",
        r"The model's solution is \boxed{17}.",
        "Maria's total is 17.",
        "Maria's answer is 17.",
        r"Maria's answer is \boxed{17}.",
        r"\boxed{17} is Maria's answer.",
        r"The answer given by Maria is \boxed{17}.",
        "Maria's answer is 17. I agree.",
        "Maria's answer is 17. I get 17 too.",
        "Maria's answer is 17. I have 2 remarks.",
        "Her answer is 17. I found 3 errors.",
        "Maria's answer is 17. If I say 18, that is a joke.",
        "Maria's answer is 18. Mine is 17.",
        "Maria's answer is 18. I say 17.",
        "My answer is 17. Maria's answer is 18.",
        "His answer is 17 because 15 + 2 = 17.",
        "The answer is 17, says Maria, and I agree.",
        "The answer is 17, by Vieta.",
        r"La respuesta de María es \boxed{17}.",
        r"La réponse de Marie est \boxed{17}.",
        "Marias Antwort ist 18. Ich sage 17.",
        r"Das Ergebnis ist \boxed{17}. Ich habe 2 Minuten gebraucht.",
        r"A resposta da Maria é \boxed{17}.",
        r"Ответ Марии \boxed{17}.",
        "小明的答案是17。",
        "マリアの答えは17です。",
        r"La risposta di Maria è \boxed{17}.",
        "Odpowiedź: Maria ma 17.",
    ],
)
def test_what_nothing_corrects_stands(text: str) -> None:
    assert verify([("What is Maria's number?", "17", text)], "number")[0].outcome == "correct"
