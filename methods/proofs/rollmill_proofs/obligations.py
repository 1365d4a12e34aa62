"""Synthesizer `obligations`: small programs for Coq with theorems about them, sorted by gates as in FVAPPS (Dougherty and
Mehta 2025).

A sample is a program with constants drawn at random, unit tests, and theorems. Its gates, in order:

| gate | passes if |
|---|---|
| `compiles` | Coq accepts the program |
| `tests` | each test holds by computation |
| `plausible`, for each theorem | Coq states it and no small values of its variables refute it |

Each theorem is a problem. Its tier is the number of gates that it passed, and `meta.gates` has their rows, from which the
tier follows. Some programs are wrong and some theorems false by design (`meta.planted`), so that rates of wrong rejections
and of wrong acceptances can be measured. Whether a theorem that passed has a proof is for the verifier `proof` to say.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rollmill.methods import Problem, SetupError, digest128
from rollmill_proofs.coq.coq_pool import CoqPool
from rollmill_proofs.coq.coqtop import FailedTactic, ProofState
from rollmill_proofs.goal import Goal, negation
from rollmill_proofs.goals import prompt_of
from rollmill_proofs.tactics import counterexamples

TIERS = (0, 1, 2, 3)
IMPORTS = "Require Import List Lia PeanoNat.\nImport ListNotations."
# 9 is above the length of every list here, which refutes that a maximum is at most the length.
_LISTS = ("nil", "(cons 1 nil)", "(cons 0 (cons 2 nil))", "(cons 9 (cons 1 nil))")
_VALUES = {"nat": ("0", "1", "3"), "bool": ("true", "false"), "list nat": _LISTS}
_WRONG = 0.2  # share of programs with a planted mistake


@dataclass(frozen=True, slots=True)
class SpecifiedProgram:
    """A program that defines `solve` on lists of numbers, inputs with the outputs of a right program, and theorems.

    `false`: theorems that do not hold.
    """

    family: str
    program: str
    tests: tuple[tuple[tuple[int, ...], int], ...]
    true: tuple[str, ...]
    false: tuple[str, ...]
    wrong: bool = False


class Obligations:
    """Problems of kind `proof`, one for each theorem; those of a sample share their template."""

    name, version = "obligations", "1"

    def __init__(self, tier: int = 3) -> None:
        """Take the options of a recipe.

        Args:
            tier: Least tier of a problem: 3 passed every gate, 0 is any, rejected ones too.
        """
        if tier not in TIERS or isinstance(tier, bool):
            raise SetupError(f"synthesizer 'obligations': tier is {tier!r}.", choices=tuple(map(str, TIERS)))
        self.tier = tier

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` problems. SetupError without Coq."""
        rng, seen, made = random.Random(seed), set[str](), 0
        pool = CoqPool()
        try:
            while made < budget:
                sample = _sample(rng, seen)
                for problem in judged(sample, pool):
                    if problem.meta["tier"] >= self.tier and made < budget:
                        made += 1
                        yield problem
        finally:
            # A reader that stops early closes the generator, and with it Coq's processes.
            pool.close()


def judged(sample: SpecifiedProgram, pool: CoqPool) -> list[Problem]:
    """The problems of a sample with the rows of their gates."""
    gates = [_compiles(sample, pool)]
    if gates[-1]["passed"]:
        gates.append(_tests(sample, pool))
    problems = []
    for theorem in (*sample.true, *sample.false):
        goal = Goal(theorem, IMPORTS, sample.program)
        rows = [*gates, _plausible(goal, pool)] if gates[-1]["passed"] else gates
        planted = [name for name, here in (("program", sample.wrong), ("theorem", theorem in sample.false)) if here]
        problems.append(_problem(sample, goal, rows, planted))
    return problems


def tier_of(gates: Sequence[dict[str, Any]]) -> int:
    """Number of gates passed before the first that failed."""
    return next((place for place, row in enumerate(gates) if not row["passed"]), len(gates))


def _compiles(sample: SpecifiedProgram, pool: CoqPool) -> dict[str, Any]:
    # `True` can always be stated, so an error is one of the program.
    state = pool.start(Goal("True", IMPORTS, sample.program))
    error = {"error": state.error[:200]} if isinstance(state, FailedTactic) else {}
    return {"gate": "compiles", "passed": not error, **error}


def _tests(sample: SpecifiedProgram, pool: CoqPool) -> dict[str, Any]:
    failed = []
    for given, wanted in sample.tests:
        statement = f"solve [{'; '.join(map(str, given))}] = {wanted}"
        state = pool.start(Goal(statement, IMPORTS, sample.program))
        if isinstance(state, FailedTactic) or not _closed(pool, state, "vm_compute; reflexivity"):
            failed.append(statement)
    return {"gate": "tests", "passed": not failed, "tests": len(sample.tests), "failed": failed}


def _plausible(goal: Goal, pool: CoqPool) -> dict[str, Any]:
    row: dict[str, Any] = {"gate": "plausible", "passed": True}
    state = pool.start(negation(goal))
    if isinstance(state, FailedTactic):
        return {**row, "passed": False, "error": state.error[:200]}
    for values in counterexamples(goal.statement, _VALUES):
        if _closed(pool, state, f"intros H; specialize (H {values}); vm_compute in H; lia"):
            return {**row, "passed": False, "counterexample": values}
    return row


def _closed(pool: CoqPool, state: ProofState, tactic: str) -> bool:
    [result] = pool.try_all(state, [tactic])
    return isinstance(result, ProofState) and result.done


def _problem(sample: SpecifiedProgram, goal: Goal, gates: Sequence[dict[str, Any]], planted: Sequence[str]) -> Problem:
    return Problem(
        prompt_of(goal),
        # No proof is known; the verifier `proof` reads the goal in `tests`.
        "a proof",
        kind="proof",
        tests=(goal.test(),),
        source="obligations",
        licence="CC0-1.0",
        skill=sample.family,
        template=f"obligations-{sample.family}-{digest128([sample.program])[:8]}",
        meta={"tier": tier_of(gates), "gates": list(gates), "planted": list(planted)},
    )


def _sample(rng: random.Random, seen: set[str]) -> SpecifiedProgram:
    """A sample whose program was not drawn before; some have a planted mistake."""
    for _ in range(1_000):
        make, mistake = rng.choice(_FAMILIES), rng.random() < _WRONG
        sample = make(rng, mistake)
        if sample.program not in seen:
            seen.add(sample.program)
            return sample
    raise SetupError("synthesizer 'obligations' has no more programs.", next_command="use a smaller count")


def _inputs(rng: random.Random) -> list[tuple[int, ...]]:
    """The empty list, and lists whose outputs tell the families' mistakes from right programs."""
    return [(), (0,), *(tuple(rng.randint(0, 12) for _ in range(length)) for length in (2, 3, 5))]


def _made(
    family: str, body: str, right: Callable[[Sequence[int]], int], inputs: Sequence[tuple[int, ...]]
) -> dict[str, Any]:
    program = f"Fixpoint solve (l : list nat) : nat := match l with nil => 0 | x :: r => {body} end."
    return {"family": family, "program": program, "tests": tuple((given, right(given)) for given in inputs)}


def _counted(rng: random.Random, wrong: bool) -> SpecifiedProgram:
    least = rng.randint(2, 8)
    # A planted mistake adds 1, as `wrong` is a bool.
    body = f"(if {least + wrong} <=? x then 1 else 0) + solve r"
    # Only `least` itself tells the wrong bound from the right one, and random inputs may miss it.
    inputs = [*_inputs(rng), (least,)]
    return SpecifiedProgram(
        **_made("counted", body, lambda given: sum(x >= least for x in given), inputs),
        true=("forall l : list nat, solve l <= length l", "forall l k : list nat, solve (l ++ k) = solve l + solve k"),
        false=("forall l : list nat, solve l = length l", "forall l : list nat, solve l < length l"),
        wrong=wrong,
    )


def _summed(rng: random.Random, wrong: bool) -> SpecifiedProgram:
    a, b = rng.randint(2, 9), rng.randint(1, 9)
    body = f"{a} * x + {b + wrong} + solve r"
    return SpecifiedProgram(
        **_made("summed", body, lambda given: sum(a * x + b for x in given), _inputs(rng)),
        true=(
            f"forall l : list nat, {b} * length l <= solve l",
            "forall l k : list nat, solve (l ++ k) = solve l + solve k",
        ),
        false=(f"forall l : list nat, solve l = {b} * length l", "forall l k : list nat, solve (l ++ k) = solve l"),
        wrong=wrong,
    )


def _largest(rng: random.Random, wrong: bool) -> SpecifiedProgram:
    bound = rng.randint(10, 30)
    body = f"Nat.max (Nat.min x {bound}) (solve r)" if not wrong else f"Nat.min (Nat.min x {bound}) (solve r)"
    return SpecifiedProgram(
        # Random inputs end at 12, so without `bound + 1` most bounds would never matter.
        **_made(
            "largest", body, lambda given: max((min(x, bound) for x in given), default=0), [*_inputs(rng), (bound + 1,)]
        ),
        true=(f"forall l : list nat, solve l <= {bound}", "forall n : nat, forall l : list nat, solve l <= solve (n :: l)"),
        false=("forall l : list nat, solve l <= length l", "forall n : nat, forall l : list nat, solve (n :: l) = solve l"),
        wrong=wrong,
    )


_FAMILIES = (_counted, _summed, _largest)
