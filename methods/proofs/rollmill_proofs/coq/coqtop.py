"""Proof states in a warm Coq process, and tactics that are tried on them.

States never change. Coq goes back to an earlier state of its present branch (`BackTo`) and forgets every other branch. So
the path to a state of another branch, or after a restart, is replayed. A found proof is a text like any other, which the
gate judges.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

from rollmill.methods import digest128
from rollmill_proofs.coq.coq_process import CoqEndedError, CoqProcess, error_in
from rollmill_proofs.coq.installation import installation
from rollmill_proofs.goal import Goal

_PROMPT_TEXT = re.compile(r"<prompt>.*?</prompt>", re.S)
_EXISTENTIAL = re.compile(r"^Existential \d+ =\s*\?\w+ : ", re.M)
_TOGETHER = 8  # tactics that are sent at once: a search that ends with one of them has no use for the others


@dataclass(frozen=True, slots=True)
class ProofState:
    """Open goals after some tactics. `key`: equal for states with equal goals; `done`: no goal is left."""

    key: str
    goals: str
    path: tuple[str, ...]
    done: bool


@dataclass(frozen=True, slots=True)
class FailedTactic:
    """A tactic that Coq rejected in a state, with Coq's error."""

    tactic: str
    error: str


class Coqtop:
    """One process and the states of one goal at a time. Not thread-safe. A goal with the imports of the last one needs no
    new process. `seconds`: limit of one trial by the clock; a tactic that takes longer fails.
    """

    def __init__(self, seconds: float = 30.0) -> None:
        self.seconds = seconds
        self._installed = installation()
        self._process: CoqProcess | None = None
        self._goal: Goal | None = None
        self._ids: dict[tuple[str, ...], int] = {}

    def start(self, goal: Goal) -> ProofState | FailedTactic:
        """The first proof state of a goal; Coq's error if Coq refuses the goal."""
        try:
            process = self._with(goal.imports)
            self._goal, self._ids = goal, {}
            if process.refused is not None:
                return FailedTactic("", process.refused)
            theorem = f"Goal {goal.statement}.\nProof.\nShow Existentials."
            out = process.say(f"BackTo {process.base}.\n{goal.context}\n{theorem}")
        except CoqEndedError as error:
            self.close()
            return FailedTactic("", str(error))
        if (refusal := error_in(out)) is not None:
            return FailedTactic("", refusal)
        self._ids[()] = process.at
        return _state(out, ())

    def try_all(self, state: ProofState, tactics: Sequence[str]) -> Iterator[ProofState | FailedTactic]:
        """The state after each tactic, or its failure, in their order. `state` is one of the last started goal."""
        waiting = list(tactics)
        while waiting:
            tried = 0
            try:
                for result in self._tried(state, waiting[:_TOGETHER]):
                    tried += 1
                    yield result
            except CoqEndedError as error:
                self.close()
                yield FailedTactic(waiting[tried], str(error))
                tried += 1
            del waiting[:tried]

    def close(self) -> None:
        """End the process; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            process.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _with(self, imports: str) -> CoqProcess:
        """The process with these imports."""
        if self._process is None or self._goal is None or self._goal.imports != imports:
            self.close()
            self._process = CoqProcess(self._installed, imports, self.seconds)
        return self._process

    def _tried(self, state: ProofState, tactics: Sequence[str]) -> Iterator[ProofState | FailedTactic]:
        """Results of a few tactics, which are sent at once. Only the state after the last of them can be restored."""
        process = self._go_to(state.path)
        back = self._ids[state.path]
        answers = process.say_all([f"BackTo {back}.\n{tactic}.\nShow Existentials." for tactic in tactics])
        for number, (tactic, out) in enumerate(zip(tactics, answers, strict=True), 1):
            path = (*state.path, tactic)
            if (error := error_in(out)) is not None:
                yield FailedTactic(tactic, error)
                continue
            if number == len(tactics):
                self._ids[path] = process.at
            yield _state(out, path)

    def _go_to(self, path: tuple[str, ...]) -> CoqProcess:
        """Make a state one of the present branch: nothing to do, or the rest of its path from the last common state."""
        if self._process is None:
            self._restart()
        process = self._process
        assert process is not None
        for known in [known for known in self._ids if known != path[: len(known)]]:
            del self._ids[known]  # forgotten by Coq as soon as it goes back
        if path not in self._ids:
            last = max(self._ids, key=len)
            rest = "\n".join(f"{tactic}." for tactic in path[len(last) :])
            if error_in(process.say(f"BackTo {self._ids[last]}.\n{rest}")) is not None:
                raise CoqEndedError("the way to the state fails when it is gone again")
            self._ids[path] = process.at
        return process

    def _restart(self) -> None:
        """A new process at the first state of the goal."""
        goal = self._goal
        assert goal is not None
        if isinstance(self.start(goal), FailedTactic):
            raise CoqEndedError("Coq ended, and does not start again")


def _state(answer: str, path: tuple[str, ...]) -> ProofState:
    """The state after a tactic: the last output before its prompt lists the open goals with their hypotheses."""
    parts = [part.strip() for part in _PROMPT_TEXT.split(answer)]
    goals = _goals(parts[-2]) if len(parts) > 1 else ()
    return ProofState(digest128(["state", *sorted(goals)]), "\n".join(goals), path, not goals)


def _goals(listed: str) -> tuple[str, ...]:
    """The goals in a list of existential variables, white space made single."""
    return tuple(" ".join(part.split()) for part in _EXISTENTIAL.split(listed) if part.strip())
