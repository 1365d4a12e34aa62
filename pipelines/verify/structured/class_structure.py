"""The verifier `classes`: does a program define the classes that its problem asks for, whatever they compute? Runs nothing.

The problem's `meta.classes` has, by class, any of `bases`, `methods` and `attributes`, lists of names: bases that it
derives from, methods that it defines itself, and attributes that it sets on itself or in its body. Beside verifier `code`
it tells pass@o from pass@k (OOP: Wang et al. 2024, arXiv:2401.06628): both verdicts of a completion are stored, and an
acceptance policy over both counts a completion that passes the tests and has the structure.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.code.code_verifier import code_text
from rollmill.pipelines.verify.code.program import EXTRACTION, program_of, task_of
from rollmill.pipelines.verify.code.suite import BadTestsError, suite_of
from rollmill.pipelines.verify.code.syntax import methods_of, parses, written
from rollmill.pipelines.verify.finding import Finding, OneByOne, prompt_text, rule_table, version_of

KEY = "classes"
PARTS = ("bases", "methods", "attributes")
Structure = Mapping[str, Mapping[str, list[str]]]


class ClassVerifier(OneByOne):
    """Starts no process; usable from any thread. `value` is the share of the asked parts that are there."""

    name = "classes"
    rules, words = rule_table(("structure", "2", "the problem says no usable structure"), *EXTRACTION)
    version = version_of(rules)

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        structure = _structure(problem.meta.get(KEY))
        if structure is None:
            return Finding("undecided", "structure", f"the problem's meta.{KEY} is no mapping of classes to {PARTS}")
        try:
            task = task_of(prompt_text(problem.prompt), suite_of(problem).entry_point)
        except BadTestsError:
            # Unreadable tests leave the structure as it is; only the name of the function is unknown.
            task = task_of(prompt_text(problem.prompt), None)
        program = program_of(code_text(completion), task)
        if program is None:
            return Finding("unparsed", "no-program", "no program in the text")
        tree = parses(program.text)
        missing = ["the program is not Python"] if tree is None else list(_missing(tree, structure))
        asked = sum(1 + sum(map(len, parts.values())) for parts in structure.values())
        return Finding(
            "incorrect" if missing else "correct",
            program.rule,
            "; ".join(missing) or None,
            value=0.0 if tree is None else 1.0 - len(missing) / asked,  # not Python: every part is missing
            extracted=program.text,
            evidence={"missing": missing},
        )


def _structure(value: Any) -> Structure | None:
    """The classes that a problem asks for; None if it asks for none in this form."""
    if not isinstance(value, Mapping) or not value:
        return None
    for parts in value.values():
        if not isinstance(parts, Mapping) or not set(parts) <= set(PARTS):
            return None
        if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in parts.values()):
            return None
    return value


def _missing(tree: ast.Module, structure: Structure) -> Iterator[str]:
    """Each asked part that the program lacks; of a missing class, all its parts."""
    # Of two classes of one name the later one counts, as in Python.
    defined = {statement.name: statement for statement in tree.body if isinstance(statement, ast.ClassDef)}
    for name, parts in structure.items():
        here = defined.get(name)
        if here is None:
            yield f"no class {name}"
            there: dict[str, set[str]] = {part: set() for part in PARTS}
        else:
            there = {
                "bases": {(written(base) or "").rpartition(".")[2] for base in here.bases},  # abc.ABC is ABC
                "methods": methods_of(tree, name),
                "attributes": set(_attributes(here)),
            }
        for part, names in parts.items():
            yield from (f"{name} has no {part.removesuffix('s')} {wanted}" for wanted in names if wanted not in there[part])


def _attributes(defined: ast.ClassDef) -> Iterator[str]:
    """Names that a class binds in its body or sets on the first parameter of a method."""
    for statement in defined.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for node in (node for target in targets for node in ast.walk(target)):  # of `a, b = 1, 2` both names
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and statement.args.args:
            # Usually `self`, but the name is the author's choice.
            own = statement.args.args[0].arg
            for node in ast.walk(statement):
                stored = isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
                if stored and isinstance(node.value, ast.Name) and node.value.id == own:  # type: ignore[attr-defined]
                    yield node.attr  # type: ignore[attr-defined]
