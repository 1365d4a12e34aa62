"""Enumerated tactics: variables of a state, an order by the seed, probabilities that sum to 1."""

import math

from rollmill_proofs.coq.coqtop import ProofState
from rollmill_proofs.tactics import EnumeratedTactics, variables


def test_variables_are_hypotheses_of_data_and_what_forall_binds() -> None:
    assert variables("[ |- forall n m : nat, n + m = m + n]") == ("n", "m")
    assert variables("[n : nat IHn : forall m : nat, n = m l : list nat |- S n = 1]") == ("n", "l")
    assert variables("[ |- forall (a : nat) (l : list nat), a = a]\n[x : nat |- x = x]") == ("a", "l")
    assert variables("[ |- 1 = 1]") == ()


def test_probabilities_fall_and_sum_to_one_and_the_seed_orders() -> None:
    state = ProofState("k", "[ |- forall n : nat, n = n]", (), False)
    offered = EnumeratedTactics(("auto", "lia"))(state)
    assert [tactic for tactic, _ in offered][:3] == ["auto", "lia", "induction n; simpl; lia"]
    chances = [math.exp(logp) for _, logp in offered]
    assert math.isclose(sum(chances), 1.0)
    assert chances == sorted(chances, reverse=True)
    orders = {tuple(tactic for tactic, _ in EnumeratedTactics(seed=seed)(state)) for seed in (1, 2, 1)}
    assert len(orders) == 2
