"""Scoring the rollouts of a run that exists: `rollmill score`. flows/rounds/judging/score.py does the work."""

from rollmill.flows.scoring.scoring import ScoreRequest, score

__all__ = ["ScoreRequest", "score"]
