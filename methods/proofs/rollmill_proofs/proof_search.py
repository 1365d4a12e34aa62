"""Best-first search over proof states: the next state is the one with the best path score.

A path of L tactics scores sum(log p) / L^alpha (BFS-Prover, Xin et al. 2025): alpha 0 is the sum, alpha 1 the mean. Equal
states merge. The budget is a number of tactic trials, never seconds, so that a search gives the same result on any machine.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rollmill_proofs.coq.coqtop import FailedTactic, ProofState
from rollmill_proofs.goal import Goal

_Path = tuple[str, ...]
TacticSource = Callable[[ProofState], Sequence[tuple[str, float]]]
"""Tactics for a state, each with the logarithm of its probability."""


class Prover(Protocol):
    """States of proofs, and the results of tactics on them. States never change."""

    def start(self, goal: Goal) -> ProofState | FailedTactic:
        """The first state of a goal, or the error with which it is refused."""

    def try_all(self, state: ProofState, tactics: Sequence[str]) -> Iterator[ProofState | FailedTactic]:
        """Result of each tactic on a state, in their order."""

    def close(self) -> None:
        """End the processes of the prover."""


@dataclass(frozen=True, slots=True)
class ProofStep:
    """A state of a found proof, the tactic of the proof, and the other tactics tried there.

    `rejected`: tactics that Coq rejected, with its error. `others`: tactics that ran and are no part of the proof.
    """

    goals: str
    tactic: str
    rejected: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Result of a search. `script` and `steps`: None and empty if no proof was found.

    `rejected`: (goals, tactic, error) of rejected tactics. `refused`: Coq's error about the goal itself.
    """

    script: str | None
    trials: int = 0
    states: int = 0
    rejected: tuple[tuple[str, str, str], ...] = ()
    refused: str | None = None
    steps: tuple[ProofStep, ...] = ()

    def after(self, earlier: "SearchResult") -> "SearchResult":
        """This result with the trials, states and rejected tactics of an earlier search added."""
        return replace(
            self,
            trials=earlier.trials + self.trials,
            states=earlier.states + self.states,
            rejected=earlier.rejected + self.rejected,
        )


def best_first(
    prover: Prover, goal: Goal, source: TacticSource, *, trials: int, alpha: float = 0.5, explore: bool = False
) -> SearchResult:
    """A proof of a goal within so many trials; with `explore` all of them are used, and the steps are of every proof."""
    first = prover.start(goal)
    if isinstance(first, FailedTactic):
        return SearchResult(None, refused=first.error)
    seen, used, proofs = {first.key}, 0, list[ProofState]()
    open_states = [(0.0, 0, 0.0, first)]  # the number breaks ties in the order of discovery
    tried: dict[_Path, list[tuple[str, str | None]]] = defaultdict(list)
    goals = {first.path: first.goals}
    while open_states and used < trials and (explore or not proofs):
        _, _, logp, state = heapq.heappop(open_states)
        # Cut to the trials that are left, so that a search never exceeds its budget.
        offered = list(source(state))[: trials - used]
        results = prover.try_all(state, [tactic for tactic, _ in offered])
        for (tactic, gain), result in zip(offered, results, strict=True):
            used += 1
            tried[state.path].append((tactic, result.error if isinstance(result, FailedTactic) else None))
            if isinstance(result, FailedTactic):
                continue
            # Asked before `seen`: all finished states have the same key, and each is another proof.
            if result.done:
                proofs.append(result)
                if not explore:
                    break
            # The first path to equal goals stays; a later one would repeat its trials.
            elif result.key not in seen:
                seen.add(result.key)
                goals[result.path] = result.goals
                total = logp + gain
                score = total / len(result.path) ** alpha
                # The heap gives the smallest first, so scores are negated.
                heapq.heappush(open_states, (-score, len(seen), total, result))
    rejected = tuple(
        (goals[at], tactic, error) for at, some in tried.items() for tactic, error in some if error is not None
    )
    steps = _steps([proof.path for proof in proofs], goals, tried)
    return SearchResult(script_of(proofs[0]) if proofs else None, used, len(seen), rejected, steps=steps)


def _steps(
    paths: Sequence[_Path], goals: Mapping[_Path, str], tried: Mapping[_Path, Sequence[tuple[str, str | None]]]
) -> tuple[ProofStep, ...]:
    """The steps of proofs, each once; the first one in a state has the other tactics that were tried there."""
    good: dict[_Path, list[str]] = {}
    for path in paths:
        for place, tactic in enumerate(path):
            tactics = good.setdefault(path[:place], [])
            if tactic not in tactics:
                tactics.append(tactic)
    steps = []
    for state, tactics in good.items():
        besides = [(other, error) for other, error in tried[state] if other not in tactics]
        rejected = tuple((other, error) for other, error in besides if error is not None)
        steps.append(
            ProofStep(goals[state], tactics[0], rejected, tuple(other for other, error in besides if error is None))
        )
        steps += [ProofStep(goals[state], tactic) for tactic in tactics[1:]]
    return tuple(steps)


def script_of(state: ProofState) -> str:
    """The tactics that led to a state, one on a line."""
    return "\n".join(f"{tactic}." for tactic in state.path)
