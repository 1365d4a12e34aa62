"""Budget `gvm`: draws per problem that minimise the gradient's variance, from a pilot (GVM-RAFT).

Minimising sum G_i^2 / (p_i n_i) at a fixed sum of n_i gives n_i proportional to G_i / sqrt(p_i); the method divides by
sqrt(p_i + alpha / p_i^(beta - 1)) instead, so that near-impossible problems get less again: the weight is greatest at
p = (alpha (beta - 1))^(1 / beta). Here

- p_i are rates of the pilot (`initial` draws), shrunken by a beta prior fitted to the pool: never 0, so no pool divides by
  zero, and 8 draws do not decide alone;
- every problem gets at least `floor` draws after the pilot: without it a problem at 0 of 8 would starve for ever;
- `alpha: auto` puts the greatest weight at the 5% quantile of the solved problems' rates: one alpha does not fit all pools;
- integers have the exact total, by largest remainder, and none exceeds `cap`.

Not every engine gives gradient norms G_i. `norms: constant` takes them as equal; `length` as the root of the mean
tokens of a draw, a proxy only (the norm of a sum of independent token gradients grows like that; the norms themselves may
not); `meta:KEY` takes measured ones from the problem's meta, and a mapping has them by problem id (a problem without one
gets the median).

The shares couple the problems, so no rate may be read from these draws but that of the pilot, over all problems; rates of
problems chosen by their pilot are read from the later draws alone (statistics.md, points 1 and 6).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.rounds import RoundLimits, draws_of, in_order, prefix_round
from rollmill.pipelines.option_checks import checked_count, refused
from rollmill.roles.tallies import RoundPlan, Stop, Tally
from rollmill.stats import fit_prior, shrunken_rate

PEAK_QUANTILE = 0.05  # of the solved problems' rates: where `alpha: auto` puts the greatest weight
META = "meta:"


@dataclass(frozen=True, slots=True)
class Gvm:
    """A pilot of `initial`, then one round with `main` draws per problem in the mean; stops with `budget` or `trial_cap`.

    `total` limits pilot and main draws together.
    """

    name = "gvm"
    version = "1"
    estimator = "prefix"
    reads_verdicts = True
    initial: int = 8
    """Completions of every problem in the pilot."""
    main: int = 8
    """Completions of the main round, per problem in the mean."""
    cap: int = 64
    """Most completions of one problem."""
    total: int | None = None
    """Most completions of all problems together; none: no limit."""
    alpha: float | str = "auto"
    """Strength of the term that reduces the draws of near-impossible problems; `auto` chooses it from the pilot."""
    beta: float = 2.0
    """Exponent beta of the term alpha / p^(beta - 1), above 1."""
    floor: int = 1
    """Least completions of a problem after the pilot."""
    norms: str | Mapping[str, float] = "constant"
    """Gradient norms: `constant`, `length` (a proxy), `meta:KEY` for measured ones, or a mapping of problem ids."""

    @property
    def prefix(self) -> int:
        """Round 0 draws `initial` of every problem."""
        return self.initial

    def __post_init__(self) -> None:
        limits = self.limits()
        for option in ("main", "floor"):
            checked_count("budget", self.name, option, getattr(self, option))
        checked_count("budget", self.name, "cap", self.cap, least=limits.initial + self.floor)
        if self.alpha != "auto" and (isinstance(self.alpha, (bool, str)) or self.alpha < 0):
            raise refused("budget", self.name, "alpha", self.alpha, "`auto` or a number of at least 0")
        if isinstance(self.beta, bool) or self.beta <= 1:
            raise refused("budget", self.name, "beta", self.beta, "a number above 1")
        if isinstance(self.norms, str):
            known = self.norms in ("constant", "length") or bool(self.measure)
        else:
            known = bool(self.norms) and all(norm > 0 for norm in self.norms.values())
        if not known:
            raise refused("budget", self.name, "norms", self.norms, "`constant`, `length`, `meta:KEY` or positive numbers")

    def limits(self) -> RoundLimits:
        """The options that say how far rounds may go, checked."""
        return RoundLimits(self.name, self.initial, 1, self.cap, self.total)

    @property
    def measure(self) -> str | None:
        """The key of the problems' meta that the tallies must carry as `measured`; None if none is needed."""
        if not isinstance(self.norms, str) or not self.norms.startswith(META):
            return None
        return self.norms.removeprefix(META) or None

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """The pilot, then the main round, then the stops; in order of problem id."""
        ordered = in_order(tallies)
        prefix = prefix_round(self.limits(), ordered)
        if prefix is not None:
            return prefix
        # There is one main round, so a draw beyond the pilot says that it is over.
        counts = {} if any(tally.drawn > self.initial for tally in ordered) else self.shares(ordered)
        if counts:
            return RoundPlan(draws_of(ordered, counts))
        stops = [Stop(t.problem_id, "trial_cap" if t.drawn >= self.cap else "budget") for t in ordered]
        return RoundPlan((), tuple(stops))

    def shares(self, pilots: Sequence[Tally]) -> dict[str, int]:
        """Main draws per problem, with the exact sum; nothing if the total is spent."""
        available = self.main * len(pilots)
        if self.total is not None:
            available = min(available, self.total - sum(tally.drawn for tally in pilots))
        most = self.cap - self.initial
        if available <= 0:
            return {}
        # The total does not cover the floor, so all get the same, and ids decide who gets one more.
        if available < self.floor * len(pilots):
            return allot_within(dict.fromkeys((t.problem_id for t in pilots), 1.0), available, least=0, most=most)
        return allot_within(self.weights(pilots), available, least=self.floor, most=most)

    def weights(self, pilots: Sequence[Tally]) -> dict[str, float]:
        """G / sqrt(p + alpha / p^(beta - 1)) of every problem, in relative units."""
        prior = fit_prior([t.correct for t in pilots], [t.judged for t in pilots])
        rates = {t.problem_id: shrunken_rate(t.correct, t.judged, prior) for t in pilots}
        alpha = self.alpha
        if isinstance(alpha, str):
            solved = sorted([rates[t.problem_id] for t in pilots if t.correct] or list(rates.values()))
            # Solves p = (alpha (beta - 1))^(1 / beta), the place of the greatest weight, for alpha.
            alpha = float(solved[int(PEAK_QUANTILE * len(solved))] ** self.beta / (self.beta - 1.0))
        norms = self._norms(pilots)
        return {key: norms[key] / sqrt(rate + alpha / rate ** (self.beta - 1.0)) for key, rate in rates.items()}

    def _norms(self, pilots: Sequence[Tally]) -> Mapping[str, float]:
        if not isinstance(self.norms, str):
            # With the median a problem without a norm weighs neither more nor less than usual.
            known = sorted(self.norms.values())
            return {t.problem_id: self.norms.get(t.problem_id, known[len(known) // 2]) for t in pilots}
        if self.norms == "length":
            lengths = {t.problem_id: sqrt(t.tokens / t.drawn) for t in pilots if t.tokens}
            typical = sorted(lengths.values())[len(lengths) // 2] if lengths else 1.0
            return {t.problem_id: lengths.get(t.problem_id, typical) for t in pilots}
        if self.measure:
            return {t.problem_id: self._measured(t) for t in pilots}
        return dict.fromkeys((t.problem_id for t in pilots), 1.0)

    def _measured(self, tally: Tally) -> float:
        if tally.measured is None or tally.measured <= 0:
            raise SetupError(
                f"budget 'gvm': problem {tally.problem_id} has no positive number {self.measure!r} in its meta.",
                choices=("constant", "length"),
                next_command="rollmill recipe check RECIPE (budget.options.norms)",
            )
        return tally.measured


def allot_within(weights: Mapping[str, float], available: int, *, least: int, most: int) -> dict[str, int]:
    """Draws in proportion to positive weights, each from `least` to `most`, by largest remainder; ties to the smaller id.

    The parts sum to `available` exactly, or to `most` for everybody if that is less; `least` for everybody must fit.
    """
    open_keys, parts = sorted(weights), dict.fromkeys(sorted(weights), least)
    left = min(available, most * len(weights)) - least * len(weights)
    if left < 0:
        raise ValueError(f"{available} draws do not give {least} to each of {len(weights)} problems")
    while left and open_keys:
        total = sum(weights[key] for key in open_keys)
        shares = {key: min(most - parts[key], int(weights[key] / total * left)) for key in open_keys}
        rest = {key: weights[key] / total * left - shares[key] for key in open_keys if parts[key] + shares[key] < most}
        over = left - sum(shares.values())
        rounded_up = sorted(rest, key=lambda key: (-rest[key], key))[:over]
        for key in open_keys:
            parts[key] += shares[key] + (key in rounded_up)
        left -= sum(shares.values()) + len(rounded_up)
        # What a capped problem leaves over is shared out among the others in the next pass.
        open_keys = [key for key in open_keys if parts[key] < most]
    return parts
