"""The verifier `optimization`: a model of the completion is solved, and its optimum compared with the reference's.

`form: json` (default): the completion holds the model itself (`model`), its last JSON value. `form: code`: it holds a
program that prints the model; it runs in the sandbox, the model is solved on our side, and with several tests it runs on
each one's input, all of which must come out right (different models may share the optimum of one instance).

The reference is a number, `infeasible` or `unbounded`, or a model to solve. Tests are JSON: a model, or
{"stdin": text, "optimum": number or word}. Values are the same within `tolerance` (1e-6) relative to the larger: nothing is
rounded, and no altered model is tried. A model that is malformed is `incorrect`, a text without JSON or program `unparsed`;
a model beyond our bounds, or a failure of the solver, is `undecided`.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any, Literal

from rollmill.ground.errors import SetupError, unknown_name
from rollmill.ground.formats.json_text import LONGEST, BadJsonError, find_json, parse_json
from rollmill.ground.ids import canonical_json, digest128
from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.sandbox import Mode, SandboxFailed, SandboxLimits, Script
from rollmill.pipelines.verify.code.program import Task, program_of
from rollmill.pipelines.verify.code.sandbox_verifier import SandboxVerifier
from rollmill.pipelines.verify.finding import ALL_OF, Finding, rule_table, version_of, visible_text
from rollmill.pipelines.verify.structured.linear_model import (
    LinearModel,
    MalformedError,
    Optimum,
    TooBigError,
    model_of,
    optimum_of,
)
from rollmill.pipelines.verify.workers.worker_pool import WorkerLimits, WorkerPool

JOB = "rollmill.pipelines.verify.structured.linear_model:solve"
CPU = WorkerLimits(cpu_seconds=10.0, memory_bytes=3 << 30)
TOLERANCE = 1e-6  # relative; the solver's own tolerances are of this size
_REMEMBERED = 4_096  # optima: completions of one problem often state the same model
_INSTANCES = 50  # tests of one problem: each is a run of the program


class UndecidedError(Exception):
    """No conclusion is possible; the message is the cause, `rule` the rule that failed."""

    def __init__(self, rule: str, cause: str) -> None:
        super().__init__(cause)
        self.rule = rule


class OptimizationVerifier(SandboxVerifier):
    """Solves in worker processes with limits of CPU and memory; usable from any thread. `cpu_seconds`: of one program."""

    name = "optimization"
    rules, words = rule_table(
        ("reference", "1", "the problem gives no usable optimum"),
        ("program", "1", "the program prints no model"),
        ("model", "1", "no model that can be read"),
        ("bounds", "1", "too large to be solved"),
        ("solver", "2", "the solver failed"),
        ("optimum", "1", "the model solved and its optimum compared"),
    )

    def __init__(
        self,
        *,
        form: Literal["json", "code"] = "json",
        tolerance: float = TOLERANCE,
        sandbox: Mode = "strict",
        cpu_seconds: float = 5.0,
        workers: int | None = None,
        limits: WorkerLimits | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            form: What the completion writes: the model as `json`, or a program as `code`.
            tolerance: Largest relative difference of the optima.
            cpu_seconds: CPU seconds that one program may use.
        """
        if form not in ("json", "code"):
            raise unknown_name("form of verifier 'optimization'", form, ("code", "json"))
        if not 0 <= tolerance < 1:
            raise SetupError(f"verifier 'optimization': tolerance is {tolerance}.", choices=("0 or more, below 1",))
        self.limit(sandbox, SandboxLimits(cpu_seconds=cpu_seconds, wall_seconds=4 * cpu_seconds), workers)
        self._code, self._tolerance = form == "code", tolerance
        self._pool = WorkerPool(JOB, workers=self.workers, limits=limits or CPU)
        self._memory: OrderedDict[str, Optimum] = OrderedDict()
        boxed = {"sandbox": sandbox, "cpu": f"{cpu_seconds:g}s"} if self._code else {}
        self.version = version_of(self.rules, scipy=version("scipy"), form=form, tolerance=f"{tolerance:g}", **boxed)

    def ready(self) -> None:
        """SetupError if programs are to be run and this machine has no sandbox for them."""
        if self._code:
            super().ready()

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        try:
            wanted = self._wanted(problem)
            text = visible_text(completion)
            return self._of_program(wanted, text) if self._code else self._of_text(wanted[0][1], text)
        except UndecidedError as error:
            return Finding("undecided", error.rule, str(error))

    def close(self) -> None:
        """End the worker processes and the sandbox; safe to call twice."""
        self._pool.close()
        super().close()

    def _wanted(self, problem: Problem) -> Sequence[tuple[str, Optimum]]:
        """(input, optimum) of every instance; one without input where the problem only has a reference."""
        stated = optimum_of(problem.reference)
        # Cut before any is solved; a problem with more tests is refused below.
        instances = [self._instance(_json(test, "a test"), stated) for test in problem.tests[:_INSTANCES]]
        if not instances and stated is None and problem.reference.lstrip().startswith("{"):
            instances = [self._instance(_json(problem.reference, "the reference"), None)]
        if not instances and stated is not None:
            instances = [("", stated)]
        if not instances or len(problem.tests) > _INSTANCES or (len(instances) > 1 and not self._code):
            cause = "several tests need form: code" if len(instances) > 1 else "no optimum in reference and tests"
            raise UndecidedError("reference", cause)
        return instances

    def _instance(self, given: Any, stated: Optimum | None) -> tuple[str, Optimum]:
        if isinstance(given, dict) and given.keys() <= {"stdin", "optimum"}:
            optimum = optimum_of(given["optimum"]) if "optimum" in given else stated
            if optimum is None or not isinstance(given.get("stdin", ""), str):
                raise UndecidedError("reference", "a test without an optimum")
            return given.get("stdin", ""), optimum
        try:
            return "", stated or self._solved(model_of(given))
        except (MalformedError, TooBigError) as error:
            raise UndecidedError("reference", f"the reference's model: {error}") from None

    def _of_text(self, wanted: Optimum, text: str) -> Finding:
        json_text = find_json(text)
        if json_text is None or (json_text.error is None and not isinstance(json_text.value, dict)):
            return Finding("unparsed", "model", "no JSON object in the text")
        if json_text.error is not None:
            return Finding("incorrect", "model", None, None, json_text.text, evidence={"malformed": json_text.error})
        return self._compared(wanted, json_text.value, json_text.text)

    def _of_program(self, wanted: Sequence[tuple[str, Optimum]], text: str) -> Finding:
        program = program_of(text, Task())
        if program is None or program.rule == "broken":
            return Finding("unparsed", "program", "no program in the text")
        findings = [self._of_run(program.text, stdin, optimum) for stdin, optimum in wanted]
        right = sum(finding.outcome == "correct" for finding in findings)
        chosen = min(findings, key=lambda finding: ALL_OF.index(finding.outcome))
        runs = [{"outcome": finding.outcome, "rule": finding.rule, "saw": finding.evidence} for finding in findings]
        return replace(chosen, value=right / len(findings), extracted=program.text, evidence=runs)

    def _of_run(self, source: str, stdin: str, wanted: Optimum) -> Finding:
        """The finding on one run of a program: a program that fails or prints no model is wrong."""
        try:
            report = self.sandbox().run(Script(source, stdin))
        except SandboxFailed as error:
            raise UndecidedError("program", f"crash: {error}"[:500]) from None
        if report.cause is not None:
            return Finding("incorrect", "program", report.cause, evidence={"detail": report.detail[:300]})
        if len(report.stdout) > LONGEST:
            raise UndecidedError("bounds", f"size_limit: more than {LONGEST} characters printed")
        printed = find_json(report.stdout)
        if printed is None or printed.error is not None:
            why = "nothing that is JSON was printed" if printed is None else printed.error
            return Finding("incorrect", "model", None, evidence={"malformed": why})
        return self._compared(wanted, printed.value, printed.text)

    def _compared(self, wanted: Optimum, value: Any, text: str) -> Finding:
        try:
            model = model_of(value)
        except MalformedError as error:
            return Finding("incorrect", "model", None, None, text, evidence={"malformed": str(error)})
        except TooBigError as error:
            raise UndecidedError("bounds", f"size_limit: {error}") from None
        got = self._solved(model)
        difference = got.difference(wanted)
        evidence: Mapping[str, Any] = {
            "status": got.status,
            "variables": len(model.names),
            "constraints": len(model.rows),
            "difference": None if difference is None else float(f"{difference:.6g}"),
        }
        outcome = "correct" if got.same(wanted, self._tolerance) else "incorrect"
        return Finding(outcome, "optimum", None, None, text, got.form(), wanted.form(), evidence)  # type: ignore[arg-type]

    def _solved(self, model: LinearModel) -> Optimum:
        """The optimum of a model, remembered; UndecidedError when the solver gives none."""
        question = model.question()
        key = digest128(canonical_json(question))
        with self._lock:
            # Not held while a worker solves; the pool lets copies of a question wait for one reply.
            known = self._memory.get(key)
        if known is not None:
            return known
        reply = self._pool.ask(question)
        if "failed" in reply:
            raise UndecidedError("solver", str(reply["failed"]))
        optimum = Optimum(reply["status"], reply.get("value"))
        with self._lock:
            self._memory[key] = optimum
            if len(self._memory) > _REMEMBERED:
                self._memory.popitem(last=False)
        return optimum


def _json(text: str, what: str) -> Any:
    try:
        return parse_json(text)
    except BadJsonError as error:
        raise UndecidedError("reference", f"{what} is not JSON: {error}") from None
