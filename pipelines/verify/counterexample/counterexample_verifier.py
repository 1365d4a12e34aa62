"""Completions judged as counterexamples: three-part verdict after REFUTE (Sinha et al. 2025). Executes only in the sandbox.

`value` is the share of the three parts that hold: valid input, trusted program answers, suspect fails. Causes:
`invalid_input`, `trusted_limit`, `suspect_slow`, `suspect_survives`, or `generator` where the completion's own program
makes no input.
"""

from time import perf_counter
from typing import Any

from pipelines.sandbox import Mode, SandboxFailed
from pipelines.verify.code.code_verifier import code_text
from pipelines.verify.code.execution import printable
from pipelines.verify.code.sandbox_verifier import BoxedVerifier, limits_of
from pipelines.verify.code.suite import BadTestsError
from pipelines.verify.code.values import shown
from pipelines.verify.counterexample.proposed_input import RULES, Given, Input, given_of
from pipelines.verify.counterexample.refutation import PARTS, Puzzle, Trial, UnusableError, made, puzzle_of, tried
from storage.ids import canonical_json
from storage.records import Completion, Outcome, Problem, Verdict


class CounterexampleVerifier(BoxedVerifier):
    """Usable from any thread; the sandbox starts with the first input. `cpu_seconds` and `memory_mib` are per program."""

    name = "counterexample"
    rules = (("tests", "1"), *RULES, ("valid", "1"), ("trusted", "1"), ("suspect", "1"), ("sandbox", "1"))

    def __init__(
        self, sandbox: Mode = "strict", *, cpu_seconds: float = 2.0, memory_mib: int = 256, workers: int | None = None
    ) -> None:
        super().__init__(sandbox, limits_of(cpu_seconds, memory_mib), workers)

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion; never raises on model text. SetupError where there is no sandbox."""
        started = perf_counter()
        item = problem, completion
        try:
            puzzle = puzzle_of(problem)
            given = given_of(code_text(completion), stdin=puzzle.entry_point is None)
            if given is None:
                seconds = perf_counter() - started
                return self._verdict(item, "unparsed", "no-input", cause="no input in the text", seconds=seconds)
            return self._tried(item, puzzle, given)
        except BadTestsError as error:
            return self._verdict(item, "undecided", "tests", cause=f"tests: {error}"[:500])
        except SandboxFailed as error:
            return self._verdict(item, "undecided", "sandbox", cause=f"crash: {error}"[:500])

    def _tried(self, item: tuple[Problem, Completion], puzzle: Puzzle, given: Given) -> Verdict:
        try:
            found = made(self.box(), given, stdin=puzzle.entry_point is None)
        except UnusableError as error:
            told = canonical_json({"detail": printable(str(error))})
            return self._verdict(item, "incorrect", f"{given.rule}:valid", cause="generator", value=0.0, evidence=told)
        trial = tried(self.box(), puzzle, found, self.limits.cpu_seconds)
        rule = f"{given.rule}:{PARTS[min(trial.parts, 2)]}"
        told = canonical_json(_told(found, trial))
        return self._verdict(
            item,
            "correct" if trial.parts == len(PARTS) else "incorrect",
            rule,
            cause=trial.cause,
            value=trial.parts / len(PARTS),
            extracted=printable(_shown(found)),
            seconds=trial.cpu_seconds,
            evidence=told,
        )

    def _verdict(self, item: tuple[Problem, Completion], outcome: Outcome, rule: str, **more: Any) -> Verdict:
        problem, completion = item
        fields = {"seconds": 0.0, **more}
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, rule, **fields)


def _told(found: Input, trial: Trial) -> dict[str, Any]:
    parts = {name: index < trial.parts for index, name in enumerate(("input_valid", "trusted_answers", "suspect_fails"))}
    return {**parts, "input": printable(_shown(found)), "detail": printable(trial.detail)}


def _shown(found: Input) -> str:
    if found.text is not None:
        return shown(found.text)
    return shown(dict(found.kwargs) if found.kwargs else found.args)
