"""Numbers spelled out in Spanish, German, French, Portuguese and Russian, and words that are none."""

import pytest

from rollmill.pipelines.verify import verify
from rollmill.pipelines.verify.answers.expressions.quantity import parse_quantity

ES = ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]
ES_TENS = ["treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"]
DE = ["Null", "ein", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
DE_TENS = ["zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"]


def value(text: str) -> object:
    quantity = parse_quantity(text)
    return quantity and quantity.value


def test_every_number_below_a_hundred() -> None:
    for tens, word in enumerate(ES_TENS, 3):
        for ones in range(1, 10):
            assert value(f"{word} y {ES[ones]}") == 10 * tens + ones
    for tens, word in enumerate(DE_TENS, 2):
        for ones in range(1, 10):
            assert value(f"{DE[ones]}und{word}") == 10 * tens + ones
    assert [value(word) for word in ES] == [value(word) for word in ["Null", "eins", *DE[2:]]] == list(range(10))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("once", 11), ("diecisiete", 17), ("Dieciséis", 16), ("dieciseis", 16), ("veintidós", 22), ("veintiuna", 21),
        ("cien", 100), ("ciento cinco", 105), ("doscientas", 200), ("mil", 1_000),
        ("dos mil trescientos cuarenta y cinco", 2_345),
        ("un millón", 10**6), ("elf", 11), ("zwölf", 12), ("zwoelf", 12), ("siebzehn", 17), ("dreissig", 30),
        ("hundert", 100),
        ("zweihundertfünf", 205), ("tausendeins", 1_001), ("dreiundzwanzigtausendvierhundert", 23_400),
        ("eine Million", 10**6),
        ("dix-sept", 17), ("soixante et onze", 71), ("quatre-vingt-dix-neuf", 99), ("deux cents", 200),
        ("mille deux", 1_002),
        ("dezessete", 17), ("trinta e duas", 32), ("mil cento e um", 1_101), ("семнадцать", 17), ("двадцать одна", 21),
        ("две тысячи триста", 2_300), ("diecisiete manzanas", 17), (r"\text{siebzehn}", 17), ("siebzehn Katzen", 17),
    ],
)  # fmt: skip
def test_a_number_in_words(text: str, number: int) -> None:
    assert value(text) == number


@pytest.mark.parametrize(
    "text",
    [
        "dos tres", "zwei drei", "dos tercios", "zwei Drittel", "zweieinhalb", "dos y medio", "dos por tres",
        "cero coma cinco",
        "veinte por ciento", "siebzehn Prozent", "tres, cuatro", "dos o tres", "una recta", "ein Kreis", "una solución",
        "once a week", "null", "Dreieck", "millions", "cents", "menos tres", "six-pack", "milla", "deux tiers", "um ponto",
    ],
)  # fmt: skip
def test_other_words_are_no_number(text: str) -> None:
    assert value(text) is None


@pytest.mark.parametrize("text", ["La respuesta es diecisiete.", "Die Antwort ist siebzehn.", r"\boxed{siebzehn}"])
def test_an_answer_in_words_is_compared_as_a_number(text: str) -> None:
    for name in ("number", "math"):
        assert verify([("?", "17", text)], name)[0].outcome == "correct"
        assert verify([("?", "18", text)], name)[0].outcome == "incorrect"
