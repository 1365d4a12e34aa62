"""Editors that turn a worked solution into a program: `efa`, which makes variants of the problem, and `tool`, a function.

Both read the calculations of the text. Numbers that the problem states become parameters, results become variables, other
numbers stay. `efa` writes an executable functional abstraction (Khan et al. 2025) with `sample`, `render`, `solve` and
`original`; the chance of the draw decides which of the numbers are free, so that several draws overgenerate. `tool` writes
a function with a name, a docstring and the call that solves the problem again (CRAFT, Yuan et al. 2024). Whether a program
is right, the verifiers `abstraction` and `tool` say.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from rollmill.pipelines.arithmetic import value_of
from rollmill.pipelines.edit.editing import CannotEdit, EditedText, Editor
from rollmill.pipelines.verify.calculation_steps import CalculationStep, steps_of

_NUMBER = re.compile(r"(?<![\w.,])\d+(?:\.\d+)?(?![\w]|[.,]\d)")
_OPERAND = re.compile(r"\d+(?:\.\d+)?|[-+*/()%]")
_WORD = re.compile(r"[A-Za-z]{4,}")
_COMMON = frozenset(
    {"does", "each", "from", "gets", "have", "into", "many", "more", "much", "that", "then", "they", "this", "what", "with"}
)


@dataclass(frozen=True, slots=True)
class Abstracted:
    """A solution as statements over named numbers. `numbers`: name to value of those of the text that are used."""

    numbers: Mapping[str, str]
    statements: Sequence[str]
    result: str


def abstracted(solution: str, problem: str) -> Abstracted:
    """The calculations of a solution with names for its numbers.

    CannotEdit if it has none, or one that is false or cannot be written as a program.
    """
    steps = steps_of(solution)
    if not steps or not all(step.true for step in steps):
        raise CannotEdit("the solution has no calculation, or a false one")
    stated = list(dict.fromkeys(_NUMBER.findall(problem)))
    names = {value: f"n{place}" for place, value in enumerate(stated, 1)}
    results: dict[str, str] = {}
    statements, used = [], set[str]()
    for place, step in enumerate(steps, 1):
        expression, _, result = step.text.partition("=")
        literals, parts = list[str](), list[str]()
        for piece in _OPERAND.findall(expression):
            if piece == "%":  # Python would read it as a remainder
                for written in (literals, parts):
                    written[-1:] = ["(", *written[-1:], "/", "100", ")"]
                continue
            used |= {piece} if piece in names and piece not in results else set()
            literals.append(piece)
            parts.append(results.get(piece) or names.get(piece) or piece)
        joined = " ".join(parts).replace(" / ", f" {_division(literals, step)} ")
        statements.append(f"s{place} = {joined}")
        results[result.strip()] = f"s{place}"
    if not used:
        raise CannotEdit("the solution uses no number of the problem")
    return Abstracted({names[value]: value for value in stated if value in used}, statements, f"s{len(steps)}")


def _division(literals: Sequence[str], step: CalculationStep) -> str:
    """The sign of division with which Python gets the step's value: `//` where it does, as it keeps whole numbers whole."""
    # In floats 0.3 // 0.1 is 2.
    signs = ("/",) if any("." in literal for literal in literals) else ("//", "/")
    for sign in signs:
        tokens = [sign if literal == "/" else literal for literal in literals]
        values = [Fraction(token) if token[0].isdigit() else token for token in tokens]
        if value_of(values, signed=True) == step.value:
            return sign
    raise CannotEdit(f"the calculation {step.text} cannot be written as a program")


def efa(text: str, rng: random.Random, *, known: str) -> EditedText:
    """The program of variants for the problem `known`, from a solution of it. `sample` changes a free number by up to half.

    `sample` draws again until every result is above zero, and every quotient whole if the original's are.
    """
    abstract = abstracted(text, known)
    # Of a number that stands twice the template could not tell which one the solution uses.
    whole = [name for name, value in abstract.numbers.items() if value.isdigit() and known.count(value) == 1]
    if not whole:
        raise CannotEdit("no number of the problem stands in it once")
    free = sorted(rng.sample(whole, rng.randint(1, len(whole))))
    given = ", ".join(f'"{name}": {value}' for name, value in abstract.numbers.items())
    # The program calls `format` on this text.
    template = known.replace("{", "{{").replace("}", "}}")
    for name in free:
        template = re.sub(rf"(?<![\w.,]){abstract.numbers[name]}(?![\w]|[.,]\d)", f"{{{name}}}", template, count=1)
    ends = {name: (low(abstract.numbers[name]), high(abstract.numbers[name])) for name in free}
    drawn = [f"        params[{name!r}] = rng.randint({least}, {most})" for name, (least, most) in ends.items()]
    lines = [
        "```python", "import random", "", f"original = {{{given}}}", "",
        "def sample(seed):", "    rng = random.Random(seed)", "    for _ in range(10000):",
        "        params = dict(original)",
        *drawn, "        if solve(params) is not None:", "            return params",
        '    raise ValueError("no instance")', "",
        "def render(params):", f"    return {template!r}.format(**params)", "",
        "def solve(params):", *(f"    {name} = params[{name!r}]" for name in abstract.numbers),
        *checked(abstract.statements), f"    return {abstract.result}", "```",
    ]  # fmt: skip
    return EditedText("\n".join(lines), f"{len(free)} of {len(abstract.numbers)} numbers free", (), {"free": free})


def tool(text: str, rng: random.Random, *, known: str) -> EditedText:
    """The function of a solution of the problem `known`, and the call that solves it again."""
    del rng
    abstract = abstracted(text, known)
    words = [word.lower() for word in _WORD.findall(known) if word.lower() not in _COMMON]
    name = "_".join(dict.fromkeys(words[-3:])) or "solve"
    # The docstring stands between triple quotes, so it has no quotes and backslashes.
    question = re.split(r"(?<=[.!?])\s+", known.strip())[-1].replace('"', "'").replace("\\", "")
    doc = _NUMBER.sub("N", question)
    lines = [
        "```python", f"def {name}({', '.join(abstract.numbers)}):", f'    """{doc}"""',
        *(f"    {statement}" for statement in abstract.statements), f"    return {abstract.result}", "",
        f"print({name}({', '.join(abstract.numbers.values())}))", "```",
    ]  # fmt: skip
    how = f"a function of {len(abstract.numbers)} numbers"
    return EditedText("\n".join(lines), how, (), {"function": name, "doc": doc})


def low(value: str) -> int:
    """Least value of a free number: half of the original, 1 at least."""
    return max(1, int(value) // 2)


def high(value: str) -> int:
    """Largest value of a free number: half as much again, 2 more at least."""
    return int(value) + max(2, int(value) // 2)


def checked(statements: Sequence[str]) -> list[str]:
    """The statements with what makes an instance like its original: quotients of `//` are whole, results positive."""
    lines = []
    for statement in statements:
        name, _, expression = statement.partition(" = ")
        if " // " in expression and len(expression.split()) == 3:
            left, _, right = expression.split()
            lines += [f"    if {right} == 0 or {left} % {right}:", "        return None"]
        lines.append(f"    {statement}")
        if " // " in expression and len(expression.split()) > 3:
            lines += [f"    if {name} != {expression.replace(' // ', ' / ')}:", "        return None"]
        lines += [f"    if {name} <= 0:", "        return None"]
    return lines


GENERALISED: Mapping[str, Editor] = {
    "efa": Editor("2", efa, ("known",), ("known",)),
    "tool": Editor("2", tool, ("known",), ("known",)),
}
