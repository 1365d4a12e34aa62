"""The synthesizer `patterns`: programs over short words, identified by few examples that rational speech acts choose.

The programs are all regular expressions of up to `atoms` parts over the letters a and b that differ on words of up to
`longest` letters; the examples are these words, each with accepted or refused. The problem shows the examples and asks for
a function that is right on every word; its tests are all words, so a program that merely fits the examples fails.
`choice: random` shows as many random examples of the program instead: the comparison of the paper (`pragmatics`).
"""

import itertools
import random
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from rollmill.methods import Problem, SetupError, checked_count, digest128, unknown_name
from rollmill_reasoning.tasks.pragmatics import Matrix, informative_examples, listener_of_examples

CHOICES = ("pragmatic", "random")
_ATOMS = tuple(f"{letter}{times}" for letter in ("a", "b", "[ab]") for times in ("", "*", "+", "?"))
# At most 1,884 patterns on 127 words: a table matches each pattern with each word.
_MOST_ATOMS, _MOST_LETTERS = 3, 6


class PatternTable(NamedTuple):
    """Distinct patterns, shortest first, and which words each accepts: shape (patterns, words)."""

    patterns: tuple[str, ...]
    words: tuple[str, ...]
    accepts: Matrix

    @property
    def consistent(self) -> Matrix:
        """Patterns by examples: first every word as accepted, then every word as refused."""
        return np.concatenate([self.accepts, ~self.accepts], axis=1)

    def example(self, place: int) -> tuple[str, bool]:
        """An example of `consistent`: the word, and True for accepted."""
        return self.words[place % len(self.words)], place < len(self.words)


@lru_cache(maxsize=4)
def pattern_table(atoms: int, longest: int) -> PatternTable:
    """All patterns of up to `atoms` parts that differ on words of up to `longest` letters, with these words."""
    words = ["".join(letters) for length in range(longest + 1) for letters in itertools.product("ab", repeat=length)]
    rows: dict[tuple[bool, ...], str] = {}
    for count in range(1, atoms + 1):
        for parts in itertools.product(_ATOMS, repeat=count):
            pattern = re.compile("".join(parts))
            # Of patterns that accept the same words the first and shortest stays: no test tells them apart.
            rows.setdefault(tuple(pattern.fullmatch(word) is not None for word in words), pattern.pattern)
    return PatternTable(tuple(rows.values()), tuple(words), np.array(list(rows)))


class Patterns:
    """Problems of kind `code`: a function `accepts(word)` from examples. `level`: number of parts of the pattern."""

    name, version = "patterns", "1"

    def __init__(
        self,
        *,
        atoms: int = 2,
        longest: int = 5,
        examples: int = 4,
        choice: str = "pragmatic",
        alpha: float = 1.0,
    ) -> None:
        """Take the options of a recipe.

        Args:
            atoms: Most parts of a pattern, 1 to 3.
            longest: Longest word, up to 6 letters.
            examples: Most examples shown.
            choice: Examples that a `pragmatic` speaker gives, or as many `random` ones.
            alpha: How strongly the speaker prefers the better example.
        """
        checked_count("synthesizer", self.name, "examples", examples)
        if not 1 <= atoms <= _MOST_ATOMS or not 1 <= longest <= _MOST_LETTERS or not alpha > 0:
            raise SetupError(
                f"synthesizer 'patterns': atoms {atoms}, longest {longest}, alpha {alpha}.",
                choices=(f"atoms 1 to {_MOST_ATOMS}", f"longest 1 to {_MOST_LETTERS}", "alpha above 0"),
            )
        if choice not in CHOICES:
            raise unknown_name("choice of synthesizer 'patterns'", choice, CHOICES)
        self.atoms, self.longest, self.examples, self.choice, self.alpha = atoms, longest, examples, choice, alpha

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems, each of another pattern."""
        table = pattern_table(self.atoms, self.longest)
        # All patterns are shuffled, so that a smaller budget gives a prefix.
        order = random.Random(digest128([self.name, seed])).sample(range(len(table.patterns)), len(table.patterns))
        for program in order[:budget]:
            yield self._problem(table, program, self._shown(table, program, seed))

    def _shown(self, table: PatternTable, program: int, seed: int) -> list[int]:
        # Also for `random`, which shows as many, so that the choices differ in the examples alone.
        chosen = informative_examples(table.consistent, program, self.examples, self.alpha)
        if self.choice == "pragmatic":
            return chosen
        true = np.flatnonzero(table.consistent[program]).tolist()
        return random.Random(digest128([self.name, seed, "examples", program])).sample(true, len(chosen))

    def _problem(self, table: PatternTable, program: int, shown: Sequence[int]) -> Problem:
        pattern, examples = table.patterns[program], [table.example(place) for place in shown]
        literal, pragmatic = (
            float(listener_of_examples(table.consistent, shown, pragmatic=pragmatic, alpha=self.alpha)[program])
            for pragmatic in (False, True)
        )
        lines = [f"accepts({word!r}) is {accepted}" for word, accepted in examples]
        tests = [
            f"assert accepts({word!r}) is {bool(row)}"
            for word, row in zip(table.words, table.accepts[program], strict=True)
        ]
        return Problem(
            "A word of the letters a and b is accepted if it matches a hidden pattern of at most"
            f" {self.atoms} parts: a, b or [ab], each once, or with *, + or ?.\n"
            + "\n".join(lines)
            + "\nWrite a Python function accepts(word) that is right on every word.",
            f"import re\n\ndef accepts(word):\n    return re.fullmatch({pattern!r}, word) is not None\n",
            kind="code",
            tests=("\n".join(tests),),
            source=self.name,
            licence="Apache-2.0",
            # `[ab]` stands first in the pattern, or its two letters would count as parts.
            level=len(re.findall(r"\[ab\]|[ab]", pattern)),
            skill=f"{self.choice} examples",
            template=pattern,
            meta={
                "entry_point": "accepts",
                "examples": [[word, accepted] for word, accepted in examples],
                "listener": {"literal": round(literal, 6), "pragmatic": round(pragmatic, 6)},
            },
        )
