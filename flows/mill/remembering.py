"""What this process judged itself, kept for the next tallies instead of read back. Knows neither store nor budget."""

from collections.abc import Mapping

from flows.mill.spec import MillSpec
from pipelines.select.distinct import key_of_completion
from storage.records import Completion, Outcome


def remember(spec: MillSpec, texts: Mapping[str, Completion], outcomes: Mapping[tuple[str, str], Outcome]) -> None:
    """Keep the outcomes of committed rows by (completion, problem), and the solution keys of correct texts at hand."""
    if spec.arms:  # their tallies need more of each verdict than its outcome
        return
    spec.outcomes.update(outcomes)
    for (completion_id, _), outcome in outcomes.items():
        if outcome == "correct" and completion_id in texts and completion_id not in spec.solution_keys:
            spec.solution_keys[completion_id] = key_of_completion(texts[completion_id])
