"""Evaluation over what is stored: `replay` compares ways to choose an answer on one pool, and draws nothing."""

from flows.evaluation.replay import ReplayRequest, replay_pool

__all__ = ["ReplayRequest", "replay_pool"]
