"""The verifier `abstraction`: five recorded tests of a program that makes variants of a problem, each run in the sandbox.

An executable functional abstraction (EFA, Khan et al. 2025) of a problem is a Python program with `sample(seed)`, which
gives parameters, `render(params)`, which gives a text, `solve(params)`, which gives its answer, and `original`, the
parameters of the problem itself.

- is_extractable: the text holds such a program;
- is_executable: original and `samples` seeds give parameters, a text and an answer as plain data;
- has_dof: the instances differ in parameters, texts and answers (degrees of freedom);
- single_valued: another process gives the same instances, and one text has one answer;
- matches_original: the original's text is the problem's, and its answer the reference.

A program that is right at the original alone passes all five. So where the problem has a worked solution (`meta.solution`),
its calculations are the second solver: `agrees_elsewhere` computes each instance's answer from the numbers of its text.
Each operand of the solution is an earlier result or a number of the text; it is replaced by the new result or the
instance's number at that place. Where an operand could be either, or two equal numbers of the text became different ones,
nothing is said.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from rollmill.ground.ids import canonical_json
from rollmill.ground.records import SURROGATE, Completion, Problem
from rollmill.pipelines.arithmetic import value_of
from rollmill.pipelines.option_checks import checked_count
from rollmill.pipelines.sandbox import Call, Calls, Mode, ProgramReport
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.calculation_steps import steps_of, tokens_of
from rollmill.pipelines.verify.code.program import Task, program_of
from rollmill.pipelines.verify.code.sandbox_verifier import SandboxVerifier
from rollmill.pipelines.verify.code.syntax import parses
from rollmill.pipelines.verify.finding import Finding, prompt_text, rule_table, visible_text

_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})++(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|(?<!\w)\.\d+")
_DIGITS, _BITS = 300, 10_000
"""Digits of a number of the texts, and bits of a result: nobody means more, and Python writes no more than 4,300 digits."""


def answer_elsewhere(prompt: str, solution: str, variant: str) -> Fraction | None:
    """The variant's answer by the solution's steps; None if they cannot be carried over."""
    numbers = new_numbers(prompt, variant)
    steps = steps_of(solution)
    # A false step is misread or wrong, and tells nothing about other numbers.
    if numbers is None or not steps or not all(step.true for step in steps):
        return None
    before: list[Fraction] = []
    after: list[Fraction] = []
    for step in steps:
        tokens = tokens_of(step.text.partition("=")[0])
        value = None if tokens is None else _carried(tokens, numbers, before, after)
        if value is None or max(value.numerator.bit_length(), value.denominator.bit_length()) > _BITS:
            return None
        # One entry of each list for a step, so a result is replaced by the new one of the same step.
        before.append(step.value)
        after.append(value)
    return after[-1]


def new_numbers(prompt: str, variant: str) -> dict[Fraction, Fraction] | None:
    """The variant's number for each number of the text; None if the texts differ in more than numbers."""
    # Line breaks and spaces may differ; words may not.
    if _NUMBER.split(" ".join(prompt.split())) != _NUMBER.split(" ".join(variant.split())):
        return None
    numbers: dict[Fraction, Fraction] = {}
    for old, new in zip(_NUMBER.findall(prompt), _NUMBER.findall(variant), strict=True):
        if max(len(old), len(new)) > _DIGITS:
            return None
        number, other = Fraction(old.replace(",", "")), Fraction(new.replace(",", ""))
        if numbers.setdefault(number, other) != other:
            return None
    return numbers


def _carried(
    tokens: Sequence[str | Fraction],
    numbers: Mapping[Fraction, Fraction],
    before: Sequence[Fraction],
    after: Sequence[Fraction],
) -> Fraction | None:
    """Value of an expression with its numbers replaced."""
    values: list[str | Fraction] = []
    for token in tokens:
        if isinstance(token, str):
            values.append(token)
            continue
        results = {after[at] for at, result in enumerate(before) if result == token}
        options = results | ({numbers[token]} if token in numbers else set())
        if len(options) > 1:
            return None
        # A number of neither kind belongs to the method, such as the 60 minutes of an hour.
        values.append(options.pop() if options else token)
    return value_of(values, signed=True)


CHECKS = (
    ("is_extractable", "1", "the text holds no program with sample, render, solve and original"),
    ("is_executable", "2", "the program fails, or gives no text or answer"),
    ("has_dof", "1", "instances do not differ"),
    ("single_valued", "1", "another process gets other instances"),
    ("matches_original", "1", "the original is another problem, or has another answer"),
    ("agrees_elsewhere", "2", "the worked solution gives an instance another answer"),
)
PARTS = ("sample", "render", "solve", "original")
# One call gives all three, so that text and answer belong to the same parameters.
_HARNESS = """

def rollmill_instance(seed):
    params = original if seed is None else sample(seed)
    return [params, render(params), solve(params)]
"""
_DETAIL = 200
_LONGEST = 20_000  # characters of an instance


@dataclass(frozen=True, slots=True)
class Variant:
    """Parameters of an abstraction, the text and the answer that they give."""

    params: Mapping[str, Any]
    text: str
    answer: str


def calls_of(source: str, seeds: Sequence[int | None]) -> Calls:
    """The calls that give the instances of these seeds; None is the original."""
    return Calls(source + _HARNESS, tuple(Call("rollmill_instance", (seed,)) for seed in seeds))


def variants_of(report: ProgramReport) -> list[Variant] | str:
    """The instances that a program gave, or the reason why it gave none."""
    if report.cause is not None and not report.results:
        return f"{report.cause}: {report.detail}"[:_DETAIL]
    variants = []
    for result in report.results:
        if result.status != "returned":
            return f"{result.cause}: {result.detail}"[:_DETAIL]
        match result.value:
            case [dict() as params, str() as text, int() | float() | str() as answer] if text.strip():
                variant = _usable(params, text, answer)
                if variant is None:
                    return "an instance is too long, or no JSON"
                variants.append(variant)
            case _:
                return "an instance is not parameters, a text and an answer"
    return variants


def _usable(params: Mapping[str, Any], text: str, answer: int | float | str) -> Variant | None:
    """The instance if a problem can hold it: short, its parameters JSON values, no half character in it."""
    try:
        whole = canonical_json([params, text, answer])
        return None if len(whole) > _LONGEST or SURROGATE.search(whole) else Variant(params, text, str(answer))
    except (TypeError, ValueError):  # a set, NaN, keys of two types, a number of too many digits
        return None


def source_of(text: str) -> str | None:
    """The program of a text, if it defines everything that an abstraction has."""
    program = program_of(text, Task("solve"))
    tree = None if program is None else parses(program.text)
    if program is None or tree is None:
        return None
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    # `original` is data, so assigned names count beside functions.
    names |= {n.id for node in tree.body if isinstance(node, ast.Assign) for n in node.targets if isinstance(n, ast.Name)}
    return program.text if names >= set(PARTS) else None


class AbstractionVerifier(SandboxVerifier):
    """`value`: share of the tests that passed; the rule is the first that did not. Usable from any thread."""

    name = "abstraction"
    rules, words = rule_table(*CHECKS, ("passed", "1", "all tests passed"), ("sandbox", "1", "the sandbox failed"))

    def __init__(
        self, sandbox: Mode = "strict", *, samples: int = 8, cpu_seconds: float = 2.0, memory_mib: int = 256,
        workers: int | None = None,
    ) -> None:  # fmt: skip
        """Take the options of a recipe.

        Args:
            samples: Instances that are tested, beside the original.
        """
        super().__init__(sandbox, cpu_seconds=cpu_seconds, memory_mib=memory_mib, workers=workers)
        self.samples = checked_count("verifier", self.name, "samples", samples)
        self.version += f"+samples-{samples}"

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        source = source_of(visible_text(completion))
        if source is None:
            return Finding("unparsed", "is_extractable", "no program with sample, render, solve and original")
        calls = calls_of(source, [None, *range(self.samples)])
        variants = variants_of(self.sandbox().run(calls))
        if isinstance(variants, str):
            return self._finding(source, {"is_extractable": None, "is_executable": variants})
        # In another process a program that goes by the time or by a random state gives other instances.
        again = variants_of(self.sandbox().run(calls))
        failures: dict[str, str | None] = {
            "is_extractable": None,
            "is_executable": None,
            "has_dof": _freedom(variants[1:]),  # the original does not come from `sample`
            "single_valued": _single(variants, again),
            "matches_original": _matches(problem, variants[0]),
        }
        solution = problem.meta.get("solution")
        if isinstance(solution, str):
            failures["agrees_elsewhere"] = _agrees(problem, solution, variants[1:])
        return self._finding(source, failures)

    def _finding(self, source: str, failures: Mapping[str, str | None]) -> Finding:
        """The finding of the tests in their order, None for a passed one."""
        failed = [name for name, detail in failures.items() if detail is not None]
        # A program that does not run has two results, and its value is a share of all five tests.
        whole = max(len(failures), len(CHECKS) - 1)
        value = sum(detail is None for detail in failures.values()) / whole
        evidence = {name: "passed" if detail is None else detail for name, detail in failures.items()}
        if failed:
            return Finding("incorrect", failed[0], failures[failed[0]], value, source, evidence=evidence)
        return Finding("correct", "passed", None, 1.0, source, evidence=evidence)


def _freedom(variants: Sequence[Variant]) -> str | None:
    for what, values in (
        ("parameters", {canonical_json(variant.params) for variant in variants}),
        ("texts", {variant.text for variant in variants}),
        ("answers", {variant.answer for variant in variants}),
    ):
        if len(values) < 2:
            return f"all instances have the same {what}"
    return None


def _single(variants: Sequence[Variant], again: Sequence[Variant] | str) -> str | None:
    if isinstance(again, str) or list(again) != list(variants):
        return "another process gets other instances from the same seeds"
    answers: dict[str, str] = {}
    for variant in variants:
        if answers.setdefault(variant.text, variant.answer) != variant.answer:
            return "one text has two answers"
    return None


def _matches(problem: Problem, original: Variant) -> str | None:
    # Line breaks and spaces may differ.
    if original.text.split() != prompt_text(problem.prompt).split():
        return "the original's text is not the problem"
    if read(original.answer).form != read(problem.reference).form:
        return f"the original's answer is {original.answer[:40]}, not the reference"
    return None


def _agrees(problem: Problem, solution: str, variants: Sequence[Variant]) -> str | None:
    """None if no instance is contradicted; instances to which the worked solution cannot be applied are passed over."""
    for variant in variants:
        answer = answer_elsewhere(prompt_text(problem.prompt), solution, variant.text)
        if answer is not None and read(str(answer)).form != read(variant.answer).form:
            return f"the worked solution gives {answer} where the program says {variant.answer[:40]}"
    return None
