"""The verifier `proof`: checks a formal proof in Coq against the statement of its problem.

The proof is compiled in the sandbox and must give a term of the statement, which was compiled before
(`rollmill_proofs/coq/gate.py`). A script of tactics alone is tried in a warm process first, whose rejection is final; those
that pass go through the gate together (`rollmill_proofs/coq/bulk.py`). Coq's error, an axiom that is not allowed and the
proof's own CPU limit are `incorrect`; a text without a proof is `unparsed`; a statement that Coq refuses, memory and
failures of the sandbox are `undecided`. So is a proof that passes by a feature of Coq in which proofs of false statements
are known (`rollmill_proofs/doubt.py`), unless the recipe says `language: full`.
"""

import queue
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from time import perf_counter

from rollmill.methods import (
    Completion,
    Finding,
    Item,
    Mode,
    OneByOne,
    Problem,
    SandboxFailed,
    SandboxLimits,
    SandboxUser,
    SetupError,
    Verdict,
    in_order,
    rule_table,
    verdict_of,
    version_of,
    visible_text,
    worker_count,
)
from rollmill_proofs.coq.bulk import TOGETHER, Judged, judge_all
from rollmill_proofs.coq.gate import GoalRejected, ProofCheck, ProofGate
from rollmill_proofs.coq.installation import installation, installed_version
from rollmill_proofs.coq.screen import Screen
from rollmill_proofs.doubt import doubted
from rollmill_proofs.goal import BadGoalError, Goal, axioms_of, goal_of, negation
from rollmill_proofs.plain_script import plain_script
from rollmill_proofs.proof_text import ProofText, proof_of

_PROCESSES = 3  # the guest program, Coq, and one that Coq may start
_PATIENCE = 12.0  # seconds by the clock for each CPU second
_LANGUAGES = ("core", "full")
_AXIOMS = ("Coq.Logic.FunctionalExtensionality.functional_extensionality_dep", "Coq.Logic.Classical_Prop.classic")
_SHOWN = 2_000  # characters of Coq's error in the evidence


class ProofVerifier(SandboxUser, OneByOne):
    """Verifier of Coq proofs. Usable from any thread; close it, or use it in a `with`.

    `cpu_seconds` limits the compilation of a proof and again its check; `memory_mib` is the memory of Coq.
    """

    name = "proof"
    rules, words = rule_table(
        ("goal", "1", "the problem's statement cannot be used"),
        ("no-proof", "1", "the text gives no proof"),
        ("fenced", "1", "the last fenced block of Coq"),
        ("whole", "1", "the whole text"),
        ("file", "2", "a file that defines t, checked against the statement"),
        ("script", "2", "tactics that prove the statement"),
        ("doubt", "1", "accepted by Coq, by a feature in which proofs of false statements are known"),
        ("sandbox", "1", "the sandbox failed"),
    )

    def __init__(  # noqa: PLR0913 (a recipe's options, all by name)
        self,
        sandbox: Mode = "strict",
        *,
        cpu_seconds: float = 10.0,
        memory_mib: int = 2_048,
        allow: Sequence[str] = (),
        recheck: bool = False,
        language: str = "core",
        workers: int | None = None,
    ) -> None:
        """Take the options of a recipe.

        Args:
            sandbox: Confinement of Coq: `strict`, `shared` (faster) or `none` (no protection).
            cpu_seconds: CPU seconds of a proof.
            memory_mib: Memory of Coq, in MiB.
            allow: Axioms that every proof may use, by full name, besides those of its problem.
            recheck: Scripts of tactics must pass Coq's independent checker (`coqchk`) too, as all other proofs must.
            language: `core`, or `full` to accept recursion, modules and other features in which Coq accepts falsehoods too.
        """
        if language not in _LANGUAGES:
            raise SetupError(f"verifier 'proof': language is {language!r}.", choices=_LANGUAGES)
        try:
            self.allow = axioms_of(allow)
        except BadGoalError:
            raise SetupError(f"verifier 'proof': allow is {allow!r}.", choices=_AXIOMS) from None
        limits = SandboxLimits(
            cpu_seconds=cpu_seconds + 10.0,  # of the guest program, which only waits
            wall_seconds=_PATIENCE * cpu_seconds,
            memory_mib=_PROCESSES * memory_mib,
            output_kib=256,
            disk_mib=64,
            processes=_PROCESSES,
        )
        self.use_sandbox("verifier 'proof'", sandbox, limits, worker_count(workers))
        self.seconds = cpu_seconds
        self.version = version_of(
            self.rules,
            coq=installed_version(),
            sandbox=sandbox,
            cpu=f"{cpu_seconds:g}s",
            memory=f"{memory_mib}MiB",
            allow=",".join(self.allow),
            **({"recheck": "coqchk"} if recheck else {}),
            **({"language": language} if language != "core" else {}),
        )
        self.recheck, self.language = recheck, language
        self._gate: ProofGate | None = None
        self._screens: queue.LifoQueue[Screen] = queue.LifoQueue()

    def ready(self) -> None:
        """SetupError if Coq or the sandbox is missing."""
        installation()
        super().ready()

    def verify_many(self, items: Iterable[Item]) -> Iterator[Verdict]:
        """Verdicts in input order, streamed, a few dozen at a time."""
        for verdicts in in_order(self._verdicts, _chunks(items), self.workers):
            yield from verdicts

    def judge(self, problem: Problem, completion: Completion) -> Finding:
        """Finding on one completion. SetupError if there is no Coq or no sandbox."""
        [finding] = self.judge_all([(problem, completion)])
        return finding

    def judge_all(self, items: Sequence[Item]) -> list[Finding]:
        """Findings on some completions, the same as on each of them alone."""
        read = [self._read(*item) for item in items]
        pairs = [(answer.goal, answer.proof) for answer in read if not isinstance(answer, Finding)]
        judged = iter(judge_all(self.gate(), self.sandbox(), pairs) if pairs else [])
        findings = [answer if isinstance(answer, Finding) else _finding(answer, next(judged)) for answer in read]
        return [self._trusted(finding) for finding in findings]

    def _trusted(self, finding: Finding) -> Finding:
        """The finding, made `undecided` for an accepted proof that is doubted."""
        word = doubted(finding.extracted or "") if finding.outcome == "correct" and self.language == "core" else None
        if word is None:
            return finding
        place = finding.rule.partition(":")[0]
        return Finding("undecided", f"{place}:doubt", f"doubt: Coq accepts it, and it uses `{word}`")

    def gate(self) -> ProofGate:
        """The gate, made on first use."""
        if self._gate is None:
            self._gate = ProofGate(installation(), self.seconds, recheck=self.recheck)
        return self._gate

    def close(self) -> None:
        """End the sandbox and the warm processes; safe to call twice."""
        super().close()
        while not self._screens.empty():
            self._screens.get().close()

    def _verdicts(self, items: Sequence[Item]) -> list[Verdict]:
        started = perf_counter()
        findings = self.judge_all(items)
        each = (perf_counter() - started) / len(items)
        return [verdict_of(self, item, finding, each) for item, finding in zip(items, findings, strict=True)]

    def _read(self, problem: Problem, completion: Completion) -> "Finding | _Answer":
        """The goal and the proof for the gate, or a finding for which the gate is not needed."""
        try:
            goal = goal_of(problem)
        except BadGoalError as error:
            return Finding("undecided", "goal", f"goal: {error}")
        proof = proof_of(visible_text(completion))
        if proof is None:
            return Finding("unparsed", "no-proof", "no proof in the text")
        if proof.refutes and not goal.either:
            return Finding(
                "incorrect", f"{proof.place}:script", "rejected: a disproof, which the problem does not ask for", 0.0
            )
        goal = negation(goal) if proof.refutes else goal
        answer = _Answer(replace(goal, allow=tuple(sorted({*goal.allow, *self.allow}))), proof)
        rejection = self._rejection(goal, proof)
        return answer if rejection is None else _finding(answer, ProofCheck("rejected", rejection))

    def _rejection(self, goal: Goal, proof: ProofText) -> str | None:
        """Coq's error in a warm process; None where there is none, or the text is not one of tactics alone."""
        script = plain_script(proof.tactics) if proof.form == "script" and self.mode != "none" else None
        if script is None:
            return None
        self.sandbox()
        try:
            screen = self._screens.get_nowait()
        except queue.Empty:
            screen = Screen(installation(), self.seconds)
        try:
            return screen.rejection(goal, script)
        finally:
            self._screens.put(screen)


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, TOGETHER)):
        yield chunk


@dataclass(frozen=True, slots=True)
class _Answer:
    """A proof and the goal that it claims to prove, which for a disproof is the negation of the problem's."""

    goal: Goal
    proof: ProofText


def _finding(answer: _Answer, result: Judged) -> Finding:
    proof = answer.proof
    rule = f"{proof.place}:{proof.form}"
    if isinstance(result, GoalRejected):
        return Finding("undecided", "goal", f"goal: {result}")
    if isinstance(result, SandboxFailed):
        return Finding("undecided", f"{proof.place}:sandbox", f"crash: {result}")
    if result.cause is None:
        return Finding("correct", rule, value=1.0, extracted=proof.text, evidence=_evidence(result, answer))
    if result.cause in ("memory", "machine"):
        return Finding("undecided", f"{proof.place}:sandbox", f"{result.cause}: {result.detail[:_SHOWN]}")
    cause = f"{result.cause}: {result.detail[:_SHOWN]}" if result.detail else result.cause
    return Finding("incorrect", rule, cause, 0.0, proof.text, evidence=_evidence(result, answer))


def _evidence(result: ProofCheck, answer: _Answer) -> dict[str, object] | None:
    assumptions = {"assumptions": list(result.assumptions)} if result.assumptions else {}
    return {**assumptions, **({"refutes": True} if answer.proof.refutes else {})} or None
