"""Synthesizer `goals`: theorems of arithmetic, booleans and lists for Coq, by level, with false twins.

| level | statements | proved by |
|---|---|---|
| 1 | an equation of numbers | computation |
| 2 | a linear equation of variables | `lia` |
| 3 | an equation of Boolean variables | cases |
| 4 | a recursive function of a number and its closed form | induction |
| 5 | a sum over a list of numbers | induction on lists |
| 6 | a function with an accumulator and its closed form | a lemma about every accumulator |

Every second problem is the twin of the one before it: the same statement with one changed number or operator, and false.
With `twins: negated` it states the negation of that, which has a proof; with `twins: either` each problem may be proved or
disproved. Twins share their `template`, since intervals are over templates. The reference is a proof, or `unprovable`.
"""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rollmill.methods import Problem, SetupError, digest128
from rollmill_proofs.goal import DISPROOF, Goal, negation

LEVELS = (1, 2, 3, 4, 5)
"""Levels of a recipe that names none."""
TWINS = ("false", "negated", "either", "none")
UNPROVABLE = "unprovable"
_SKILLS = {1: "computation", 2: "linear arithmetic", 3: "booleans", 4: "induction", 5: "lists", 6: "accumulators"}
_LIA, _LISTS = "Require Import Lia.", "Require Import List Lia.\nImport ListNotations."
ASK = "Prove this theorem in Coq. Answer with the tactics alone, or with a file that defines `t`."
EITHER = f"{ASK} If it is false, prove its negation; that answer begins with `{DISPROOF}`"


@dataclass(frozen=True, slots=True)
class _Statement:
    """A statement with a proof; `refutation` proves the negation of `twin`."""

    goal: Goal
    proof: str
    twin: str
    refutation: str


class Goals:
    """Problems of kind `proof`. `twins`: `false` statements, `negated` ones, or `none`."""

    name, version = "goals", "1"

    def __init__(self, levels: Sequence[int] = LEVELS, twins: str = "false") -> None:
        """Take the options of a recipe.

        Args:
            levels: Levels from 1 to 6; each gets as many problems.
            twins: Every second problem is `false`, `negated`, false with the answer open (`either`), or there are `none`.
        """
        if not levels or not set(levels) <= set(_DRAWN):
            raise SetupError(f"synthesizer 'goals': levels is {list(levels)}.", choices=tuple(map(str, _DRAWN)))
        if twins not in TWINS:
            raise SetupError(f"synthesizer 'goals': twins is {twins!r}.", choices=TWINS)
        self.levels, self.twins = tuple(levels), twins

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """At most `budget` distinct problems, the levels in turn."""
        rng, seen = random.Random(seed), set[str]()
        made = 0
        for level in itertools.cycle(self.levels):
            if made >= budget:
                return
            statement = _fresh(level, rng, seen)
            # A budget that ends within a pair leaves the twin out.
            for problem in self._problems(level, statement)[: budget - made]:
                made += 1
                yield problem

    def _problems(self, level: int, statement: _Statement) -> list[Problem]:
        # Set before the twin is made of it: the two must ask alike, or the prompt would tell which is true.
        goal = replace(statement.goal, either=self.twins == "either")
        twin = replace(goal, statement=statement.twin)
        first = _problem(level, goal, statement.proof)
        if self.twins == "none":
            return [first]
        if self.twins == "negated":
            twin, proof = negation(twin), statement.refutation
        elif self.twins == "either":
            proof = f"{DISPROOF}\n{statement.refutation}"
        else:
            proof = UNPROVABLE
        return [first, replace(_problem(level, twin, proof), template=first.template)]


def _fresh(level: int, rng: random.Random, seen: set[str]) -> _Statement:
    """A statement that was not drawn before; its twin is new with it."""
    # A level has finitely many statements (level 1: 11 ** 3), so the search must end.
    for _ in range(10_000):
        statement = _DRAWN[level](rng)
        key = f"{statement.goal.context}\n{statement.goal.statement}"
        twin = f"{statement.goal.context}\n{statement.twin}"
        if key not in seen and twin not in seen:
            seen |= {key, twin}
            return statement
    raise SetupError(f"synthesizer 'goals': level {level} has no more statements.", next_command="use a smaller count")


def prompt_of(goal: Goal) -> str:
    """The prompt of a goal: the theorem in a Coq block, after its imports and definitions."""
    lines = [part for part in (goal.imports, goal.context, f"Theorem t : {goal.statement}.") if part]
    return f"{EITHER if goal.either else ASK}\n\n```coq\n" + "\n".join(lines) + "\n```"


def _problem(level: int, goal: Goal, proof: str) -> Problem:
    return Problem(
        prompt_of(goal),
        proof,
        kind="proof",
        tests=(goal.test(),),
        source="goals",
        licence="CC0-1.0",
        level=level,
        skill=_SKILLS[level],
        template=f"goals-{level}-{digest128([goal.context, goal.statement])[:8]}",
        meta={"provable": proof != UNPROVABLE},
    )


def _computation(rng: random.Random) -> _Statement:
    a, b, c = (rng.randint(2, 12) for _ in range(3))
    # A value is at least 6, so the wrong one is still a natural number.
    value, wrong = a * b + c, a * b + c + rng.choice((-1, 1, 2))
    return _Statement(
        Goal(f"{a} * {b} + {c} = {value}"), "reflexivity.", f"{a} * {b} + {c} = {wrong}", "intros H. discriminate H."
    )


def _linear(rng: random.Random) -> _Statement:
    a, b, c, d = (rng.randint(2, 9) for _ in range(4))
    left = f"forall n m : nat, {a} * (n + {b} * m) + {c} * n + {d}"
    # At n = m = 0 only the constants are left, and they differ by 1.
    twin = f"{left} = {a + c} * n + {a * b} * m + {d + 1}"
    goal = Goal(f"{left} = {a + c} * n + {a * b} * m + {d}", _LIA)
    return _Statement(goal, "intros n m. lia.", twin, "intros H. specialize (H 0 0). lia.")


def _boolean(rng: random.Random) -> _Statement:
    while True:
        # Two random formulas are seldom equal, so pairs are drawn until all 8 assignments agree.
        left, right = _formula(rng, 3), _formula(rng, 3)
        equal = [values for values in _VALUES if _value(left, values) == _value(right, values)]
        if len(equal) == len(_VALUES) and left != right:
            break
    # The negation differs on every assignment, so the first one of `_VALUES` refutes the twin.
    twin = ("negb", right)
    quantified = "forall a b c : bool, "
    counter = " ".join("true" if value else "false" for value in _VALUES[0])
    return _Statement(
        Goal(f"{quantified}{_shown(left)} = {_shown(right)}"),
        "intros [] [] []; reflexivity.",
        f"{quantified}{_shown(left)} = {_shown(twin)}",
        f"intros H. specialize (H {counter}). discriminate H.",
    )


_VALUES = tuple(itertools.product((False, True), repeat=3))
_Formula = tuple[object, ...] | str


def _formula(rng: random.Random, depth: int) -> "_Formula":
    if depth == 0 or rng.random() < 0.2:
        return rng.choice("abc")
    name = rng.choice(("andb", "orb", "xorb", "negb"))
    return (name, *(_formula(rng, depth - 1) for _ in range(1 if name == "negb" else 2)))


def _value(formula: object, values: tuple[bool, ...]) -> bool:
    if isinstance(formula, str):
        return values["abc".index(formula)]
    assert isinstance(formula, tuple)
    name, parts = formula[0], [_value(part, values) for part in formula[1:]]
    if name == "negb":
        return not parts[0]
    return {"andb": parts[0] and parts[1], "orb": parts[0] or parts[1], "xorb": parts[0] != parts[1]}[str(name)]


def _shown(formula: object) -> str:
    if isinstance(formula, str):
        return formula
    assert isinstance(formula, tuple)
    return f"({formula[0]} {' '.join(_shown(part) for part in formula[1:])})"


def _recursive(rng: random.Random) -> _Statement:
    a, b = rng.randint(0, 20), rng.randint(2, 12)
    context = f"Fixpoint f (n : nat) : nat := match n with 0 => {a} | S p => {b} + f p end."
    goal = Goal(f"forall n : nat, f n = {b} * n + {a}", _LIA, context)
    # The twin is false at 0 already, so its refutation needs no induction.
    return _Statement(
        goal,
        "induction n; simpl; lia.",
        f"forall n : nat, f n = {b} * n + {a + 1}",
        "intros H. specialize (H 0). simpl in H. lia.",
    )


def _listed(rng: random.Random) -> _Statement:
    a, b, c = rng.randint(1, 9), rng.randint(2, 9), rng.randint(0, 9)
    context = f"Fixpoint s (l : list nat) : nat := match l with nil => {c} | x :: r => {a} * x + {b} + s r end."
    total = "fold_right plus 0 l"
    statement = f"forall l : list nat, s l = {a} * {total} + {b} * length l + {{}}"
    goal = Goal(statement.format(c), _LISTS, context)
    refutation = "intros H. specialize (H nil). simpl in H. lia."
    return _Statement(goal, "induction l; simpl; lia.", statement.format(c + 1), refutation)


def _accumulated(rng: random.Random) -> _Statement:
    a, b = rng.randint(1, 30), rng.randint(2, 12)
    context = f"Fixpoint g (n k : nat) : nat := match n with 0 => k | S p => g p ({b} + k) end."
    # Induction on the statement itself fails: its hypothesis is about one accumulator alone.
    lemma = f"forall n k : nat, g n k = {b} * n + k"
    induction = "{ induction n; intros; simpl; [lia | rewrite IHn; lia]. }"
    return _Statement(
        Goal(f"forall n : nat, g n {a} = {b} * n + {a}", _LIA, context),
        f"assert (L : {lemma}).\n{induction}\nintros; rewrite L; lia.",
        f"forall n : nat, g n {a} = {b} * n + {a + 1}",
        "intros H. specialize (H 0). simpl in H. lia.",
    )


_DRAWN: dict[int, Callable[[random.Random], _Statement]] = {
    1: _computation,
    2: _linear,
    3: _boolean,
    4: _recursive,
    5: _listed,
    6: _accumulated,
}
