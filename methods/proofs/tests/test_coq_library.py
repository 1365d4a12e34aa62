"""Lemmas of Coq's standard library: their statements, and their own proofs under the gate."""

from collections import Counter

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Verdict
from rollmill_proofs.coq_library import FILES, CoqLibrary
from rollmill_proofs.goal import goal_of
from rollmill_proofs.proof import ProofVerifier


def test_unknown_files_are_named() -> None:
    with pytest.raises(SetupError, match=r"files is \['Reals/Rbase'\].*Bool/Bool"):
        CoqLibrary(files=["Reals/Rbase"])


@pytest.mark.sandbox
def test_there_are_300_statements_of_all_files_with_their_origin() -> None:
    problems = list(CoqLibrary().synthesize(1_000, 1))
    assert len({goal_of(problem).test() for problem in problems}) == len(problems) >= 300
    assert {problem.template for problem in problems} <= {f"coq-{name}" for name in FILES}
    assert {problem.licence for problem in problems} == {"LGPL-2.1-only"}
    assert not [problem for problem in problems if "{" in goal_of(problem).statement or "Qed" in problem.reference]
    assert list(CoqLibrary().synthesize(5, 2)) == list(CoqLibrary().synthesize(300, 2))[:5]


def judged(problems: list[Problem]) -> list[Verdict]:
    said = [
        Completion("c", "p", "e", "m", "", "curate", 0, None, f"```coq\n{problem.reference}\n```", "stop")
        for problem in problems
    ]
    with ProofVerifier(workers=1) as verifier:
        return list(verifier.verify_many(zip(problems, said, strict=True)))


@pytest.mark.sandbox
def test_some_lemmas_are_proved_by_their_own_scripts() -> None:
    problems = list(CoqLibrary(files=["ZArith/Zorder", "ZArith/Zcompare"]).synthesize(12, 1))
    assert [verdict.outcome for verdict in judged(problems)] == ["correct"] * len(problems)


@pytest.mark.long
@pytest.mark.sandbox
@pytest.mark.timeout(1_800)
def test_99_of_100_of_300_lemmas_are_proved_by_their_own_scripts() -> None:
    problems = sorted(CoqLibrary().synthesize(300, 1), key=lambda problem: problem.template or "")
    assert len(problems) == 300
    outcomes = Counter(verdict.outcome for verdict in judged(problems))
    assert outcomes["correct"] >= 297, outcomes
    assert outcomes["incorrect"] == 0
