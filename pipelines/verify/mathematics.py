"""The verifier `math`: is the final answer the reference, as mathematics? Layers, cheapest first, each able to end it.

1. extraction (`extract`); 2. identical normal spelling; 3. plain numbers, exactly; 4. formulas, lists, sets, intervals and
equations by exact arithmetic; 5. in a worker process: values to 260 digits, then the library math-verify as a witness whose
yes must be confirmed. Model text is never evaluated as a program. A failure of a worker is `undecided` with its cause.
"""

import re
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter

from pipelines.verify.answers.answer_values import Assignments, Collection, Value
from pipelines.verify.answers.conclusion import concluding_formula
from pipelines.verify.answers.equality import EqualityContext, order_named, policy_named, same_quantity, versioned
from pipelines.verify.answers.reading import Reading, is_spaced_list, read, strip_dollars, ungrouped
from pipelines.verify.answers.same import Judge
from pipelines.verify.extract import RULES as EXTRACTION
from pipelines.verify.extract import WORDS as EXTRACTION_WORDS
from pipelines.verify.extract import FinalAnswer, final_answer, judged_text, with_single_backslashes
from pipelines.verify.finding import Finding, OneByOne, prompt_text, verdict_of, worker_count
from pipelines.verify.number import plain_text
from pipelines.verify.workers.worker_pool import WorkerLimits, WorkerPool
from storage.ground.records import Completion, Outcome, Problem, Verdict

_LIBRARIES = {"math-verify": "math-verify", "latex2sympy2": "latex2sympy2_extended", "sympy": "sympy", "mpmath": "mpmath"}
# an answer that our grammar does not cover goes to the library only where it has one of these; else it is wrong at once
_LIBRARY_READS = re.compile(
    r"\\(?:sum|int|iint|oint|prod|lim|log|partial|nabla|begin|cap|cup|setminus|subset|in|notin|mathbb|overline|vec|hat|bmod|pmod|mod"
    r"|operatorname|limits|det|binom|dbinom|tbinom|choose|to|infty|left|times|cdot|frac|sqrt)(?![A-Za-z])"
)
# what the library drops, or takes for a product of letters: such an answer is not worth its opinion
_LIBRARY_LOSES = re.compile(r"\\(?:text|mathrm|mbox|[lc]?dots)|\.\.\.|(?<![A-Za-z\\])[A-Za-z]{4,}(?![A-Za-z}])")
_MARKED_AS_TEXT = re.compile(r"[\s$]*\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{\s*\(?[A-Ja-j][).:]")
_NAMED = re.compile(r"[A-Za-z]{3,}(?![A-Za-z(=])")
_SPACED_MARK = re.compile(r"[\s$]*\(?[A-Ja-j][).]\s+\S")
_LONGEST_ANSWER = 2_000  # characters; a longer one is no answer, unless its reference is long too
_LONGEST_REFERENCE = 8_000
_MOST_PARTS = 4  # under the policy `incomplete`
_REMEMBERED = 50_000  # decisions of workers
_WINDOW = 512  # verdicts held until the first of them is there
JOB = "pipelines.verify.answers.judgement:decide"
RULES = (
    *EXTRACTION,
    ("no-answer", "5"),
    ("identical", "6"),
    ("too-long", "2"),
    ("number", "9"),
    ("choice", "4"),
    ("exact", "8"),
    ("incomplete", "2"),
    ("worker", "2"),
    ("numbers", "5"),
    ("unreadable", "5"),
    ("library", "3"),
    ("library-unfaithful", "3"),
    ("library-refuted", "2"),
    ("library-confirmed", "3"),
)
"""Extraction, then comparison, each in the order in which they are tried; raise a rule's version with any change of it."""
WORDS = {
    **EXTRACTION_WORDS,
    "no-answer": "the text gives no final answer",
    "identical": "spelled the same",
    "too-long": "too long to be compared",
    "number": "numbers compared exactly",
    "choice": "options of the problem compared",
    "exact": "formulas compared by exact arithmetic",
    "incomplete": "the reference is one of the values given",
    "worker": "the worker process failed",
    "numbers": "values compared to 260 digits",
    "unreadable": "the answer is not readable as mathematics",
    "library": "compared by the library math-verify",
    "library-unfaithful": "the library math-verify lost a part of the answer",
    "library-refuted": "equal for the library math-verify, but not in value",
    "library-confirmed": "equal for the library math-verify, and confirmed",
}


@dataclass(frozen=True, slots=True)
class EqualityDecision:
    """Conclusion, the deciding rule, and the cause unless it is a plain yes or no."""

    outcome: Outcome
    rule: str
    cause: str | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class MathQuestion:
    """All inputs of a decision."""

    reference: str
    answer: str
    rule: str
    context: EqualityContext

    def key(self) -> tuple[object, ...]:
        """Equal keys have equal decisions."""
        return self.reference, self.answer, self.rule, *self.context.key()


class MathVerifier(OneByOne):
    """Exact and bounded; usable from any thread. Close it, or use it in a `with`, to end its workers early."""

    name = "math"
    rules, words = RULES, WORDS

    def __init__(
        self,
        *,
        policy: str = "strict",
        order: str = "by_problem",
        workers: int | None = None,
        limits: WorkerLimits | None = None,
        job: str = JOB,
        path: Sequence[str] = (),
    ) -> None:
        """Take the options of a recipe.

        Args:
            policy: Named equality policy, for percent, units and rounding.
            order: Order of several answers: `ordered`, `unordered`, or `by_problem`, which reads it from the problem.
        """
        self.policy, self.order = policy_named(policy), order_named(order)
        self.version = math_version(policy, order)
        self.workers = worker_count(workers)
        self._pool = WorkerPool(job, workers=self.workers, limits=limits, path=path)
        self._memory: OrderedDict[tuple[object, ...], EqualityDecision] = OrderedDict()
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
                while waiting and (not isinstance(waiting[0], Future) or waiting[0].done() or len(waiting) > _WINDOW):
                    yield _result(waiting.popleft())
            while waiting:
                yield _result(waiting.popleft())
        finally:
            # Also reached where the caller abandons the generator: what has not begun is dropped.
            executor.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """End the worker processes; safe to call twice."""
        self._pool.close()

    def _quick(self, problem: Problem, completion: Completion) -> tuple[MathQuestion | None, EqualityDecision | None]:
        """The question with the decision that needs no worker, or with None."""
        final = final_answer(judged_text(completion), cut=completion.finish_reason == "length")
        reference = reference_text(problem.reference)
        answer = None if final is None else final.text if _as_written(final, reference) else answer_text(final)
        if final is not None and answer is not None and "=" in reference and answer is not final.text:
            answer = _with_name(answer, final)
        if final is None or answer is None:
            return None, EqualityDecision("unparsed", "no-answer", "no final answer found")
        context = EqualityContext(prompt_text(problem.prompt), self.policy, self.order)
        question = MathQuestion(reference, answer, final.rule, context)
        decision = decide_exactly(question)
        # The test without the lock only spares it while no worker has been asked.
        if decision is None and self._memory:
            with self._lock:
                decision = self._memory.get(question.key())
        return question, decision

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

    def _verdict(
        self,
        problem: Problem,
        completion: Completion,
        question: MathQuestion | None,
        decision: EqualityDecision,
        seconds: float,
    ) -> Verdict:
        answer, form = (question.answer, read(question.answer).form) if question else (None, None)
        reference = read(reference_text(problem.reference)).form
        finding = Finding(decision.outcome, decision.rule, decision.cause, None, answer, form, reference)
        return verdict_of(self, (problem, completion), finding, seconds)


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
        final.text if final is not None and final.rule in ("hash", "boxed") else with_single_backslashes(reference.strip())
    )


def _as_written(final: FinalAnswer, reference: str) -> bool:
    """True if the whole of an unmarked answer is the reference, so that no part of it (17 of March 17) is taken."""
    return final.rule in ("phrase", "bare") and read(final.text).normal == read(reference).normal != ""


def _with_name(answer: str, final: FinalAnswer) -> str:
    """The number of a sentence with its unknown: the 2 of y = 2 is another answer than x = 2."""
    name = re.search(rf"(?<![A-Za-z\\])([A-Za-z])\s*=\s*[$*]*{re.escape(answer.strip())}", final.text)
    return answer if name is None else f"{name[1]} = {answer.strip()}"


def answer_text(final: FinalAnswer) -> str | None:
    """The answer an extraction holds; None if an unmarked last line concludes nothing."""
    if final.rule in ("hash", "boxed", "tag"):
        return final.text
    whole = read(final.text)
    if final.rule != "tail" and (whole.quantity is not None or whole.value is not None):
        return final.text
    if whole.choice is not None:
        return final.text
    number = plain_text(final)
    if number is not None:
        return number
    formula = concluding_formula(final.text[-_LONGEST_ANSWER:], after_phrase=final.rule == "phrase")
    if final.rule == "tail":
        return formula
    return formula or final.text


def decide_exactly(question: MathQuestion) -> EqualityDecision | None:
    """Decision of the exact layers, or None if only a worker can decide."""
    rule = question.rule
    if question.reference == question.answer and question.answer:
        return EqualityDecision("correct", f"{rule}:identical")
    if len(question.answer) > max(_LONGEST_ANSWER, 4 * len(question.reference)):
        return EqualityDecision("incorrect", f"{rule}:too-long")
    if len(question.reference) > _LONGEST_REFERENCE:
        return EqualityDecision("undecided", f"{rule}:too-long", "the reference is too long")
    reference, answer = read(question.reference), read(question.answer)
    if (reference.quantity is None) != (answer.quantity is None):
        reference, answer = ungrouped(reference), ungrouped(answer)
    if reference.quantity is not None and answer.quantity is not None:
        return _decision(same_quantity(reference.quantity, answer.quantity, question.context), f"{rule}:number")
    if reference.normal == answer.normal and answer.normal:
        return EqualityDecision("correct", f"{rule}:identical")
    return _by_choice(reference, answer, question) or _by_value(reference, answer, question)


def _by_value(reference: Reading, answer: Reading, question: MathQuestion) -> EqualityDecision | None:
    if reference.quantity is not None and answer.quantity is not None:
        return _decision(same_quantity(reference.quantity, answer.quantity, question.context), f"{question.rule}:number")
    if reference.value is None or answer.value is None:
        return _unreadable(reference, answer, question.rule)
    same = _same_values(reference, answer, question)
    context = question.context
    if same is False and context.policy.parts_accepted and _is_part(reference.value, answer.value, context):
        return EqualityDecision("correct", f"{question.rule}:incomplete")
    return _decision(same, f"{question.rule}:exact")


def _is_part(reference: Value, answer: Value, context: EqualityContext) -> bool:
    """True if the reference is exactly one of the few values that the answer gives: 20 of `20, 35`."""
    values = answer.values if isinstance(answer, Assignments) else answer.items if isinstance(answer, Collection) else ()
    if isinstance(reference, (Assignments, Collection)) or not 2 <= len(values) <= _MOST_PARTS:
        return False
    return [Judge(context).same(reference, value) for value in values].count(True) == 1


def _by_choice(reference: Reading, answer: Reading, question: MathQuestion) -> EqualityDecision | None:
    """Multiple choice: letter against letter; an option's value against a value; a letter's option under `lenient`."""
    rule, context = f"{question.rule}:choice", question.context
    wanted, chosen = _option(reference, context), _option(answer, context)
    if wanted is None and chosen is None:
        return None
    if wanted is not None and chosen is not None:
        return _both_lettered(wanted, chosen, (reference, answer), question)
    lettered, other = (wanted, answer) if wanted is not None else (chosen, reference)
    assert lettered is not None
    value = lettered[1]
    if not value and context.policy.options_resolved:
        value = dict(context.options).get(lettered[0], "")
    decision = _by_value(read(value), other, question) if value else None
    return decision if decision is None else replace(decision, rule=rule)


def _option(side: Reading, context: EqualityContext) -> tuple[str, str] | None:
    """(letter, rest) where an answer names an option. `(a)^2` and `a:b` do not, unless the problem lists options."""
    choice = side.choice
    if choice is None or not choice[1] or context.options or _MARKED_AS_TEXT.match(side.text):
        return choice
    named = _NAMED.match(choice[1]) or (choice[1][0].isdigit() and read(choice[1]).quantity is not None)
    return choice if named and _SPACED_MARK.match(side.text) else None


def _both_lettered(
    wanted: tuple[str, str], chosen: tuple[str, str], sides: tuple[Reading, Reading], question: MathQuestion
) -> EqualityDecision | None:
    """Two letters name options where the problem lists some, or one is marked; `b` and `B` are two variables."""
    rule, listed = f"{question.rule}:choice", bool(question.context.options)
    if not listed and all(len(strip_dollars(side.text).strip(" .")) == 1 for side in sides):
        return None
    if wanted[0] != chosen[0] or listed or not (wanted[1] and chosen[1]):
        return _decision(wanted[0] == chosen[0], rule)
    decision = _by_value(read(wanted[1]), read(chosen[1]), question)
    return decision if decision is None else replace(decision, rule=rule)


def _same_values(reference: Reading, answer: Reading, question: MathQuestion) -> bool | None:
    """Exact comparison; what may be a number with thousands or a list, such as 1,234, is also tried as a list."""
    assert reference.value is not None
    assert answer.value is not None
    judge = Judge(question.context)
    same = judge.same(reference.value, answer.value)
    wanted, given = reference.value, answer.value
    if (
        same is False
        and isinstance(wanted, Collection)
        and isinstance(given, Collection)
        and "ratio" not in (wanted.kind, given.kind)
    ):
        if is_spaced_list(reference.text):  # numbers side by side are a vector, whichever brackets the other side has
            return judge.same(replace(wanted, kind=given.kind), given)
        if is_spaced_list(answer.text):
            return judge.same(wanted, replace(given, kind=wanted.kind))
    if same is False and "," in question.answer and "," in question.reference:
        left, right = read(question.reference, grouping=False).value, read(question.answer, grouping=False).value
        for first, second in ((left, given), (wanted, right)):
            if first is not None and second is not None and judge.same(first, second):
                return True
    return same


def _unreadable(reference: Reading, answer: Reading, rule: str) -> EqualityDecision | None:
    """An unreadable answer is not a mathematical reference; one that the library may read goes to a worker."""
    if answer.normal == "":
        return EqualityDecision("incorrect", f"{rule}:unreadable")
    beyond = answer.why.startswith("too ") or not _LIBRARY_READS.search(answer.text) or _LIBRARY_LOSES.search(answer.text)
    if reference.value is not None and answer.value is None and beyond:
        return EqualityDecision("incorrect", f"{rule}:unreadable")
    return None


def _decision(same: bool | None, rule: str) -> EqualityDecision | None:
    return None if same is None else EqualityDecision("correct" if same else "incorrect", rule)


def _result(item: "Future[Verdict] | Verdict") -> Verdict:
    return item.result() if isinstance(item, Future) else item
