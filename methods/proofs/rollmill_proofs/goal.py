"""The goal of a proof problem, as its only test says it in JSON:

    {"statement": "forall n : nat, n + 0 = n", "imports": "Require Import Lia.", "context": "", "allow": []}

With `"either": true` a proof of the negation is an answer too, if it begins with the word `Disproof.` in place of `Proof.`

`imports` are sentences that both the specification and the proof begin with. `context` holds definitions that the statement
uses; it is compiled once, and the proof imports it. `allow` lists axioms that the proof may rest on, by their full names
such as `Coq.Logic.FunctionalExtensionality.functional_extensionality_dep`.
"""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from rollmill.methods import Problem, canonical_json

_KEYS = frozenset(("statement", "imports", "context", "allow", "either"))
DISPROOF = "Disproof."
"""The first word of a proof of the negation."""
_STRING = re.compile(r'"[^"]*"')
_SENTENCE_END = re.compile(r"\.(?:\s|\Z)")
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_][\w']*)+")


class BadGoalError(ValueError):
    """Tests that state no goal; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A statement with the imports and the definitions that it needs, and the axioms that its proof may use.

    `either`: a proof of its negation answers the problem too.
    """

    statement: str
    imports: str = ""
    context: str = ""
    allow: tuple[str, ...] = ()
    either: bool = False

    def test(self) -> str:
        """The goal as the test of a problem."""
        texts = {"statement": self.statement, "imports": self.imports, "context": self.context}
        given = {**texts, "allow": list(self.allow), "either": self.either}
        return canonical_json({name: value for name, value in given.items() if value})


def goal_of(problem: Problem) -> Goal:
    """The goal of a problem; BadGoalError if its tests state none."""
    if len(problem.tests) != 1:
        raise BadGoalError(f"{len(problem.tests)} tests; one is needed, a JSON object with `statement`")
    try:
        read = json.loads(problem.tests[0])
    except (ValueError, RecursionError) as error:
        raise BadGoalError(f"no JSON: {error}") from None
    if not isinstance(read, dict) or not set(read) <= _KEYS:
        raise BadGoalError(f"no JSON object of {', '.join(sorted(_KEYS))}")
    statement, imports, context = (_text(read, key) for key in ("statement", "imports", "context"))
    if not statement.strip():
        raise BadGoalError("no statement")
    if _SENTENCE_END.search(_STRING.sub("", statement)):
        raise BadGoalError("a statement is one term, and this one holds the end of a sentence")
    if not isinstance(either := read.get("either", False), bool):
        raise BadGoalError("either is not true or false")
    return Goal(statement, imports, context, axioms_of(read.get("allow", [])), either)


def negation(goal: Goal) -> Goal:
    """The goal that says that a statement is false."""
    return replace(goal, statement=f"~ ({goal.statement})", either=False)


def axioms_of(value: Any) -> tuple[str, ...]:
    """Full names of axioms, sorted; BadGoalError for anything else."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in value):
        raise BadGoalError("allow is no list of full names such as Coq.Logic.Classical_Prop.classic")
    return tuple(sorted(set(value)))


def _text(read: dict[str, Any], key: str) -> str:
    text = read.get(key, "")
    if not isinstance(text, str):
        raise BadGoalError(f"{key} is no text")
    return text
