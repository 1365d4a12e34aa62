"""Graders of mathematical answers from PyPI as verifiers, each used as its own documentation or task does.

Runs in the peers' environment (`make peers`), which has none of our dependencies.
"""

import asyncio
import logging
import threading
from importlib.metadata import version
from typing import Any

from benchmarks.peers.verdicts import verdict_of
from rollmill.ground.records import Completion, Problem, Verdict

logging.disable(logging.CRITICAL)


class MathVerify:
    """math-verify as its README shows it: gold in dollars, the completion's whole text, its own time limits."""

    name = "math-verify"
    version = version("math-verify")
    suite = "math"

    def __init__(self) -> None:
        from math_verify import parse, verify

        self._parse, self._verify = parse, verify

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        gold, answer = self._parse(f"${problem.reference}$"), self._parse(completion.text)
        if not answer:
            return verdict_of(problem, completion, (self.name, self.version), "unparsed")
        return verdict_of(problem, completion, (self.name, self.version), bool(self._verify(gold, answer)))


class Hendrycks:
    """lm-evaluation-harness, task hendrycks_math: the last box (or what stands between dollars), strings normalised."""

    name = "lm-eval hendrycks_math"
    version = version("lm-eval")
    suite = "math"

    def __init__(self) -> None:
        from lm_eval.tasks.hendrycks_math import utils

        self._utils: Any = utils

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        answer = _boxed(self._utils, completion.text)
        if answer is None:
            places = [place for place, letter in enumerate(completion.text) if letter == "$"]
            answer = completion.text[places[0] + 1 : places[-1]] if len(places) > 1 else completion.text
        return verdict_of(
            problem, completion, (self.name, self.version), bool(self._utils.is_equiv(answer, problem.reference))
        )


class Minerva:
    """lm-evaluation-harness, task minerva_math: the last box or its phrase, normalised, then sympy."""

    name = "lm-eval minerva_math"
    version = version("lm-eval")
    suite = "math"

    def __init__(self) -> None:
        from lm_eval.tasks.minerva_math import utils

        self._utils: Any = utils

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        utils = self._utils
        answer = _boxed(utils, completion.text)
        answer = utils.get_unnormalized_answer(completion.text) if answer is None else answer
        same = utils.is_equiv(utils.normalize_final_answer(answer), utils.normalize_final_answer(problem.reference))
        return verdict_of(problem, completion, (self.name, self.version), bool(same))


class Inspect:
    """Inspect's `math()` scorer; a target that it cannot parse (it raises) is undecided."""

    name = "inspect math"
    version = version("inspect-ai")
    suite = "math"

    def __init__(self) -> None:
        from inspect_ai.model import ChatMessageUser, ModelName, ModelOutput
        from inspect_ai.scorer import Target, math
        from inspect_ai.solver import TaskState

        self._scorer = math()
        self._target = Target
        self._own = threading.local()

        def state(prompt: str, text: str) -> Any:
            output = ModelOutput.from_content("mockllm/model", text)
            messages: list[Any] = [ChatMessageUser(content=prompt)]
            return TaskState(ModelName("mockllm/model"), 1, 1, prompt, messages, output=output)

        self._state = state

    def _loop(self) -> asyncio.AbstractEventLoop:
        """An event loop for each thread: two cannot share one."""
        if not hasattr(self._own, "loop"):
            self._own.loop = asyncio.new_event_loop()
        loop: asyncio.AbstractEventLoop = self._own.loop
        return loop

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        who = (self.name, self.version)
        try:
            score = self._loop().run_until_complete(
                self._scorer(self._state(str(problem.prompt), completion.text), self._target(problem.reference))
            )
        except ValueError as error:
            if "Could not parse any mathematical target" in str(error):
                return verdict_of(problem, completion, who, "undecided", "target not parsed")
            raise
        status = str((score.metadata or {}).get("status", score.value))
        if score.value == "C":
            return verdict_of(problem, completion, who, "correct", status)
        if "target" in status:
            return verdict_of(problem, completion, who, "undecided", status)
        return verdict_of(problem, completion, who, "unparsed" if status == "answer_parse_error" else "incorrect", status)


def _boxed(utils: Any, text: str) -> str | None:
    """The content of the last box by the harness's own functions, which fail on odd boxes."""
    box = utils.last_boxed_only_string(text)
    return None if box is None else str(utils.remove_boxed(box))
