"""Transforms that make a benchmark harder, or show whether a model has learned it by heart: the registry.

Each is a pure function of a benchmark's problems and a seed. What it makes says in its `meta` from which problems it comes,
by which transform and seed. Synthesizers that read a version use the same ones (`pipelines.synthesize.derived`).
"""

from collections.abc import Callable, Mapping, Sequence

from pipelines.synthesize.derived.chains import chains
from pipelines.synthesize.derived.new_numbers import new_numbers
from pipelines.synthesize.derived.none_of_the_above import none_of_the_above
from storage.records import Problem

Transform = Callable[[Sequence[Problem], int], list[Problem]]
TRANSFORMS: Mapping[str, Transform] = {
    "chains": chains,
    "new_numbers": new_numbers,
    "none_of_the_above": none_of_the_above,
}

__all__ = ["TRANSFORMS", "Transform", "chains", "new_numbers", "none_of_the_above"]
