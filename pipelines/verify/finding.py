"""Shared parts of verifiers: findings and their verdicts, the text that is judged, verdicts in input order, versions.

A verifier that judges one completion after the other derives from `OneByOne` and writes `judge`.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Self, TypeVar

from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Completion, Outcome, Problem, Prompt, Verdict
from rollmill.pipelines.verify.extract import THOUGHT_BEGIN, THOUGHT_END, judged_text

SHOWN = 1_000  # characters of an extracted answer or a normal form
EVIDENCE_BYTES = 65_536  # of a verdict: millions of them are stored
Item = tuple[Problem, Completion]
Rules = tuple[tuple[str, str], ...]
Words = Mapping[str, str]
Given = TypeVar("Given")
Judged = TypeVar("Judged")
ALL_OF: tuple[Outcome, ...] = ("incorrect", "unparsed", "undecided", "correct")
"""Order of outcomes that must all be right; the first that occurs counts, so doubt never turns a no into a yes."""
ANY_OF: tuple[Outcome, ...] = ("correct", "undecided", "incorrect", "unparsed")
"""Order of outcomes of which one right one suffices; the first that occurs counts, as doubt might have been a yes."""
_AHEAD = 256
"""Items that may be under way before the first of them is waited for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """An outcome with what led to it; `evidence` is a JSON value; `seconds`: CPU seconds of programs, None: not counted."""

    outcome: Outcome
    rule: str
    cause: str | None = None
    value: float | None = None
    extracted: str | None = None
    normal_form: str | None = None
    reference_form: str | None = None
    evidence: Any = None
    seconds: float | None = None


def rule_table(*rows: tuple[str, str, str]) -> tuple[Rules, Words]:
    """(rules, words) of a verifier, of the rows of one table: rule, version, plain words."""
    return tuple((rule, version) for rule, version, _ in rows), {rule: words for rule, _, words in rows}


class OneByOne:
    """A verifier whose verdict on an item is the finding of `judge`."""

    name: str
    version: str
    shown = SHOWN
    """Characters of an extracted answer or a normal form that its verdicts keep."""
    rules: Rules
    workers = 0
    """Items under way; 0: one after the other in the calling thread."""

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        """Finding on one completion; never raises on model text."""
        raise NotImplementedError

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion."""
        started = perf_counter()
        finding = self.judge(problem, completion)
        seconds = perf_counter() - started if finding.seconds is None else finding.seconds
        return verdict_of(self, (problem, completion), finding, seconds)

    def verify_many(self, items: Iterable[Item]) -> Iterator[Verdict]:
        """Verdicts in input order, streamed."""
        if self.workers:
            return in_order(lambda item: self.verify(*item), items, self.workers)
        return (self.verify(problem, completion) for problem, completion in items)

    def close(self) -> None:
        """Nothing to release; safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def prompt_text(prompt: Prompt) -> str:
    """The text of a prompt, either a string or chat messages."""
    return prompt if isinstance(prompt, str) else "\n".join(message.content for message in prompt)


def visible_text(completion: Completion) -> str:
    """The text that is judged as a whole: the last turn, without the thought before `</think>`.

    A thought that was opened at the beginning and never closed is all there is: nothing was said.
    """
    text = judged_text(completion)
    _, closed, answer = text.rpartition(THOUGHT_END)
    return "" if not closed and answer.lstrip().startswith(THOUGHT_BEGIN) else answer


def in_order(
    judge: Callable[[Given], Judged],
    items: Iterable[Given],
    threads: int,
    quick: Callable[[Given], Judged | None] | None = None,
) -> Iterator[Judged]:
    """The results of a slow function in the order of the items; an exception is raised at its item's place.

    `quick` is asked first, in the calling thread. Only a window of items is held, so an endless stream of them may come in,
    and may be abandoned.
    """
    waiting: deque[Future[Judged] | Judged] = deque()

    def first() -> Judged:
        result = waiting.popleft()
        return result.result() if isinstance(result, Future) else result

    executor = ThreadPoolExecutor(threads, thread_name_prefix="rollmill-verify")
    try:
        for item in items:
            at_once = None if quick is None else quick(item)
            waiting.append(executor.submit(judge, item) if at_once is None else at_once)
            while waiting and (not isinstance(waiting[0], Future) or waiting[0].done() or len(waiting) > _AHEAD):
                yield first()
        while waiting:
            yield first()
    finally:
        # Also reached where the caller abandons the generator: what has not begun is dropped.
        executor.shutdown(wait=True, cancel_futures=True)


def verdict_of(verifier: Any, item: Item, finding: Finding, seconds: float) -> Verdict:
    """The verdict of a verifier with a name and a version; long texts are cut, long evidence says that it was too long."""
    problem, completion = item
    longest = getattr(verifier, "shown", SHOWN)
    return Verdict(
        completion_id=completion.id,
        problem_id=problem.id,
        verifier=verifier.name,
        version=verifier.version,
        outcome=finding.outcome,
        rule=finding.rule,
        cause=finding.cause and finding.cause[:SHOWN],
        value=finding.value,
        extracted=finding.extracted and finding.extracted[:longest],
        normal_form=finding.normal_form and finding.normal_form[:longest],
        reference_form=finding.reference_form and finding.reference_form[:longest],
        seconds=seconds,
        evidence=evidence_text(finding.evidence),
    )


def evidence_text(value: Any) -> str | None:
    """Canonical JSON of a value, or a note with its size where it is longer than a verdict may carry."""
    if value is None:
        return None
    text = canonical_json(value)
    # A model's text may hold lone surrogates, which plain UTF-8 refuses.
    size = len(text.encode("utf-8", "surrogatepass"))
    return text if size <= EVIDENCE_BYTES else canonical_json({"left_out": f"{size} bytes, more than {EVIDENCE_BYTES}"})


def worker_count(workers: int | None) -> int:
    """Number of processes that a verifier starts: as configured, else one a core and 8 at most."""
    return workers or max(1, min(8, os.cpu_count() or 1))


def version_of(rules: Rules, **options: object) -> str:
    """A version that changes with every rule's version and with every option that can change a verdict."""
    named = [f"{name}.{version}" for name, version in rules]
    return "+".join([*named, *(f"{name}={value}" for name, value in options.items())])
