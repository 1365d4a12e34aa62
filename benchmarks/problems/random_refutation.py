"""The baseline of the verifier `counterexample`: inputs drawn at random until one refutes the suspect program.

A problem that this solves tests no insight. With a chance p per valid input, N independent draws refute with probability
1 - (1 - p)^N.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from rollmill.pipelines.sandbox import Call, Calls
from rollmill.pipelines.verify.code.counterexample import ProgramAnswer, Puzzle, agree, answer
from rollmill.pipelines.verify.code.execution import Runner
from rollmill.pipelines.verify.code.proposed_input import Input
from rollmill.pipelines.verify.code.suite import BadTestsError

BATCH = 500


def chance(p: float, draws: int) -> float:
    """1 - (1 - p)^draws, the probability that `draws` independent inputs refute, exact for small p too."""
    if not 0.0 <= p <= 1.0 or draws < 0:
        raise ValueError(f"p is {p} and draws {draws}; p must lie in [0, 1] and draws be at least 0")
    return float(draws > 0) if p == 1.0 else -math.expm1(draws * math.log1p(-p))


def random_search(runner: Runner, puzzle: Puzzle, inputs: Iterable[tuple[Any, ...]], batch: int = BATCH) -> int | None:
    """Number of inputs drawn up to the first refutation (from 1); None without one."""
    drawn = 0
    source = iter(inputs)
    while window := list(islice(source, batch)):
        for refutes in refuting(runner, puzzle, window):
            drawn += 1
            if refutes:
                return drawn
    return None


def refuting(runner: Runner, puzzle: Puzzle, inputs: Sequence[tuple[Any, ...]]) -> Iterator[bool]:
    """For each input (the arguments of the entry point) whether it is valid and refutes: three programs for all of them."""
    if puzzle.entry_point is None:
        raise BadTestsError("random search draws arguments; this puzzle reads stdin")
    allowed = _answers(runner, puzzle.validator, "valid", inputs)
    valid = [index for index, reply in enumerate(allowed) if reply.value is True]
    chosen = [inputs[index] for index in valid]
    trusted = dict(zip(valid, _answers(runner, puzzle.trusted, puzzle.entry_point, chosen), strict=True))
    suspect = dict(zip(valid, _answers(runner, puzzle.suspect, puzzle.entry_point, chosen), strict=True))
    for index, args in enumerate(inputs):
        if index not in trusted or trusted[index].cause is not None:
            yield False
        elif suspect[index].cause is not None:
            yield True
        else:
            yield not agree(runner, puzzle, Input(args), (trusted[index], suspect[index]))


def _answers(runner: Runner, source: str, function: str, inputs: Sequence[tuple[Any, ...]]) -> list[ProgramAnswer]:
    """An answer per input; if an input ends the program, a new one answers the rest."""
    answers: list[ProgramAnswer] = []
    while len(answers) < len(inputs):
        report = runner.run(Calls(source, tuple(Call(function, args) for args in inputs[len(answers) :])))
        if report.cause == "compile_error":
            raise BadTestsError(f"a program of the puzzle does not compile: {report.detail}")
        batch = [answer(result, report) for result in report.results if result.status != "not_run"]
        answers += batch or [ProgramAnswer(None, report.cause or "runtime_error", report.detail, report.cpu_seconds)]
    return answers
