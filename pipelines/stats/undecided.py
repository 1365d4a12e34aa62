"""Bounds of a rate when some completions were left undecided. A model can cause those, so they are never just left out."""

from pipelines.stats.jeffreys import check_counts


def undecided_bounds(correct: int, judged: int, undecided: int) -> tuple[float, float] | None:
    """(c/n, (c+u)/n) with n = judged + undecided: the pass rate if all undecided were wrong, or right; None for n = 0."""
    check_counts(correct, judged)
    if undecided < 0:
        raise ValueError(f"undecided cannot be negative, got {undecided}")
    total = judged + undecided
    return (correct / total, (correct + undecided) / total) if total else None
