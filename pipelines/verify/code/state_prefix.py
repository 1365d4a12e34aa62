"""The verifier `state_prefix`: how far a solution goes along a known-correct one, by the values that it computes.

Method: Self-Sampled Correct and Partially-Correct Solutions (Ni et al. 2023, arXiv 2205.14318). Known solutions: entries of
`tests` that are JSON objects with `solution`, else `meta.solution` (where an import keeps a worked solution), else a
`reference` that holds steps. A known solution that is a program is compared with the program of the completion, one in
words with its calculation steps (`calculation_steps`).

`correct`: every step is true, the final value is that of a known solution, and so is the answer that the text states, where
it states one. Otherwise `incorrect`, and `value` is the share of the known solution's steps that the longest matching
prefix reaches, always below 1.

A state is the values computed so far, in no order and without names. `exact`: a state matches a known one when both hold
the same values (the paper's key). `covers`: when it holds all values of the known one and perhaps more, for solutions that
take smaller steps. Both ignore names, so equal values of another meaning match.

The states of a straight-line program are the values of its variables after each statement, traced in the sandbox: the
statements of the top level; where the program is one function without arguments, those of its body, and what it returns is
its `answer`. Loops and conditions count as one statement each. Only plain values of names without a leading underscore are
part of a state.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, get_args

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.sandbox import Call, Calls, Mode
from rollmill.pipelines.verify.calculation_steps import CalculationStep, number, steps_of
from rollmill.pipelines.verify.code.code_verifier import code_text
from rollmill.pipelines.verify.code.execution import Runner, printable
from rollmill.pipelines.verify.code.expected_values import shown
from rollmill.pipelines.verify.code.program import blocks
from rollmill.pipelines.verify.code.proposed_input import is_plain
from rollmill.pipelines.verify.code.sandbox_verifier import SandboxVerifier
from rollmill.pipelines.verify.code.syntax import parses, written
from rollmill.pipelines.verify.extract import final_answer, given_up
from rollmill.pipelines.verify.finding import Finding, Item, rule_table
from rollmill.pipelines.verify.number import plain_number

Matching = Literal["exact", "covers"]
MATCHINGS: tuple[Matching, ...] = get_args(Matching)
State = tuple[str, ...]
"""The values so far, each as its canonical text, sorted."""


@dataclass(frozen=True, slots=True)
class Path:
    """The states of a solution after each step, and its final value; `ended`: why it ended early.

    `stated`: the answer in the text besides the states, None without one.
    """

    states: tuple[State, ...]
    final: str | None
    ended: str | None = None
    stated: str | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The furthest step of a solution whose state a known solution has too, after how many of that one's steps (from 1)."""

    step: int
    known_step: int
    known_steps: int

    @property
    def share(self) -> float:
        """Share of the known solution that was reached."""
        return self.known_step / self.known_steps if self.known_steps else 0.0


def furthest(path: Path, known: Path, matching: Matching) -> Match:
    """The longest prefix of a path that leads to a state of the known one."""
    best = Match(0, 0, len(known.states))
    table = {state: index for index, state in enumerate(known.states, start=1)}  # of equal states the last one counts
    for step, state in enumerate(path.states, start=1):
        index = table.get(state, 0) if matching == "exact" else _covered(state, known.states)
        if index:
            best = Match(step, max(index, best.known_step), len(known.states))  # later states may match earlier ones
    return best


def states_of(values: Sequence[str]) -> tuple[State, ...]:
    """The states of a solution that computes these values one after another."""
    return tuple(tuple(sorted(values[:count])) for count in range(1, len(values) + 1))


def _covered(state: State, known: Sequence[State]) -> int:
    """The last known state whose values are all among these."""
    values = Counter(state)  # with multiplicity: two steps may give the same value
    return max((index for index, others in enumerate(known, start=1) if not Counter(others) - values), default=0)


MOST = 100  # statements that are traced: what follows them is not run
ANSWERS = ("answer", "ans", "result")
_STATES = "__traced_states__"
# What the trace calls is bound before the program begins, for a right program may give `list` or `type` a value of its own.
_PROLOGUE = f"""
{_STATES} = []
__traced_globals__, __traced_exception__ = globals, Exception
def __traced_now__(
    module, kept=(int, float, complex, str, bytes, bool, type(None), list, tuple, dict, set, frozenset),
    list=list, type=type, copy=__import__('copy'), Exception=Exception,
):
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
def __traced_words__(error, type=type, str=str):
    return type(error).__name__ + ': ' + str(error)[:200]
"""


def statements_of(text: str) -> list[ast.stmt] | None:
    """The statements to trace, or None if the text is not a program with an assignment."""
    tree = parses(text)
    if tree is None:
        return None
    functions = [part for part in tree.body if isinstance(part, ast.FunctionDef)]
    imports = [part for part in tree.body if isinstance(part, ast.Import | ast.ImportFrom)]
    rest = [part for part in tree.body if part not in functions and part not in imports and not _is_remark(part)]
    # Only calls and other expressions beside it: the trace runs its body in place of the program.
    if len(functions) == 1 and written(functions[0].args) == "" and all(isinstance(part, ast.Expr) for part in rest):
        body = [_as_answer(part) for part in functions[0].body if not _is_remark(part)]
        return [*imports, *body] if body else None
    body = [part for part in tree.body if not _is_remark(part)]
    return body if any(isinstance(part, ast.Assign | ast.AugAssign | ast.AnnAssign) for part in body) else None


def trace(runner: Runner, statements: list[ast.stmt]) -> Path:
    """The path of a program. A statement that raises ends it there; a limit, or an exit, leaves no states at all."""
    lines = [_PROLOGUE, "try:"]
    for statement in statements[:MOST]:
        if (text := written(statement)) is None:
            return Path((), None, f"a statement of {type(statement).__name__} is nested too deeply to be traced")
        lines += ["    " + line for line in text.split("\n")]
        lines.append(f"    {_STATES}.append(__traced_now__(__traced_globals__()))")
    lines.append("except __traced_exception__ as __e__:\n    __traced_error__ = __traced_words__(__e__)")
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
    """Canonical text of a value: numbers by their exact value, True apart from 1, everything else as printed."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{type(value).__name__} {shown(value, 500)}"
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return f"float {value}"  # Fraction refuses nan and infinities
    return str(Fraction(value)) if abs(value) < 10**300 else f"huge {value:.17g}" if isinstance(value, float) else "huge"


def _changes(states: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Statements that change no value (imports, a second pass) are not steps."""
    steps: list[tuple[str, ...]] = []
    for state in states:
        if state and (not steps or steps[-1] != state):
            steps.append(state)
    return tuple(steps)


def _final(state: dict[str, Any], statements: list[ast.stmt]) -> str | None:
    """The value of `answer` (or `ans`, `result`), else of the name that was assigned last; None unless it is plain data."""
    for name in ANSWERS:
        if name in state:
            return _plain(state[name])
    for statement in reversed(statements):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if names:
            return _plain(state[names[-1]]) if names[-1] in state else None
    return None


def _plain(value: Any) -> str | None:
    return canonical(value) if is_plain(value) else None  # other objects of one type have one text, and equal nothing


def _as_answer(statement: ast.stmt) -> ast.stmt:
    if isinstance(statement, ast.Return) and statement.value is not None:
        return ast.Assign([ast.Name("answer", ast.Store())], statement.value, lineno=0)  # a module cannot return
    return statement


def _is_remark(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


_DENIES = (
    r"\bno (?:(?:real|integer|valid|possible) )?(?:solutions?|answers?)\b|\b(?:does not|doesn't|do not|don't) exist\b"
    r"|\b(?:cannot|can't|can not) be (?:determined|found|solved|answered|known)\b|\bimpossible\b|\bnot enough information\b"
)
_DENIAL = re.compile(rf"(?i)({_DENIES})")
# A denial behind the steps of a line: "12 + 2 = 14, so no solution exists."
_LAST_CLAUSE = re.compile(
    r"(?i)[.,;!]\s+(?:(?:so|but|and|thus|hence|therefore),?\s+)?(?:(?:there (?:is|are)|it|this|the answer)\s+)?"
    rf"({_DENIES})(?:\s+exists?)?\W*\Z"
)
_KNOWN = 64  # paths of known programs that are remembered: rollouts of one problem come together


class StatePrefixVerifier(SandboxVerifier):
    """Usable from any thread; the sandbox starts with the first program, never for solutions in words."""

    name = "state_prefix"
    rules, words = rule_table(
        ("known", "1", "no known solution to compare with"),
        ("program", "6", "states of the program compared with those of known ones"),
        ("steps", "6", "calculations compared with those of known solutions"),
        ("no-steps", "2", "the text gives no calculation"),
        ("sandbox", "1", "the sandbox failed"),
    )

    def __init__(
        self,
        sandbox: Mode = "strict",
        *,
        matching: Matching = "exact",
        cpu_seconds: float = 2.0,
        memory_mib: int = 256,
        workers: int | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            matching: How states are compared: the same values (`exact`), or all of the known ones and perhaps more
                (`covers`).
        """
        if matching not in MATCHINGS:
            raise SetupError(f"verifier 'state_prefix': matching is {matching!r}.", choices=MATCHINGS)
        super().__init__(sandbox, cpu_seconds=cpu_seconds, memory_mib=memory_mib, workers=workers)
        self.matching = matching
        self.version += f"+{matching}"
        self._known_path = lru_cache(maxsize=_KNOWN)(lambda text: trace(self.sandbox(), statements_of(text) or []))

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        known = known_of(problem)
        if not known:
            return Finding("undecided", "known", "tests: the problem has no known solution")
        programs, item = [text for text in known if statements_of(text) is not None], (problem, completion)
        return self._of_program(item, programs) if programs else self._of_steps(item, known)

    def _of_steps(self, item: Item, known: Sequence[str]) -> Finding:
        trusted = ([step for step in steps_of(text) if step.true] for text in known)  # a misread line is no step of it
        paths = [path for steps in trusted if (path := path_of(steps)).final is not None]
        if not paths:
            return Finding("undecided", "known", "tests: no known solution has true steps")
        text = code_text(item[1])
        steps = steps_of(text)
        if not steps:
            return Finding("unparsed", "no-steps", "no calculation steps in the text")
        wrong = next((step.text for step in steps if not step.true), None)
        path = path_of(steps)
        path = path if wrong else replace(path, stated=_stated(item, text, path.final))
        return self._compared(item, "steps", (path, paths), len(steps), wrong)

    def _of_program(self, item: Item, known: Sequence[str]) -> Finding:
        whole = code_text(item[1])
        text = _program_text(whole)
        statements = None if text is None else statements_of(text)
        if statements is None:
            return Finding("unparsed", "no-steps", "no program in the text")
        paths = [path for source in known if (path := self._known_path(source)).final is not None]
        if not paths:
            return Finding("undecided", "known", "tests: no known solution runs to its end")
        behind = "" if text == whole else whole.rpartition(text or "")[2]
        path = trace(self.sandbox(), statements)
        path = replace(path, stated=_stated(item, behind, path.final))
        return self._compared(item, "program", (path, paths), len(statements), path.ended)

    def _compared(
        self, item: Item, rule: str, paths: tuple[Path, Sequence[Path]], steps: int, wrong: str | None
    ) -> Finding:
        """The finding on a path compared with the known ones; `wrong`: its first false step, or why it ended early."""
        path, known = paths
        answer = number(item[0].reference)  # worked solutions may end in a step that no one wrote out
        finals = {*(solution.final for solution in known), *([] if answer is None else [str(answer)])}
        denied = path.stated is not None and path.stated not in (finals if answer is None else {str(answer)})
        right = path.final is not None and path.final in finals and not denied
        matches = (furthest(path, solution, self.matching) for solution in known)
        best = max(matches, key=lambda match: (match.share, match.step))
        evidence = {"matched": best.step, "steps": steps, "known_matched": best.known_step, "known_steps": best.known_steps}
        return Finding(
            "correct" if right else "incorrect",
            rule,
            cause=None if right else "wrong_step" if wrong else "wrong_answer" if denied else "wrong_end",
            value=1.0 if right else min(best.share, (best.known_steps - 1) / best.known_steps),
            extracted=printable((path.stated if denied else path.final) or "") or None,
            reference_form=printable(known[0].final or ""),
            evidence=evidence | ({"first_wrong": printable(wrong)} if wrong else {}),
        )


def _stated(item: Item, text: str, final: str | None) -> str | None:
    """The answer that a text states as `canonical` writes it, or its words; None if it states none, or a formula.

    "not" before the value that the steps end in, if the text denies that it is the answer, or takes it back.
    """
    answer = final_answer(text, cut=item[1].finish_reason == "length")
    if answer is None or answer.rule in ("bare", "tail"):
        gone = next((value for value in given_up(text) if str(number(value)) == final), None)
        if gone is not None:
            return f"not {gone}"  # equals no value, so it counts as a denial
    if answer is None:
        return None
    if answer.rule in ("bare", "tail"):  # the last step, or words about it: only a denial states something else
        alone = number(answer.text.rstrip("."))
        if alone is not None:
            return str(alone)
        denial = (_LAST_CLAUSE if steps_of(answer.text) else _DENIAL).search(answer.text)
        return None if denial is None else denial[1]
    quantity = plain_number(answer)
    if quantity is not None:
        return str(quantity.value)
    return None if any(sign.isdigit() or sign == "\\" for sign in answer.text) else answer.text


def known_of(problem: Problem) -> list[str]:
    """The texts of the known-correct solutions."""
    solutions = [solution for text in problem.tests if (solution := _solution_in(text)) is not None]
    if solutions:
        return solutions
    stated = problem.meta.get("solution")
    texts = stated if isinstance(stated, list) else [stated]
    return [text for text in texts if isinstance(text, str) and text.strip()] or (
        [problem.reference] if steps_of(problem.reference) or statements_of(problem.reference) is not None else []
    )


def path_of(steps: Sequence[CalculationStep]) -> Path:
    """The states of a worked solution; a false step ends it, since nothing after it follows."""
    values: list[str] = []
    for step in steps:
        if not step.true:
            return Path(states_of(values), None, step.text)
        values.append(str(step.value))
    return Path(states_of(values), values[-1] if values else None)


def _solution_in(text: str) -> str | None:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        return None
    solution = entry.get("solution") if isinstance(entry, dict) else None
    return solution if isinstance(solution, str) else None


def _program_text(text: str) -> str | None:
    fenced = [block.text for block in blocks(text) if statements_of(block.text) is not None]
    return fenced[-1] if fenced else text if statements_of(text) is not None else None
