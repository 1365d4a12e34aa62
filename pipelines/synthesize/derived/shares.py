"""Declared shares of attributes, and values dealt so that what is accepted comes to them."""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from storage.errors import SetupError, unknown_name

Weights = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Share:
    """The shares of one attribute's values: by value of the attribute `of` that it depends on, under "" where on none."""

    name: str
    of: str | None
    weights: Mapping[str, Weights]

    def given(self, values: Mapping[str, str]) -> str:
        """Under which value of the other attribute this one is dealt."""
        return "" if self.of is None else values[self.of]


def shares_of(attributes: Mapping[str, Any]) -> dict[str, Share]:
    """Checked shares that sum to 1, in the order given; SetupError for what is none."""
    if not attributes:
        raise SetupError("attributes is empty.", next_command="attributes: {topic: [money, time]}")
    shares: dict[str, Share] = {}
    for name, given in attributes.items():
        if isinstance(given, Mapping) and "of" in given:
            of = str(given["of"])
            if of not in shares:
                raise unknown_name(f"attribute that {name!r} depends on", of, shares)
            parts = {str(value): _weights(name, part) for value, part in dict(given.get("values") or {}).items()}
            for value in (value for weights in shares[of].weights.values() for value in weights):
                if value not in parts:
                    raise SetupError(f"attribute {name!r} has no values for {of} {value!r}.")
            shares[name] = Share(name, of, parts)
        else:
            shares[name] = Share(name, None, {"": _weights(name, given)})
    return shares


def _weights(name: str, given: Any) -> Weights:
    if isinstance(given, (list, tuple)):
        given = dict.fromkeys(map(str, given), 1.0)
    if not isinstance(given, Mapping) or not given:
        raise SetupError(f"attribute {name!r} has no values: give a list, or a mapping of values to shares.")
    numbers = {str(value): share for value, share in given.items()}
    if not all(isinstance(share, int | float) and not isinstance(share, bool) and share > 0 for share in numbers.values()):
        raise SetupError(f"attribute {name!r}: a share is a number above 0.")
    whole = math.fsum(numbers.values())
    return {value: share / whole for value, share in numbers.items()}


def dealt(
    shares: Mapping[str, Share], taken: Sequence[Mapping[str, str]], size: int, rng: random.Random
) -> list[dict[str, str]]:
    """`size` combinations after which the taken ones and these have the declared shares, as nearly as whole numbers can.

    Each attribute's values are shuffled apart: dealt in one order, two attributes would always come in the same pairs.
    """
    combinations: list[dict[str, str]] = [{} for _ in range(size)]
    for name, share in shares.items():
        for group, weights in sorted(share.weights.items()):
            mine = [values for values in combinations if share.given(values) == group]
            had = Counter(values[name] for values in taken if share.given(values) == group)
            cards = [value for value, number in _owed(weights, had, len(mine)).items() for _ in range(number)]
            rng.shuffle(cards)
            for values, card in zip(mine, cards, strict=True):
                values[name] = card
    return combinations


def _owed(weights: Weights, had: Mapping[str, int], size: int) -> dict[str, int]:
    """So many of each value, `size` in all, that the largest shortfall is made good first."""
    owed = dict.fromkeys(weights, 0)
    whole = sum(had.values()) + size
    for _ in range(size):
        value = max(weights, key=lambda value: (weights[value] * whole - had.get(value, 0) - owed[value], value))
        owed[value] += 1
    return owed


def total_variation(share: Share, taken: Sequence[Mapping[str, str]]) -> float:
    """Half the summed distance of the taken values' shares from the declared ones, groups weighted by size."""
    if not taken:
        return 1.0
    distance = 0.0
    for group, weights in share.weights.items():
        mine = [values[share.name] for values in taken if share.given(values) == group]
        if mine:
            found = Counter(mine)
            part = math.fsum(abs(found[value] / len(mine) - weight) for value, weight in weights.items()) / 2
            distance += part * len(mine) / len(taken)
    return distance
