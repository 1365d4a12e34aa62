"""Evaluation: benchmarks asked of models, models compared, and `replay`, which compares ways to choose an answer."""

from flows.evaluation.replay import ReplayRequest, replay_pool

__all__ = ["ReplayRequest", "replay_pool"]
