"""The engine `program`: the last fenced block of Python in the text runs in the sandbox, and its output is the text.

For tool use: an answer that computes is followed by its output. A program that fails has a last line that says so,
`[exit 1] ZeroDivisionError: division by zero` or `[timeout] the CPU limit of 5 s`; its cause is in `meta` too. The module
`random` is seeded with the request's seed; the clock is not kept from a program.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Request
from rollmill.pipelines.generate.tools.model_free import MadeText, ModelFree, check_named, failed, python_version
from rollmill.pipelines.sandbox import Mode, ProgramReport, SandboxFailed, SandboxUser, Script, limits_of

_ERROR = 300  # characters of an error that are shown


class Program(SandboxUser, ModelFree):
    """A Generator. Close it to end the sandbox. `threads` (a profile's) are programs side by side, 0: one a core."""

    engine = "program"

    def __init__(
        self,
        model: str = "program",
        sandbox: Mode = "strict",
        cpu_seconds: float = 5.0,
        memory_mib: int = 512,
        shown: int = 4_000,
        threads: int = 0,
    ) -> None:
        """Take the options of a recipe.

        Args:
            model: Always `program`.
            sandbox: Confinement of programs: `strict`, `shared` (faster) or `none` (no protection).
            cpu_seconds: CPU seconds that one program may use.
            memory_mib: Memory of one program, in MiB.
            shown: Characters of the program's output that are kept.
        """
        from rollmill.pipelines.verify.finding import worker_count

        check_named(self.engine, model)
        if not shown > 0:
            raise SetupError(f"engine 'program': shown is {shown}, and must be above 0.")
        self.use_sandbox("engine 'program'", sandbox, limits_of(cpu_seconds, memory_mib), worker_count(threads))
        self.shown = shown
        used = [cpu_seconds, memory_mib, self.limits.output_kib, self.limits.disk_mib]
        super().__init__(model, ["1", python_version(), sandbox, used, shown])

    def generate(self, requests: Sequence[Request]) -> Iterator[Completion]:
        """Yield a completion for each request in their order, programs side by side."""
        executor = ThreadPoolExecutor(self.workers, thread_name_prefix="rollmill-program")
        try:
            yield from executor.map(self._completion, requests)
        finally:
            # map has submitted every request: without this, a caller that leaves early would wait for all of them.
            executor.shutdown(wait=True, cancel_futures=True)

    def made(self, text: str, options: Mapping[str, str], seed: int) -> MadeText:
        """Output of the text's program. SetupError if this machine has no sandbox."""
        from rollmill.pipelines.verify.code.program import Task, program_of

        del options
        program = program_of(text, Task())
        if program is None or program.rule != "fenced":
            return failed("no fenced block of Python in the text")
        try:
            report = self.sandbox().run(Script(program.text, seed=seed))
        except SandboxFailed as error:
            return failed(f"the sandbox failed: {error}")
        return MadeText(self._shown(report), _meta(report), report.cpu_seconds)

    def _shown(self, report: ProgramReport) -> str:
        """The output up to a length, and how the program failed if it did."""
        out, rest = report.stdout[: self.shown], len(report.stdout) - self.shown
        notes = [f"[cut: {rest} more characters]"] if rest > 0 else []
        if report.cause is not None:
            notes.append(f"[{_ending(report)}] {_error(report)}".rstrip())
        if not notes:
            return out
        return "\n".join([*([out.removesuffix("\n")] if out else []), *notes])


def _meta(report: ProgramReport) -> dict[str, Any]:
    status = report.results[0].value
    meta = {"exit": status if isinstance(status, int) else None, "characters": len(report.stdout)}
    return meta if report.cause is None else {**meta, "cause": report.cause, "error": _error(report)}


def _ending(report: ProgramReport) -> str:
    status = report.results[0].value
    own = report.cause in ("runtime_error", "compile_error") and isinstance(status, int) and status > 0
    return f"exit {status}" if own else str(report.cause)


def _error(report: ProgramReport) -> str:
    """Failure on one line: the exception or the limit, else the last line of stderr."""
    message = report.detail
    if message.startswith("exit status"):
        message = next((line for line in reversed(report.stderr.splitlines()) if line.strip()), "")
    return " ".join(message.split())[:_ERROR]
