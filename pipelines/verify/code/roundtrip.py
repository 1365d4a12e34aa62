"""The verifier `roundtrip`: the object that a completion wrote in another form is brought back and compared with the
original.

After OptMATH (Lu et al. 2025): forward then backward must be the identity on a canonical invariant. The problem shows an
object and asks for another form of it (a Roman numeral, a table as JSON, a formula in Polish notation). `reference` is
the original; `tests` is one JSON object: `back`, a program of the data set that defines `back(text)` and gives the
original's form as text; `controls`, wrong answers that must not come back as the original; `witness`, a right answer that
must; `inner_tests`, the tests that the inner verifier needs. `inner` names the verifier that compares.

Two ways in which a round trip proves nothing are closed: a `back` that loses what it should compare makes a control pass,
and the verdict `undecided`; an answer that only repeats the original is `incorrect` (`copied`), unless `copy` is true.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill.pipelines.sandbox import Call, Calls, Mode
from rollmill.pipelines.verify.code.expected_values import shown
from rollmill.pipelines.verify.code.program import blocks
from rollmill.pipelines.verify.code.sandbox_verifier import SandboxVerifier
from rollmill.pipelines.verify.code.suite import BadTestsError
from rollmill.pipelines.verify.composite import Part, part_of
from rollmill.pipelines.verify.extract import final_answer
from rollmill.pipelines.verify.finding import Finding, rule_table, visible_text
from rollmill.roles.protocols import NeedsMachine

EXACT: Mapping[str, Any] = {"method": "exact", "options": {}}
_REMEMBERED = 4_096  # problems whose way back was checked
_LONGEST = 100_000  # characters of an answer that are brought back


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """The program that brings an answer back, as the data set gives it, with what checks the program itself."""

    back: str
    controls: tuple[str, ...] = ()
    witness: str | None = None
    inner_tests: tuple[str, ...] = ()
    copy: bool = False


class RoundtripVerifier(SandboxVerifier):
    """Usable from any thread; `back` runs in the sandbox; the inner verifier runs as usual. Closing closes both."""

    name = "roundtrip"
    rules, words = rule_table(
        ("tests", "1", "the problem's program cannot be used"),
        ("block", "1", "the last fenced block"),
        ("answer", "3", "the marked answer"),
        ("text", "3", "the whole text"),
        ("no-answer", "1", "the text gives no answer"),
        ("copied", "1", "a copy of what was to be encoded"),
        ("back", "1", "brought back by the problem's program, which failed"),
        ("inner", "1", "brought back by the problem's program and compared"),
        ("sandbox", "1", "the sandbox failed"),
    )
    nested: ClassVar[Mapping[str, str]] = {"inner": "verifier"}

    def __init__(
        self,
        sandbox: Mode = "strict",
        *,
        inner: Sequence[Part] = (EXACT,),
        cpu_seconds: float = 2.0,
        memory_mib: int = 256,
        workers: int | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            inner: The verifier that compares the result with the original.
        """
        if len(inner) != 1:
            raise SetupError(
                f"verifier 'roundtrip' has {len(inner)} inner verifiers; it needs one.",
                next_command="roundtrip: options: {inner: [{method: exact}]}",
            )
        super().__init__(sandbox, cpu_seconds=cpu_seconds, memory_mib=memory_mib, workers=workers)
        self.inner = part_of(inner[0], self.name)
        self.version += f"+{self.inner.name}-{digest128(self.inner.version)[:8]}"
        self._sound: dict[str, str | None] = {}

    def ready(self) -> None:
        """SetupError if the sandbox or the inner verifier cannot run on this machine."""
        super().ready()
        if isinstance(self.inner, NeedsMachine):
            self.inner.ready()

    def close(self) -> None:
        """End the sandbox and the inner verifier; safe to call twice."""
        super().close()
        self.inner.close()

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        trip = roundtrip_of(problem)
        rule, encoded = encoded_answer(visible_text(completion))
        if encoded is None:
            return Finding("unparsed", "no-answer", "no answer in the text")
        if not trip.copy and encoded.split() == problem.reference.split():
            return Finding("incorrect", f"{rule}:copied", "copied", extracted=encoded)
        self._check(problem, trip)
        text, cause = self._back(trip, encoded)
        if text is None:
            return Finding("incorrect", f"{rule}:back", cause, extracted=encoded)
        verdict = self._compared(problem, completion, trip, text)
        evidence = {"back": shown(text, 1_000), "inner": verdict.rule, "outcome": verdict.outcome, "cause": verdict.cause}
        if verdict.outcome in ("correct", "undecided"):
            cause = None if verdict.outcome == "correct" else f"inner: {verdict.cause}"
            return Finding(verdict.outcome, f"{rule}:inner", cause, extracted=encoded, normal_form=text, evidence=evidence)
        return Finding("incorrect", f"{rule}:inner", "differs", extracted=encoded, normal_form=text, evidence=evidence)

    def _compared(self, problem: Problem, completion: Completion, trip: RoundTrip, text: str) -> Verdict:
        # Whole again and without turns or reasoning: the inner verifier judges nothing but this text.
        answer = replace(completion, text=text, messages=None, reasoning=None, finish_reason="stop")
        return self.inner.verify(replace(problem, tests=trip.inner_tests), answer)

    def _back(self, trip: RoundTrip, encoded: str) -> tuple[str | None, str | None]:
        """Result of `back` on an answer, or why there is none. A failure is the answer's fault, since `back` reads the
        witness.
        """
        [result] = self.sandbox().run(Calls(trip.back, (Call("back", (encoded,)),))).results
        if result.cause == "compile_error":
            raise BadTestsError(f"back does not compile: {result.detail}")
        if result.status != "returned" or result.value is None:
            return None, result.cause if result.cause not in (None, "runtime_error") else "unreadable"
        if type(result.value) is not str:
            raise BadTestsError(f"back gave {shown(result.value, 60)}, not a text")
        return result.value, None

    def _check(self, problem: Problem, trip: RoundTrip) -> None:
        """The data set's own controls and witness, once per problem; BadTestsError if the way back proves nothing."""
        if problem.id not in self._sound:
            if len(self._sound) >= _REMEMBERED:
                # With a default: another thread may drop the same one.
                self._sound.pop(next(iter(self._sound)), None)
            self._sound[problem.id] = self._unsound(problem, trip)
        if (why := self._sound[problem.id]) is not None:
            raise BadTestsError(why)

    def _unsound(self, problem: Problem, trip: RoundTrip) -> str | None:
        for encoded, right in [(control, False) for control in trip.controls] + [(trip.witness, True)]:
            if encoded is None:
                continue
            text, _ = self._back(trip, encoded)
            control = Completion("", "", "", "", "", "evaluate", 0, None, "", "stop")
            correct = text is not None and self._compared(problem, control, trip, text).outcome == "correct"
            if correct is not right:
                return f"back {'loses' if right else 'accepts'} {shown(encoded, 100)}: it does not tell right from wrong"
        return None


def roundtrip_of(problem: Problem) -> RoundTrip:
    """The way back of a problem; BadTestsError names the missing part."""
    try:
        entry = json.loads(problem.tests[0]) if len(problem.tests) == 1 else None
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        raise BadTestsError("a roundtrip problem has one entry in tests, a JSON object")
    back, witness = entry.get("back"), entry.get("witness")
    lists = {name: entry.get(name, []) for name in ("controls", "inner_tests")}
    if not isinstance(back, str) or not isinstance(witness, str | None) or not problem.reference.strip():
        raise BadTestsError("back is missing, witness is no text, or the reference is empty")
    for name, items in lists.items():
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise BadTestsError(f"{name} is not a list of texts")
    return RoundTrip(back, tuple(lists["controls"]), witness, tuple(lists["inner_tests"]), entry.get("copy") is True)


def encoded_answer(text: str) -> tuple[str, str | None]:
    """(rule, the answer in its form): the last fenced block, else the marked final answer, else the whole text."""
    fenced = [block.text for block in blocks(text) if block.text.strip()]
    if fenced:
        return "block", fenced[-1][:_LONGEST]
    answer = final_answer(text)
    if answer is not None and answer.rule != "tail":
        return "answer", answer.text[:_LONGEST]
    return "text", text.strip()[:_LONGEST] or None
