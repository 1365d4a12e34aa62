"""The verifier `math`: its layers, its workers' failures, and that nothing fails in silence."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Message, Problem, Verdict
from rollmill.pipelines.verify.mathematics import MathVerifier, math_version
from rollmill.pipelines.verify.number import NumberVerifier
from rollmill.pipelines.verify.workers.worker_pool import WorkerLimits

HERE = str(Path(__file__).parents[1] / "workers")
ROOT = str(Path(__file__).parents[4])
NEEDS_A_WORKER = (r"\sin 2x", r"\boxed{2\sin x\cos x}")


@pytest.fixture(scope="module")
def verifier() -> Iterator[MathVerifier]:
    with MathVerifier(workers=2) as chosen:
        yield chosen


def pair(reference: str, text: str, prompt: str = "Find it.") -> tuple[Problem, Completion]:
    return Problem(prompt, reference), Completion("c", "p", "e", "m", "", "curate", 0, None, text, "stop")


def judge(verifier: MathVerifier, reference: str, text: str, prompt: str = "Find it.") -> Verdict:
    return verifier.verify(*pair(reference, text, prompt))


@pytest.mark.parametrize(
    ("reference", "text", "outcome", "rule"),
    [
        ("4343_6", r"\boxed{4343_6}", "correct", "boxed:identical"),
        ("32,760", r"\boxed{32760}", "correct", "boxed:number"),
        (r"\frac{\sqrt2}{2}", r"\boxed{\frac{1}{\sqrt{2}}}", "correct", "boxed:exact"),
        (r"4\pi", r"So the area is $4\pi$.", "correct", "bare:identical"),
        (r"4\pi", "We compute.\nSo the area is $4\\pi$.", "correct", "tail:identical"),
        (r"4\pi", "We compute.\nLet's see whether $4\\pi$ is right.", "unparsed", "no-answer"),
        (r"4\pi", "The answer is \\(4\\pi\\), since \\(r=2\\).", "correct", "phrase:identical"),
        ("5", "The answer is not 5", "unparsed", "no-answer"),
        ("B", r"\boxed{\text{(B)}}", "correct", "boxed:choice"),
        ("0.3", r"\boxed{\text{(b) } 0.3}", "correct", "boxed:choice"),
        ("x+1", r"\boxed{\text{no solution}}", "incorrect", "boxed:exact"),
        (*NEEDS_A_WORKER, "correct", "boxed:numbers"),
        (r"\sin 2x", r"\boxed{2\sin x}", "incorrect", "boxed:exact"),
        (r"\int_0^1 x\,dx", r"\boxed{\int_0^1 y\,dy + 1}", "incorrect", "boxed:library"),
    ],
)
def test_layers(verifier: MathVerifier, reference: str, text: str, outcome: str, rule: str) -> None:
    verdict = judge(verifier, reference, text)
    assert verdict.outcome == outcome
    assert verdict.rule == rule or rule.endswith(("exact", "library"))


def test_the_library_is_believed_only_when_confirmed(verifier: MathVerifier) -> None:
    assert judge(verifier, r"\sum_{k=1}^{3} k", r"\boxed{\sum_{j=1}^{3} j}").outcome == "correct"
    assert judge(verifier, r"\frac{1}{2004!}", r"\boxed{\frac{1}{2006!}}").outcome == "incorrect"


def test_an_unreadable_reference_is_nobodys_answer(verifier: MathVerifier) -> None:
    verdict = judge(verifier, r"\weird{3} \unknown", r"\boxed{3}")
    assert (verdict.outcome, verdict.cause) == ("undecided", "the reference is not readable")


def test_the_reference_may_be_a_whole_solution(verifier: MathVerifier) -> None:
    assert judge(verifier, "3 + 4 = 7\n#### 7", r"\boxed{7}").outcome == "correct"
    assert judge(verifier, r"so it is \boxed{\frac12}", r"\boxed{0.5}").outcome == "correct"


def test_turns_are_judged_by_the_last(verifier: MathVerifier) -> None:
    turns = (Message("assistant", "print(7)", kind="code"), Message("assistant", "7", kind="execution"))
    problem, plain = Problem("q", "7"), pair("7", "ignored")[1]
    ran = Completion("c", "p", "e", "m", "", "curate", 0, None, "x", "imported", messages=turns)
    said = Completion(
        "c", "p", "e", "m", "", "curate", 0, None, "x", "imported", messages=(*turns, Message("assistant", "7"))
    )
    assert verifier.verify(problem, ran).outcome == "unparsed"
    assert verifier.verify(problem, said).outcome == "correct"
    assert plain.messages is None


def test_the_version_names_policy_and_libraries(verifier: MathVerifier) -> None:
    policy = ("strict.5", "order.by_problem", "percent.asked", "brackets.kept", "units.known")
    for part in (*policy, "math-verify-", "sympy-", "latex2sympy2-"):
        assert part in verifier.version


def test_the_version_follows_policy_order_and_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {
        MathVerifier().version,
        MathVerifier(policy="lenient").version,
        MathVerifier(order="unordered").version,
        MathVerifier(policy="lenient", order="ordered").version,
    }
    assert len(versions) == 4
    changed = tuple((name, "99" if name == "exact" else version) for name, version in MathVerifier.rules)
    monkeypatch.setattr("rollmill.pipelines.verify.mathematics.RULES", changed)
    math_version.cache_clear()
    assert MathVerifier().version not in versions
    math_version.cache_clear()


def test_options_are_checked() -> None:
    with pytest.raises(SetupError, match="Did you mean 'lenient'"):
        MathVerifier(policy="lenent")
    with pytest.raises(SetupError, match="by_problem, ordered, unordered"):
        MathVerifier(order="sorted")
    with pytest.raises(SetupError, match="Valid: incomplete, lenient, strict"):
        NumberVerifier(policy="loose")


def test_the_order_of_a_list_may_be_fixed_by_the_recipe() -> None:
    pairs = (("1, 2", r"\boxed{2, 1}", "Find all roots."), ("(1, 2)", r"\boxed{(2, 1)}", "Find all roots."))
    for order, expected in (("by_problem", "correct"), ("ordered", "incorrect"), ("unordered", "correct")):
        with MathVerifier(order=order) as chosen:
            assert [judge(chosen, *row).outcome for row in pairs] == [expected, "incorrect"]


@pytest.mark.parametrize(
    ("job", "cause"),
    [("leave", "crash: exit status 3"), ("burn", "cpu_limit"), ("hoard", "memory_limit"), ("fail", "crash: KeyError")],
)
def test_an_injected_failure_is_undecided_with_its_cause(job: str, cause: str) -> None:
    with MathVerifier(workers=2, job=(f"worker_jobs:{job}", [HERE]), limits=WorkerLimits(cpu_seconds=0.3)) as broken:
        verdicts = list(broken.verify_many([pair(*NEEDS_A_WORKER), pair("7", r"\boxed{7}"), pair(*NEEDS_A_WORKER)]))
    assert [verdict.outcome for verdict in verdicts] == ["undecided", "correct", "undecided"]
    assert verdicts[0].cause == cause
    assert verdicts[0].rule == "boxed:worker"


def test_workers_answer_eight_threads(verifier: MathVerifier) -> None:
    pairs = [(rf"\sin {n}x", rf"\boxed{{2\sin \frac{{{n}x}}{{2}}\cos \frac{{{n}x}}{{2}}}}") for n in range(2, 26)]
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda item: judge(verifier, *item), pairs))
    assert {verdict.outcome for verdict in verdicts} == {"correct"}
    assert {verdict.rule for verdict in verdicts} == {"boxed:numbers"}


def test_a_decision_of_a_worker_is_remembered() -> None:
    with MathVerifier(workers=1) as fresh:
        first, again = judge(fresh, *NEEDS_A_WORKER), judge(fresh, *NEEDS_A_WORKER)
    assert first.outcome == again.outcome == "correct"
    assert first.rule == again.rule


SCRIPT = """
from rollmill.pipelines.verify import verify
import sys
print([v.outcome for v in verify([("q", r"\\sin 2x", r"\\boxed{2\\sin x\\cos x}"), ("q", "7", "7")])])
print(sorted(m for m in sys.modules if m.split(".")[0] in ("prefect", "torch", "sympy", "math_verify")))
"""


def test_a_plain_script_without_a_main_guard_may_use_it(tmp_path: Path) -> None:
    script = tmp_path / "notebook.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, env={"PYTHONPATH": ROOT}, cwd=tmp_path
    )
    assert done.stdout.splitlines() == ["['correct', 'correct']", "[]"], done.stderr


def test_model_text_is_never_run(verifier: MathVerifier, tmp_path: Path) -> None:
    marker = tmp_path / "pwned"
    for call in (f"__import__('os').system('touch {marker}')", f"open('{marker}','w')", f"exec(\"open('{marker}','w')\")"):
        for text in (f"\\boxed{{{call}}}", f"The answer is {call}", f"${call}$", f"#### {call} + \\sin x"):
            judge(verifier, r"\sin x", text)
            judge(verifier, call, "\\boxed{\\sin x}")
    assert not marker.exists()
