"""Rejection sampling with an imperfect verifier: ceiling, value, best number of draws, precision.

Exact sums, no simulation. A problem is a set of chances: that a draw is right, and that the verifier accepts it.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Error rates of a verifier: the chance to accept a wrong completion, and the chance to reject a right one."""

    false_accept: float
    false_reject: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 <= self.false_accept <= 1.0 and 0.0 <= self.false_reject <= 1.0):
            raise ValueError(f"rates lie in [0, 1], got {self.false_accept} and {self.false_reject}")

    def right(self, rate: float) -> float:
        """P(one draw is right and accepted) at pass rate `rate`."""
        return rate * (1.0 - self.false_reject)

    def wrong(self, rate: float) -> float:
        """P(one draw is wrong and accepted)."""
        return (1.0 - rate) * self.false_accept


Kind = tuple[float, float]
"""(share of problems, their pass rate); the shares sum to 1."""


def accuracy_ceiling(kinds: Sequence[Kind], verifier: ErrorRates) -> float:
    """Share of problems whose first accepted draw is right when drawing never ends: the mean of p/(p + f).

    p and f are the chances that a draw is right and accepted, wrong and accepted (Stroebl, Kapoor & Narayanan 2024,
    arXiv:2411.17501). A problem on which nothing is ever accepted counts 0.
    """
    return math.fsum(share * _right_of_accepted(rate, verifier) for share, rate in kinds)


def resampling_value(
    kinds: Sequence[Kind], verifier: ErrorRates, draws: int, *, wrong: float, draw: float = 0.0
) -> list[float]:
    """value(K) for K = 0 .. `draws`: draw up to K times, return the first accepted completion or none.

    A right one is worth 1, a wrong one `wrong` (negative: a cost), none 0, each draw costs `draw`. The exact sum
    sum_k sum_t P_t b_t^(k-1) [p_t + wrong f_t - draw], b_t the chance of a rejection. (The notebook of arXiv:2411.17501
    weighs survival by a posterior that holds it already; its curve is too high.)
    """
    values = [0.0]
    alive = [share for share, _ in kinds]
    gains = [verifier.right(rate) + wrong * verifier.wrong(rate) - draw for _, rate in kinds]
    rejected = [1.0 - verifier.right(rate) - verifier.wrong(rate) for _, rate in kinds]
    for _ in range(draws):
        values.append(values[-1] + math.fsum(s * gain for s, gain in zip(alive, gains, strict=True)))
        alive = [s * b for s, b in zip(alive, rejected, strict=True)]
    return values


def best_draws(
    kinds: Sequence[Kind], verifier: ErrorRates, *, wrong: float, draw: float = 0.0, most: int = 1024
) -> tuple[int, float]:
    """K* in 0 .. `most`, the fewest draws of greatest value, and that value. 0: do not draw at all."""
    values = resampling_value(kinds, verifier, most, wrong=wrong, draw=draw)
    best = 0
    for count, value in enumerate(values):
        if value > values[best] + 1e-12:  # later gains below rounding are no reason to go on
            best = count
    return best, values[best]


def kept_precision(kinds: Iterable[Kind], verifier: ErrorRates, *, target: int, cap: int) -> float | None:
    """Precision of the kept rollouts when each problem is drawn until `target` are accepted, with at most `cap` draws; None
    if nothing.

    Each accepted draw is right with p/(p + f), however many there are; a problem keeps min(target, Binomial(cap, p + f)).
    Hard problems are drawn longest and keep mostly errors: with false accepts of 1%, target 4, cap 256 and pass rates
    from Beta(.6, .9) the set is .917 right, and .574 where the pass rate is below .05 (simulated: .915 and .566).
    """
    kept = right = 0.0
    for share, rate in kinds:
        expected = share * expected_kept(verifier.right(rate) + verifier.wrong(rate), target=target, cap=cap)
        kept += expected
        right += expected * _right_of_accepted(rate, verifier)
    return right / kept if kept > 0.0 else None


def expected_kept(chance: float, *, target: int, cap: int) -> float:
    """E[min(target, Binomial(cap, chance))]: the sum of P(at least j) over j = 1 .. target."""
    below, total = 0.0, 0.0
    for j in range(min(target, cap)):
        below += _binomial(j, cap, chance)
        # Rounded probabilities can sum to more than 1.
        total += max(0.0, 1.0 - below)
    return total


def largest_k(false_accept_bound: float) -> int | None:
    """The largest k at which pass@k may be shown: .1 / (upper bound of the false-accept rate); None: no limit.

    There false accepts alone make at most .1 (statistics.md, point 8); beyond it, accepts on rarely solved problems have to
    be adjudicated first.
    """
    # Rounding can leave a whole quotient just below itself (0.1 / (0.1 / 11)), which int would cut to one less.
    return None if false_accept_bound <= 0.0 else int(0.1 / false_accept_bound + 1e-9)


def _right_of_accepted(rate: float, verifier: ErrorRates) -> float:
    right, wrong = verifier.right(rate), verifier.wrong(rate)
    return right / (right + wrong) if right + wrong > 0.0 else 0.0


def _binomial(successes: int, trials: int, chance: float) -> float:
    if chance <= 0.0 or chance >= 1.0:
        return float(successes == (trials if chance >= 1.0 else 0))
    # The logarithm of the whole integer: as a float, comb overflows from some 1030 trials on.
    log = math.log(math.comb(trials, successes)) + successes * math.log(chance)
    return math.exp(log + (trials - successes) * math.log1p(-chance))
