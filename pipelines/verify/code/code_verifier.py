"""The verifier `code`: runs the program of a completion against the tests of its problem in a sandbox.

A program that fails, exceeds its limits or tries to leave the sandbox is `incorrect` with its cause; a completion without a
program is `unparsed`; tests that cannot be read and failures of the sandbox itself are `undecided`.
"""

from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter

from pipelines.sandbox import Mode, SandboxFailed, TestsBroken, limits_of
from pipelines.verify.code.execution import SuiteRun, all_passed, evidence, gravest, passed_count, printable, run_suite
from pipelines.verify.code.expected_values import SPACINGS, Spacing
from pipelines.verify.code.program import EXTRACTION, WORDS, ParsedProgram, program_of, task_of
from pipelines.verify.code.sandbox_verifier import SandboxVerifier
from pipelines.verify.code.suite import BadTestsError, ProgramSuite, called_by, suite_of, with_helpers
from pipelines.verify.finding import Item, prompt_text, visible_text
from storage.ground.errors import SetupError
from storage.ground.records import Completion, Outcome, Problem, Verdict

_FORMS = (("asserts", "2"), ("calls", "1"), ("stdio", "2"), ("mixed", "2"), ("sandbox", "1"))
PROJECT = "project_code"
"""Key of a problem's meta: the code around the asked function, there when its tests run."""
_EXTRACTED = 2_000  # characters of the program that a verdict keeps


class CodeVerifier(SandboxVerifier):
    """Verifier of programs: runs them against their problem's tests in a sandbox, which starts with the first program.
    Thread-safe; close it, or use it in a `with`.

    `cpu_seconds`, `memory_mib` and `output_kib` are the limits of one program (of one run, for stdin and stdout); its wall
    time may be twelve times its CPU seconds. `stdout`: the white space that counts (`expected_values`). `workers`: programs
    that run in parallel.
    """

    name = "code"
    rules = (("tests", "1"), *EXTRACTION, *_FORMS)
    words: Mapping[str, str] = {
        **WORDS,
        "tests": "the problem's tests cannot be used",
        "asserts": "run against assertions",
        "calls": "run against calls and their values",
        "stdio": "run against inputs and their outputs",
        "mixed": "run against tests of several forms",
        "sandbox": "the sandbox failed",
    }

    def __init__(
        self,
        sandbox: Mode = "strict",
        *,
        cpu_seconds: float = 5.0,
        memory_mib: int = 512,
        output_kib: int = 1024,
        stdout: Spacing = "lines",
        workers: int | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            sandbox: Confinement of programs: `strict`, `shared` (faster) or `none` (no protection).
            cpu_seconds: CPU seconds of one program, or of one run for stdin and stdout.
            memory_mib: Memory of one program, in MiB.
            output_kib: Output of one program, in KiB.
            stdout: White space that counts in the output: `lines`, `exact` or `tokens`.
        """
        if stdout not in SPACINGS:
            raise SetupError(f"verifier 'code': stdout is {stdout!r}.", choices=SPACINGS)
        super().__init__(sandbox, limits_of(cpu_seconds, memory_mib, output_kib), workers)
        self.spacing = stdout
        self.version += f"+stdout-{stdout}"

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion; never raises on model text. SetupError if there is no sandbox."""
        started, item = perf_counter(), (problem, completion)
        try:
            suite = suite_of(problem)
        except BadTestsError as error:
            return self.verdict(item, "undecided", "tests", cause=f"tests: {error}")
        if not suite.size:
            return self.verdict(item, "undecided", "tests", cause="tests: the problem has none")
        task = task_of(
            prompt_text(problem.prompt),
            suite.entry_point,
            str(problem.meta.get(PROJECT) or ""),
            called_by(problem.tests) if suite.entry_point is None else frozenset(),
            bool(suite.runs),
        )
        suite = with_helpers(suite, task.prelude)
        program = program_of(code_text(completion), task)
        if program is None:
            seconds = perf_counter() - started
            return self.verdict(item, "unparsed", "no-program", cause="no program in the text", seconds=seconds)
        try:
            run = run_suite(self.sandbox(), program.text, suite, spacing=self.spacing)
            form = self.form_of(problem, program.text, suite.entry_point)
        except TestsBroken as error:
            return self.verdict(item, "undecided", "tests", cause=f"tests: {error}")
        except SandboxFailed as error:
            return self.verdict(item, "undecided", f"{program.rule}:sandbox", cause=f"crash: {error}")
        return replace(self._of_run(item, program, suite, run), normal_form=form)

    def form_of(self, problem: Problem, source: str, entry_point: str | None) -> str | None:
        """The form by which votes and sets of solutions compare programs; None: by their text."""
        del problem, source, entry_point
        return None

    def _of_run(self, item: Item, program: ParsedProgram, suite: ProgramSuite, run: SuiteRun) -> Verdict:
        outcome: Outcome = "correct" if all_passed(run.results) else "incorrect"
        details = {"detail": printable(run.detail, 500)} if run.detail else {}
        return self.verdict(
            item,
            outcome,
            f"{program.rule}:{suite.forms[0] if len(suite.forms) == 1 else 'mixed'}",
            cause=None if outcome == "correct" else gravest(run.results) or "wrong_answer",
            value=passed_count(run.results) / len(run.results),
            extracted=program.text[:_EXTRACTED],
            seconds=run.cpu_seconds,
            evidence=evidence(run.results, **details),
        )


def code_text(completion: Completion) -> str:
    """The text that holds the program: the last turn when it is text or code, else the completion's text."""
    if completion.messages and completion.messages[-1].kind == "code":
        return completion.messages[-1].content
    return visible_text(completion)
