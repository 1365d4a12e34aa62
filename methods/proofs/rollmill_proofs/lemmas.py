"""Lemmas for a goal whose search failed: guessed by a rule, proved by a search, and asserted in the proof of the goal.

After ProofCompass (Wischermann et al. 2025), whose guide is a general language model; here a rule guesses: a number that
stands on both sides of an equation becomes a variable. An induction then has a hypothesis about every value of it, such as
of an accumulator. Every trial counts: on the goal, on lemmas and on the assembled proof. This proof alone is the result.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rollmill_proofs.coq.coqtop import FailedTactic, ProofState
from rollmill_proofs.goal import Goal
from rollmill_proofs.proof_search import Prover, SearchResult, TacticSource, best_first

# Neither side may hold =, < or >, so that the statement is a single equation.
_EQUATION = re.compile(r"forall (?P<bound>[^,()]*?)\s*:\s*nat,(?P<left>[^=<>]*)=(?P<right>[^=<>]*)\Z", re.S)
_NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
_MOST = 8
VARIABLE = "k0"
USES = ("intros; rewrite L; lia", "intros; apply L", "intros; rewrite L; reflexivity", "intros; rewrite <- L; lia")
"""Tactics that prove a goal by the lemma `L`."""
_IN_LEMMAS = (
    "intros; simpl; lia",
    "induction {0}; intros; simpl; [lia | rewrite IH{0}; lia]",
    "induction {0}; intros; simpl; [reflexivity | rewrite IH{0}; reflexivity]",
)


@dataclass(frozen=True, slots=True)
class Lemma:
    """A guessed statement, the trials spent on it, and its proof if one was found."""

    statement: str
    trials: int
    script: str | None


def guessed(statement: str) -> tuple[str, ...]:
    """Generalisations of an equation of numbers: one number of each side is the same new variable, in order of place."""
    match = _EQUATION.match(statement.strip())
    # A statement that has the variable already would capture it.
    if match is None or VARIABLE in statement:
        return ()
    bound, left, right = match["bound"].strip(), match["left"], match["right"]
    guesses = [
        f"forall {bound} {VARIABLE} : nat,{_put(left, here)}={_put(right, there)}"
        for here in _NUMBER.finditer(left)
        # From the right: in g n 3 = 3 * n + 3 the last 3 is what the accumulator begins with.
        for there in reversed(list(_NUMBER.finditer(right)))
        if here[0] == there[0]
    ]
    return tuple(dict.fromkeys(guesses))[:_MOST]


def with_lemmas(
    prover: Prover, goal: Goal, source: TacticSource, *, trials: int, lemma_trials: int, alpha: float = 0.5
) -> tuple[SearchResult, tuple[Lemma, ...]]:
    """A proof of a goal by search, or by one of its lemmas if that fails.

    Args:
        trials: Most trials on the goal before lemmas.
        lemma_trials: Most trials on all lemmas and on proofs by them, shared evenly among lemmas.
    """
    first = best_first(prover, goal, source, trials=trials, alpha=alpha)
    statements = guessed(goal.statement) if first.script is None and first.refused is None else ()
    lemmas: list[Lemma] = []
    used, script = first.trials, None
    for place, statement in enumerate(statements):
        left = trials + lemma_trials - used
        # What an earlier lemma did not use is shared among the later ones.
        share = left // (len(statements) - place)
        # A lemma needs a trial for its proof and one for each way of using it.
        if share < 1 + len(USES):
            continue
        result = best_first(
            prover, replace(goal, statement=statement), _LemmaTactics(source), trials=share - len(USES), alpha=alpha
        )
        lemmas.append(Lemma(statement, result.trials, result.script))
        used += result.trials
        if result.script is not None:
            script, tried = _by_lemma(prover, goal, lemmas[-1])
            used += tried
        if script is not None:
            break
    return replace(first, script=script or first.script, trials=used), tuple(lemmas)


def _by_lemma(prover: Prover, goal: Goal, lemma: Lemma) -> tuple[str | None, int]:
    """A proof of the goal that asserts the lemma, and the number of trials."""
    # The search for the lemma left the prover at another goal.
    state = prover.start(goal)
    if isinstance(state, FailedTactic):
        return None, 0
    # The last sentence has no full stop: `try_all` adds it.
    scripts = [f"assert (L : {lemma.statement}).\n{{\n{lemma.script}\n}}\n{use}" for use in USES]
    for number, (script, result) in enumerate(zip(scripts, prover.try_all(state, scripts), strict=True), 1):
        if isinstance(result, ProofState) and result.done:
            return f"{script}.", number
    return None, len(scripts)


class _LemmaTactics:
    """Inductions with a general hypothesis first, then the tactics of another source."""

    def __init__(self, source: TacticSource) -> None:
        self.source = source

    def __call__(self, state: ProofState) -> Sequence[tuple[str, float]]:
        match = re.search(r"forall ([a-z]\w*)", state.goals)
        # Only in the first state: after `intros` the hypothesis of an induction is about fixed values.
        own = [form.format(match[1]) for form in _IN_LEMMAS] if match and not state.path else []
        # Nearly certain, so that the search follows these before all others.
        return [*((tactic, -0.1) for tactic in own), *self.source(state)]


def _put(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]}{VARIABLE}{text[match.end() :]}"
