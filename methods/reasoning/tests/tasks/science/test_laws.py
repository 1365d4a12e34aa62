"""Laws: a table of what textbooks say solves the known form and no other, and formulas are compared by meaning."""

from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.verify import VERIFIERS
from rollmill.roles.registries import registry
from rollmill_reasoning.tasks.science.law_table import LAWS
from rollmill_reasoning.tasks.science.laws import TERMS, transforms
from tests.pipelines.select.rollouts import rollout


def share_right(problems: list[Problem], answers: list[str]) -> float:
    verifier = VERIFIERS["math"]()
    given = [replace(rollout(0, "correct", f"Known.\n#### ${answer}$").completion) for answer in answers]
    return sum(
        verifier.verify(problem, one).outcome == "correct" for problem, one in zip(problems, given, strict=True)
    ) / len(problems)


@pytest.mark.integration
def test_a_table_of_known_laws_scores_all_before_and_nothing_after() -> None:
    """The check on 100 transformed formulas, and as many extended ones."""
    import sympy

    letters = {law.name: {name: sympy.Symbol(name, positive=True) for name in law.symbols} for law in LAWS}
    textbook = {law.name: sympy.latex(sympy.sympify(law.expression, locals=letters[law.name])) for law in LAWS}
    shares = {}
    for form in ("known", "transformed", "extended"):
        made = registry("synthesizer")["laws"](forms=[form], points=0)
        problems = list(made.synthesize(100 if form != "known" else 40, 3))
        shares[form] = share_right(problems, [textbook[problem.meta["law"]] for problem in problems])
        assert share_right(problems, [problem.reference for problem in problems]) == 1.0
    assert shares == {"known": 1.0, "transformed": 0.0, "extended": 0.0}


@pytest.mark.integration
def test_planted_pairs_of_formulas_are_told_apart() -> None:
    """Each transformed law spelt another way is right; with a changed factor, sign or exponent it is wrong."""
    import sympy

    problems = list(registry("synthesizer")["laws"](forms=["transformed"], points=0).synthesize(60, 5))
    spelt, planted = [], []
    for at, problem in enumerate(problems):
        symbols = {name: sympy.Symbol(name, positive=True) for name in _names(problem)}
        formula = sympy.sympify(problem.meta["expression"], locals=symbols)
        changes = [2 * formula, formula + 1, 1 / formula, formula**2]
        spelt.append(sympy.latex([sympy.expand, sympy.factor, sympy.together, sympy.expand_log][at % 4](formula)))
        planted.append(sympy.latex(changes[at % 4]))
    assert share_right(problems, spelt) >= 0.98
    assert share_right(problems, planted) == 0.0


@pytest.mark.integration
def test_every_transform_solves_its_law_and_there_are_more_than_a_hundred() -> None:
    import sympy

    made = 0
    for law in LAWS:
        symbols = {name: sympy.Symbol(name, positive=True) for name in law.symbols}
        known = sympy.sympify(law.expression, locals=symbols)
        for target, expression in transforms(law):
            made += 1
            assert target != law.target
            solved = sympy.sympify(expression, locals=symbols)
            point = {symbol: sympy.Rational(3 + at, 2) for at, symbol in enumerate(symbols.values())}
            point[symbols[law.target]] = known.subs(point)
            assert sympy.N(solved.subs(point)) == pytest.approx(float(point[symbols[target]])), (law.name, target)
    assert made > 100


@pytest.mark.integration
def test_the_measurements_obey_the_law_and_only_an_extended_one_needs_them() -> None:
    import sympy

    for problem in registry("synthesizer")["laws"](points=0).synthesize(30, 2):
        rows = [line for line in str(problem.prompt).splitlines() if " = " in line]
        assert len(rows) == (8 if problem.meta["form"] == "extended" else 0)
        symbols = {name: sympy.Symbol(name, positive=True) for name in _names(problem)}
        formula = sympy.sympify(problem.meta["expression"], locals=symbols)
        for row in rows:
            given = {name: float(value) for name, value in (part.split(" = ") for part in row.split(", "))}
            value = given.pop(problem.meta["target"])
            point = {symbols[name]: number for name, number in given.items()}
            assert float(formula.subs(point)) == pytest.approx(value, rel=1e-3)
        if problem.meta["form"] == "extended":
            law = next(law for law in LAWS if law.name == problem.meta["law"])
            assert problem.meta["expression"].startswith(f"{law.expression} + ")


def test_laws_have_letters_that_formulas_may_hold() -> None:
    assert len(LAWS) == len({law.name for law in LAWS}) == 40
    for law in LAWS:
        letters = [name.lower() for name in law.symbols]
        assert len(set(letters)) == len(letters), law.name
        assert not {"e", "i", "d"} & set(letters), law.name
        assert law.target in law.symbols
    assert len(TERMS) == len(set(TERMS))
    with pytest.raises(SetupError, match="forms is 'unknown'"):
        registry("synthesizer")["laws"](forms=["unknown"])
    with pytest.raises(SetupError, match="'points' is -1"):
        registry("synthesizer")["laws"](points=-1)


def _names(problem: Problem) -> list[str]:
    return list(next(law for law in LAWS if law.name == problem.meta["law"]).symbols)
