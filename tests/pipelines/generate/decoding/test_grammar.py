"""Constraints: which patterns a grammar can fill, against every short text; beginnings of a regular expression."""

from collections.abc import Iterator
from itertools import product

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.decoding.grammar import GAP, Grammar
from rollmill.pipelines.generate.decoding.text_rules import CharacterGrammar, Regex, TextConstraint

OPEN, CLOSE, ONE, PLUS = range(4)
BRACKETS = Grammar({"S": [[], [OPEN, "S", CLOSE, "S"]]})
SUMS = Grammar({"S": [["T"], ["S", PLUS, "T"]], "T": [[ONE], [OPEN, "S", CLOSE]]})
LONGEST = 6


def balanced(text: tuple[int, ...]) -> bool:
    depth = 0
    for token in text:
        depth += {OPEN: 1, CLOSE: -1}.get(token, -100)
        if depth < 0:
            return False
    return depth == 0


def is_sum(text: tuple[int, ...]) -> bool:
    """By Python's own parser."""
    source = "".join("()1+"[token] for token in text)
    if "()" in source or "11" in source or ")1" in source or "1(" in source or ")(" in source or "(+" in source:
        return False
    if source.startswith("+") or "++" in source:
        return False
    try:
        compile(source, "", "eval")
    except SyntaxError:
        return False
    return True


def texts(most: int, tokens: int = 4) -> Iterator[tuple[int, ...]]:
    for length in range(most + 1):
        yield from product(range(tokens), repeat=length)


def test_whole_texts_are_those_of_the_language() -> None:
    for text in texts(LONGEST - 1):
        assert BRACKETS.complete(text) == balanced(text)
        assert SUMS.complete(text) == is_sum(text), text


def test_a_beginning_is_allowed_if_and_only_if_a_text_begins_with_it() -> None:
    begun = {text[:length] for text in texts(8, 2) if balanced(text) for length in range(5)}
    for text in texts(4, 2):
        assert BRACKETS.allows(text) == (text in begun)


def test_gaps_anywhere_are_filled_if_and_only_if_a_text_fits() -> None:
    """Two known tokens, gaps around and between them or not: texts of up to eight tokens fit all patterns that can be."""
    language = [text for text in texts(8, 2) if balanced(text)]
    for first, second in product((OPEN, CLOSE), repeat=2):
        for gaps in product((True, False), repeat=3):
            pattern = [*[GAP] * gaps[0], first, *[GAP] * gaps[1], second, *[GAP] * gaps[2]]
            assert BRACKETS.fills(pattern) == any(fits(text, pattern) for text in language), pattern


def fits(text: tuple[int, ...], pattern: list[int | None]) -> bool:
    """True if the gaps of a pattern can stand for parts of a text."""
    if not pattern:
        return not text
    if pattern[0] is GAP:
        return any(fits(text[cut:], pattern[1:]) for cut in range(len(text) + 1))
    return bool(text) and text[0] == pattern[0] and fits(text[1:], pattern[1:])


def test_a_token_that_no_rule_has_allows_nothing() -> None:
    assert not BRACKETS.allows((ONE,))
    assert not Grammar({"S": [["S", ONE]]}).allows(())  # derives no text at all


def test_a_missing_rule_is_named() -> None:
    with pytest.raises(SetupError, match="the grammar has no rule for 'T'"):
        Grammar({"S": [["T"]]})


def test_beginnings_of_a_regular_expression() -> None:
    texts = ["-", "0", "7", ".", "42"]
    number = TextConstraint(Regex(r"-?(0|[1-9]\d*)(\.\d+)?"), lambda tokens: "".join(texts[token] for token in tokens))
    assert [number.allows(tokens) for tokens in ((), (0,), (2, 3), (1, 2), (0, 0), (4, 3, 4))] == [
        True,
        True,
        True,
        False,
        False,
        True,
    ]
    assert [number.complete(tokens) for tokens in ((), (0,), (2, 3), (1,), (4, 3, 4))] == [False, False, False, True, True]
    with pytest.raises(SetupError, match=r"regular expression '\(': "):
        Regex("(")


def test_a_grammar_over_texts_is_that_of_their_characters() -> None:
    sums = CharacterGrammar({"S": [["x = ", "N"]], "N": [["D"], ["D", "N"]], "D": [[digit] for digit in "0123456789"]})
    assert [sums.allows(text) for text in ("", "x =", "x = 4", "x = 42", "y")] == [True, True, True, True, False]
    assert [sums.complete(text) for text in ("x = ", "x = 4", "x = 42", "x = 4 ")] == [False, True, True, False]
    with pytest.raises(SetupError, match="the grammar has no rule for its start, 'S'"):
        CharacterGrammar({"T": [["a"]]})


@pytest.mark.parametrize("rules", [{"S": []}, {"S": [["a", "S"]]}, {"S": [["T"]], "T": [["a", "T"], ["S"]]}])
def test_a_grammar_that_no_text_fits_is_refused(rules: dict[str, list[list[str]]]) -> None:
    with pytest.raises(SetupError, match="no text fits the grammar: its rules never end"):
        CharacterGrammar(rules)
