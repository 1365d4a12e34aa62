"""Lemmas of a goal on which the search failed: guesses, their budget, and the assembled proof."""

from collections.abc import Iterator, Sequence

import pytest

from rollmill_proofs.coq.coq_pool import CoqPool
from rollmill_proofs.coq.coqtop import FailedTactic, ProofState
from rollmill_proofs.goal import Goal, goal_of
from rollmill_proofs.goals import Goals
from rollmill_proofs.lemmas import guessed, with_lemmas
from rollmill_proofs.proof_search import best_first
from rollmill_proofs.tactics import EnumeratedTactics


def test_a_number_of_both_sides_becomes_a_variable() -> None:
    assert guessed("forall n : nat, g n 3 = 2 * n + 3") == ("forall n k0 : nat, g n k0 = 2 * n + k0",)
    assert guessed("forall n : nat, g n 2 = 2 * n + 2") == (
        "forall n k0 : nat, g n k0 = 2 * n + k0",
        "forall n k0 : nat, g n k0 = k0 * n + 2",
    )
    for statement in ("forall n : nat, g n 3 = n", "1 = 1", "forall l : list nat, s l = 3 + 3", "forall n : nat, n <= 3"):
        assert guessed(statement) == ()


class Counting:
    """A prover that refuses every tactic and counts them by statement."""

    def __init__(self) -> None:
        self.statement = ""
        self.tried: dict[str, int] = {}

    def start(self, goal: Goal) -> ProofState | FailedTactic:
        self.statement = goal.statement
        return ProofState(goal.statement, "[ |- forall n : nat, x]", (), False)

    def try_all(self, state: ProofState, tactics: Sequence[str]) -> Iterator[ProofState | FailedTactic]:
        del state
        for tactic in tactics:
            self.tried[self.statement] = self.tried.get(self.statement, 0) + 1
            yield FailedTactic(tactic, "no")

    def close(self) -> None:
        """Nothing to end."""


def test_trials_on_the_goal_and_on_all_lemmas_stay_within_their_budgets() -> None:
    prover = Counting()
    goal = Goal("forall n : nat, g n 2 = 2 * n + 2")
    result, lemmas = with_lemmas(prover, goal, EnumeratedTactics(), trials=10, lemma_trials=30)
    assert result.script is None
    assert prover.tried[goal.statement] == 10
    assert [lemma.script for lemma in lemmas] == [None, None]
    assert sum(prover.tried.values()) == result.trials <= 40
    assert [prover.tried[lemma.statement] for lemma in lemmas] == [lemma.trials for lemma in lemmas]


@pytest.mark.sandbox
def test_lemmas_prove_what_the_same_number_of_trials_does_not() -> None:
    pool = CoqPool()
    problems = list(Goals(levels=[6]).synthesize(8, 5))
    proved, alone = [], []
    for problem in problems:
        goal = goal_of(problem)
        result, lemmas = with_lemmas(pool, goal, EnumeratedTactics(), trials=30, lemma_trials=60)
        proved.append(result.script is not None)
        alone.append(best_first(pool, goal, EnumeratedTactics(), trials=90).script is not None)
        if result.script is not None:
            assert result.script.startswith(f"assert (L : {lemmas[-1].statement})")
            assert lemmas[-1].script is not None
    assert proved == [True, False] * 4  # every second one is a false twin
    assert not any(alone)
    pool.close()
