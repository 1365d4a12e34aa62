"""The states of a solution, and how far one solution goes along another, for the verifier `state_prefix`.

A state is the values computed so far, in no order and without names. `exact`: a state matches a known one when both hold
the same values (the paper's key). `covers`: when it holds all values of the known one and perhaps more, for solutions that
take smaller steps. Both ignore names, so equal values of another meaning match.

The states of a straight-line program are the values of its variables after each statement, traced in the sandbox: the
statements of the top level; where the program is one function without arguments, those of its body, and what it returns is
its `answer`. Loops and conditions count as one statement each. Only plain values of names without a leading underscore are
part of a state.
"""

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, get_args

from pipelines.sandbox import Call, Calls
from pipelines.verify.code.execution import Runner
from pipelines.verify.code.expected_values import shown
from pipelines.verify.code.syntax import parses
from pipelines.verify.counterexample.proposed_input import is_plain

Matching = Literal["exact", "covers"]
MATCHINGS: tuple[Matching, ...] = get_args(Matching)
State = tuple[str, ...]
"""The values so far, each as its canonical text, sorted."""


@dataclass(frozen=True, slots=True)
class Path:
    """The states of a solution after each step, and its final value; `ended`: why it ended early."""

    states: tuple[State, ...]
    final: str | None
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The furthest step of a solution whose state a known solution has too, after how many of that one's steps (from 1)."""

    step: int
    known_step: int
    known_steps: int

    @property
    def share(self) -> float:
        """How much of the known solution was reached."""
        return self.known_step / self.known_steps if self.known_steps else 0.0


def furthest(path: Path, known: Path, matching: Matching) -> Match:
    """The longest prefix of a path that leads to a state of the known one."""
    best = Match(0, 0, len(known.states))
    table = {state: index for index, state in enumerate(known.states, start=1)}
    for step, state in enumerate(path.states, start=1):
        index = table.get(state, 0) if matching == "exact" else _covered(state, known.states)
        if index:
            best = Match(step, max(index, best.known_step), len(known.states))
    return best


def states_of(values: Sequence[str]) -> tuple[State, ...]:
    """The states of a solution that computes these values one after another."""
    return tuple(tuple(sorted(values[:count])) for count in range(1, len(values) + 1))


def _covered(state: State, known: Sequence[State]) -> int:
    """The last known state whose values are all among these."""
    held = Counter(state)
    return max((index for index, values in enumerate(known, start=1) if not Counter(values) - held), default=0)


MOST = 100
ANSWERS = ("answer", "ans", "result")
_STATES = "__traced_states__"
_PROLOGUE = f"""
{_STATES} = []
def __traced_now__(module, kept=(int, float, complex, str, bytes, bool, type(None), list, tuple, dict, set, frozenset)):
    import copy
    now = {{}}
    for name, value in list(module.items()):
        if name[:1] != '_' and type(value) in kept:
            try: now[name] = copy.deepcopy(value)
            except Exception: pass
    return now
def __traced_get__():
    return {_STATES}
__traced_error__ = None
def __traced_why__():
    return __traced_error__
"""


def statements_of(text: str) -> list[ast.stmt] | None:
    """The statements to trace, or None where the text is no program that assigns anything."""
    tree = parses(text)
    if tree is None:
        return None
    functions = [part for part in tree.body if isinstance(part, ast.FunctionDef)]
    imports = [part for part in tree.body if isinstance(part, ast.Import | ast.ImportFrom)]
    rest = [part for part in tree.body if part not in functions and part not in imports and not _is_remark(part)]
    if len(functions) == 1 and not ast.unparse(functions[0].args) and all(isinstance(part, ast.Expr) for part in rest):
        body = [_as_answer(part) for part in functions[0].body if not _is_remark(part)]
        return [*imports, *body] if body else None
    body = [part for part in tree.body if not _is_remark(part)]
    return body if any(isinstance(part, ast.Assign | ast.AugAssign | ast.AnnAssign) for part in body) else None


def trace(runner: Runner, statements: list[ast.stmt]) -> Path:
    """The path of a program. A statement that raises ends it there; a limit, or an exit, leaves no states at all."""
    lines = [_PROLOGUE, "try:"]
    for statement in statements[:MOST]:
        lines += ["    " + line for line in ast.unparse(statement).split("\n")]
        lines.append(f"    {_STATES}.append(__traced_now__(globals()))")
    lines.append("except Exception as __e__:\n    __traced_error__ = type(__e__).__name__ + ': ' + str(__e__)[:200]")
    report = runner.run(Calls("\n".join(lines), (Call("__traced_get__"), Call("__traced_why__"))))
    if report.results[0].status != "returned" or not isinstance(report.results[0].value, list):
        return Path((), None, f"{report.results[0].cause}: {report.results[0].detail}")
    recorded = report.results[0].value[: len(statements)]  # say what it may: not more states than statements
    states = [state for state in recorded if type(state) is dict]
    why = report.results[1].value if len(report.results) > 1 else None
    ended = why if isinstance(why, str) else None
    keys = tuple(tuple(sorted(canonical(value) for value in state.values() if is_plain(value))) for state in states)
    final = None if ended or not states else _final(states[-1], statements)
    return Path(_changes(keys), final, ended)


def canonical(value: Any) -> str:
    """One text per value: numbers by their exact value, True apart from 1, everything else as printed."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{type(value).__name__} {shown(value, 500)}"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"float {value}"
    return str(Fraction(value)) if abs(value) < 10**300 else f"huge {value:.17g}" if isinstance(value, float) else "huge"


def _changes(states: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Statements that change no value (imports, a second pass) are no steps."""
    steps: list[tuple[str, ...]] = []
    for state in states:
        if state and (not steps or steps[-1] != state):
            steps.append(state)
    return tuple(steps)


def _final(state: dict[str, Any], statements: list[ast.stmt]) -> str | None:
    """The value of `answer` (or `ans`, `result`), else of the name that was assigned last."""
    for name in ANSWERS:
        if name in state:
            return canonical(state[name])
    for statement in reversed(statements):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if names:
            return canonical(state[names[-1]]) if names[-1] in state else None
    return None


def _as_answer(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.Return) and statement.value is not None:
        return ast.Assign([ast.Name("answer", ast.Store())], statement.value, lineno=0)
    return statement


def _is_remark(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
