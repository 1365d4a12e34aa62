"""The most that any budget could cover in expectation, by one who knows every problem's chances: what regret is against.

The oracle knows, of each problem, the chance of every solution in one draw and the mean tokens of a draw, draws one after
another, sees each outcome, and may draw a problem at most `cap` times. Its coverage at T tokens is the greatest expected
number of problems with k distinct correct solutions over all policies that spend at most T tokens in expectation. No budget
that keeps to the cap does better: a budget that never exceeds T spends at most T in expectation.

With the limit on the expectation the problems separate (Lagrange): at a price of x covered problems a token, each problem
is an optimal stopping problem, solved by backward induction, and

    coverage(T) = min over x >= 0 of  x T + sum over problems of V(x),    V_n(s) = max(0, -x c + E V_{n+1}(s'))

which is concave in T and exact for mixtures of policies (strong duality of the linear program over occupation measures). A
finite grid of prices can only raise the minimum, so the bound stays one. Knows no budget and no run.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollmill.pipelines.budget.forecasts.simulate import SimulatedSample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

PRICES = 200


@dataclass(frozen=True, slots=True)
class Law:
    """Chances in a problem's first draw: of each solution that may come again, and of any that comes only once.

    `tokens`: the mean of a draw, whatever its outcome. `draws`: the number of available draws, taken one after another
    without replacement; None: draws are independent, and solutions that come only once never run out.
    """

    named: tuple[float, ...]
    fresh: float
    tokens: float
    draws: int | None = None

    def __post_init__(self) -> None:
        if min((*self.named, self.fresh)) < 0 or sum(self.named) + self.fresh > 1 + 1e-9 or self.tokens <= 0:
            raise ValueError(f"no law: {self}")


def law_of(samples: Sequence[SimulatedSample]) -> Law:
    """The law of one who knows all recorded draws of a problem (under every sampling seed) but not their order.

    Given those draws every order is equally likely, so the draws of one seed are taken from them without returning: no
    chance has to be estimated. (Plugging in rates instead understates what problems that are solved rarely give.)
    """
    counts = Counter(sample.solution for sample in samples if sample.outcome == "correct" and sample.solution is not None)
    total = len(samples)
    again = tuple(count / total for _, count in counts.most_common() if count > 1)
    once = sum(count == 1 for count in counts.values())
    return Law(again, once / total, sum(sample.tokens for sample in samples) / total, total)


@dataclass(frozen=True, slots=True)
class Oracle:
    """The coverage curve of the oracle: values at a grid of prices."""

    prices: "Array"
    values: "Array"

    def coverage(self, tokens: float) -> float:
        """The greatest expected number of covered problems at this many tokens over all problems, in expectation."""
        return float((self.prices * tokens + self.values).min())


def price_grid(laws: Sequence[Law], cap: int, prices: int = PRICES) -> "Array":
    """Prices of a token to take the minimum over; curves on one grid may be added up.

    A problem is worth at most 1, so at a price of 1/c nobody draws of it; far below 1/(c cap) everybody draws to the end.
    """
    import numpy as np

    cheapest = min((law.tokens for law in laws), default=1.0)
    return np.concatenate(([0.0], np.geomspace(1e-4 / (cheapest * cap), 1.0 / cheapest, prices)))


def oracle(laws: Sequence[Law], *, k: int, cap: int, initial: int = 0, grid: "Array | None" = None) -> Oracle:
    """The oracle over these problems. With `initial` it must draw that many of every problem first, as budgets here do.

    Below the cost of that prefix no policy exists, and the curve means nothing.
    """
    import numpy as np

    grid = price_grid(laws, cap) if grid is None else grid
    values = np.zeros_like(grid)
    for law in laws:
        values += _value(law, k, cap, initial, grid)
    return Oracle(grid, values)


def _value(law: Law, k: int, cap: int, initial: int, prices: "Array") -> "Array":
    """V_0 of one problem at each price: expected coverage less the price of the tokens, under its best policy."""
    import numpy as np

    if law.draws is not None and law.draws < cap:
        raise ValueError(f"a cap of {cap} draws, and {law.draws} to be had")
    steps = _Steps.of(law, k)
    worth = np.zeros((len(steps.chances), len(prices)))
    for drawn in reversed(range(cap)):
        going_on = steps.expected(worth, 1.0 if law.draws is None else law.draws / (law.draws - drawn))
        worth = going_on if drawn < initial else np.maximum(0.0, going_on - prices[None, :] * law.tokens)
    value: Array = worth[0] - prices * law.tokens * initial  # the prefix is paid whatever comes of it
    return value


@dataclass(frozen=True, slots=True)
class _Steps:
    """From each set of solutions found so far, fewer than k, to those with one more.

    Solutions of equal chance are one class, so a set is how many of each class were found; the first one is empty.
    `chances[s, j]`: of a new solution of class j in the first draw; `after[s, j]`: the set with it; `last[s]`: whether
    it is the k-th.
    """

    chances: "Array"
    after: "NDArray[np.int64]"
    last: "NDArray[np.bool_]"

    @classmethod
    def of(cls, law: Law, k: int) -> "_Steps":
        import numpy as np

        classes = [(chance, float(many)) for chance, many in sorted(Counter(law.named).items(), reverse=True)]
        if law.draws is None:
            classes.append((law.fresh, math.inf))
        else:
            classes.append((1.0 / law.draws, law.fresh * law.draws))
        sets = sorted((part for part in _sets(len(classes), k - 1)), key=lambda part: (sum(part), part))
        place = {part: index for index, part in enumerate(sets)}
        chances, after = np.zeros((len(sets), len(classes))), np.zeros((len(sets), len(classes)), dtype=np.int64)
        for part, index in place.items():
            for number, (chance, many) in enumerate(classes):
                more = (*part[:number], part[number] + 1, *part[number + 1 :])
                chances[index, number] = chance if many == math.inf else chance * max(0.0, many - part[number])
                after[index, number] = place.get(more, 0)
        return cls(chances, after, np.array([sum(part) == k - 1 for part in sets]))

    def expected(self, worth: "Array", scale: float) -> "Array":
        """The worth of drawing once more in each set, at each price; having k is worth 1."""
        chances = self.chances * scale
        value: Array = chances.sum(axis=1)[:, None] * self.last[:, None] + (1.0 - chances.sum(axis=1))[:, None] * worth
        for number in range(chances.shape[1]):
            open_ = ~self.last & (chances[:, number] > 0)
            value[open_] += chances[open_, number, None] * worth[self.after[open_, number]]
        return value


def _sets(classes: int, most: int) -> Iterator[tuple[int, ...]]:
    """Every tuple of `classes` counts that sum to at most `most`."""
    if classes == 0:
        yield ()
        return
    for first in range(most + 1):
        for rest in _sets(classes - 1, most - first):
            yield (first, *rest)
