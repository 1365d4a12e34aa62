"""Which rollouts of a problem to keep: one decision each, always with a reason."""

from collections.abc import Mapping

from pipelines.select.decide import REASONS
from pipelines.select.quota import AllCorrect, Quota, QuotaByDifficulty, Vanilla

SELECTORS: Mapping[str, type[AllCorrect] | type[Quota] | type[QuotaByDifficulty] | type[Vanilla]] = {
    "all_correct": AllCorrect,
    "quota": Quota,
    "prop2diff": QuotaByDifficulty,
    "vanilla": Vanilla,
}

__all__ = ["REASONS", "SELECTORS", "AllCorrect", "Quota", "QuotaByDifficulty", "Vanilla"]
