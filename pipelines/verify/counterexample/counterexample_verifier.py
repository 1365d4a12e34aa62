"""Completions judged as counterexamples: three-part verdict after REFUTE (Sinha et al. 2025). Executes only in the sandbox.

`value` is the share of the three parts that hold: valid input, trusted program answers, suspect fails. Causes:
`invalid_input`, `trusted_limit`, `suspect_slow`, `suspect_survives`, or `generator` where the completion's own program
makes no input.
"""

from time import perf_counter

from pipelines.sandbox import Mode, SandboxFailed
from pipelines.verify.code.code_verifier import code_text
from pipelines.verify.code.execution import printable
from pipelines.verify.code.expected_values import shown
from pipelines.verify.code.sandbox_verifier import SandboxVerifier, limits_of
from pipelines.verify.code.suite import BadTestsError
from pipelines.verify.counterexample.proposed_input import RULES, Input, Proposal, proposal_of
from pipelines.verify.counterexample.refutation import PARTS, Puzzle, UnusableError, make_input, puzzle_of, refute
from pipelines.verify.finding import Item
from storage.ids import canonical_json
from storage.records import Completion, Problem, Verdict

_PART_KEYS = ("input_valid", "trusted_answers", "suspect_fails")


class CounterexampleVerifier(SandboxVerifier):
    """Usable from any thread; the sandbox starts with the first input. `cpu_seconds` and `memory_mib` are per program."""

    name = "counterexample"
    rules = (("tests", "1"), *RULES, ("valid", "1"), ("trusted", "1"), ("suspect", "1"), ("sandbox", "1"))

    def __init__(
        self, sandbox: Mode = "strict", *, cpu_seconds: float = 2.0, memory_mib: int = 256, workers: int | None = None
    ) -> None:
        super().__init__(sandbox, limits_of(cpu_seconds, memory_mib), workers)

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion; never raises on model text. SetupError where there is no sandbox."""
        started, item = perf_counter(), (problem, completion)
        try:
            puzzle = puzzle_of(problem)
            proposal = proposal_of(code_text(completion), stdin=puzzle.entry_point is None)
            if proposal is None:
                seconds = perf_counter() - started
                return self.verdict(item, "unparsed", "no-input", cause="no input in the text", seconds=seconds)
            return self._refutation(item, puzzle, proposal)
        except BadTestsError as error:
            return self.verdict(item, "undecided", "tests", cause=f"tests: {error}")
        except SandboxFailed as error:
            return self.verdict(item, "undecided", "sandbox", cause=f"crash: {error}")

    def _refutation(self, item: Item, puzzle: Puzzle, proposal: Proposal) -> Verdict:
        try:
            candidate = make_input(self.sandbox(), proposal, stdin=puzzle.entry_point is None)
        except UnusableError as error:
            evidence = canonical_json({"detail": printable(str(error))})
            return self.verdict(
                item, "incorrect", f"{proposal.rule}:valid", cause="generator", value=0.0, evidence=evidence
            )
        refutation = refute(self.sandbox(), puzzle, candidate, self.limits.cpu_seconds)
        parts = {name: index < refutation.parts for index, name in enumerate(_PART_KEYS)}
        text = printable(_spelled(candidate))
        return self.verdict(
            item,
            "correct" if refutation.parts == len(PARTS) else "incorrect",
            f"{proposal.rule}:{PARTS[min(refutation.parts, 2)]}",
            cause=refutation.cause,
            value=refutation.parts / len(PARTS),
            extracted=text,
            seconds=refutation.cpu_seconds,
            evidence=canonical_json({**parts, "input": text, "detail": printable(refutation.detail)}),
        )


def _spelled(candidate: Input) -> str:
    if candidate.text is not None:
        return shown(candidate.text)
    return shown(dict(candidate.kwargs) if candidate.kwargs else candidate.args)
