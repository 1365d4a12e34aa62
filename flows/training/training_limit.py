"""Limits of one training in seconds and trained tokens, from the profile: they end it early and change no model.

The state is kept, so that the same command with a higher limit goes on.
"""

from dataclasses import dataclass

from rollmill.ground.errors import FoundWanting
from rollmill.pipelines.train.roles import LearnerReport


class TrainingLimitReached(FoundWanting):
    """A training ended at a limit; its state is kept."""


@dataclass(frozen=True, slots=True)
class TrainingLimit:
    """Limits of one training over all its commands, compared with what its learner reports; None: no limit."""

    seconds: float | None = None
    tokens: int | None = None

    def check(self, report: LearnerReport) -> None:
        """TrainingLimitReached for an unfinished training that has spent a limit."""
        if report.share >= 1.0:
            return
        for name, most, spent in (("seconds", self.seconds, report.seconds), ("tokens", self.tokens, report.tokens)):
            if most is not None and spent >= most:
                what = "seconds" if name == "seconds" else "trained tokens"
                raise TrainingLimitReached(
                    f"the limit of {most:,} {what} is spent: step {report.step:,}, {report.share:.0%} of the training. "
                    "Its state is kept.",
                    next_command=f"training: {{{name}: MORE}} in the profile, and the same command",
                )
