"""The synthesizer `optimization_models`: linear models of a declared complexity, as JSON or as word problems.

The generator of OptMATH (Lu et al. 2025): a score of complexity, S = alpha N_variables + beta N_constraints + gamma N_bigM
+ delta L, a window for it, and feedback: the size of a family's instances grows while they are too simple and shrinks
while they are too complex. Instances outside the window are left out and counted in `tried` and `hits`.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from rollmill.methods import Problem, SetupError, digest128, unknown_name
from rollmill_reasoning.tasks.linear_families import FAMILIES, MOST, Instance, Weights, complexity

FORMS = ("model", "story")
_PATIENCE = 400


class OptimizationModels:
    """Problems with an optimum as reference. `tried`, `hits`: models made, and those inside the window."""

    name, version = "optimization_models", "1"

    def __init__(
        self,
        *,
        families: Sequence[str] = tuple(FAMILIES),
        window: Sequence[float] = (8.0, 14.0),
        weights: Mapping[str, float] | None = None,
        form: Literal["model", "story"] = "model",
    ) -> None:
        """Take the options of a recipe.

        Args:
            families: Families of models, which take turns: `production`, `diet`, `fixed_charge`.
            window: Least and largest complexity.
            weights: Weights of the complexity: `variables`, `constraints`, `big_m`, `terms`; none: 1, 1, 2 and 0.5.
            form: Prompt of a problem: the `model` as JSON, or a `story` with every number of it.
        """
        for family in families:
            if family not in FAMILIES:
                raise unknown_name("family of synthesizer 'optimization_models'", family, FAMILIES)
        for key in weights or ():
            if key not in Weights._fields:
                raise unknown_name("weight of synthesizer 'optimization_models'", key, Weights._fields)
        if form not in FORMS:
            raise unknown_name("form of synthesizer 'optimization_models'", form, FORMS)
        if len(window) != 2 or not window[0] <= window[1] or not families:
            raise SetupError(
                f"synthesizer 'optimization_models': window is {list(window)}, families are {list(families)}.",
                choices=("window: [LEAST, LARGEST]", *FAMILIES),
            )
        self.families, self.window, self.form = tuple(families), (float(window[0]), float(window[1])), form
        self.weights = Weights(**(weights or {}))
        self.tried, self.hits = 0, 0

    def synthesize(self, budget: int, seed: int) -> Iterator[Problem]:
        """`budget` problems; SetupError if a family has no size inside the window."""
        self.tried = self.hits = 0
        sizes = dict.fromkeys(self.families, 2)
        seen: set[str] = set()
        for number in range(budget):
            family = self.families[number % len(self.families)]
            # Seeded by the number, so that an instance does not depend on the draws of the earlier ones.
            rng = random.Random(digest128([self.name, seed, number]))
            yield self._next(family, sizes, rng, seen)

    def _next(self, family: str, sizes: dict[str, int], rng: random.Random, seen: set[str]) -> Problem:
        """The next model inside the window; `sizes` learns from models outside it."""
        least, largest = self.window
        # If one size is too simple and the next too complex, sizes alternate until this bound.
        for _ in range(_PATIENCE):
            instance = FAMILIES[family](sizes[family], rng)
            score = complexity(instance.model, self.weights)
            self.tried += 1
            if least <= score <= largest:
                self.hits += 1
                problem = self._problem(family, instance, score)
                # A repeated model has the right size, so the next one is drawn with the same.
                if problem.prompt_id not in seen:
                    seen.add(problem.prompt_id)
                    return problem
            # Sizes end at 2 and at MOST, so there is no simpler or more complex model to try.
            elif not 1 < sizes[family] + (change := 1 if score < least else -1) <= MOST:
                break
            else:
                sizes[family] += change
        raise SetupError(
            f"optimization_models: family {family!r} has no model of a complexity from {least:g} to {largest:g}.",
            choices=self.reachable(family),
            next_command="another window, or other families",
        )

    def reachable(self, family: str) -> tuple[str, ...]:
        """The complexity of a family by the size of its models, in words."""
        # One instance tells: no coefficient is 0, so the score follows from the size.
        made = [FAMILIES[family](size, random.Random(size)) for size in range(2, MOST + 1)]
        return tuple(f"{complexity(instance.model, self.weights):g}" for instance in made)

    def _problem(self, family: str, instance: Instance, score: float) -> Problem:
        model = json.dumps(instance.model)
        asks = "Write this as an optimization model in JSON, with sense, variables, objective and constraints."
        return Problem(
            model if self.form == "model" else f"{instance.story}\n\n{asks}",
            str(instance.optimum),
            kind="optimization",
            source=self.name,
            licence="Apache-2.0",
            level=len(instance.model["constraints"]),
            skill=family,
            template=f"{family} {len(instance.model['variables'])}",
            meta={"complexity": score, "story": instance.story, "model": model},
        )
