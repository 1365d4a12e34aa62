"""Answers that a text calls impossible or a common mistake, in the languages of the word list."""

import pytest

from rollmill.pipelines.verify import verify
from rollmill.pipelines.verify.statements import words

IMPOSSIBLE = [
    "The answer cannot be 17.", "The answer can't be 17.", "The answer could not be 17.", "The answer would never be 17.",
    "The answer isn't 17.", "The answer definitely cannot be $17$.", "It can't possibly be 17.", "So it cannot equal 17.",
    "The answer doesn't equal 17.", "There is no way that the answer is 17.", r"The answer cannot be \boxed{17}.",
    "The answer is 17. Is the answer 17? No.", "La respuesta no puede ser 17.", "No puede ser 17.",
    "La réponse ne peut pas être 17.", "Die Antwort kann nicht 17 sein.", "A resposta não pode ser 17.", "Não pode ser 17.",
    "Ответ не может быть равен 17.", "答案不可能是17。", "答えは17ではありえません。", "答えは17であるはずがない。",
    "La risposta non può essere 17.", "La risposta non è 17.", "Odpowiedź nie może być 17.", "Odpowiedź to nie 17.",
]  # fmt: skip
MISTAKES = [
    r"A common mistake is \boxed{17}.", r"It is a common mistake to answer \boxed{17}.",
    r"A typical error: answering \boxed{17}.", r"Students often answer \boxed{17}.", r"Most people answer \boxed{17}.",
    r"Don't write \boxed{17}.", r"Avoid answering \boxed{17}.", r"Un error común es responder \boxed{17}",
    r"Un error comun es responder \boxed{17}.", r"Es un error responder \boxed{17}.", r"Error común: \boxed{17}.",
    r"Muchos responden \boxed{17}.", r"La trampa es contestar \boxed{17}.",
    r"Une erreur courante est de répondre \boxed{17}.", r"L'erreur classique est de donner \boxed{17}.",
    r"C'est une erreur de répondre \boxed{17}.", r"Ein häufiger Fehler ist, \boxed{17} zu antworten.",
    r"Ein typischer Fehler ist die Antwort \boxed{17}.", r"Es wäre ein Fehler, mit \boxed{17} zu antworten.",
    r"Um erro comum é responder \boxed{17}.", r"É um erro responder \boxed{17}.",
    r"Распространённая ошибка — ответить \boxed{17}.", r"Частая ошибка: ответить \boxed{17}.",
    r"Многие отвечают \boxed{17}.", r"常见的错误是回答\boxed{17}。", r"常见的错误答案是\boxed{17}。",
    r"很多人会回答\boxed{17}。", r"よくある間違いは\boxed{17}と答えることです。", r"よくある間違いは\boxed{17}です。",
    r"Un errore comune è rispondere \boxed{17}.", r"Una risposta sbagliata comune è \boxed{17}.",
    r"It is tempting to answer \boxed{17}.", r"One might think the answer is \boxed{17}.",
    r"Uno podría pensar que la respuesta es \boxed{17}.", r"Es tentador responder \boxed{17}.",
    r"On pourrait penser que la réponse est \boxed{17}.", r"Man könnte denken, die Antwort ist \boxed{17}.",
    r"Alguém poderia pensar que a resposta é \boxed{17}.", r"Можно подумать, что ответ \boxed{17}.",
    r"有人可能认为答案是\boxed{17}。", r"ありがちな間違いは\boxed{17}です。",
    r"Si potrebbe pensare che la risposta sia \boxed{17}.", r"Można by pomyśleć, że odpowiedź to \boxed{17}.",
    r"Częstym błędem jest odpowiedź \boxed{17}.", r"Częsty błąd to \boxed{17}.",
]  # fmt: skip


@pytest.mark.parametrize("text", IMPOSSIBLE + MISTAKES)
def test_what_is_impossible_or_a_mistake_is_no_answer(text: str) -> None:
    for name in ("number", "math"):
        for whole in (text, f"15 + 2 = 17\n{text}"):
            assert verify([("?", "17", whole)], name)[0].outcome == "unparsed", (name, whole)


@pytest.mark.parametrize(
    "text",
    [
        "The answer cannot be 18. The answer is 17.",
        r"The answer cannot be even, so it is \boxed{17}.",
        r"The denominator is zero, so $x$ cannot be \boxed{17}.",
        r"The number cannot be negative, so \boxed{17}.",
        "It isn't even, so the answer is 17.",
        "That can't be right: 18 is even. So it is 17.",
        r"To avoid a mistake we write \boxed{17}.",
        r"The mistake here is adding 3, so the answer is \boxed{17}.",
        r"Most students answer \boxed{17} questions.",
        r"It is easy to see that the answer is \boxed{17}.",
        r"One can say that the answer is \boxed{17}.",
        r"Se puede decir que la respuesta es \boxed{17}.",
        r"On peut dire que la réponse est \boxed{17}.",
        r"Man kann sagen, die Antwort ist \boxed{17}.",
        r"可以认为答案是\boxed{17}。",
        "A common mistake is to answer 18. The answer is 17.",
        "The absolute error is 17.",
        r"The error is \boxed{17}.",
        "No puede ser menor, así que la respuesta es 17.",
        r"Un error común es responder 18, pero la respuesta es \boxed{17}.",
        r"El error es \boxed{17}.",
        r"L'erreur est \boxed{17}.",
        r"Der Fehler ist \boxed{17}.",
        "Eine häufige falsche Antwort ist 18. Die Antwort ist 17.",
        "Um erro comum é responder 18. A resposta é 17.",
        r"Ошибка равна \boxed{17}.",
        "常见的错误是回答18，正确答案是17。",
        r"误差是\boxed{17}。",
        r"間違いは\boxed{17}個です。",
        "La risposta non è 18 ma 17.",
        "La risposta è 18. Aspetta, no: 17.",
        r"L'errore è \boxed{17}.",
        "Odpowiedź to nie 18, lecz 17.",
        "Odpowiedź to 18. Czekaj, nie: 17.",
    ],
)
def test_what_is_possible_stands(text: str) -> None:
    assert verify([("?", "17", text)], "number")[0].outcome == "correct"


def test_the_quick_look_for_words_that_state_an_answer_passes_over_none() -> None:
    for _, needle in words._SAID_IN:
        assert any(part in needle for part in words._SAID_PARTS), needle
