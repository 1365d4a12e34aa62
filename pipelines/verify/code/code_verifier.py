"""The verifier `code`: runs the program of a completion against the tests of its problem in a sandbox.

A program that fails, exceeds its limits or tries to leave the sandbox is `incorrect` with its cause; a completion without a
program is `unparsed`; tests that cannot be read and failures of the sandbox itself are `undecided`.
"""

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.sandbox import Mode, SandboxFailed, limits_of
from rollmill.pipelines.verify.code.execution import all_passed, evidence, gravest, passed_count, printable, run_suite
from rollmill.pipelines.verify.code.expected_values import SPACINGS, Spacing
from rollmill.pipelines.verify.code.program import EXTRACTION, program_of, task_of
from rollmill.pipelines.verify.code.sandbox_verifier import SandboxVerifier
from rollmill.pipelines.verify.code.suite import BadTestsError, called_by, suite_of, with_helpers
from rollmill.pipelines.verify.finding import Finding, prompt_text, rule_table, visible_text

PROJECT = "project_code"
"""Key of a problem's meta: the code around the asked function, there when its tests run."""


class CodeVerifier(SandboxVerifier):
    """Verifier of programs: runs them against their problem's tests in a sandbox, which starts with the first program.
    Thread-safe; close it, or use it in a `with`.

    `cpu_seconds`, `memory_mib` and `output_kib` are the limits of one program (of one run, for stdin and stdout); its wall
    time may be twelve times its CPU seconds. `stdout`: the white space that counts (`expected_values`). `workers`: programs
    that run in parallel.
    """

    name = "code"
    shown = 2_000
    rules, words = rule_table(
        ("tests", "1", "the problem's tests cannot be used"),
        *EXTRACTION,
        ("asserts", "2", "run against assertions"),
        ("calls", "1", "run against calls and their values"),
        ("stdio", "2", "run against inputs and their outputs"),
        ("mixed", "2", "run against tests of several forms"),
        ("sandbox", "1", "the sandbox failed"),
    )

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
            cpu_seconds: CPU seconds of one program, or of one run for stdin and stdout.
            output_kib: Output of one program, in KiB.
            stdout: White space that counts in the output: `lines`, `exact` or `tokens`.
        """
        if stdout not in SPACINGS:
            raise SetupError(f"verifier 'code': stdout is {stdout!r}.", choices=SPACINGS)
        self.limit(sandbox, limits_of(cpu_seconds, memory_mib, output_kib), workers)
        self.spacing = stdout
        self.version += f"+stdout-{stdout}"

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        suite = suite_of(problem)
        if not suite.size:
            raise BadTestsError("the problem has none")
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
            return Finding("unparsed", "no-program", "no program in the text")
        try:
            run = run_suite(self.sandbox(), program.text, suite, spacing=self.spacing)
            form = self.form_of(problem, program.text, suite.entry_point)
        except SandboxFailed as error:
            return Finding("undecided", f"{program.rule}:sandbox", f"crash: {error}"[:500], seconds=0.0)
        details = {"detail": printable(run.detail, 500)} if run.detail else {}
        passed = all_passed(run.results)
        return Finding(
            "correct" if passed else "incorrect",
            f"{program.rule}:{suite.forms[0] if len(suite.forms) == 1 else 'mixed'}",
            None if passed else gravest(run.results) or "wrong_answer",
            passed_count(run.results) / len(run.results),
            program.text,
            form,
            evidence=evidence(run.results, **details),
            seconds=run.cpu_seconds,
        )

    def form_of(self, problem: Problem, source: str, entry_point: str | None) -> str | None:
        """The form by which votes and sets of solutions compare programs; None: by their text."""
        del problem, source, entry_point
        return None


def code_text(completion: Completion) -> str:
    """The text that holds the program: the last turn when it is text or code, else the completion's text."""
    if completion.messages and completion.messages[-1].kind == "code":
        return completion.messages[-1].content
    return visible_text(completion)
