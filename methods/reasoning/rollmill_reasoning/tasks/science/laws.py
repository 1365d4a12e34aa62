"""Synthesizer `laws`: known laws of science, rewritten so that recalling the textbook does not help.

Shojaee et al. 2025 (LLM-SRBench, arXiv:2504.10415): `transformed` asks for a law solved for another of its quantities;
`extended` adds a term that no textbook has, and gives data that show it. `known` asks for the law as it is taught, so that
a table of known laws scores about 100 there and 0 on the others.
"""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from rollmill.methods import Problem, checked_count
from rollmill_reasoning.tasks.drawing import LICENCE, checked_some, distinct_problems
from rollmill_reasoning.tasks.science.law_table import LAWS, Law

FORMS = ("known", "transformed", "extended")
POINTS = 8  # rows of data
TERMS = ("{k}*{x}**2", "{k}*sin({x})", "{k}*sqrt({x})", "{k}*exp(-{x})", "{k}*{x}/({x} + 1)")
"""Terms that are added, of one of the law's quantities."""


class SolvedLaw(NamedTuple):
    """A quantity as an expression of others, both in the syntax of SymPy."""

    target: str
    expression: str


class Laws:
    """Problems of each form in turn; the reference is a LaTeX formula, for the verifier `math`."""

    name, version = "laws", "1"

    def __init__(self, *, forms: Sequence[str] = FORMS, points: int = POINTS) -> None:
        """Take the options of a recipe.

        Args:
            forms: Forms: `known`, `transformed`, `extended`.
            points: Rows of data in the prompt, 0 or more; an extended law has at least 8.
        """
        self.forms = checked_some(self.name, "forms", forms, FORMS)
        self.points = checked_count("synthesizer", self.name, "points", points, least=0)

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` distinct problems; there are 40 known laws."""
        return distinct_problems(self.name, self.forms, self._of, budget, seed)

    def _of(self, form: str, rng: random.Random) -> Problem | None:
        law = rng.choice(LAWS)
        if form == "transformed":
            others = transforms(law)
            if not others:
                return None
            formula = rng.choice(others)
        else:
            formula = SolvedLaw(law.target, law.expression)
            if form == "extended":
                formula = _extended(law, rng)
        # Only measurements show the added term.
        points = max(self.points, POINTS) if form == "extended" else self.points
        data = _data(formula, law, points, rng)
        if data is None:
            return None
        return Problem(
            _prompt(formula, law, data),
            _latex(formula.expression, tuple(law.symbols)),
            kind="math",
            source="laws",
            licence=LICENCE,
            level=1 + FORMS.index(form),
            skill=law.domain,
            template=f"law-{law.name}",
            meta={"law": law.name, "form": form, "target": formula.target, "expression": formula.expression},
        )


# SymPy may need half a second for a law, and every draw of it asks again.
@cache
def transforms(law: Law) -> tuple[SolvedLaw, ...]:
    """The law solved for each of its other quantities that has exactly one positive solution in closed form."""
    import sympy

    symbols = _symbols(law.symbols)
    equation = sympy.Eq(symbols[law.target], _parsed(law.expression, symbols))
    solved = []
    for name in law.symbols:
        if name == law.target:
            continue
        try:
            solutions = sympy.solve(equation, symbols[name])
        # SymPy knows no method for some equations.
        except NotImplementedError:
            continue
        # An implicit solution still holds the quantity that it is solved for.
        if len(solutions) == 1 and symbols[name] not in solutions[0].free_symbols:
            solved.append(SolvedLaw(name, str(sympy.simplify(solutions[0]))))
    return tuple(solved)


def _extended(law: Law, rng: random.Random) -> SolvedLaw:
    name = rng.choice([name for name in law.symbols if name != law.target])
    term = rng.choice(TERMS).format(k=rng.randint(2, 9), x=name)
    return SolvedLaw(law.target, f"{law.expression} + {term}")


def _symbols(names: Mapping[str, Any]) -> dict[str, Any]:
    import sympy

    # For positive quantities a square has one root: v = sqrt(2 E / m) and not its negative.
    return {name: sympy.Symbol(name, positive=True) for name in names}


def _parsed(expression: str, symbols: Mapping[str, Any]) -> Any:
    """An expression of the table, or one made of it; never a text of a model."""
    import sympy

    return sympy.sympify(expression, locals=dict(symbols))


@cache
def _latex(expression: str, names: tuple[str, ...]) -> str:
    import sympy

    return str(sympy.latex(_parsed(expression, _symbols(dict.fromkeys(names)))))


def _data(formula: SolvedLaw, law: Law, count: int, rng: random.Random) -> list[dict[str, float]] | None:
    """Rows of positive values that obey the law, to four digits; None where too few instances have a real value."""
    import sympy

    names = [name for name in law.symbols if name != formula.target]
    symbols = _symbols(law.symbols)
    # `math` raises outside of a function's domain, where numpy would warn and give NaN.
    function = sympy.lambdify([symbols[name] for name in names], _parsed(formula.expression, symbols), "math")
    rows: list[dict[str, float]] = []
    for _ in range(40 * count):
        if len(rows) == count:
            break
        # Rounded before the law is applied, so that the shown numbers obey it.
        given = {name: round(rng.uniform(0.5, 4.0), 2) for name in names}
        try:
            value = function(**given)
        except (ArithmeticError, ValueError):
            continue
        # Between these bounds `:g` writes no exponent; a root of a negative number would be complex.
        if isinstance(value, (int, float)) and math.isfinite(value) and 1e-4 < value < 1e6:
            rows.append({**given, formula.target: float(f"{value:.4g}")})
    return rows if len(rows) == count else None


def _prompt(formula: SolvedLaw, law: Law, data: Sequence[Mapping[str, float]]) -> str:
    names = [name for name in law.symbols if name != formula.target]
    lines = [f"{name}: {law.symbols[name]}" for name in [formula.target, *names]]
    table = [", ".join(f"{name} = {row[name]:g}" for name in [*names, formula.target]) for row in data]
    asked = f"Find {formula.target} as a formula of {', '.join(names)}. End with #### and the formula."
    return "\n".join(["Quantities:", *lines, *(["Measurements:", *table] if table else []), asked])
