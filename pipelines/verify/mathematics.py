"""The verifier `math`: is the final answer the reference, as mathematics? Layers, cheapest first, each able to end it.

1. extraction (`extract`); 2. identical normal spelling; 3. plain numbers, exactly; 4. formulas, lists, sets, intervals and
equations by exact arithmetic; 5. in a worker process: values to 260 digits, then the library math-verify as a witness whose
yes must be confirmed. Model text is never evaluated as a program. A failure of a worker is `undecided` with its cause.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import ClassVar

from rollmill.ground.errors import unknown_name
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.verify.answers.answer_values import Words
from rollmill.pipelines.verify.answers.conclusion import concluding_formula, concluding_time
from rollmill.pipelines.verify.answers.equality import EqualityContext, order_named, policy_named, versioned
from rollmill.pipelines.verify.answers.questions.asked import asked_number
from rollmill.pipelines.verify.answers.questions.unevaluated import is_unevaluated
from rollmill.pipelines.verify.answers.reading import read
from rollmill.pipelines.verify.extract import EXTRACTION, FinalAnswer, final_answer, judged_text, with_single_backslashes
from rollmill.pipelines.verify.finding import (
    Finding,
    Item,
    OneByOne,
    in_order,
    prompt_text,
    rule_table,
    verdict_of,
    worker_count,
)
from rollmill.pipelines.verify.math_decision import LONGEST_ANSWER, EqualityDecision, MathQuestion, decide_exactly
from rollmill.pipelines.verify.number import SEVERAL, plain_text
from rollmill.pipelines.verify.statements.answering import cut_in
from rollmill.pipelines.verify.statements.inexact import NOT_EXACT, is_inexact
from rollmill.pipelines.verify.workers.worker_pool import WorkerLimits, WorkerPool

_LIBRARIES = {"math-verify": "math-verify", "latex2sympy2": "latex2sympy2_extended", "sympy": "sympy", "mpmath": "mpmath"}
_REMEMBERED = 50_000  # decisions of workers
UNEVALUATED = ("incorrect", "accepted")
JOB = "rollmill.pipelines.verify.answers.judgement:decide"
RULES, WORDS = rule_table(
    *EXTRACTION,
    ("no-answer", "6", "the text gives no final answer"),
    ("identical", "7", "spelled the same"),
    ("too-long", "2", "too long to be compared"),
    ("number", "13", "numbers compared exactly"),
    ("choice", "5", "options of the problem compared"),
    ("exact", "12", "formulas compared by exact arithmetic"),
    ("incomplete", "3", "the reference is one of the values given"),
    ("unevaluated", "2", "an expression of the problem, or arithmetic left to be done"),
    ("inexact", "1", "given as near, as a bound, as possible or for another case"),
    ("rounded", "2", "equal after rounding only"),
    ("words", "2", "words compared: yes and no; sentences are not"),
    ("worker", "2", "the worker process failed"),
    ("numbers", "6", "values compared to 260 digits"),
    ("unreadable", "7", "the answer is not readable as mathematics"),
    ("library", "4", "compared by the library math-verify"),
    ("library-unfaithful", "4", "the library math-verify lost a part of the answer"),
    ("library-refuted", "2", "equal for the library math-verify, but not in value"),
    ("library-confirmed", "3", "equal for the library math-verify, and confirmed"),
)
"""Extraction, then comparison, each in the order in which they are tried; raise a rule's version with any change of it."""


_LEAD = re.compile(
    r"(?i)[\s*]*(?:(?:so|thus|hence|therefore|then|and|finally|in conclusion)[,:]?\s+)?(?:the |all |its )?"
    r"(?:(?:only|complete|general|real|final|required|desired|possible|two|three|four|such|resulting) )*"
    r"(?:solution sets?|solutions?|roots?|zeros?|values?|intervals?|functions?|(?:ordered )?(?:pairs?|triples?)"
    r"|domain|range|polynomial"
    r"|equation|expression|matrix|vector|inverse|derivative|integral|limit|ratio|set|coordinates|points?)"
    r"(?: (?:of|for|to|in) [^.;:=<>]{1,60}?)? (?:is|are)(?: given by| exactly| precisely| only)?:?\s+(?!not\b)"
)
"""Words before the values that a sentence gives: The solutions are x = 1 and x = 2."""


class MathVerifier(OneByOne):
    """Exact and bounded; usable from any thread. Close it, or use it in a `with`, to end its workers early."""

    name = "math"
    rules, words = RULES, WORDS
    later_options: ClassVar[Mapping[str, object]] = {"unevaluated": "incorrect"}
    """Options that recipes of the first releases have not, at their defaults."""

    def __init__(
        self,
        *,
        policy: str = "strict",
        order: str = "by_problem",
        unevaluated: str = "incorrect",
        workers: int | None = None,
        limits: WorkerLimits | None = None,
        job: tuple[str, Sequence[str]] = (JOB, ()),
    ) -> None:
        """Take the options of a recipe.

        Args:
            policy: Named equality policy, for percent, units and rounding.
            order: Order of several answers: `ordered`, `unordered`, or `by_problem`, which reads it from the problem.
            unevaluated: What an expression of the problem, or arithmetic that is left to be done, is: `incorrect`, or
                `accepted` if its value is right.
        """
        if unevaluated not in UNEVALUATED:
            raise unknown_name("unevaluated", unevaluated, UNEVALUATED)
        self._refuses_unevaluated = unevaluated == "incorrect"
        self.policy, self.order = policy_named(policy), order_named(order)
        self.version = math_version(policy, order) + ("" if self._refuses_unevaluated else "+unevaluated.accepted")
        self.workers = worker_count(workers)
        self._pool = WorkerPool(job[0], workers=self.workers, limits=limits, path=job[1])
        self._memory: OrderedDict[tuple[object, ...], EqualityDecision] = OrderedDict()
        self._lock = threading.Lock()

    def verify(self, problem: Problem, completion: Completion) -> Verdict:
        return self._at_once((problem, completion)) or self._by_worker((problem, completion))

    def verify_many(self, items: Iterable[Item]) -> Iterator[Verdict]:
        """Verdicts in input order, streamed; at most a window of items is held, the slow ones in parallel."""
        return in_order(self._by_worker, items, self.workers, self._at_once)

    def _at_once(self, item: Item) -> Verdict | None:
        """The verdict that needs no worker, if any."""
        started = perf_counter()
        question, decision = self._quick(*item)
        return None if decision is None else self._verdict(item, question, decision, perf_counter() - started)

    def _by_worker(self, item: Item) -> Verdict:
        started = perf_counter()
        question, decision = self._quick(*item)
        if decision is None:
            assert question is not None
            decision = self._evaluated(question, self._slow(question))
            return self._verdict(item, question, decision, decision.seconds)
        return self._verdict(item, question, decision, perf_counter() - started)

    def close(self) -> None:
        """End the worker processes; safe to call twice."""
        self._pool.close()

    def _quick(self, problem: Problem, completion: Completion) -> tuple[MathQuestion | None, EqualityDecision | None]:
        """The question with the decision that needs no worker, or with None."""
        final = final_answer(judged_text(completion), cut=completion.finish_reason == "length")
        reference = reference_text(problem.reference)
        prompt = prompt_text(problem.prompt)
        if final is None:
            return None, EqualityDecision("unparsed", "no-answer", "no final answer found")
        answer = final.text if _as_written(final, reference) else answer_text(final, prompt)
        if answer is None and asked_number(final.text, prompt) == "":
            return None, EqualityDecision("undecided", "no-answer", SEVERAL)
        if answer is None:
            return None, EqualityDecision("unparsed", "no-answer", "no final answer found")
        if "=" in reference and answer is not final.text:
            answer = _with_name(answer, final)
        context = EqualityContext(prompt, self.policy, self.order)
        question = MathQuestion(reference, answer, final.rule, context)
        decision = decide_exactly(question)
        # The test without the lock only spares it while no worker has been asked.
        if decision is None and self._memory:
            with self._lock:
                decision = self._memory.get(question.key())
        if (decision is None or decision.outcome == "correct") and is_inexact(
            judged_text(completion), final, answer, (prompt, reference)
        ):
            return question, EqualityDecision("undecided", f"{final.rule}:inexact", NOT_EXACT)
        return question, None if decision is None else self._evaluated(question, decision)

    def _evaluated(self, question: MathQuestion, decision: EqualityDecision) -> EqualityDecision:
        """The decision, or that a right value is still to be evaluated."""
        if not self._refuses_unevaluated or decision.outcome != "correct" or decision.rule.endswith(":identical"):
            return decision
        if not is_unevaluated(question.reference, question.answer, question.context.prompt):
            return decision
        return EqualityDecision("incorrect", f"{question.rule}:unevaluated", None, decision.seconds)

    def _slow(self, question: MathQuestion) -> EqualityDecision:
        """Ask a worker; conclusions are cached, failures are not."""
        message = {"reference": question.reference, "answer": question.answer, "asks": question.context.to_json()}
        reply = self._pool.ask(message)
        if "failed" in reply:
            return EqualityDecision(
                "undecided", f"{question.rule}:worker", str(reply["failed"]), float(reply.get("cpu", 0.0))
            )
        outcome, rule = reply["outcome"], reply["rule"]
        cause = None
        if outcome == "undecided":  # then the worker's rule says why
            rule, cause = "library", str(rule)
        decision = EqualityDecision(outcome, f"{question.rule}:{rule}", cause, float(reply.get("cpu", 0.0)))
        with self._lock:
            self._memory[question.key()] = decision
            if len(self._memory) > _REMEMBERED:
                self._memory.popitem(last=False)
        return decision

    def _verdict(self, item: Item, question: MathQuestion | None, decision: EqualityDecision, seconds: float) -> Verdict:
        answer, form = (question.answer, read(question.answer).form) if question else (None, None)
        reference = read(reference_text(item[0].reference)).form
        cause = decision.cause or cut_in(judged_text(item[1]))
        finding = Finding(decision.outcome, decision.rule, cause, None, answer, form, reference)
        return verdict_of(self, item, finding, seconds)


@lru_cache(maxsize=16)
def math_version(policy: str, order: str) -> str:
    """Our rules, the equality policy, the order of lists and every library that can decide."""
    parts = [policy_named(policy).label, f"order.{order_named(order)}"]
    for label, package in _LIBRARIES.items():
        try:
            parts.append(f"{label}-{version(package)}")
        except PackageNotFoundError:
            parts.append(f"{label}-none")
    return versioned("2", RULES, *parts)


@lru_cache(maxsize=32_768)
def reference_text(reference: str) -> str:
    """The answer inside a reference: after `####`, or inside its last box, or the whole."""
    final = final_answer(reference)
    return (
        final.text if final is not None and final.rule in ("hash", "boxed") else with_single_backslashes(reference).strip()
    )


def _as_written(final: FinalAnswer, reference: str) -> bool:
    """True if the whole of an unmarked answer is the reference, so that no part of it (17 of March 17) is taken."""
    return final.rule in ("phrase", "bare") and read(final.text).normal == read(reference).normal != ""


def _with_name(answer: str, final: FinalAnswer) -> str:
    """The number of a sentence with its unknown: the 2 of y = 2 is another answer than x = 2."""
    name = re.search(rf"(?<![A-Za-z\\])([A-Za-z])\s*=\s*[$*]*{re.escape(answer.strip())}", final.text)
    return answer if name is None else f"{name[1]} = {answer.strip()}"


def answer_text(final: FinalAnswer, prompt: str = "") -> str | None:
    """The answer an extraction holds; None if an unmarked last line concludes nothing."""
    if final.rule in ("hash", "boxed", "tag"):
        return final.text
    time = concluding_time(final.text)
    if time is not None:
        return time
    whole = read(final.text)
    if final.rule != "tail" and (whole.quantity is not None or not isinstance(whole.value, Words | None)):
        return final.text
    if whole.choice is not None:
        return final.text
    number = plain_text(final, prompt)
    if number is not None:
        return number
    led = _LEAD.match(final.text)
    if led is not None:
        value = read(final.text[led.end() :].strip(" .*")).value
        if value is not None and not isinstance(value, Words):
            return final.text[led.end() :].strip(" .*")
    formula = concluding_formula(final.text[-LONGEST_ANSWER:], after_phrase=final.rule == "phrase")
    if final.rule == "tail":
        return formula
    return formula or final.text
