"""The verifier `code_behaviour`, and the keys of its answers: equal for programs that do the same on the same inputs.

After functional hashing (Gillard et al. 2023, arXiv:2302.05433). A key rests on these inputs alone: programs that differ
elsewhere collide, which `rollmill audit behaviour` measures on fresh inputs. No expected value is read.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import Problem
from rollmill.pipelines.sandbox import Call, Calls, Mode, Result
from rollmill.pipelines.verify.code.code_verifier import CodeVerifier
from rollmill.pipelines.verify.code.execution import Runner, exception_name
from rollmill.pipelines.verify.code.inputs import Args, examples, generate_inputs
from rollmill.pipelines.verify.finding import prompt_text

DIGITS = 9  # significant digits of a float that count
DEEPEST = 50  # nesting of a value that counts
_HEXADECIMAL = 10_000  # bits of a whole number that Python may be forbidden to write in decimal digits


class BehaviourVerifier(CodeVerifier):
    """Verifier `code` whose verdicts treat programs of one behaviour as one answer, in votes and among solutions.

    `inputs`: the number of inputs of a key. The other options are those of `code`.
    """

    name = "code_behaviour"

    def __init__(
        self,
        sandbox: Mode = "strict",
        *,
        inputs: int = 20,
        cpu_seconds: float = 5.0,
        memory_mib: int = 512,
        output_kib: int = 1024,
        workers: int | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            inputs: Inputs on which programs of one behaviour do the same.
        """
        if inputs < 1:
            raise SetupError(f"verifier 'code_behaviour': inputs is {inputs}, and is at least 1.")
        super().__init__(sandbox, cpu_seconds=cpu_seconds, memory_mib=memory_mib, output_kib=output_kib, workers=workers)
        self.inputs = inputs
        self.version += f"+inputs-{inputs}+digits-{DIGITS}"

    def form_of(self, problem: Problem, source: str, entry_point: str | None) -> str | None:
        """The key of a program's behaviour; None where no input is known."""
        inputs = () if entry_point is None else behaviour_inputs(problem, entry_point, self.inputs)
        key = behaviour_key(self.sandbox(), source, entry_point or "", inputs)
        return None if key is None else f"behaviour {key}"


def behaviour_inputs(problem: Problem, entry_point: str, count: int, *, seed: int = 0) -> tuple[Args, ...]:
    """At most `count` inputs: those in tests and prompt, then generated ones. Empty if no example is found."""
    known = examples(entry_point, *problem.tests, prompt_text(problem.prompt))
    return tuple([*known, *generate_inputs(known, max(0, count - len(known)), seed=seed)][:count])


def fresh_inputs(
    problem: Problem, entry_point: str, used: Sequence[Args], count: int, *, seed: int = 1
) -> tuple[Args, ...]:
    """At most `count` generated inputs that are not among those used."""
    known = examples(entry_point, *problem.tests, prompt_text(problem.prompt))
    before = {_form(args) for args in (*used, *known)}
    generated = generate_inputs(known, 4 * count + len(used), seed=seed)
    return tuple([args for args in generated if _form(args) not in before][:count])


def behaviour_key(runner: Runner, source: str, entry_point: str, inputs: Sequence[Args]) -> str | None:
    """Hash (32 hex digits) of a program's results and errors on the inputs; None without inputs or if it does not compile.

    SandboxFailed if the sandbox itself did.
    """
    forms: list[str] = []
    while len(forms) < len(inputs):
        calls = tuple(Call(entry_point, args, {}) for args in inputs[len(forms) :])
        report = runner.run(Calls(source, calls))
        if report.cause == "compile_error":
            return None
        forms += _reached(report.results)
    return digest128(["behaviour", forms]) if forms else None


def _reached(results: Sequence[Result]) -> Iterator[str]:
    """The form of each result up to one that stopped the program. A limit that calls share counts for the first alone."""
    for place, result in enumerate(results):
        if place and (result.status == "not_run" or (result.cause == "timeout" and result.status != "returned")):
            return
        yield _of_result(result)


def _of_result(result: Result) -> str:
    if result.status == "returned":
        return _form(result.value)
    raised = exception_name(result.detail) if result.cause == "runtime_error" else ""
    return f"{result.cause} {raised}"


def _form(value: Any, depth: int = 0) -> str:
    """A text that is equal for equal values: 1, 1.0 and True are one number, floats count to nine digits."""
    if depth > DEEPEST:
        return "deep"
    if isinstance(value, bool | int):
        return f"number {int(value)}" if value.bit_length() < _HEXADECIMAL else f"number {value:x}"
    if isinstance(value, float):
        if math.isfinite(value) and value == int(value) and abs(value) < 1e15:
            return f"number {int(value)}"
        return f"number {value:.{DIGITS}g}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__} [{', '.join(_form(item, depth + 1) for item in value)}]"
    if isinstance(value, set | frozenset):
        return f"set {sorted(_form(item, depth + 1) for item in value)}"
    if isinstance(value, dict):
        return f"dict {sorted((_form(key, depth + 1), _form(item, depth + 1)) for key, item in value.items())}"
    return f"{type(value).__name__} {value!r}"
