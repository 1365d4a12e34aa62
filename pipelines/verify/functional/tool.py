"""The verifier `tool`: does a function that was made of a solution solve the problem again, and other ones too?

The gate of CRAFT (Yuan et al. 2024) after abstraction. The text holds a program with one function and a last line that
prints its call. `solves`: the program prints the reference. `general`: the answer changes with an argument of the call that
is a number of the problem. A function that returns the answer whatever it is given, or that is given the answer, solves
its problem and is no tool: it fails `general`.
"""

import ast
import re
from dataclasses import dataclass

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.sandbox import Call, Calls, Script
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.code.program import Task, program_of
from rollmill.pipelines.verify.code.sandbox_verifier import SandboxVerifier
from rollmill.pipelines.verify.code.syntax import parses
from rollmill.pipelines.verify.finding import Finding, prompt_text, rule_table, visible_text

_STATED = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,15})?")


@dataclass(frozen=True, slots=True)
class SolvingTool:
    """A function with its docstring, and the arguments of the call that solves the problem it was made of."""

    source: str
    name: str
    doc: str
    arguments: tuple[int | float, ...]


def tool_of(text: str) -> SolvingTool | None:
    """The tool of a text; None if it has not one function and one printed call of it with numbers."""
    program = program_of(text, Task())
    tree = parses(program.text if program is not None else "")
    if tree is None:
        return None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    match tree.body[-1:]:
        case [ast.Expr(ast.Call(ast.Name("print"), [ast.Call(ast.Name(called), values, [])], []))] if len(functions) == 1:
            numbers = [value.value for value in values if isinstance(value, ast.Constant)]
            if called != functions[0].name or len(numbers) < len(values) or program is None:
                return None
            # Not isinstance, which takes True for an int.
            if not all(type(number) in (int, float) for number in numbers):
                return None
            return SolvingTool(program.text, called, ast.get_docstring(functions[0]) or "", tuple(numbers))  # type: ignore[arg-type]
    return None


def numbers_of(text: str) -> frozenset[float]:
    """The numbers that a problem states in digits."""
    return frozenset(float(number.replace(",", "")) for number in _STATED.findall(text))


class ToolVerifier(SandboxVerifier):
    """`value`: share of the two gates that hold. Usable from any thread."""

    name = "tool"
    rules, words = rule_table(
        ("tool", "1", "the text holds no function with a printed call"),
        ("solves", "1", "the printed answer compared"),
        ("general", "2", "called with other numbers"),
        ("sandbox", "1", "the sandbox failed"),
    )

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        if not problem.reference.strip():
            return Finding("undecided", "solves", "the problem has no reference")
        tool = tool_of(visible_text(completion))
        if tool is None:
            return Finding("unparsed", "tool", "no function with a printed call")
        report = self.sandbox().run(Script(tool.source))
        if report.cause is not None:
            return Finding("incorrect", "solves", f"{report.cause}: {report.detail}"[:200], 0.0, tool.source)
        got, wanted = read(report.stdout.strip()).form, read(problem.reference).form
        if got != wanted:
            return Finding("incorrect", "solves", None, 0.0, tool.source, got, wanted)
        if not self._general(tool, numbers_of(prompt_text(problem.prompt))):
            return Finding("incorrect", "general", "no number of the problem decides", 0.5, tool.source, got, wanted)
        return Finding("correct", "general", None, 1.0, tool.source, got, wanted)

    def _general(self, tool: SolvingTool, stated: frozenset[float]) -> bool:
        """True if another number in the place of a stated one gives another answer, and the same numbers the same one.

        A call that fails gives none.
        """
        # 2v + 1 differs from v for every number that a text states, as those are 0 or more.
        changed = [
            (*tool.arguments[:at], value * 2 + 1, *tool.arguments[at + 1 :])
            for at, value in enumerate(tool.arguments)
            if value in stated
        ]
        if not changed:
            return False
        # The first call twice: a function that draws would otherwise seem to depend on its arguments.
        calls = tuple(Call(tool.name, call) for call in (tool.arguments, tool.arguments, *changed))
        results = self.sandbox().run(Calls(tool.source, calls)).results
        same, others = results[:2], [result for result in results[2:] if result.status == "returned"]
        if [result.status for result in same] != ["returned", "returned"] or same[0].value != same[1].value:
            return False
        return any(other.value != same[0].value for other in others)
