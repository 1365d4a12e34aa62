"""The verifier `math`: is the final answer the reference, as mathematics? Layers, cheapest first, each able to end it.

1. extraction (`extract`); 2. identical normal spelling; 3. plain numbers, exactly; 4. formulas, lists, sets, intervals and
equations by exact arithmetic; 5. in a worker process: values to 260 digits, then the library math-verify as a witness whose
yes must be confirmed. Model text is never evaluated as a program. A failure of a worker is `undecided` with its cause.
"""

import os
import re
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import Any

from pipelines.verify.answers.policy import POLICY, Asked, asked, same_quantity
from pipelines.verify.answers.reading import Reading, choice, normal_spelling, read
from pipelines.verify.answers.same import Judge
from pipelines.verify.extract import Extracted, final_answer, judged_text
from pipelines.verify.number import UNFINISHED, plain_text, prompt_text
from pipelines.verify.workers.pool import Limits, WorkerPool
from storage.records import Completion, Outcome, Problem, Verdict

_LIBRARIES = {"math-verify": "math-verify", "latex2sympy2": "latex2sympy2_extended", "sympy": "sympy", "mpmath": "mpmath"}
_MATH_SPAN = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]|\$\$(.+?)\$\$|\$([^$]+)\$")
_PROSE = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{4,}")
_LONGEST_ANSWER = 2_000
_AFTER_SPAN = 40
_REMEMBERED = 50_000
_WINDOW = 512
JOB = "pipelines.verify.workers.judgement:decide"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was concluded, by which rule, and why there is no plain yes or no."""

    outcome: Outcome
    rule: str
    cause: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Question:
    """Everything a decision depends on; equal questions have equal answers."""

    reference: str
    answer: str
    rule: str
    asks: Asked


class MathVerifier:
    """Exact and bounded; usable from any thread. Close it, or use it in a `with`, to end its workers early."""

    name = "math"

    def __init__(
        self, *, workers: int | None = None, limits: Limits | None = None, job: str = JOB, path: Sequence[str] = ()
    ) -> None:
        self.version = math_version()
        self.workers = workers or max(1, min(8, os.cpu_count() or 1))
        self._pool = WorkerPool(job, workers=self.workers, limits=limits, path=path)
        self._memory: OrderedDict[Question, Decision] = OrderedDict()
        self._lock = threading.Lock()

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        """The verdict on one completion; never raises on model text."""
        started = perf_counter()
        question, decision = self._quick(problem, completion)
        if decision is None:
            assert question is not None
            decision = self._slow(question)
            return self._verdict(problem, completion, question, decision, decision.seconds)
        return self._verdict(problem, completion, question, decision, perf_counter() - started)

    def verify_many(self, items: Iterable[tuple[Problem, Completion]]) -> Iterator[Verdict]:
        """Verdicts in input order, streamed; at most a window of items is held, the slow ones in parallel."""
        waiting: deque[Future[Verdict] | Verdict] = deque()
        executor = ThreadPoolExecutor(self.workers, thread_name_prefix="rollmill-math")
        try:
            for problem, completion in items:
                started = perf_counter()
                question, decision = self._quick(problem, completion)
                if decision is None:
                    waiting.append(executor.submit(self.verify, problem, completion))
                else:
                    waiting.append(self._verdict(problem, completion, question, decision, perf_counter() - started))
                while waiting and (_ready(waiting[0]) or len(waiting) > _WINDOW):
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            executor.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """End the worker processes; safe to call twice."""
        self._pool.close()

    def __enter__(self) -> "MathVerifier":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _quick(self, problem: Problem, completion: Completion) -> tuple[Question | None, Decision | None]:
        """The question with the decision that needs no worker, or with None."""
        found = final_answer(judged_text(completion), cut=completion.finish_reason == "length")
        answer = answer_text(found) if found else None
        if found is None or answer is None:
            return None, Decision("unparsed", "no-answer", "no final answer found")
        question = Question(reference_text(problem.reference), answer, found.rule, asked(prompt_text(problem.prompt)))
        with self._lock:
            known = self._memory.get(question)
        return question, known or decide_exactly(question)

    def _slow(self, question: Question) -> Decision:
        """Ask a worker; what it concludes is remembered, what it fails on is not."""
        asks = {"scales": sorted(question.asks.scales), "unordered": question.asks.unordered}
        reply = self._pool.ask({"reference": question.reference, "answer": question.answer, **asks})
        if "failed" in reply:
            return Decision("undecided", f"{question.rule}:worker", str(reply["failed"]), float(reply.get("cpu", 0.0)))
        decision = _from_reply(question, reply)
        with self._lock:
            self._memory[question] = decision
            if len(self._memory) > _REMEMBERED:
                self._memory.popitem(last=False)
        return decision

    def _verdict(
        self, problem: Problem, completion: Completion, question: Question | None, decision: Decision, seconds: float
    ) -> Verdict:
        answer = read(question.answer) if question else None
        return Verdict(
            completion.id,
            problem.id,
            self.name,
            self.version,
            decision.outcome,
            decision.rule,
            decision.cause,
            None,
            question.answer[:1_000] if question else None,
            answer.form[:1_000] if answer else None,
            read(reference_text(problem.reference)).form[:1_000],
            seconds,
        )


@lru_cache(maxsize=1)
def math_version() -> str:
    """Our rules, the equality policy and every library that can decide."""
    parts = []
    for label, package in _LIBRARIES.items():
        try:
            parts.append(f"{label}-{version(package)}")
        except PackageNotFoundError:
            parts.append(f"{label}-none")
    return "+".join(["1", POLICY, *parts])


@lru_cache(maxsize=32_768)
def reference_text(reference: str) -> str:
    """The answer inside a reference: after `####`, or inside its last box, or the whole."""
    found = final_answer(reference)
    return found.text if found is not None and found.rule in ("hash", "boxed") else reference.strip()


def answer_text(found: Extracted) -> str | None:
    """The answer an extraction holds; None where an unmarked last line concludes nothing."""
    if found.rule in ("hash", "boxed"):
        return found.text
    whole = read(found.text)
    if found.rule != "tail" and (whole.value is not None or whole.quantity is not None):
        return found.text
    if choice(found.text) is not None:
        return found.text
    number = plain_text(found)
    if number is not None:
        return number
    return _span(found) or (None if found.rule == "tail" else found.text)


def _span(found: Extracted) -> str | None:
    """The formula a sentence concludes with: of an answer phrase the first, of an unmarked line the last, near its end."""
    text = found.text[-_LONGEST_ANSWER:]
    spans = list(_MATH_SPAN.finditer(text))
    if not spans or UNFINISHED.search(text):
        return None
    span = spans[0] if found.rule == "phrase" else spans[-1]
    if found.rule == "tail" and len(text) - span.end() > _AFTER_SPAN:
        return None
    return next(group for group in span.groups() if group).strip()


def decide_exactly(question: Question) -> Decision | None:
    """What the exact layers conclude, or None where only a worker can tell."""
    reference, answer, rule = read(question.reference), read(question.answer), question.rule
    if reference.normal == answer.normal and answer.normal:
        return Decision("correct", f"{rule}:identical")
    if len(question.answer) > max(_LONGEST_ANSWER, 4 * len(question.reference)):
        return Decision("incorrect", f"{rule}:too-long")
    for left, right in _as_choices(reference, answer, question):
        if left.quantity is not None and right.quantity is not None:
            same: bool | None = same_quantity(left.quantity, right.quantity, question.asks)
            return _decision(same, f"{rule}:number")
        same = _same_values(left, right, question)
        if same is not None:
            return _decision(same, f"{rule}:exact")
    return None


def _as_choices(reference: Reading, answer: Reading, question: Question) -> list[tuple[Reading, Reading]]:
    """The pair to compare; for `(b) 0.3` the letter or the rest, whichever the reference is."""
    chosen, wanted = choice(question.answer), choice(question.reference)
    if wanted is not None and not wanted[1] and chosen is not None and not question.reference.islower():
        return [(read(f"\\text{{{wanted[0]}}}"), read(f"\\text{{{chosen[0]}}}"))]
    if chosen is not None and chosen[1] and wanted is None:
        return [(reference, read(chosen[1]))]
    return [(reference, answer)]


def _same_values(reference: Reading, answer: Reading, question: Question) -> bool | None:
    """Exact comparison; an answer such as 1,234 is also tried as a list."""
    if reference.value is None or answer.value is None:
        return _unreadable(reference, answer)
    judge = Judge(question.asks)
    same = judge.same(reference.value, answer.value)
    if same is False and "," in question.answer:
        ungrouped = read(question.answer, grouping=False).value
        if ungrouped is not None and ungrouped != answer.value:
            return judge.same(reference.value, ungrouped)
    return same


def _unreadable(reference: Reading, answer: Reading) -> bool | None:
    """An answer in prose, or beyond all bounds, is not a reference in mathematics; anything else unreadable goes on."""
    if answer.normal == "":
        return False
    if reference.value is not None:
        prose = _PROSE.search(answer.normal) and "\\begin" not in answer.normal
        if prose or answer.why.startswith("too ") or not re.search(r"[\d\\^]", answer.normal):
            return False
    return None


def _decision(same: bool | None, rule: str) -> Decision | None:
    return None if same is None else Decision("correct" if same else "incorrect", rule)


def _from_reply(question: Question, reply: dict[str, Any]) -> Decision:
    outcome, rule = str(reply["outcome"]), str(reply["rule"])
    seconds = float(reply.get("cpu", 0.0))
    if outcome == "correct":
        return Decision("correct", f"{question.rule}:{rule}", None, seconds)
    if outcome == "incorrect":
        return Decision("incorrect", f"{question.rule}:{rule}", None, seconds)
    return Decision("undecided", f"{question.rule}:library", rule, seconds)


def _ready(item: "Future[Verdict] | Verdict") -> bool:
    return item.done() if isinstance(item, Future) else True


def _result(item: "Future[Verdict] | Verdict") -> Verdict:
    return item.result() if isinstance(item, Future) else item


__all__ = ["Limits", "MathVerifier", "decide_exactly", "math_version", "normal_spelling"]
