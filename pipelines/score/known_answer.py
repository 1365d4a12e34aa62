"""Scorer `known_answer`: 1 for an answer that the problem's `meta` lists, 0 for any other.

What is listed may be the answer before the problem was changed, which a model that memorised the problem still gives
(Longpre et al. 2021, arXiv:2109.05052), or outputs that a model was trained on (Nagarajan et al. 2025, arXiv:2504.15266).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rollmill.ground.errors import unknown_name
from rollmill.ground.records import MADE, Completion, Problem, Score
from rollmill.roles.registries import registry

REFERENCES = ("number", "math", "exact", "choice")
"""Verifiers that compare an answer with a reference, and need nothing else."""


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """Two answers are equal if `verifier` accepts one with the other for a reference; in doubt they are not.

    A problem whose `meta` has no `key` has no scores.
    """

    key: str = f"{MADE}.old_answer"
    """Key of `meta`, one inside another by a dot, with a text or a list of texts."""
    verifier: str = "number"
    """Verifier that compares answers: `number`, `math`, `exact` or `choice`."""
    name = "known_answer"

    def __post_init__(self) -> None:
        if self.verifier not in REFERENCES:
            raise unknown_name("verifier of scorer 'known_answer'", self.verifier, REFERENCES)

    @property
    def version(self) -> str:
        """Version with the key and the verifier's own version."""
        return f"1 key={self.key} verifier={self.verifier}@{registry('verifier')[self.verifier]().version}"

    def score(self, problem: Problem, completions: Sequence[Completion]) -> Iterator[Score]:
        """Yield a score for each completion, in input order."""
        listed = listed_answers(problem, self.key)
        if listed is None:
            return
        compared, version = registry("verifier")[self.verifier](), self.version
        known = [replace(problem, reference=text) for text in listed]
        for completion in completions:
            hit = any(compared.verify(other, completion).outcome == "correct" for other in known)
            yield Score(completion.id, problem.id, self.name, version, float(hit))


def listed_answers(problem: Problem, key: str) -> list[str] | None:
    """The texts under a key of `meta`; None if there is no such key."""
    listed: Any = problem.meta
    for part in key.split("."):
        if not isinstance(listed, dict) or part not in listed:
            return None
        listed = listed[part]
    return [str(text) for text in listed] if isinstance(listed, (list, tuple)) else [str(listed)]
