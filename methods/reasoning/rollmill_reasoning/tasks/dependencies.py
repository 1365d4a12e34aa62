"""Synthesizer `dependencies`: functions that use names of their project, shown in the prompt or not.

After Yu et al. 2024 (CoderEval, arXiv:2302.00288): most real functions call what their project defines. A function with d
external names adds up d effects that are described in words; each is a constant or a function of the project, whose name
only the context tells. The project is there when the tests run (`meta.project_code`), shown in the prompt or not.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from rollmill.methods import Problem, SetupError
from rollmill_reasoning.tasks.drawing import LICENCE, checked_some, checked_split, distinct_problems, on_split

MOST = 5  # external names
GIVEN, WITHHELD, NONE = "given", "withheld", "none"
CONTEXTS = (GIVEN, WITHHELD)
ENTRY = "total"
_THINGS = (
    "parcel", "bridge", "harbour", "garden", "ferry", "market", "tunnel", "library", "quarry", "orchard", "mill", "theatre",
)  # fmt: skip
_KINDS = ("fee", "toll", "bonus", "surcharge", "refund", "quota")
_LETTERS = "bdfgklmnprstvz"
_FORMS: Mapping[str, Callable[[int, int], Callable[[int], int]]] = {
    "{factor} * n + {added}": lambda factor, added: lambda n: factor * n + added,
    "n // {factor} + {added}": lambda factor, added: lambda n: n // factor + added,
    "(n + {added}) % {factor}": lambda factor, added: lambda n: (n + added) % factor,
}
"""Bodies of functions of the project, and what they compute."""


@dataclass(frozen=True, slots=True)
class External:
    """A name of the project. `words`: its effect in the task; `call`: the expression; `code`: its definition.

    `effect`: what it adds for n.
    """

    words: str
    call: str
    code: str
    effect: Callable[[int], int]


class Dependencies:
    """Problems of kind `code` for the verifier `code`; `level` is the number of external names plus one."""

    name, version = "dependencies", "1"

    def __init__(
        self, *, names: Sequence[int] = (0, 1, 2, 3, 4, 5), context: Sequence[str] = CONTEXTS, split: str = "train"
    ) -> None:
        """Take the options of a recipe.

        Args:
            names: Numbers of external names, 0 to 5.
            context: `given`, `withheld`, or both: every function is then asked twice, and those without names once.
            split: Split of the problems: `train` or `heldout`, which share no function.
        """
        self.names = checked_some(self.name, "names", names, range(MOST + 1))
        self.context = checked_some(self.name, "context", context, CONTEXTS)
        self.split = checked_split(self.name, split)

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` distinct problems, each number of names in turn."""
        if budget < 1:
            raise SetupError(f"a budget of {budget} problems is not possible; give 1 or more.")
        functions = distinct_problems(self.name, self.names, self._function, budget, seed)
        return islice((problem for function in functions for problem in self._asked(function)), budget)

    def _asked(self, function: Problem) -> Iterator[Problem]:
        """The function with its context, without it, or both."""
        if function.meta["dependencies"] == 0:
            yield function
            return
        for context in self.context:
            project = str(function.meta["project_code"])
            shown = f"The project has:\n\n```python\n{project}```\n\n" if context == GIVEN else ""
            yield replace(function, prompt=f"{shown}{function.prompt}", meta={**function.meta, "context": context})

    def _function(self, names: int, rng: random.Random) -> Problem | None:
        externals = _externals(names, rng)
        factor, added = rng.randint(2, 9), rng.randint(1, 30)
        parts = [f"{factor} times n", f"{added}", *(part.words for part in externals)]
        body = " + ".join([f"{factor} * n", str(added), *(part.call for part in externals)])
        solution = f"def {ENTRY}(n):\n    return {body}\n"
        project = "\n\n".join(part.code for part in externals)
        inputs = rng.sample(range(2, 60), 4)
        asked = f"Write the Python function `{ENTRY}(n)`. It returns the sum of {', '.join(parts[:-1])} and {parts[-1]}."
        if not on_split(self.split, [asked, project]):
            return None
        return Problem(
            asked,
            solution,
            kind="code",
            tests=tuple(f"assert {ENTRY}({n}) == {factor * n + added + _sum(externals, n)}" for n in inputs),
            source="dependencies",
            licence=LICENCE,
            split=self.split,
            level=names + 1,
            skill="dependencies",
            template=f"dependencies-{names}",
            meta={"dependencies": names, "context": NONE, "entry_point": ENTRY, "project_code": project},
        )


def _externals(count: int, rng: random.Random) -> list[External]:
    """Constants and functions with invented names, so that no name follows from the words."""
    names: dict[str, None] = {}  # in the order of the draws, which a set of texts would lose
    while len(names) < count:
        names["".join(f"{rng.choice(_LETTERS)}{rng.choice('aeiou')}" for _ in range(3))] = None
    words = rng.sample([f"{thing} {kind}" for thing in _THINGS for kind in _KINDS], count)
    made = []
    for name, word in zip(names, words, strict=True):
        factor, added = rng.randint(2, 9), rng.randint(1, 40)
        if rng.random() < 1 / 3:
            code = f"{name.upper()} = {added}  # the {word}\n"
            made.append(External(f"the {word}", name.upper(), code, _constant(added)))
            continue
        form = rng.choice(list(_FORMS))
        body = form.format(factor=factor, added=added)
        code = f'def {name}(n):\n    """The {word} of n."""\n    return {body}\n'
        made.append(External(f"the {word} of n", f"{name}(n)", code, _FORMS[form](factor, added)))
    return made


def _constant(value: int) -> Callable[[int], int]:
    return lambda _: value


def _sum(externals: Sequence[External], value: int) -> int:
    return sum(part.effect(value) for part in externals)
