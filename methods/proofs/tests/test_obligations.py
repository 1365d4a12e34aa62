"""Obligations: gates of samples in their order, planted mistakes, and tiers that follow from the rows of the gates."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.verify import verify
from rollmill_proofs.coq.coq_pool import CoqPool
from rollmill_proofs.obligations import Obligations, SpecifiedProgram, judged, tier_of
from rollmill_proofs.prover import ProverEngine

DOUBLE = SpecifiedProgram(
    "double",
    "Fixpoint solve (l : list nat) : nat := match l with nil => 0 | x :: r => 2 * x + solve r end.",
    (((), 0), ((1, 3), 8)),
    ("forall l k : list nat, solve (l ++ k) = solve l + solve k",),
    ("forall l : list nat, solve l = length l",),
)


def test_a_tier_is_the_number_of_gates_before_the_first_that_failed() -> None:
    passed, failed = {"passed": True}, {"passed": False}
    assert [tier_of(rows) for rows in ([failed], [passed, failed], [passed, passed, failed], [passed] * 3)] == [0, 1, 2, 3]
    with pytest.raises(SetupError, match="tier is 4"):
        Obligations(tier=4)


@pytest.fixture(scope="module")
def pool() -> Iterator[CoqPool]:
    made = CoqPool()
    yield made
    made.close()


@pytest.mark.sandbox
def test_each_gate_stops_what_it_is_for(pool: CoqPool) -> None:
    good, false = judged(DOUBLE, pool)
    assert (good.meta["tier"], false.meta["tier"]) == (3, 2)
    assert false.meta["gates"][-1] == {"gate": "plausible", "passed": False, "counterexample": "(cons 1 nil)"}
    assert (good.meta["planted"], false.meta["planted"]) == ([], ["theorem"])
    wrong, _ = judged(replace(DOUBLE, tests=(*DOUBLE.tests, ((1,), 3))), pool)
    assert (wrong.meta["tier"], wrong.meta["gates"][1]["failed"]) == (1, ["solve [1] = 3"])
    broken, _ = judged(replace(DOUBLE, program="Fixpoint solve (n : nat) := solve n."), pool)
    assert (broken.meta["tier"], [row["gate"] for row in broken.meta["gates"]]) == (0, ["compiles"])
    unstated, _ = judged(replace(DOUBLE, true=("forall l : list nat, solved l = 0",)), pool)
    assert (unstated.meta["tier"], "solved" in unstated.meta["gates"][-1]["error"]) == (2, True)


@pytest.mark.sandbox
def test_planted_mistakes_are_rejected_and_nothing_else() -> None:
    problems = list(Obligations(tier=0).synthesize(60, 3))
    tiers = Counter((bool(problem.meta["planted"]), problem.meta["tier"] == 3) for problem in problems)
    assert set(tiers) == {(True, False), (False, True)}
    assert all(problem.meta["tier"] == tier_of(problem.meta["gates"]) for problem in problems)
    kept = list(Obligations().synthesize(10, 3))
    assert [problem.id for problem in kept] == [problem.id for problem in problems if problem.meta["tier"] == 3][:10]


@pytest.mark.sandbox
def test_some_obligations_are_proved_by_search_and_pass_the_gate() -> None:
    problems = list(Obligations().synthesize(8, 3))
    engine = ProverEngine(trials=60)
    rows = [
        {"prompt": problem.prompt, "reference": "", "tests": problem.tests, "kind": "proof", "answer": text}
        for problem in problems
        if (text := engine.made(str(problem.prompt), {}, 1).text)
    ]
    engine.close()
    assert len(rows) >= 2
    assert {verdict.outcome for verdict in verify(rows, "proof")} == {"correct"}
