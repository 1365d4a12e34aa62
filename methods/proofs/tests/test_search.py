"""The search over proof states with a toy prover: order, budget, merged states, rejected tactics."""

from collections.abc import Iterator, Sequence

from rollmill_proofs.coq.coqtop import FailedTactic, ProofState
from rollmill_proofs.goal import Goal
from rollmill_proofs.proof_search import ProofStep, best_first

GOAL = Goal("reach 7")


class Counting:
    """A prover whose states are numbers: `+1` and `*2` lead on, 7 closes the goal, beyond 7 a tactic is rejected."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, str]] = []

    def start(self, goal: Goal) -> ProofState | FailedTactic:
        return _state(1, ()) if goal == GOAL else FailedTactic("", "no such goal")

    def try_all(self, state: ProofState, tactics: Sequence[str]) -> Iterator[ProofState | FailedTactic]:
        for tactic in tactics:
            self.tried.append((state.goals, tactic))
            number = int(state.goals) + 1 if tactic == "+1" else 2 * int(state.goals)
            yield FailedTactic(tactic, "too large") if number > 7 else _state(number, (*state.path, tactic))

    def close(self) -> None:
        """Nothing to end."""


def _state(number: int, path: tuple[str, ...]) -> ProofState:
    return ProofState(str(number), str(number), path, number == 7)


def doubling(state: ProofState) -> Sequence[tuple[str, float]]:
    del state
    return [("*2", -0.5), ("+1", -1.0)]


def test_a_proof_is_found_and_equal_states_are_searched_once() -> None:
    prover = Counting()
    result = best_first(prover, GOAL, doubling, trials=100)
    assert result.script is not None
    number = 1
    for line in result.script.splitlines():
        number = number + 1 if line == "+1." else 2 * number
    assert number == 7
    assert len(prover.tried) == len(set(prover.tried)) == result.trials
    assert set(result.rejected) == {
        (goal, "*2", "too large") for goal, tactic in prover.tried if tactic == "*2" and int(goal) > 3
    }


def test_the_budget_is_a_number_of_trials() -> None:
    prover = Counting()
    result = best_first(prover, GOAL, doubling, trials=3)
    assert (result.script, result.trials, len(prover.tried)) == (None, 3, 3)


def test_the_length_in_the_score_decides_what_comes_next() -> None:
    def source(state: ProofState) -> Sequence[tuple[str, float]]:
        return [("*2", -1.0), ("+1", -1.5)] if state.goals == "1" else [("+1", -1.0)]

    orders = []
    for alpha in (0.0, 1.0):
        prover = Counting()
        best_first(prover, GOAL, source, trials=100, alpha=alpha)
        orders.append([goal for goal, _ in prover.tried])
    assert orders[0] == orders[1] == ["1", "1", "2", "3", "4", "5", "6"]


def test_a_refused_goal_says_why() -> None:
    result = best_first(Counting(), Goal("else"), doubling, trials=9)
    assert (result.script, result.refused, result.trials) == (None, "no such goal", 0)


def test_a_found_proof_has_its_states_with_what_was_tried_in_them() -> None:
    def source(state: ProofState) -> Sequence[tuple[str, float]]:
        return {"1": [("*2", -9.0), ("+1", -1.0)], "2": [("*2", -3.0), ("+1", -1.0)], "3": [("*2", -1.0)]}.get(
            state.goals, [("*2", -1.0), ("+1", -2.0)]
        )

    result = best_first(Counting(), GOAL, source, trials=100)
    assert result.script is not None
    assert [step.tactic for step in result.steps] == [line.removesuffix(".") for line in result.script.splitlines()]
    assert [step.goals for step in result.steps][:2] == ["1", "2"]
    assert result.steps[-1] == ProofStep("6", "+1", (("*2", "too large"),))
    assert result.steps[0].others == ("+1",)


def test_results_of_two_searches_add_up() -> None:
    first = best_first(Counting(), GOAL, doubling, trials=3)
    second = best_first(Counting(), GOAL, doubling, trials=100)
    both = second.after(first)
    assert (both.script, both.trials) == (second.script, 3 + second.trials)
    assert both.rejected == first.rejected + second.rejected


class Forking(Counting):
    """A prover of two steps, `l` or `r`: the second one closes the goal if it is `r`, and is rejected otherwise."""

    def start(self, goal: Goal) -> ProofState | FailedTactic:
        del goal
        return ProofState("", "fork", (), False)

    def try_all(self, state: ProofState, tactics: Sequence[str]) -> Iterator[ProofState | FailedTactic]:
        for tactic in tactics:
            path = (*state.path, tactic)
            done = len(path) == 2
            yield (
                FailedTactic(tactic, "left")
                if done and tactic == "l"
                else ProofState("".join(path), "".join(path), path, done)
            )


def test_exploring_searches_on_and_has_the_states_of_every_proof() -> None:
    def both(state: ProofState) -> Sequence[tuple[str, float]]:
        del state
        return [("l", -0.5), ("r", -1.0)]

    short, wide = (best_first(Forking(), GOAL, both, trials=100, explore=explore) for explore in (False, True))
    assert (short.trials, wide.trials, short.script, wide.script) == (4, 6, "l.\nr.", "l.\nr.")
    left, right = (ProofStep(state, "r", (("l", "left"),)) for state in ("l", "r"))
    assert short.steps == (ProofStep("fork", "l", (), ("r",)), left)
    assert wide.steps == (ProofStep("fork", "l"), ProofStep("fork", "r"), left, right)
    assert best_first(Forking(), GOAL, both, trials=5, explore=True).trials == 5
