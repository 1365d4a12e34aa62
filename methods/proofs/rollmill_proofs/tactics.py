"""Tactics by enumeration: a fixed list, induction and case analysis on the variables of a state's first goal, and
counterexamples of small values.
"""

import itertools
import math
import random
import re
from collections.abc import Callable, Mapping, Sequence

from rollmill_proofs.coq.coqtop import ProofState
from rollmill_proofs.goal import Goal

# Tactics that can end a proof stand first: without a seed their order gives the probabilities.
TACTICS = (
    "reflexivity",
    "lia",
    "auto",
    "discriminate",
    "repeat (intros []); reflexivity",
    "intros",
    "simpl",
    "split",
    "f_equal",
    "congruence",
    "rewrite app_length",
    "rewrite map_length",
    "rewrite rev_length",
)
"""Tactics that are tried in every state. Coq rejects those of libraries that the goal does not import."""
ON_VARIABLES = ("induction {}; simpl; lia", "induction {}; simpl in *; auto", "induction {}", "destruct {}")
_BOUND = re.compile(r"forall ((?:[a-z]\w* )+):|\(([a-z]\w*(?: [a-z]\w*)*) :")
_HYPOTHESIS = re.compile(r"(?:\[|\s)([a-z]\w*) : (?:nat|bool|list \w+)(?=\s)")


_QUANTIFIED = re.compile(r"\s*forall ((?:[a-z]\w* )+): (nat|bool|list nat), ")
_VALUES = {"nat": ("0", "1", "2"), "bool": ("true", "false"), "list nat": ("nil", "(cons 1 nil)")}
_MOST_VALUES = 16


class EnumeratedTactics:
    """A source of tactics in an order drawn by a seed: rank r has the probability 1 / (r + 1), made to sum to 1."""

    def __init__(self, tactics: Sequence[str] = TACTICS, seed: int | None = None) -> None:
        self.tactics = tuple(tactics)
        self.seed = seed

    def __call__(self, state: ProofState) -> Sequence[tuple[str, float]]:
        offered = [*self.tactics, *(form.format(name) for name in variables(state.goals) for form in ON_VARIABLES)]
        if self.seed is not None:
            random.Random(self.seed).shuffle(offered)
        total = sum(1 / (rank + 1) for rank in range(len(offered)))
        return [(tactic, -math.log((rank + 1) * total)) for rank, tactic in enumerate(offered)]


def variables(goals: str) -> tuple[str, ...]:
    """Variables of the first goal for induction or case analysis: hypotheses of data, then those that `forall` binds."""
    first = goals.split("\n", 1)[0]
    hypotheses, _, conclusion = first.partition("|-")
    # The pattern wants a bracket or a blank before each name, also before the first.
    names = [match[1] for match in _HYPOTHESIS.finditer(f"[{hypotheses.lstrip('[')}")]
    for match in _BOUND.finditer(conclusion):
        names += (match[1] or match[2]).split()
    return tuple(dict.fromkeys(names))


class Refutations:
    """A source for the negation of a statement: small values of its variables first, then the tactics of another source."""

    def __init__(self, goal: Goal, source: Callable[[ProofState], Sequence[tuple[str, float]]]) -> None:
        """Take the goal that is to be refuted and the other source."""
        self.source = source
        # `lia` is unknown where the goal does not import it.
        ends = ("lia", "discriminate H") if "Lia" in goal.imports else ("discriminate H",)
        values = counterexamples(goal.statement)
        self.own = [f"intros H; specialize (H {given}); simpl in H; {end}" for given in values for end in ends]

    def __call__(self, state: ProofState) -> Sequence[tuple[str, float]]:
        # Only in the first state, as `intros H` names the whole negated statement.
        own = () if state.path else tuple((tactic, -math.log(len(self.own))) for tactic in self.own)
        return [*own, *self.source(state)]


def counterexamples(statement: str, domain: Mapping[str, Sequence[str]] = _VALUES) -> tuple[str, ...]:
    """Values for the variables that a statement begins with, a few of the domain of each type; none for other types."""
    types: list[str] = []
    at = 0
    while match := _QUANTIFIED.match(statement, at):
        types += [match[2]] * len(match[1].split())
        at = match.end()
    combinations = itertools.product(*(domain[name] for name in types)) if types else ()
    # Combinations multiply: three variables of nat have 27 already.
    return tuple(" ".join(values) for values in itertools.islice(combinations, _MOST_VALUES))
