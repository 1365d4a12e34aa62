"""Warm Coq processes by the imports of their goals, since loading a library such as Lia takes longer than most proofs."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from rollmill_proofs.coq.coqtop import Coqtop, FailedTactic, ProofState
from rollmill_proofs.goal import Goal


class CoqPool:
    """A Prover with at most `size` processes; the least recently used one ends first. Not thread-safe."""

    def __init__(self, size: int = 4) -> None:
        self.size = size
        self._warm: OrderedDict[str, Coqtop] = OrderedDict()
        self._current: Coqtop | None = None

    def start(self, goal: Goal) -> ProofState | FailedTactic:
        """The first state of a goal, in the process with its imports."""
        coqtop = self._warm.pop(goal.imports, None) or Coqtop()
        self._warm[goal.imports] = self._current = coqtop
        while len(self._warm) > self.size:
            self._warm.popitem(last=False)[1].close()
        return coqtop.start(goal)

    def try_all(self, state: ProofState, tactics: Sequence[str]) -> Iterator[ProofState | FailedTactic]:
        """Result of each tactic on a state of the last started goal, in their order."""
        assert self._current is not None
        return self._current.try_all(state, tactics)

    def close(self) -> None:
        """End every process; safe to call twice."""
        for coqtop in self._warm.values():
            coqtop.close()
        self._warm.clear()
        self._current = None
