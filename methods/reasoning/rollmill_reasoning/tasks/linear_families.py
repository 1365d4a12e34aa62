"""Linear and mixed-integer models of three families in which every stated number decides the optimum.

Products compete for resources (max), foods meet needs (min), machines have a fixed charge (max, binary switches). An
instance is built from its solution: positive values of the variables, positive prices of the constraints, then right-hand
sides and objective by complementary slackness. All constraints bind and no variable is 0, so the optimum changes with each
coefficient: a text with one wrong number, relation or sense has another optimum. So a text with the same optimum can be
accepted (OptMATH, Lu et al. 2025).
"""

import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

LinearJson = dict[str, Any]

_PRODUCTS = (
    "chairs",
    "tables",
    "shelves",
    "lamps",
    "boxes",
    "frames",
    "stools",
    "racks",
    "desks",
    "trays",
    "doors",
    "bins",
)
_RESOURCES = ("wood", "steel", "paint", "glue", "cloth", "glass", "labour", "power", "plastic", "foam", "wire", "oil")
_FOODS = ("oats", "beans", "rice", "milk", "eggs", "nuts", "corn", "fish", "kale", "soy", "figs", "peas")
_NEEDS = ("protein", "fibre", "iron", "zinc", "fat", "starch", "salt", "sugar", "calcium", "iodine", "copper", "folate")
_MACHINES = ("press", "drill", "lathe", "mill", "saw", "oven", "mixer", "loom", "crane", "pump", "kiln", "forge")
MOST = 12
"""Largest number of variables of a kind, each of which needs a distinct name."""


class Weights(NamedTuple):
    """Weights of the complexity score: of variables, of constraints, of big-M constraints, of terms in a constraint."""

    variables: float = 1.0
    constraints: float = 1.0
    big_m: float = 2.0
    terms: float = 0.5


EQUAL = Weights()


def complexity(model: LinearJson, weights: Weights = EQUAL) -> float:
    """alpha N_variables + beta N_constraints + gamma N_bigM + delta L, L being the mean number of terms in a constraint.

    A big-M constraint has a binary variable, another variable, and the right-hand side 0.
    """
    rows, kinds = model["constraints"], {name: given.get("type") for name, given in model["variables"].items()}
    switched = sum(
        row["value"] == 0 and 0 < sum(kinds[name] == "binary" for name in row["terms"]) < len(row["terms"]) for row in rows
    )
    counts = (len(kinds), len(rows), switched, sum(len(row["terms"]) for row in rows) / len(rows))
    return float(sum(weight * count for weight, count in zip(weights, counts, strict=True)))


class Instance(NamedTuple):
    """A model with its optimum, and the same as a word problem."""

    model: LinearJson
    optimum: int
    story: str


def production(size: int, rng: random.Random) -> Instance:
    """`size` products, as many resources: the largest profit."""
    names, resources = rng.sample(_PRODUCTS, size), rng.sample(_RESOURCES, size)
    needs, amounts, prices = _factors(size, rng)
    # Complementary slackness: a product earns what its resources are worth, and every stock is used up.
    profits = [sum(prices[row] * needs[row][at] for row in range(size)) for at in range(size)]
    stocks = [sum(needs[row][at] * amounts[at] for at in range(size)) for row in range(size)]
    lines = [
        f"Making one of the {name} takes {_listed([f'{needs[row][at]} units of {resources[row]}' for row in range(size)])}"
        f" and earns {profits[at]} dollars."
        for at, name in enumerate(names)
    ]
    stock = _listed([f"{stocks[row]} units of {resources[row]}" for row in range(size)])
    model = _model("max", names, profits, needs, "<=", stocks)
    optimum = sum(profit * amount for profit, amount in zip(profits, amounts, strict=True))
    story = (
        f"A workshop makes {_listed(names)}. {' '.join(lines)} At most {stock} can be used. Any amount of each may be"
        " made, fractions included. What is the largest profit in dollars?"
    )
    return Instance(model, optimum, story)


def diet(size: int, rng: random.Random) -> Instance:
    """`size` foods, as many needs: the smallest cost."""
    names, needs = rng.sample(_FOODS, size), rng.sample(_NEEDS, size)
    holds, amounts, prices = _factors(size, rng)
    costs = [sum(prices[row] * holds[row][at] for row in range(size)) for at in range(size)]
    least = [sum(holds[row][at] * amounts[at] for at in range(size)) for row in range(size)]
    lines = [
        f"One portion of {name} has {_listed([f'{holds[row][at]} grams of {needs[row]}' for row in range(size)])}"
        f" and costs {costs[at]} cents."
        for at, name in enumerate(names)
    ]
    wanted = _listed([f"{least[row]} grams of {needs[row]}" for row in range(size)])
    model = _model("min", names, costs, holds, ">=", least)
    optimum = sum(cost * amount for cost, amount in zip(costs, amounts, strict=True))
    story = (
        f"A meal is made of {_listed(names)}. {' '.join(lines)} At least {wanted} are needed. Parts of portions are"
        " allowed. What is the smallest cost in cents?"
    )
    return Instance(model, optimum, story)


def fixed_charge(size: int, rng: random.Random) -> Instance:
    """`size` machines with a fixed charge and a capacity, and a common stock that the last one uses up: the largest profit.

    All machines are worth their charge, and all but the last work at capacity: `x <= M open` binds there.
    """
    names = rng.sample(_MACHINES, size)
    caps, uses = [rng.randint(6, 30) for _ in names], [rng.randint(2, 9) for _ in names]
    # Below its capacity, so that the stock alone limits the last machine.
    amounts = [*caps[:-1], rng.randint(3, caps[-1] - 2)]
    price = rng.randint(2, 6)
    # A unit of stock is worth `price` on the last machine and more on the others, which therefore come first.
    gains = [price * use + (rng.randint(3, 12) if at < size - 1 else 0) for at, use in enumerate(uses)]
    # Metal of a closed machine still earns `price` a unit on the last one; that of the last one earns nothing.
    worth = [
        (gain - price * use) * amount if at < size - 1 else gain * amount
        for at, (gain, use, amount) in enumerate(zip(gains, uses, amounts, strict=True))
    ]
    # At most a third of its worth, so that every machine pays its charge.
    charges = [rng.randint(1, max(1, part // 3)) for part in worth]
    stock = sum(use * amount for use, amount in zip(uses, amounts, strict=True))
    variables = {**{name: {} for name in names}, **{f"open_{name}": {"type": "binary"} for name in names}}
    rows = [
        {"terms": {name: 1, f"open_{name}": -cap}, "relation": "<=", "value": 0}
        for name, cap in zip(names, caps, strict=True)
    ]
    rows.append({"terms": dict(zip(names, uses, strict=True)), "relation": "<=", "value": stock})
    objective = {**dict(zip(names, gains, strict=True)), **{f"open_{n}": -c for n, c in zip(names, charges, strict=True)}}
    lines = [
        f"Using the {name} at all costs {charge} dollars; it then makes at most {cap} pieces, each of which needs {use}"
        f" units of metal and earns {gain} dollars."
        for name, charge, cap, use, gain in zip(names, charges, caps, uses, gains, strict=True)
    ]
    model = {"sense": "max", "variables": variables, "objective": objective, "constraints": rows}
    optimum = sum(g * a for g, a in zip(gains, amounts, strict=True)) - sum(charges)
    story = (
        f"A factory has these machines: {_listed(names)}. {' '.join(lines)} At most {stock} units of metal can be used."
        " Parts of pieces are allowed. What is the largest profit in dollars?"
    )
    return Instance(model, optimum, story)


FAMILIES: Mapping[str, Callable[[int, random.Random], Instance]] = {
    "production": production,
    "diet": diet,
    "fixed_charge": fixed_charge,
}


def _factors(size: int, rng: random.Random) -> tuple[list[list[int]], list[int], list[int]]:
    """A matrix that can be inverted (a heavy diagonal), positive amounts, and positive prices."""
    # Each diagonal entry exceeds the sum of the others in its row, so the matrix can be inverted.
    matrix = [[rng.randint(1, 9) + (9 * size if row == at else 0) for at in range(size)] for row in range(size)]
    return matrix, [rng.randint(1, 9) for _ in range(size)], [rng.randint(1, 5) for _ in range(size)]


def _model(
    sense: str, names: list[str], costs: list[int], matrix: list[list[int]], relation: str, sides: list[int]
) -> LinearJson:
    rows = [
        {"terms": dict(zip(names, factors, strict=True)), "relation": relation, "value": side}
        for factors, side in zip(matrix, sides, strict=True)
    ]
    variables: dict[str, Any] = {name: {} for name in names}
    return {
        "sense": sense,
        "variables": variables,
        "objective": dict(zip(names, costs, strict=True)),
        "constraints": rows,
    }


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
