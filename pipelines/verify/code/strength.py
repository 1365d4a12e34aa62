"""Measures how strong the tests of a problem are: which mutants of its reference pass, and on which input these differ.

A mutant differs when some generated input, on which the reference returns a value, gives another value (beyond 1e-6, and
beyond what Python calls equal), an exception or a limit. One that differs and passes every test shows a weak test, unless
the input breaks a condition that only the prose states. One that never differs is called equivalent: a finding of these
inputs, no proof.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from rollmill.ground.records import Problem
from rollmill.pipelines.sandbox import Call, Calls, ProgramReport, Result
from rollmill.pipelines.verify.code.execution import Runner, all_passed, run_suite
from rollmill.pipelines.verify.code.expected_values import same, shown
from rollmill.pipelines.verify.code.inputs import Args, examples, generate_inputs
from rollmill.pipelines.verify.code.mutants import Mutant, mutants, sampled_mutants
from rollmill.pipelines.verify.code.program import program_of, task_of
from rollmill.pipelines.verify.code.suite import ProgramSuite, suite_of
from rollmill.pipelines.verify.finding import prompt_text

Fate = Literal["killed", "test-weak", "equivalent"]
CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class MutantResult:
    """A mutant and its fate; if it differs, the input that shows it and both answers as a person reads them."""

    mutant: Mutant
    fate: Fate
    differs: bool
    arguments: str = ""
    reference: str = ""
    got: str = ""


@dataclass(frozen=True, slots=True)
class StrengthSubject:
    """A problem's reference as a program, its suite, and inputs with what the reference returns."""

    source: str
    suite: ProgramSuite
    entry_point: str
    inputs: tuple[Args, ...]
    answers: tuple[Any, ...]


def subject_of(runner: Runner, problem: Problem, *, inputs: int = 80, seed: int = 0) -> StrengthSubject:
    """Program that mutants are compared with. ValueError if the reference is not a program or fails its own tests."""
    suite = suite_of(problem)
    prompt = prompt_text(problem.prompt)
    program = program_of(problem.reference, task_of(prompt, suite.entry_point))
    if program is None or suite.entry_point is None:
        raise ValueError("the reference is no program with an entry point")
    run = run_suite(runner, program.text, suite)
    if not all_passed(run.results):
        failed = next(result for result in run.results if result.status != "passed")
        raise ValueError(f"the reference fails its own tests: {failed.name}: {failed.cause} {failed.detail}".rstrip())
    known = examples(suite.entry_point, *problem.tests, prompt)
    candidates = [*known, *generate_inputs(known, inputs, seed=seed)]
    report = _call_each(runner, program.text, suite.entry_point, candidates)
    # Not strict: a program that was stopped has fewer results than inputs.
    returned = [pair for pair in zip(candidates, report.results, strict=False) if pair[1].status == "returned"]
    answers = tuple(result.value for _, result in returned)
    return StrengthSubject(program.text, suite, suite.entry_point, tuple(args for args, _ in returned), answers)


def evaluate_mutants(
    runner: Runner, subject: StrengthSubject, chosen: Iterable[Mutant], *, workers: int = 1
) -> Iterator[MutantResult]:
    """Every mutant with its fate, in the order given."""
    with ThreadPoolExecutor(workers) as threads:
        yield from threads.map(lambda mutant: _evaluate(runner, subject, mutant), chosen)


def mutants_of(subject: StrengthSubject, count: int | None = None, *, seed: int = 0) -> list[Mutant]:
    """The mutants of a subject's entry point: all of them, or a seeded sample."""
    functions = [subject.entry_point]
    if count is None:
        return list(mutants(subject.source, functions=functions))
    return sampled_mutants(subject.source, count, seed=seed, functions=functions)


def _evaluate(runner: Runner, subject: StrengthSubject, mutant: Mutant) -> MutantResult:
    killed = not all_passed(run_suite(runner, mutant.source, subject.suite).results)
    difference = _difference(runner, subject, mutant.source)
    if difference is None:
        return MutantResult(mutant, "killed" if killed else "equivalent", differs=False)
    args, answer, result = difference
    got = shown(result.value) if result.status == "returned" else f"{result.cause}: {result.detail}"[:160]
    return MutantResult(mutant, "killed" if killed else "test-weak", True, shown(args), shown(answer), got)  # noqa: FBT003


def _difference(runner: Runner, subject: StrengthSubject, source: str, first: int = 0) -> tuple[Args, Any, Result] | None:
    """The first input, from a place on, on which a program differs; None if it differs on none."""
    inputs, answers = subject.inputs[first:], subject.answers[first:]
    results = _padded(_call_each(runner, source, subject.entry_point, inputs), len(inputs))
    for place, (args, answer, result) in enumerate(zip(inputs, answers, results, strict=True)):
        if result.cause == "timeout" and place:  # the calls before it have used of the limit that they share
            return _difference(runner, subject, source, first + place)
        if _differs(answer, result):
            return args, answer, result
    return None


def _call_each(runner: Runner, source: str, function: str, inputs: Sequence[Args]) -> ProgramReport:
    return runner.run(Calls(source, tuple(Call(function, args, {}) for args in inputs)))


def _padded(report: ProgramReport, count: int) -> list[Result]:
    """Results, one per input; inputs after a program's end have its cause."""
    missing = count - len(report.results)
    return [*report.results, *[Result("error", report.cause, None, report.detail)] * missing]


def _differs(answer: Any, result: Result) -> bool:
    if result.status != "returned":
        return result.status != "not_run"
    # Python's own equality first: 1 is True here, since a test's `==` would say so too
    return not (bool(answer == result.value) or same(answer, result.value, tolerance=CLOSE))
