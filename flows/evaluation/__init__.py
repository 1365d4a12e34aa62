"""Evaluation: benchmarks asked of models, models compared, `replay`, which compares ways to choose an answer, and
`labelling`, which makes chosen answers labels and measures their error.
"""

from flows.evaluation.labelling import LabelRequest, label_pool
from flows.evaluation.replay import ReplayRequest, replay_pool

__all__ = ["LabelRequest", "ReplayRequest", "label_pool", "replay_pool"]
