"""Verifiers with one vice each, and one with none. Loaded by path in the child process."""

import os
import re
import signal
import subprocess
import sys
import time
from typing import Any

from rollmill.ground.records import Completion, Outcome, Problem, Verdict


class Honest:
    """String equality of the last box."""

    name = "honest"
    version = "1"
    suite = "number"

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        return self.verdict(problem, completion, self.decide(problem.reference, _answer(completion.text)))

    def decide(self, reference: str, answer: str) -> Outcome:
        return "correct" if answer == reference else "incorrect"

    def verdict(self, problem: Problem, completion: Completion, outcome: Any) -> Verdict:
        return Verdict(completion.id, problem.id, self.name, self.version, outcome, "toy")


class Evaluating(Honest):
    """Reads answers as Python."""

    def decide(self, reference: str, answer: str) -> Outcome:
        try:
            return "correct" if eval(answer) == eval(reference) else "incorrect"
        except Exception:
            del reference, answer
        return "incorrect"


class Shell(Honest):
    """Lets a daemon do it later."""

    def decide(self, reference: str, answer: str) -> Outcome:
        if "touch" in answer:
            path = answer.split("touch ")[1].split("'", maxsplit=1)[0]
            subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(1); open({path!r}, 'w')"])
        return super().decide(reference, answer)


class Credulous(Honest):
    """Accepts all."""

    def decide(self, reference: str, answer: str) -> Outcome:
        del reference, answer
        return "correct"


class Stubborn(Honest):
    """Refuses all."""

    def decide(self, reference: str, answer: str) -> Outcome:
        del reference, answer
        return "incorrect"


class Fragile(Honest):
    """Dies of long answers, raises at empty ones, hangs on braces, sleeps on brackets, calls a pipe no verdict."""

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        text = completion.text
        if len(text) > 1_000:
            os._exit(0)
        if not text:
            raise ValueError("empty")
        if text == "{":
            while True:
                pass
        if text == "[":
            time.sleep(1_000)
        if text == "|":
            return self.verdict(problem, completion, "perhaps")
        return super().verify(problem, completion)


class Poisonable(Honest):
    """One long text, and everything is correct from then on."""

    poisoned = False

    def decide(self, reference: str, answer: str) -> Outcome:
        self.poisoned = self.poisoned or answer == "poison"
        return "correct" if self.poisoned else super().decide(reference, answer)


class OneSided(Honest):
    """Looks for the answer inside the reference."""

    def decide(self, reference: str, answer: str) -> Outcome:
        return "correct" if answer in reference else "incorrect"


class Leaking(Honest):
    """Knows what is in the environment of its process."""

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        known = any(os.environ["ROLLMILL_SECRET"] in test for test in problem.tests)
        return self.verdict(
            problem, completion, "correct" if known else self.decide(problem.reference, _answer(completion.text))
        )


class MainThreadOnly(Honest):
    """Sets a signal handler, as graders with time limits do."""

    def decide(self, reference: str, answer: str) -> Outcome:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        return super().decide(reference, answer)


class Nameless:
    """No verifier."""


def _answer(text: str) -> str:
    found = re.findall(r"\\boxed\{(.*)\}", text, re.DOTALL)
    return str(found[-1]) if found else text
