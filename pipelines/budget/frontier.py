"""Budget `frontier`: finds the level at which a model's pass rate falls below a value.

Not a budget for data but for a question: how hard may problems be for this model? Each round probes one level, that whose
answer halves the posterior of the frontier best (rollmill.stats.draws.frontier), with `probe` draws spread over
the level's problems, those drawn least first. It stops when one level holds `confidence`, or when no draws are left under
`cap` and `total`; the evidence of every stop is the result. Problems of levels that were never probed are never drawn, so a
run says nothing of them; and which level was probed how often followed from outcomes, so the number to report is the
frontier with its interval, and of rates only those of `fixed`.

Assumed: the levels are in order of difficulty. Where rates rise with the level, `violation` in the evidence is large, and
the frontier found is one of several.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rollmill.ground.errors import SetupError
from rollmill.pipelines.budget.rounds import draws_of, hash_share, in_order
from rollmill.pipelines.option_checks import checked_count, checked_share
from rollmill.roles.tallies import RoundPlan, Stop, Tally
from rollmill.stats.draws.frontier import (
    LevelCounts,
    credible_set,
    effective_counts,
    frontier_posterior,
    next_level,
    violation,
)


@dataclass(frozen=True, slots=True)
class Frontier:
    """Noisy binary search over levels; every problem stops with `frontier`. There is no prefix of every problem."""

    name = "frontier"
    version = "2"
    estimator = "none"
    reads_verdicts = True
    prefix = 0
    value: float = 0.5
    """Pass rate at the frontier."""
    confidence: float = 0.9
    """Posterior probability of one level at which the search ends."""
    probe: int = 8
    """Completions of one probe."""
    cap: int = 16
    """Most completions of one problem."""
    total: int | None = None
    """Most completions of all problems together; none: no limit."""

    def __post_init__(self) -> None:
        for option in ("probe", "cap"):
            checked_count("budget", self.name, option, getattr(self, option))
        if self.total is not None:
            checked_count("budget", self.name, "total", self.total)
        for option in ("value", "confidence"):
            if not 0 < checked_share("budget", self.name, option, getattr(self, option)) < 1:
                raise SetupError(f"budget 'frontier': option {option!r} must be between 0 and 1.")

    def plan(self, round_index: int, tallies: Sequence[Tally]) -> RoundPlan:  # noqa: ARG002 - the tallies say it all
        """The draws of one probe, or the stops with the frontier."""
        ordered = in_order(tallies)
        if not ordered:
            return RoundPlan(())
        of_level: dict[int, list[Tally]] = {}
        for tally in ordered:
            if tally.level is not None:
                of_level.setdefault(tally.level, []).append(tally)
        if not of_level:
            raise SetupError("budget 'frontier' searches over levels, and no problem of the recipe has one.")
        levels = sorted(of_level)
        counts = [LevelCounts(sum(t.judged for t in of_level[n]), sum(t.correct for t in of_level[n])) for n in levels]
        pairs = [[(tally.judged, tally.correct) for tally in of_level[level]] for level in levels]
        posterior = frontier_posterior(effective_counts(pairs), self.value)
        available = max(0, self.total - sum(t.drawn for t in ordered)) if self.total is not None else self.probe
        open_levels = [n for n, level in enumerate(levels) if any(t.drawn < self.cap for t in of_level[level])]
        if max(posterior) >= self.confidence or not available or not open_levels:
            evidence = self._evidence(levels, counts, posterior)
            return RoundPlan((), tuple(Stop(tally.problem_id, "frontier", evidence) for tally in ordered))
        level = levels[next_level(posterior, open_levels)]
        return RoundPlan(draws_of(ordered, self._spread(of_level[level], available)))

    def _spread(self, members: Sequence[Tally], available: int) -> dict[str, int]:
        """`probe` draws, one after another to the problem that has been drawn least; ties by the hash of the id."""
        drawn = {tally.problem_id: tally.drawn for tally in members}
        counts: dict[str, int] = {}
        for _ in range(min(self.probe, available)):
            open_keys = [key for key in drawn if drawn[key] < self.cap]
            if not open_keys:
                break
            # Ids may follow the order in which problems were written, and so their difficulty; hashes do not.
            key = min(open_keys, key=lambda key: (drawn[key], hash_share(key, "frontier")))
            drawn[key] += 1
            counts[key] = counts.get(key, 0) + 1
        return counts

    def _evidence(
        self, levels: Sequence[int], counts: Sequence[LevelCounts], posterior: Sequence[float]
    ) -> dict[str, int | float | str]:
        """The last level that the model passes, and the interval of it; `none` if it passes none."""
        # Of equally likely levels the lowest, which claims least.
        likeliest = max(range(len(posterior)), key=lambda k: (posterior[k], -k))
        first, last = credible_set(posterior, self.confidence)
        # The posterior has one place more than there are levels: a model may pass none.
        names = ["none", *map(str, levels)]
        return {
            "frontier": names[likeliest],
            "low": names[first],
            "high": names[last],
            "chance": round(posterior[likeliest], 6),
            "confidence": self.confidence,
            "value": self.value,
            "drawn": int(sum(level.judged for level in counts)),
            "violation": round(violation(counts), 6),
        }
