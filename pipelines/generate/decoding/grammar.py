"""Grammars over tokens, which tell which prefixes, and which patterns with gaps, can be completed to a text of the grammar.

A pattern of known tokens and gaps can be filled if the grammar's language and that of the pattern share a text. The
pattern is an automaton with a state between any two tokens; a gap is a loop. For each symbol the pairs of states between
which it derives a text grow until nothing changes (Bar-Hillel, Perles & Shamir 1961; for diffusion models: Mundler et al.
2025, arXiv:2508.10111). A prefix is the pattern with a gap at its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.decoding.step_model import Tokens

GAP = None
"""Place of a pattern where any tokens may stand, or none."""
Symbol = str | int
"""Name of a nonterminal, or a token."""


class TokenConstraint(Protocol):
    """Constraint on texts, by their tokens."""

    def allows(self, tokens: Tokens) -> bool:
        """True if a prefix can be completed."""

    def complete(self, tokens: Tokens) -> bool:
        """True for a whole text."""


@dataclass(frozen=True)
class Grammar:
    """Context-free grammar over tokens. `rules`: the alternatives of each nonterminal, each a sequence of symbols."""

    rules: Mapping[str, Sequence[Sequence[Symbol]]]
    start: str = "S"

    def __post_init__(self) -> None:
        used = {symbol for parts in self.rules.values() for part in parts for symbol in part if isinstance(symbol, str)}
        for name in sorted(used | {self.start}):
            if name not in self.rules:
                raise SetupError(f"the grammar has no rule for {name!r}.", choices=sorted(self.rules))

    def allows(self, tokens: Tokens) -> bool:
        return self.fills([*tokens, GAP])

    def complete(self, tokens: Tokens) -> bool:
        return self.fills(tokens)

    def fills(self, pattern: Sequence[int | None]) -> bool:
        """True if the gaps of a pattern can be filled so that the grammar has the text."""
        known = [token for token in pattern if token is not GAP]
        loops = np.zeros((len(known) + 1, len(known) + 1), dtype=np.bool_)
        state = 0
        for token in pattern:
            if token is GAP:
                # A gap takes any token and stays where it is, so it stands for no tokens too.
                loops[state, state] = True
            else:
                state += 1
        steps = {token: loops.copy() for part in self.rules.values() for right in part for token in right}
        for place, token in enumerate(known):
            # No rule has any other token, so the state after it cannot be reached.
            if token in steps:
                steps[token][place, place + 1] = True
        return bool(self._derived(steps, len(known) + 1)[0, len(known)])

    def _derived(self, steps: Mapping[Symbol, npt.NDArray[np.bool_]], states: int) -> npt.NDArray[np.bool_]:
        """Pairs of states between which the start symbol derives a text."""
        derived = {name: np.zeros((states, states), dtype=np.bool_) for name in self.rules}
        grown = True
        while grown:
            grown = False
            for name, alternatives in self.rules.items():
                for right in alternatives:
                    # An alternative without symbols derives the empty text, which moves no state.
                    pairs = np.eye(states, dtype=np.bool_)
                    for symbol in right:
                        # The product of boolean matrices joins the pairs that meet in a state.
                        pairs = pairs @ (derived[symbol] if isinstance(symbol, str) else steps[symbol])
                    if (pairs & ~derived[name]).any():
                        derived[name] |= pairs
                        grown = True
        return derived[self.start]
