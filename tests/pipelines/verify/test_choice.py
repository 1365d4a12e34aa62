"""The verifier `choice`: how an option may be named, what names none, and the letters that are English words."""

from typing import Any

import pytest

from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.choice import ChoiceVerifier, options_in, options_of

CITIES = "Which city is the capital of France?\nA) Lyon\nB) Paris\nC) Nice\nD) Lille"
VERIFIER = ChoiceVerifier()

NAMED = {
    "B": [
        "B",
        "(B)",
        "b",
        "(b)",
        "B.",
        "B)",
        "**B**",
        "[B]",
        "`B`",
        "\\boxed{B}",
        "\\boxed{\\text{B}}",
        "$\\boxed{(B)}$",
        "answer: B",
        "Answer: (B)",
        "The answer is B.",
        "The answer is (B) Paris.",
        "The correct answer is **B**",
        "option B",
        "Option B is correct.",
        "So the correct option is B.",
        "Paris",
        "The answer is Paris.",
        "\\boxed{Paris}",
        "B) Paris",
        "B: Paris",
        "B. Paris is the capital",
        "Therefore, (B) is correct.",
        "B\n\nParis is its capital since long ago, so.",
        "**B) Paris**\n\nBecause it is.",
        "The answer is B because Paris is the capital.",
        "Let me think.\nFinal answer: **(B)**",
        "I would choose B",
        "#### B",
        "The answer is B, Paris",
        "The answer is: B - Paris",
        "Answer: B\n\nExplanation: C is small.",
        "The capital is Paris, so **B**.",
        "It is not A, so the answer is B",
        "the answer is\n\n**B. Paris**",
        "PARIS.",
        "The final answer is $\\boxed{B}$. I hope it is correct.",
        "A is wrong. C is wrong.\nThe answer is Option B: Paris.",
    ],
    "A": [
        "A",
        "(A)",
        "A.",
        "The answer is A.",
        "The answer is A because it is.",
        "I choose A.",
        "Answer: A",
        "A) Lyon",
        "Lyon",
    ],
    "C": ["So: (C)", "Let's see.\nIt's C", "Nice", "#### (C)", "The best option is C."],
    "E": ["\\boxed{E}", "The answer is (E).", "#### E"],
}
NONE = [
    "", " \n", "I", "A triangle", "I think it is something else", "The answer is a mystery", "The answer is I think B",
    "\\boxed{\\Delta E}", "The answer is not B.", "B is wrong", "E", "Vitamin B", "B or not B", "I choose A triangle",
    "Answer: A triangle has three sides", "The point is B", "The correct answer is A triangle", "I do not know.",
    "A) Lyon\nB) Paris\nC) Nice\nD) Lille", "A) Lyon is wrong\nB) Paris is right\nC) no", "If it is (B), then yes.",
    "Maybe (B)", "Neither A nor B", "\\boxed{}", "A" * 500, "I, for one, like Lyon.",
]  # fmt: skip
AMBIGUOUS = [
    "A or B", "The answer is A or B.", "(A) or (B)", "\\boxed{A, B}", "Both A and B are correct", "A/B",
    "B) Lyon", "Answer: either (A) or (B)", "The answer is B and C", "So (A) and (C) remain.",
    "The answer is A (B).", "The answer is A, unless it is B.", "Final answers: A; B",
]  # fmt: skip


def judged(text: str, reference: str = "B", prompt: str = CITIES, *, cut: bool = False, **meta: Any) -> Verdict:
    completion = Completion("c", "p", "e", "m", "", "curate", 0, None, text, "length" if cut else "stop")
    return VERIFIER.verify(Problem(prompt, reference, meta=meta), completion)


@pytest.mark.parametrize(("letter", "text"), [(letter, text) for letter, texts in NAMED.items() for text in texts])
def test_an_option_is_named(letter: str, text: str) -> None:
    verdict = judged(text)
    assert verdict.normal_form == letter
    assert verdict.outcome == ("correct" if letter == "B" else "incorrect")


NAMED_ELSEWHERE = [
    "La opción correcta es B", "La opción correcta es la B.", "La respuesta correcta es la B",
    "La respuesta es la opción B.", "La respuesta es B porque es la capital.",
    "La opción correcta es la B.\nEspero que ayude.", "A alternativa correta é B", "A resposta correta é a B",
    "A opção correta é a letra (B).", "Resposta: letra B", "La bonne option est B.", "La réponse est l'option B.",
    "Die richtige Option ist B.", "Die richtige Antwort ist Option B.", "Правильный вариант: B.", "选B", "故选B。",
    "故选：B．", "应选（B）。", "正确选项是B", "答案是B，因为它是首都。", "正解はBです", "正しい選択肢はBです。",
    "\\boxed{\\color{red}{B}}", "La risposta è B", "La risposta corretta è la B.", "Risposta: B", "L'opzione corretta è B.",
    "La risposta giusta è l'opzione B.", "La risposta è B perché è la capitale.", "Odpowiedź: B", "Odpowiedź to B.",
    "Poprawna odpowiedź to B", "Prawidłowa odpowiedź to opcja B.", "Odpowiedzią jest B.", "Poprawna opcja to B.",
]  # fmt: skip
NONE_ELSEWHERE = [
    "La opción correcta no es B.", "La respuesta es la B o la C.", "La opción B es incorrecta.",
    "A alternativa correta não é B.", "Die richtige Option ist nicht B.", "选A或B", "不选B。", "先选B，再选C。",
    "正确选项不是B。", "正解はBではありません。", "Mi amigo dice que la opción correcta es B.",
    "La risposta non è B.", "Il mio amico dice che la risposta è B.", "La risposta è B o C.",
    "Poprawna odpowiedź to nie B.",
    "Mój kolega mówi, że odpowiedź to B.", "Odpowiedź to B lub C.",
]  # fmt: skip


@pytest.mark.parametrize("text", NAMED_ELSEWHERE)
def test_an_option_is_named_in_other_languages(text: str) -> None:
    assert judged(text).outcome == "correct"


@pytest.mark.parametrize("text", NONE_ELSEWHERE)
def test_no_option_is_named_in_other_languages(text: str) -> None:
    assert judged(text).outcome == "unparsed"


def test_another_option_is_named_in_other_languages() -> None:
    for text in ("La opción correcta es B. Espera, no: C.", "La opción correcta es C, no B.", "正确选项不是B，而是C。"):
        assert judged(text).normal_form == "C", text


@pytest.mark.parametrize(
    "text",
    [
        "B is incorrect; choose C.", "B is incorrect. Choose C.", "Not B; choose C.", "B is wrong, so C.",
        "Eliminate B; pick C.",
        "Since B is not correct, choose C.", "A is wrong. B is wrong. It's C.", "La risposta non è B ma C.",
        "La risposta è B. Aspetta, no: C.", "Odpowiedź to nie B, lecz C.",
    ],
)  # fmt: skip
def test_an_option_is_named_behind_those_that_are_rejected(text: str) -> None:
    assert judged(text).normal_form == "C"


@pytest.mark.parametrize(
    "text",
    [
        "B is incorrect.", "B is incorrect; choose B.", "B is not incorrect; choose C.", "If B is incorrect; choose C.",
        "B is incorrect; choose C or D.", "B is incorrect; maybe C.", "B is incorrect, C is incorrect.",
    ],
)  # fmt: skip
def test_rejecting_an_option_alone_names_none(text: str) -> None:
    assert judged(text).outcome == "unparsed"


@pytest.mark.parametrize("text", NONE)
def test_no_option_is_named(text: str) -> None:
    verdict = judged(text, "A")
    assert (verdict.outcome, verdict.normal_form) == ("unparsed", None)


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_two_options_are_no_answer(text: str) -> None:
    for reference in "ABC":
        verdict = judged(text, reference)
        assert verdict.outcome == "unparsed"
        assert (verdict.cause or "").startswith("ambiguous: ")


def test_i_is_a_letter_where_there_are_nine_options() -> None:
    nine = ["r", "s", "t", "u", "v", "w", "x", "y", "z"]
    assert judged("I", "I", "Which?", options=nine).outcome == "correct"
    assert judged("z", "I", "Which?", options=nine).outcome == "correct"
    assert judged("I think so", "I", "Which?", options=nine).outcome == "unparsed"
    assert judged("The answer is I think z", "I", "Which?", options=nine).outcome == "unparsed"


def test_the_reference_may_be_a_letter_in_any_mark_or_an_options_text() -> None:
    for reference in ("B", "(B)", "b", "B.", "Paris", "paris", "\\boxed{B}"):
        assert judged("(B)", reference).outcome == "correct", reference
    for reference in ("", "E", "Berlin", "A or B", "2"):
        assert judged("(B)", reference).outcome == "undecided", reference


def test_a_number_is_an_options_text_whatever_its_spelling() -> None:
    prompt = "Which is nearest to 1?  (a) -1/240  (b) 3/4  (c) 5%  (d) 1,000"
    for text in ("0.75", "\\frac{3}{4}", "The answer is $\\frac34$.", "3/4", ".750", "\\boxed{0.75}"):
        assert judged(text, "0.75", prompt).normal_form == "B", text
    assert judged("1000", "0.75", prompt).normal_form == "D"
    for text in ("5", "0.05", "75", "0.751", "-0.75", "3/4 m"):
        assert judged(text, "0.75", prompt).outcome == "unparsed", text


def test_a_letter_that_is_another_options_text_could_be_either() -> None:
    languages = ["C", "Java", "B"]
    for text in ("C", "The answer is C.", "\\boxed{B}"):
        assert judged(text, "A", "Which?", options=languages).outcome == "unparsed", text
    assert judged("(C)", "(C)", "Which?", options=languages).outcome == "correct"
    assert judged("Option A", "(A)", "Which?", options=languages).outcome == "correct"
    assert judged("A", "A", "Which?", options=["A", "B"]).outcome == "correct"


def test_two_options_with_one_text_are_told_apart_by_letter_only() -> None:
    assert judged("5", "A", "Which?", options=["5", "5", "6"]).outcome == "unparsed"
    assert judged("(A)", "A", "Which?", options=["5", "5", "6"]).outcome == "correct"


@pytest.mark.parametrize(
    "text", ["The answer is not enough information.", "Answer: wrong 5", "The answer is Nobody said so 3."]
)
def test_an_option_whose_words_doubt_is_an_answer_as_it_stands(text: str) -> None:
    problem = Problem("?", "B", meta={"options": ["40", text.split(" ", 3 if "is" in text else 1)[-1].rstrip(".")]})
    assert (
        VERIFIER.verify(problem, Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")).outcome == "correct"
    )


def test_a_text_cut_off_names_nothing_at_its_end() -> None:
    assert judged("The answer is B", cut=True).outcome == "unparsed"
    assert judged("So it is (B)", cut=True).outcome == "unparsed"
    assert judged("\\boxed{B} because", cut=True).outcome == "correct"


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        (CITIES, {"A": "Lyon", "B": "Paris", "C": "Nice", "D": "Lille"}),
        ("Q? Answer Choices: (A)21 (B)21.5 (C)22", {"A": "21", "B": "21.5", "C": "22"}),
        ("Q?\nA. one\nB. two\n\nAnswer with a letter.", {"A": "one", "B": "two"}),
        ("Q?\n- **A)** one\n- **B)** two", {"A": "one", "B": "two"}),
        ("E.g.\nA) x\nB) y\nAnswer: A\n\nQ?\nA) one\nB) two\nC) three", {"A": "one", "B": "two", "C": "three"}),
        ("Take vitamin A) or not", {}),
        ("Point A. Then point C. What is it?", {}),
        ("f(A) = B", {}),
        ("Which is nearest to 7?  (a) -1/240  (b) -5  (c) 3/4", {"A": "-1/240", "B": "-5", "C": "3/4"}),
        ("Q?\na) one\nb) two", {"A": "one", "B": "two"}),
        ("(a) one (B) two", {}),
        ("", {}),
    ],
)
def test_options_are_read_from_a_prompt(prompt: str, options: dict[str, str]) -> None:
    assert options_in(prompt) == options


def test_options_of_the_metadata_win_in_any_of_their_forms() -> None:
    wanted = {"A": "x", "B": "y"}
    forms: tuple[Any, ...] = (
        ["x", "y"],
        {"A": "x", "B": "y"},
        {"a": "x", "b": "y"},
        {"label": ["A", "B"], "text": ["x", "y"]},
    )
    for form in forms:
        assert options_of({"choices": form}, CITIES) == wanted
    others: tuple[Any, ...] = ("xy", {"1": "x"}, {"A": "x", "C": "y"}, None, 7, [])
    for form in others:
        assert len(options_of({"options": form}, CITIES)) == 4


def test_the_rule_names_where_it_was_found() -> None:
    texts = (
        "#### B",
        "\\boxed{B}",
        "<answer>B</answer>",
        "The answer is B.",
        "B",
        "So, (B) it is.",
        "B\nas I said at length before, of course.",
    )
    rules = ["hash:named", "boxed:named", "tag:named", "phrase:named", "bare:named", "tail:named", "head:named"]
    assert [judged(text).rule for text in texts] == rules
    assert (judged("Paris").rule, judged("Paris").evidence) == ("bare:named", '{"by":"text"}')
    assert (judged("A or B").rule, judged("\\boxed{x}").rule) == ("bare:named", "none")
    known = {rule for rule, _ in ChoiceVerifier.rules}
    assert {part for text in texts for part in judged(text).rule.split(":")} <= known


def test_a_thought_is_no_answer() -> None:
    assert judged("<think>It is (A), no, wait.</think>\n(B)").outcome == "correct"
    assert judged("(B)\n<think>was it?</think>").outcome == "unparsed"
    assert judged("<think>The answer is B").outcome == "unparsed"


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("I was asked to answer B but the right one is A.", "A"), ("The instructions ask for B, yet A is correct.", "A"),
        ("You want me to answer B; I choose A.", "A"), ("Not A but B.", "B"), ("B, not A.", "B"), ("Only B fits.", "B"),
        ("It can't be A, C or D, so it must be B.", "B"), ("A ✗\nB ✓\nC ✗", "B"), ("(B) ✓", "B"), ("- [ ] A\n- [x] B", "B"),
        ("→ B", "B"), ("答案选 B", "B"), ("Ｂ", "B"), ("The capital is Paris.", "B"), ("\\boxed{\\text{Paris}}", "B"),
    ],
)  # fmt: skip
def test_the_option_that_a_text_settles_on(text: str, letter: str) -> None:
    assert judged(text).normal_form == letter
