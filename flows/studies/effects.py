"""Effects as papers' claims predict and as checks measure them: a sign and a tolerance, and a value with its interval.

Predictions are stated before anything is drawn.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rollmill.stats import Estimate

Sign = Literal["+", "-", "=", "no fall", "no rise"]


@dataclass(frozen=True, slots=True)
class EffectPrediction:
    """An effect that a claim predicts.

    `sign`: "+" the effect is positive and at least `tolerance`; "-" negative and at most -`tolerance`; "=" within
    +-`tolerance` of 0; "no fall" not below -`tolerance`; "no rise" not above `tolerance`.
    """

    effect: str
    sign: Sign
    tolerance: float

    def __post_init__(self) -> None:
        if self.tolerance < 0.0:
            raise ValueError(f"a tolerance is a size, got {self.tolerance}")

    def allows(self, value: float) -> bool:
        """True if a measured effect agrees with the prediction."""
        return {
            "+": value >= self.tolerance,
            "-": value <= -self.tolerance,
            "=": abs(value) <= self.tolerance,
            "no fall": value >= -self.tolerance,
            "no rise": value <= self.tolerance,
        }[self.sign]

    def excludes_the_opposite(self, low: float, high: float) -> bool:
        """True if an interval leaves no room for the other side: of 0 if a sign was predicted, else of the tolerance."""
        return {
            "+": low > 0.0,
            "-": high < 0.0,
            "=": low >= -self.tolerance and high <= self.tolerance,
            "no fall": low >= -self.tolerance,
            "no rise": high <= self.tolerance,
        }[self.sign]

    def is_excluded_by(self, low: float, high: float) -> bool:
        """True if an interval leaves no room for the prediction: the other sign, or all of it beyond the tolerance."""
        return {
            "+": high < 0.0,
            "-": low > 0.0,
            "=": low > self.tolerance or high < -self.tolerance,
            "no fall": high < -self.tolerance,
            "no rise": low > self.tolerance,
        }[self.sign]

    @property
    def words(self) -> str:
        """The prediction for a person."""
        size = f"{self.tolerance:g}"
        return {
            "+": f"at least +{size}",
            "-": f"at most -{size}",
            "=": f"within {size} of 0",
            "no fall": f"no fall by more than {size}",
            "no rise": f"no rise above {size}",
        }[self.sign]


@dataclass(frozen=True, slots=True)
class Effect:
    """A measured effect with its interval within one seed, None if none was made. `n`: problems or trials."""

    value: float
    n: int
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, estimate: "Estimate | None") -> "Effect":
        """An estimator's; NotTestable if the estimator has none."""
        if estimate is None:
            raise NotTestable("nothing to average over: no problem of the pool is of the kind that the claim is about")
        return cls(estimate.value, estimate.n, estimate.low, estimate.high)

    def less(self, by: float) -> "Effect":
        """The effect with `by` subtracted from value and interval."""
        low, high = (None if end is None else end - by for end in (self.low, self.high))
        return Effect(self.value - by, self.n, low, high)


class NotTestable(Exception):  # noqa: N818 (a status, not a fault)
    """The pool lacks the data of the claim; the message names the missing part."""
