"""Verifiers of a user's own file: right where the text is the reference, and each with a weakness."""

import time
from dataclasses import replace

from rollmill.ground.records import Completion, Problem
from rollmill.pipelines.verify.finding import Finding, OneByOne

CALLS: list[str] = []


class Plain(OneByOne):
    name, version, rules = "plain", "1", (("same", "1"),)

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        CALLS.append(completion.text)
        if not completion.text:
            return Finding("unparsed", "same", "empty")
        return Finding("correct" if completion.text == problem.reference else "incorrect", "same")


class Forgetful(Plain):
    """Keeps no text."""

    name = "forgetful"

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        return Finding("correct" if completion.text == problem.reference else "incorrect", "same")


class Slow(Plain):
    name = "slow"

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        time.sleep(0.3)
        return super().judge(problem, completion)


class Tired(Plain):
    """Has no time at first; the second time it is asked about a text it knows."""

    name = "tired"

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        first = completion.text not in self._seen
        self._seen.add(completion.text)
        return Finding("undecided", "same", "cpu_limit") if first else super().judge(problem, completion)


class Never(Plain):
    name = "never"

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        return replace(super().judge(problem, completion), outcome="undecided", cause="memory_limit")


class Raising(Plain):
    name = "raising"

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        if "bad" in completion.text:
            raise ValueError("bad text")
        return super().judge(problem, completion)


class Shares(Plain):
    name = "shares"

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        return replace(super().judge(problem, completion), value=0.25)


class Reads(Plain):
    """Says what it was given besides the text."""

    name = "reads"

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        turns = [turn.role for turn in completion.messages or ()]
        given = f"{problem.kind} {problem.prompt!r} {completion.finish_reason} {turns}"
        return Finding("correct", "same", extracted=given)


class Lengths(Plain):
    """Right where a text has an even number of characters, and always where the reference is `any`."""

    name = "lengths"

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        return Finding("correct" if problem.reference == "any" or len(completion.text) % 2 == 0 else "incorrect", "same")
