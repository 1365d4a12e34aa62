"""Synthesizer `functions`: hidden functions of whole numbers, of which some examples are given.

Too few examples leave several functions, so a solver needs more: editor `failing_example`
supplies them one by one (Fu et al. 2024, arXiv:2411.06774). The reference is a formula, for the verifier `math`.
"""

import random
from collections.abc import Iterator, Sequence

from rollmill.methods import Problem, SetupError
from rollmill_reasoning.tasks.drawing import LICENCE, checked_some, checked_split, distinct_problems, on_split

KINDS = ("linear", "quadratic", "product")
MOST = 9  # of a coefficient


class Functions:
    """Functions of each kind in turn; `meta.examples` has the told ones."""

    name, version = "functions", "1"

    def __init__(self, *, kinds: Sequence[str] = KINDS, shown: int = 1, split: str = "train") -> None:
        """Take the options of a recipe.

        Args:
            kinds: Kinds of functions: `linear`, `quadratic`, `product` (of two linear ones).
            shown: Examples that are told, 1 to 8.
            split: Split of the problems: `train` or `heldout`, which share no function.
        """
        self.kinds = checked_some(self.name, "kinds", kinds, KINDS)
        if not 1 <= shown <= 8:
            raise SetupError(f"synthesizer 'functions': shown is {shown}, and must be from 1 to 8.")
        self.shown, self.split = shown, checked_split(self.name, split)

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` distinct problems; a kind that has no more leaves the turn."""
        return distinct_problems(self.name, self.kinds, self._of, budget, seed)

    def _of(self, kind: str, rng: random.Random) -> Problem | None:
        coefficients, formula = _function(kind, rng)
        if not on_split(self.split, list(coefficients)):  # a product is a quadratic function too
            return None
        examples = [(x, _value(coefficients, x)) for x in sorted(rng.sample(range(-6, 7), self.shown))]
        told = ", ".join(f"f({x}) = {y}" for x, y in examples)
        return Problem(
            f"A function f takes a whole number x and gives a whole number. {told}. Which function is f? "
            "End with #### and a formula of x.",
            formula,
            source="functions",
            licence=LICENCE,
            split=self.split,
            level=len(coefficients) - 1,
            skill=kind,
            template=f"function-{kind}",
            meta={"examples": [list(pair) for pair in examples], "coefficients": list(coefficients)},
        )


def _function(kind: str, rng: random.Random) -> tuple[tuple[int, ...], str]:
    """Coefficients from the constant up, and the formula in the form of its kind."""
    a, b = rng.randint(1, MOST), rng.randint(-MOST, MOST)
    if kind == "linear":
        return (b, a), _spelt(f"{a}*x + {b}")
    c = rng.randint(-MOST, MOST)
    if kind == "quadratic":
        return (c, b, a), _spelt(f"{a}*x^2 + {b}*x + {c}")
    return (b * c, a * c + b, a), _spelt(f"({a}*x + {b})*(x + {c})")


def _spelt(formula: str) -> str:
    return formula.replace("+ -", "- ")


def _value(coefficients: Sequence[int], x: int) -> int:
    return sum(number * x**power for power, number in enumerate(coefficients))
