"""Answers made to hurt the judge: each is a verdict within its limit, the pool lives, memory is bounded, nothing runs."""

import gc
from pathlib import Path

import psutil
import pytest

from rollmill.ground.records import OUTCOMES, Completion, Problem, Verdict
from rollmill.pipelines.verify.mathematics import MathVerifier
from rollmill.pipelines.verify.workers.worker_pool import WorkerLimits

LIMITS = WorkerLimits(cpu_seconds=1.0)
AT_ONCE = (
    "10**10**10", "9^{9^{9^9}}", "9" * 1_000_000, "{" * 10_000, "}" * 10_000, "(" * 10_000 + "7" + ")" * 10_000,
    "\x00" * 100_000, "7\x00", "__import__('os').system('touch PWNED')", "\\frac{" * 10_000, "7!" * 5_000,
    "-" * 100_000 + "7",
    "\\sqrt{" * 10_000 + "7" + "}" * 10_000, "1," * 200_000, "x" * 1_000_000, "7^" * 100_000 + "7", "((((7!)!)!)!)!",
    "\\text{" * 50_000, "7 " * 400_000, "\\begin{pmatrix}" * 2_000, "|" * 50_000, "_" * 50_000, "'" * 50_000,
    "\u202e" * 100_000, "\ud800" * 1_000, "1e999999999", "0." + "3" * 1_000_000 + "4", "(x+y+z+w)^{60}(a+b+c+d)^{60}",
    "\\sqrt[10^9]{7}", "\\binom{10^9}{5\\cdot10^8}", "+".join(f"\\sqrt{{{n}}}" for n in range(2, 40)),
    "=".join(["8"] * 900),
    "7" + ",7" * 900,
)  # fmt: skip
FOR_A_WORKER = (
    r"\sum_{k=1}^{10^{10}} \sin k", r"\prod_{k=1}^{10^8} k", r"\int_0^{10^6} x^{x^x}\,dx", r"\lim_{n\to\infty} n!^{n!}",
    r"\sin(\cos(\tan(7^{7^{7}})))", r"\sum_{i=1}^{9} \exec(i)", r"\sum_{k} \text{open}('PWNED','w')",
)  # fmt: skip


def completion(answer: str, name: str = "c") -> Completion:
    return Completion(name, "p", "e", "m", "", "curate", 0, None, f"\\boxed{{{answer}}}", "stop")


def judged(verifier: MathVerifier, reference: str, answers: tuple[str, ...]) -> list[Verdict]:
    problem = Problem("Find it.", reference)
    return list(verifier.verify_many((problem, completion(answer, str(i))) for i, answer in enumerate(answers)))


@pytest.mark.integration
def test_what_the_exact_layers_end_at_once_and_in_bounded_memory() -> None:
    with MathVerifier(workers=1, limits=LIMITS) as verifier:
        judged(verifier, "7", AT_ONCE)
        gc.collect()
        before = psutil.Process().memory_info().rss
        for _ in range(3):
            verdicts = judged(verifier, "7", AT_ONCE)
        gc.collect()
        grown = psutil.Process().memory_info().rss - before
    assert {verdict.outcome for verdict in verdicts} <= set(OUTCOMES) - {"correct"}
    assert max(len(text or "") for v in verdicts for text in (v.extracted, v.normal_form, v.reference_form)) <= 1_000
    assert grown < 60 * 2**20


@pytest.mark.integration
def test_what_reaches_a_worker_ends_at_its_limit_and_the_pool_lives_on() -> None:
    with MathVerifier(workers=2, limits=LIMITS) as verifier:
        verdicts = judged(verifier, r"\sin 7 + \sum_{k=1}^{3} k", FOR_A_WORKER)
        assert {verdict.outcome for verdict in verdicts} <= {"incorrect", "undecided"}
        assert max(verdict.seconds or 0.0 for verdict in verdicts) <= 2 * LIMITS.cpu_seconds
        after = judged(verifier, r"\sin 2x", (r"2\sin x\cos x", r"2\sin x\cos x + 10^{-30}"))
        assert [verdict.outcome for verdict in after] == ["correct", "incorrect"]
        assert len(psutil.Process().children()) >= 1
    assert not Path("PWNED").exists()


def test_a_hostile_reference_is_a_verdict_too() -> None:
    with MathVerifier(workers=1, limits=LIMITS) as verifier:
        for reference in AT_ONCE[:12]:
            assert judged(verifier, reference, ("7",))[0].outcome in ("incorrect", "undecided")
