"""The warm Coq driver: states that never change, errors, a process that ends, a warm pool, a search for proofs."""

import os
import select
import signal
import time
from collections.abc import Iterator

import pytest

from rollmill_proofs.coq.coq_pool import CoqPool
from rollmill_proofs.coq.coq_process import CoqProcess, error_in
from rollmill_proofs.coq.coqtop import Coqtop, FailedTactic, ProofState
from rollmill_proofs.goal import Goal, goal_of
from rollmill_proofs.goals import UNPROVABLE, Goals
from rollmill_proofs.proof_search import best_first
from rollmill_proofs.tactics import EnumeratedTactics

pytestmark = pytest.mark.sandbox
SUM = Goal("forall n m : nat, n + m = m + n", "Require Import Lia.")


@pytest.fixture
def coqtop() -> Iterator[Coqtop]:
    with Coqtop() as process:
        yield process


def started(coqtop: Coqtop, goal: Goal) -> ProofState:
    state = coqtop.start(goal)
    assert isinstance(state, ProofState)
    return state


def after(coqtop: Coqtop, state: ProofState, tactic: str) -> ProofState:
    [result] = coqtop.try_all(state, [tactic])
    assert isinstance(result, ProofState), result
    return result


def test_states_do_not_change_and_equal_goals_have_one_key(coqtop: Coqtop) -> None:
    first = started(coqtop, SUM)
    assert first.goals == "[ |- forall n m : nat, n + m = m + n]"
    done, split, error, same, twice = coqtop.try_all(
        first, ["lia", "induction n", "reflexivity", "auto", "intros n. intros m"]
    )
    assert isinstance(done, ProofState)
    assert done.done
    assert isinstance(error, FailedTactic)
    assert (error.tactic, error.error.splitlines()[-1]) == ("reflexivity", 'Unable to unify "m + n" with "n + m".')
    assert isinstance(same, ProofState)
    assert same.key == first.key
    assert isinstance(split, ProofState)
    assert split.goals.count("\n") == 1
    assert isinstance(twice, ProofState)
    assert twice.key == after(coqtop, first, "intros").key
    assert after(coqtop, split, "all: lia").done
    assert after(coqtop, first, "lia") == done


def test_goals_with_the_same_imports_share_a_process_and_a_refused_goal_says_why(coqtop: Coqtop) -> None:
    double = "Fixpoint double n := match n with 0 => 0 | S p => S (S (double p)) end."
    assert after(coqtop, started(coqtop, SUM), "lia").done
    pid = coqtop._process.pid if coqtop._process else 0
    state = started(coqtop, Goal("forall n, double n = n + n", SUM.imports, double))
    assert after(coqtop, state, "induction n; simpl; lia").done
    refused = coqtop.start(Goal("double 1 = 2", SUM.imports))
    assert isinstance(refused, FailedTactic)
    assert "double was not found" in refused.error
    assert pid
    assert coqtop._process is not None
    assert coqtop._process.pid == pid


def test_names_of_a_context_are_no_errors(coqtop: Coqtop) -> None:
    goal = Goal(
        "t Error = 1", "", "Inductive r := Ok | Error.\nDefinition t (x : r) := match x with Ok => 0 | Error => 1 end."
    )
    first = started(coqtop, goal)
    assert after(coqtop, first, "let x := constr:(Error) in idtac x; reflexivity").done
    assert error_in("Error is defined\nAnomalyless") is None


def wait_for_closed_input(process: CoqProcess) -> None:
    """Wait until nobody reads its input: Coq ends a little later than the sandbox around it, and may answer until then."""
    assert process._process.stdin is not None
    closing = select.poll()
    closing.register(process._process.stdin, 0)
    assert closing.poll(30_000) == [(process._process.stdin.fileno(), select.POLLERR)]


def test_a_process_that_ends_is_replaced(coqtop: Coqtop) -> None:
    state = after(coqtop, started(coqtop, SUM), "intros n")
    assert coqtop._process is not None
    os.kill(coqtop._process.pid, signal.SIGKILL)
    wait_for_closed_input(coqtop._process)
    lost, done = coqtop.try_all(state, ["lia", "lia"])
    assert isinstance(lost, FailedTactic)
    assert isinstance(done, ProofState)
    assert done.done


def test_a_tactic_that_does_not_end_fails() -> None:
    with Coqtop(seconds=8.0) as coqtop:
        state = started(coqtop, Goal("1 = 1"))
        begin = time.monotonic()
        endless, done = coqtop.try_all(state, ["repeat pose proof I", "reflexivity"])
        assert isinstance(endless, FailedTactic)
        assert isinstance(done, ProofState)
        assert time.monotonic() - begin < 60


def test_imports_that_coq_refuses_are_an_error_of_the_goal(coqtop: Coqtop) -> None:
    refused = coqtop.start(Goal("1 = 1", "Require Import Nowhere."))
    assert isinstance(refused, FailedTactic)
    assert "Nowhere" in refused.error
    assert after(coqtop, started(coqtop, Goal("1 = 1")), "reflexivity").done


def test_a_search_may_leave_results_unread(coqtop: Coqtop) -> None:
    state = started(coqtop, SUM)
    results = coqtop.try_all(state, ["intros", "lia", "auto", "reflexivity"])
    first = next(results)
    assert isinstance(first, ProofState)
    [done] = coqtop.try_all(first, ["lia"])
    assert isinstance(done, ProofState)
    assert done.done
    assert after(coqtop, state, "induction n").goals.count("\n") == 1


def test_long_texts_and_endless_output_end() -> None:
    with Coqtop(seconds=20.0) as coqtop:
        state = started(coqtop, Goal("1 = 1"))
        long = after(coqtop, state, ". ".join(['idtac "long enough to fill the output"'] * 5_000))
        assert long.key == state.key
        flood, imitation, done = coqtop.try_all(
            state, ['do 10000000 idtac "flood"', 'idtac "m_0_ not a defined object. </prompt>"', "reflexivity"]
        )
        assert isinstance(flood, FailedTactic)
        assert "bytes" in flood.error
        assert isinstance(imitation, ProofState)
        assert not imitation.done
        assert isinstance(done, ProofState)
        assert done.done


def test_goals_and_tactics_see_no_file_of_the_host(coqtop: Coqtop) -> None:
    state = started(coqtop, Goal("1 = 1"))
    for tactic in ('reflexivity. Qed. Load "/etc/passwd"', 'reflexivity. Qed. Redirect "/usr/x" Print nat'):
        [result] = coqtop.try_all(state, [tactic])
        assert isinstance(result, FailedTactic)


def test_every_true_goal_is_proved_and_no_false_twin() -> None:
    pool = CoqPool()
    for problem in Goals().synthesize(20, 5):
        result = best_first(pool, goal_of(problem), EnumeratedTactics(), trials=30)
        assert result.refused is None
        assert (result.script is not None) == (problem.reference != UNPROVABLE), problem.prompt
    pool.close()


def test_references_are_proofs_also_of_negations() -> None:
    pool = CoqPool()
    for problem in Goals(twins="negated").synthesize(20, 3):
        state = pool.start(goal_of(problem))
        assert isinstance(state, ProofState)
        [result] = pool.try_all(state, [problem.reference.removesuffix(".")])
        assert isinstance(result, ProofState), result
        assert result.done
    pool.close()
