"""Tests of a problem, read from its `tests`: assert-style Python, function calls as JSON, or stdin and stdout as JSON.
Runs nothing.

Each entry of `Problem.tests` is one text. A JSON object with `fn` or `args` is a call, one with `input` and `output` a run;
one with `inputs` and `outputs` is several at once (APPS). Anything else is Python: a `check(candidate)` (HumanEval) or bare
asserts (MBPP), after `meta.test_setup_code` and `meta.test_imports`. `meta.entry_point` names the function under test.
"""

import ast
import builtins
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from rollmill.ground.records import Problem
from rollmill.pipelines.verify.code.expected_values import BadValueError, decode
from rollmill.pipelines.verify.code.syntax import UnreadableError, defined_names, has_body, parses, syntax_tree, written

_SEED = "import random\nrandom.seed(20261120)\n"  # tests that draw give the same verdict every time
_NAME_WIDTH = 160  # characters of an assertion that name its test
_BUILTINS = frozenset(dir(builtins))
_ENTRY_KEYS = ("entry_point", "fn_name", "func_name", "function_name")


class BadTestsError(ValueError):
    """Unreadable tests of a problem, a mistake of the dataset and never of the model."""


@dataclass(frozen=True, slots=True)
class CallCase:
    """A call and the value that it must return, or the name of the exception that it must raise."""

    name: str
    function: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    expected: Any = None
    tolerance: float | None = None
    raises: str | None = None


@dataclass(frozen=True, slots=True)
class RunCase:
    """A run of the whole program: its input and the text that it must print."""

    name: str
    stdin: str
    stdout: str
    tolerance: float | None = None


@dataclass(frozen=True, slots=True)
class Asserts:
    """Test code of the data set: module-level asserts, or one `check(candidate)`.

    `names`: one per result, in the order of the sandbox; empty for an assert of a constant, which tests nothing and is
    not counted.
    """

    text: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProgramSuite:
    """All tests of a problem by form. Results come in this order: asserts, calls, runs."""

    entry_point: str | None = None
    asserts: tuple[Asserts, ...] = ()
    calls: tuple[CallCase, ...] = ()
    runs: tuple[RunCase, ...] = ()
    forms: tuple[str, ...] = field(default=())

    @property
    def size(self) -> int:
        """Number of results of a full run."""
        return sum(bool(name) for part in self.asserts for name in part.names) + len(self.calls) + len(self.runs)


def with_helpers(suite: ProgramSuite, prelude: str) -> ProgramSuite:
    """The suite with the prompt's helper functions defined again before the tests that call them, so that no answer can
    replace them.

    `prelude`: definitions of the prompt's code other than the function under test. Stubs in it are left to the answer.
    """
    names = _helpers(prelude)
    if not names:
        return suite
    used = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names)))})\b")
    bound = [replace(part, text=prelude + part.text) if used.search(part.text) else part for part in suite.asserts]
    return replace(suite, asserts=tuple(bound))


@lru_cache(maxsize=1_024)
def _helpers(prelude: str) -> frozenset[str]:
    """The functions and classes with a body that a prelude defines."""
    tree = parses(prelude)
    parts = [] if tree is None else [part for part in tree.body if isinstance(part, ast.FunctionDef | ast.ClassDef)]
    return frozenset(part.name for part in parts if tree is not None and has_body(tree, part.name))


def suite_of(problem: Problem) -> ProgramSuite:
    """The tests of a problem; BadTestsError names their mistake. No tests: a suite of size 0."""
    names = (problem.meta.get(key) for key in _ENTRY_KEYS)
    entry_point = next((name for name in names if isinstance(name, str) and name.isidentifier()), None)
    return _read(problem.tests, entry_point, _setup(problem.meta))


@lru_cache(maxsize=1_024)
def called_by(tests: tuple[str, ...]) -> frozenset[str]:
    """Names of functions and classes that tests in Python call, and do not define themselves."""
    names: set[str] = set()
    for text in tests:
        tree = None if text.lstrip().startswith("{") else parses(text)
        if tree is not None:
            called = {
                node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            }
            names |= called - defined_names(tree) - _BUILTINS
    return frozenset(names)


@lru_cache(maxsize=1_024)
def _read(tests: tuple[str, ...], named: str | None, setup: str) -> ProgramSuite:
    entry_point = named or _agreed(tests)
    asserts: list[Asserts] = []
    calls: list[CallCase] = []
    runs: list[RunCase] = []
    for index, text in enumerate(tests):
        try:
            case = _json(text)
            for test in [_asserts(setup + text)] if case is None else _cases(case, entry_point, index):
                if isinstance(test, Asserts):
                    asserts.append(test)
                elif isinstance(test, CallCase):
                    calls.append(test)
                else:
                    runs.append(test)
        except (BadTestsError, BadValueError, UnreadableError) as error:
            raise BadTestsError(f"test {index}: {error}") from None
    forms = tuple(name for name, part in (("asserts", asserts), ("calls", calls), ("stdio", runs)) if part)
    return ProgramSuite(entry_point, _merged(asserts), tuple(calls), tuple(runs), forms)


def _agreed(tests: tuple[str, ...]) -> str | None:
    """Name of the function, if all JSON calls name the same one."""
    named = {case.get("fn", case.get("fn_name")) for text in tests if (case := _json_or_none(text)) is not None}
    [only] = named if len(named) == 1 else [None]
    return only if isinstance(only, str) and only.isidentifier() else None


def _json(text: str) -> dict[str, Any] | None:
    """The object of a JSON entry; None for Python."""
    # No test in Python begins with a brace, so broken JSON is reported as such.
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadTestsError(f"neither JSON nor Python: {error}") from None
    return value if isinstance(value, dict) else None


def _json_or_none(text: str) -> dict[str, Any] | None:
    try:
        return _json(text)
    except BadTestsError:
        return None


def _cases(case: dict[str, Any], entry_point: str | None, index: int) -> Iterator[CallCase | RunCase]:
    if "inputs" in case and "outputs" in case:
        yield from _several(case, entry_point, index)
    elif case.get("testtype") == "functional":
        # LiveCodeBench: a line of JSON for each argument.
        lines = str(case.get("input", "")).split("\n")
        yield _call({"args": _loaded(lines), "expected": _loaded([str(case.get("output"))])[0]}, entry_point, str(index))
    elif "fn" in case or "args" in case or "kwargs" in case:
        yield _call(case, entry_point, str(case.get("name", index)))
    elif "input" in case and "output" in case:
        name = str(case.get("name", index))
        yield RunCase(name, _text(case["input"]), _text(case["output"]), _tolerance(case))
    else:
        raise BadTestsError(f"has neither fn nor input and output, but {', '.join(sorted(map(str, case))) or 'nothing'}")


def _several(case: dict[str, Any], entry_point: str | None, index: int) -> Iterator[CallCase | RunCase]:
    inputs, outputs = case["inputs"], case["outputs"]
    if not (isinstance(inputs, list) and isinstance(outputs, list) and len(inputs) == len(outputs)):
        raise BadTestsError("inputs and outputs are not lists of one length")
    name = case.get("fn_name", case.get("fn"))
    for number, (given, wanted) in enumerate(zip(inputs, outputs, strict=True)):
        label = f"{index}.{number}"
        if name:
            yield _call({"fn": name, "args": given, "expected": wanted}, entry_point, label)
        else:
            yield RunCase(label, _text(given), _text(wanted), _tolerance(case))


def _call(case: dict[str, Any], entry_point: str | None, name: str) -> CallCase:
    function = case.get("fn", entry_point)
    args, kwargs = case.get("args", []), case.get("kwargs", {})
    if not (isinstance(function, str) and function.isidentifier()):
        raise BadTestsError("names no function (fn, or meta.entry_point)")
    if not (isinstance(args, list) and isinstance(kwargs, dict)):
        raise BadTestsError("args is not a list, or kwargs is not an object")
    raises = case.get("raises")
    # By key, because an expected None is a value.
    if ("expected" in case) == (raises is not None):
        raise BadTestsError("needs exactly one of expected, raises")
    named = {key: decode(value) for key, value in kwargs.items()}
    return CallCase(name, function, tuple(map(decode, args)), named, decode(case.get("expected")), _tolerance(case), raises)


def _text(value: Any) -> str:
    """A text, or lines of text."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "\n".join(value)
    if not isinstance(value, str):
        raise BadTestsError("input and output must be texts")
    return value


def _tolerance(case: dict[str, Any]) -> float | None:
    value = case.get("tolerance")
    if value is None:
        return None
    # The upper end also refuses infinity, within which everything is equal.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e300:
        raise BadTestsError(f"tolerance {value!r} is not a number of at least 0")
    return float(value)


def _loaded(lines: Iterable[str]) -> list[Any]:
    try:
        return [json.loads(line) for line in lines]
    except ValueError as error:
        raise BadTestsError(f"a functional case holds no JSON: {error}") from None


def _asserts(text: str) -> Asserts:
    tree = syntax_tree(text)
    seed = _SEED if _imports(tree, "random") else ""
    is_check = any(isinstance(part, ast.FunctionDef) and part.name == "check" for part in tree.body)
    # A `check` without assertions of its own is one test: it passes if it raises nothing.
    names = tuple(_asserted(tree.body, top=True)) or (("check",) if is_check else ())
    if not any(names):
        raise BadTestsError("Python without an assert and without check(candidate)")
    return Asserts(seed + text, names)


def _asserted(body: Sequence[ast.stmt], *, top: bool = False) -> Iterator[str]:
    """A name per assertion with a result of its own: at the top level, in `check`, in their loops and conditions."""
    # The same statements in the same order as the sandbox's `instrument` wraps: names belong to results by place.
    for part in body:
        if isinstance(part, ast.Assert):
            constant = isinstance(part.test, ast.Constant) and part.test.value
            yield "" if constant else (written(part.test) or "an assertion")[:_NAME_WIDTH]
        elif isinstance(part, ast.FunctionDef):
            yield from _asserted(part.body if top and part.name == "check" else [])
        elif isinstance(part, ast.For | ast.While | ast.If | ast.With):
            yield from _asserted([*part.body, *getattr(part, "orelse", [])])


def _imports(tree: ast.Module, module: str) -> bool:
    return any(
        (isinstance(node, ast.Import) and any(alias.name == module for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == module)
        for node in ast.walk(tree)
    )


def _setup(meta: Mapping[str, Any]) -> str:
    """MBPP's set-up code and imports, which precede every test of the problem."""
    imports = meta.get("test_imports") or []
    lines = [*(imports if isinstance(imports, list) else [imports]), meta.get("test_setup_code") or ""]
    text = "\n".join(str(line) for line in lines if line)
    return text + "\n" if text else ""


def _merged(parts: list[Asserts]) -> tuple[Asserts, ...]:
    """Bare asserts of one problem run together; each `check` runs alone."""
    # In one module a later `check` would replace the one before it.
    bare = [part for part in parts if "def check(" not in part.text]
    checks = [part for part in parts if part not in bare]
    if not bare:
        return tuple(checks)
    names = tuple(name for part in bare for name in part.names)
    return (Asserts("\n".join(part.text for part in bare), names), *checks)
