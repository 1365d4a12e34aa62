"""Tallies that remember the fixed prefix apart from what was drawn adaptively. Deliberately knows no rollout and no run.

A pool drawn until enough answers are correct is data, not a measurement: its pass rate is biased upwards for hard problems.
Difficulty is therefore read from the first `initial` completions only, and stays what it was in every later round.
"""

from dataclasses import dataclass
from fractions import Fraction

from pipelines.protocols import Tally


@dataclass(frozen=True, slots=True)
class PrefixTally(Tally):
    """A tally with the verdicts of the fixed prefix (sample indices 0 .. n0-1) counted apart."""

    prefix_judged: int = 0
    prefix_correct: int = 0


def prefix_fail_rate(tally: Tally, initial: int) -> Fraction:
    """1 - pass rate of the committed prefix, exactly; 1 where nothing of it could be judged (not known to be easy).

    A plain Tally is its own prefix as long as no more than `initial` completions were drawn; later on it cannot answer,
    and guessing from the adaptive pool would be wrong: ValueError.
    """
    if isinstance(tally, PrefixTally):
        judged, correct = tally.prefix_judged, tally.prefix_correct
    elif tally.drawn <= initial:
        judged, correct = tally.judged, tally.correct
    else:
        raise ValueError(f"the tally of {tally.problem_id} holds {tally.drawn} draws and no counts of the first {initial}")
    return Fraction(judged - correct, judged) if judged else Fraction(1)
