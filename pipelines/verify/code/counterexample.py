"""The verifier `counterexample`: does a completion give an input on which a suspect program fails?

Three parts, after REFUTE (Sinha et al. 2025): the input is valid, the trusted program answers, the suspect fails. All
programs run in the sandbox.

`Problem.reference` is the trusted program. `Problem.tests` is one JSON object: `suspect` (the subtly wrong program),
`validator` (a program that defines `valid`, called with the input's arguments; True allows it), `entry_point` (the
function that both programs define; without it both read stdin and print), and if several answers are right `checker`
(a program that defines `accepts(input, answer)`, the input being the list of arguments or the text read). `tolerance` is
for floats in answers.

The suspect fails by an exception, a limit, or another answer. A suspect at its CPU limit fails only where the trusted
program needed at most half of it; a trusted program that reaches a limit makes the input unusable.

`value` is the share of the three parts that hold. Causes: `invalid_input`, `trusted_limit`, `suspect_slow`,
`suspect_survives`, or `generator` where the completion's own program makes no input.
"""

import json
from dataclasses import dataclass
from typing import Any

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.sandbox import Call, Calls, ProgramReport, Result, Script
from rollmill.pipelines.verify.code.code_verifier import code_text
from rollmill.pipelines.verify.code.execution import Runner, printable
from rollmill.pipelines.verify.code.expected_values import same, same_output, shown
from rollmill.pipelines.verify.code.proposed_input import (
    GENERATE,
    Input,
    InputProposal,
    input_of,
    is_plain,
    listed,
    proposal_of,
    read_value,
)
from rollmill.pipelines.verify.code.sandbox_verifier import SandboxVerifier
from rollmill.pipelines.verify.code.suite import BadTestsError
from rollmill.pipelines.verify.finding import Finding, rule_table

LIMIT_CAUSES = frozenset(("timeout", "memory", "output_limit"))
PARTS = ("valid", "trusted", "suspect")


@dataclass(frozen=True, slots=True)
class Puzzle:
    """Programs of the data set, all as source."""

    trusted: str
    suspect: str
    validator: str
    entry_point: str | None = None
    checker: str | None = None
    tolerance: float | None = None


def puzzle_of(problem: Problem) -> Puzzle:
    """The puzzle of a problem; BadTestsError names the missing part."""
    if len(problem.tests) != 1:
        raise BadTestsError(f"a counterexample problem has one entry in tests, this one {len(problem.tests)}")
    try:
        entry = json.loads(problem.tests[0])
    except (ValueError, RecursionError) as error:
        raise BadTestsError(f"the entry is no JSON: {error}") from None
    if not isinstance(entry, dict):
        raise BadTestsError("the entry is no JSON object")
    for name in ("suspect", "validator"):
        if not isinstance(entry.get(name), str) or not entry[name].strip():
            raise BadTestsError(f"{name} is missing")
    for name in ("entry_point", "checker"):
        if not isinstance(entry.get(name), str | None):
            raise BadTestsError(f"{name} is no text")
    if not problem.reference.strip():
        raise BadTestsError("the reference, which is the trusted program, is empty")
    tolerance = entry.get("tolerance")
    if tolerance is not None and (isinstance(tolerance, bool) or not isinstance(tolerance, int | float)):
        raise BadTestsError("tolerance is no number")
    programs = (problem.reference, entry["suspect"], entry["validator"])
    return Puzzle(*programs, entry.get("entry_point"), entry.get("checker"), tolerance)


@dataclass(frozen=True, slots=True)
class Refutation:
    """Number of the three parts that hold, why the next does not, a detail, CPU seconds used."""

    parts: int
    cause: str | None
    detail: str
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class ProgramAnswer:
    """Output of a program for an input: a value or a text, or the cause why it has none."""

    value: Any
    cause: str | None
    detail: str
    cpu_seconds: float


class UnusableError(Exception):
    """The completion's program makes no input: its cause."""


def make_input(runner: Runner, proposal: InputProposal, *, stdin: bool) -> Input:
    """The input that a completion gives; its program runs in the sandbox. UnusableError says why there is none."""
    if proposal.input is not None:
        return proposal.input
    if proposal.rule == "program":
        report = runner.run(Script(proposal.source))
        if report.cause is not None:
            raise UnusableError(f"{report.cause}: {report.detail}")
        candidate = Input(text=report.stdout) if stdin else read_value(report.stdout)
        detail = f"printed {shown(report.stdout, 100)}"
    else:
        [result] = runner.run(Calls(proposal.source, (Call(GENERATE),))).results
        if result.status != "returned":
            raise UnusableError(f"{result.cause}: {result.detail}")
        text = result.value if stdin and type(result.value) is str else None
        candidate = Input(text=text) if text is not None else None if stdin else input_of(result.value)
        detail = f"{GENERATE}() returned {shown(result.value, 100)}"
    if candidate is None:
        raise UnusableError(f"no input: {detail}, which is not {'a text' if stdin else 'the list of all arguments'}")
    return candidate


def refute(runner: Runner, puzzle: Puzzle, candidate: Input, cpu_limit: float) -> Refutation:
    """The three parts on one input. BadTestsError if the data set's own programs fail."""
    valid = _valid(runner, puzzle, candidate)
    # By identity: a validator that returns 1 or a text has not allowed the input.
    if valid.value is not True:
        detail = valid.detail or f"valid returned {shown(valid.value, 60)}"
        return Refutation(0, "invalid_input", detail, valid.cpu_seconds)
    trusted = answer_of(runner, puzzle.trusted, puzzle, candidate)
    used = valid.cpu_seconds + trusted.cpu_seconds
    if trusted.cause in LIMIT_CAUSES:
        return Refutation(1, "trusted_limit", trusted.detail, used)
    if trusted.cause is not None:
        raise BadTestsError(f"the trusted program fails on a valid input: {trusted.cause}: {trusted.detail}")
    suspect = answer_of(runner, puzzle.suspect, puzzle, candidate)
    used += suspect.cpu_seconds
    # A suspect that never runs would be refuted by every input.
    if suspect.cause == "compile_error":
        raise BadTestsError(f"the suspect program does not compile: {suspect.detail}")
    if suspect.cause == "timeout" and trusted.cpu_seconds > cpu_limit / 2:
        return Refutation(2, "suspect_slow", f"the trusted program needs {trusted.cpu_seconds:.2f} s", used)
    if suspect.cause is not None:
        return Refutation(3, None, f"{suspect.cause}: {suspect.detail}", used)
    if agree(runner, puzzle, candidate, (trusted, suspect)):
        return Refutation(2, "suspect_survives", f"both answer {shown(suspect.value, 100)}", used)
    if puzzle.checker is None:  # answers differ: is it the suspect, or does the trusted program differ from itself?
        _same_twice(runner, puzzle, candidate, trusted)
    return Refutation(3, None, f"answers {shown(suspect.value, 100)}, right is {shown(trusted.value, 100)}", used)


def answer_of(runner: Runner, source: str, puzzle: Puzzle, candidate: Input) -> ProgramAnswer:
    """Output of a program for an input."""
    if puzzle.entry_point is None:
        report = runner.run(Script(source, candidate.text or ""))
        return ProgramAnswer(report.stdout, report.cause, report.detail, report.cpu_seconds)
    report = runner.run(Calls(source, (Call(puzzle.entry_point, candidate.args, dict(candidate.kwargs)),)))
    return answer(report.results[0], report)


def answer(result: Result, report: ProgramReport) -> ProgramAnswer:
    """A call's result as an answer; None unless it is plain data."""
    if result.status != "returned":
        return ProgramAnswer(None, result.cause or "runtime_error", result.detail, report.cpu_seconds)
    # The sandbox sends other objects as tokens that equal nothing, so no answers could agree.
    if not is_plain(result.value):
        return ProgramAnswer(None, "runtime_error", f"returned {shown(result.value, 60)}", report.cpu_seconds)
    return ProgramAnswer(result.value, None, "", report.cpu_seconds)


def agree(runner: Runner, puzzle: Puzzle, candidate: Input, answers: tuple[ProgramAnswer, ProgramAnswer]) -> bool:
    """True if the suspect's answer is right: by the checker, or equal to the trusted one (1 and True count as equal)."""
    trusted, suspect = answers
    if puzzle.checker is not None:
        # A checker that refuses the right answer would refute every suspect.
        if not _accepts(runner, puzzle, candidate, trusted):
            raise BadTestsError("the checker refuses the trusted program's answer")
        return _accepts(runner, puzzle, candidate, suspect)
    return equal(puzzle, trusted.value, suspect.value)


def equal(puzzle: Puzzle, trusted: Any, suspect: Any) -> bool:
    """Equality of two answers without a checker."""
    if puzzle.entry_point is None:
        return same_output(trusted, suspect, tolerance=puzzle.tolerance)
    # `==` takes True for 1; `same` adds nan and the tolerance.
    return bool(trusted == suspect) or same(trusted, suspect, tolerance=puzzle.tolerance)


def _valid(runner: Runner, puzzle: Puzzle, candidate: Input) -> ProgramAnswer:
    call = (
        Call("valid", candidate.args, dict(candidate.kwargs))
        if candidate.text is None
        else Call("valid", (candidate.text,))
    )
    report = runner.run(Calls(puzzle.validator, (call,)))
    result = report.results[0]
    # Any other failure of the validator says that the input is not valid.
    if result.cause == "compile_error":
        raise BadTestsError(f"the validator does not compile: {result.detail}")
    return answer(result, report)


def _accepts(runner: Runner, puzzle: Puzzle, candidate: Input, program_answer: ProgramAnswer) -> bool:
    arguments: Any = candidate.text
    if candidate.text is None:
        arguments = listed(candidate, puzzle.trusted, puzzle.entry_point)
    assert puzzle.checker is not None
    result = runner.run(Calls(puzzle.checker, (Call("accepts", (arguments, program_answer.value)),))).results[0]
    if result.status != "returned" or type(result.value) is not bool:
        raise BadTestsError(f"the checker gives no answer: {result.detail or shown(result.value, 60)}")
    return result.value


def _same_twice(runner: Runner, puzzle: Puzzle, candidate: Input, trusted: ProgramAnswer) -> None:
    """A trusted program that draws would refute anybody."""
    again = answer_of(runner, puzzle.trusted, puzzle, candidate)
    if again.cause is not None or not equal(puzzle, trusted.value, again.value):
        raise BadTestsError("the trusted program answers differently each time")


_PART_KEYS = ("input_valid", "trusted_answers", "suspect_fails")


class CounterexampleVerifier(SandboxVerifier):
    """Usable from any thread; the sandbox starts with the first input. `cpu_seconds` and `memory_mib` are per program."""

    name = "counterexample"
    rules, words = rule_table(
        ("tests", "2", "the problem's programs cannot be used"),
        ("generator", "1", "made by the function of the last block"),
        ("value", "3", "the value in the text"),
        ("program", "1", "printed by the program of the text"),
        ("no-input", "2", "the text gives no input"),
        ("valid", "1", "the input checked by the problem's validator"),
        ("trusted", "1", "the input given to the trusted program"),
        ("suspect", "3", "the suspect program's value compared with the trusted one's"),
        ("sandbox", "1", "the sandbox failed"),
    )

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        puzzle = puzzle_of(problem)
        proposal = proposal_of(code_text(completion), stdin=puzzle.entry_point is None)
        if proposal is None:
            return Finding("unparsed", "no-input", "no input in the text")
        try:
            candidate = make_input(self.sandbox(), proposal, stdin=puzzle.entry_point is None)
        except UnusableError as error:
            detail = {"detail": printable(str(error))}
            return Finding("incorrect", f"{proposal.rule}:valid", "generator", 0.0, evidence=detail, seconds=0.0)
        refutation = refute(self.sandbox(), puzzle, candidate, self.limits.cpu_seconds)
        parts = {name: index < refutation.parts for index, name in enumerate(_PART_KEYS)}
        arguments = dict(candidate.kwargs) or candidate.args
        text = printable(shown(arguments if candidate.text is None else candidate.text))
        return Finding(
            "correct" if refutation.parts == len(PARTS) else "incorrect",
            f"{proposal.rule}:{PARTS[min(refutation.parts, 2)]}",  # where all three hold, the last decided
            refutation.cause,
            refutation.parts / len(PARTS),
            text,
            evidence={**parts, "input": text, "detail": printable(refutation.detail)},
            seconds=refutation.cpu_seconds,
        )
