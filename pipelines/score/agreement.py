"""Scorers that read what a run's verifiers stored: how many rollouts agree on an answer, and what its judge voted.

Neither looks at a reference; a judge may have been shown one, so a score of its votes is not blind (`REFERENCED`).
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Score, Verdict
from rollmill.roles.protocols import ANSWERS, VERDICTS, Candidates


@dataclass(frozen=True, slots=True)
class AnswerAgreement:
    """The share of the problem's rollouts that have the same canonical answer, this one among them: 1/n to 1.

    Rollouts without an answer count in n and get no score. Majority voting uses it (Wang et al., 2023).
    """

    name = "answer_agreement"
    version = "1"
    needs = (ANSWERS,)

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion whose answer is known, in input order."""
        for group in groups:
            alike = Counter(group.answers)
            for completion, answer in zip(group.completions, group.answers, strict=True):
                if answer is not None:
                    share = alike[answer] / len(group.answers)
                    yield Score(completion.id, group.problem.id, self.name, self.version, share)


@dataclass(frozen=True, slots=True)
class JudgeVotes:
    """The share of a judge's votes that say correct, as the run stored them; `verifier`: the judge's name in the recipe.

    Votes that could not be read count as votes. A verdict without votes (an empty answer, another verifier) has no score.
    """

    verifier: str = "judge"
    """Name of the judge in the recipe."""
    name = "judge_votes"
    needs = (VERDICTS,)

    @property
    def version(self) -> str:
        """Version with the judge's name; the judge's own version is in the mark which a run adds."""
        return f"1 verifier={self.verifier}"

    def score_groups(self, groups: Sequence[Candidates]) -> Iterator[Score]:
        """Yield a score for each completion on which the judge voted, in input order; SetupError if the run has no
        such judge.
        """
        judged_by = {name for group in groups for verdicts in group.verdicts for name in verdicts}
        # Without any verdict there is nothing to score, and no name could be right.
        if judged_by and self.verifier not in judged_by:
            raise SetupError(
                f"scorer 'judge_votes': the run was judged by no verifier {self.verifier!r}.",
                choices=sorted(judged_by),
                next_command="rollmill score RUN --with judge_votes --option verifier=NAME",
            )
        for group in groups:
            for completion, verdicts in zip(group.completions, group.verdicts, strict=True):
                share = None if self.verifier not in verdicts else share_of_votes(verdicts[self.verifier])
                if share is not None:
                    yield Score(completion.id, group.problem.id, self.name, self.version, share)


def share_of_votes(verdict: Verdict) -> float | None:
    """Votes for correct over all votes of a judge's verdict; None without votes."""
    try:
        told = json.loads(verdict.evidence or "{}")
        votes = [int(told[key]) for key in ("correct", "incorrect", "failed")]
    except (ValueError, KeyError, TypeError):
        # Evidence of another verifier may be any JSON value: a list, or an object without votes.
        return None
    # Where all votes failed, nothing was said about the answer.
    return votes[0] / sum(votes) if votes[0] + votes[1] else None
