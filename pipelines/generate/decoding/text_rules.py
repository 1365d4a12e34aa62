"""Constraints on texts, and on tokens by their text: a regular expression, or a grammar over characters."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.decoding.grammar import Grammar, Symbol
from rollmill.pipelines.generate.decoding.step_model import Tokens


class TextRule(Protocol):
    """Set of texts."""

    def allows(self, text: str) -> bool:
        """True if a prefix can be completed."""

    def complete(self, text: str) -> bool:
        """True for a whole text."""


class Regex:
    """Texts that match a regular expression."""

    def __init__(self, pattern: str) -> None:
        self._pattern = _compiled(pattern)

    def allows(self, text: str) -> bool:
        return self._pattern.fullmatch(text, partial=True) is not None

    def complete(self, text: str) -> bool:
        return self._pattern.fullmatch(text) is not None


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> Any:
    import regex

    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise SetupError(f"regular expression {pattern!r}: {error}.") from None


class CharacterGrammar:
    """Texts of a context-free grammar. `rules`: the alternatives of each nonterminal, each a list of nonterminals
    and texts; S is the start.
    """

    def __init__(self, rules: Mapping[str, Sequence[Sequence[str]]]) -> None:
        if "S" not in rules:
            raise SetupError("the grammar has no rule for its start, 'S'.", choices=sorted(rules))
        tokens = {
            name: [[part for symbol in right for part in _symbols(symbol, rules)] for right in alternatives]
            for name, alternatives in rules.items()
        }
        self._grammar = Grammar(tokens)
        if not self.allows(""):
            raise SetupError(
                "no text fits the grammar: its rules never end.", choices=("S: [[D], [D, S]], D: [['0'], ['1']]",)
            )

    def allows(self, text: str) -> bool:
        return self._grammar.allows(tuple(map(ord, text)))

    def complete(self, text: str) -> bool:
        return self._grammar.complete(tuple(map(ord, text)))


def _symbols(symbol: str, rules: Mapping[str, object]) -> list[Symbol]:
    """A nonterminal, or the characters of a text."""
    return [symbol] if symbol in rules else list(map(ord, symbol))


class TextConstraint:
    """Token constraint by the text of tokens. A character of several bytes needs a token that holds all of them.

    `tests` counts the prefixes that were tested; each is tested once.
    """

    def __init__(self, rule: TextRule, text_of: Callable[[Sequence[int]], str]) -> None:
        self._rule, self._text_of = rule, text_of
        self._known: dict[str, bool] = {}
        self.tests = 0

    def allows(self, tokens: Tokens) -> bool:
        text = self._text_of(tokens)
        self.tests += 1
        if text not in self._known:
            self._known[text] = self._rule.allows(text)
        return self._known[text]

    def complete(self, tokens: Tokens) -> bool:
        return self._rule.complete(self._text_of(tokens))
