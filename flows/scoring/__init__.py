"""Scoring the rollouts of a run that exists: `rollmill score`. The work itself is that of flows.rounds.judging.score."""

from flows.scoring.scoring import ScoreRequest, score

__all__ = ["ScoreRequest", "score"]
