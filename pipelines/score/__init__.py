"""Numbers about completions that selectors, aggregators and people may rank by. None is shown a verdict's outcome.

A Scorer is given one problem with its completions; a GroupScorer many problems in one call, with the answers, verdicts or
model that it declares. Both are called through `given`. Numbers of the scorers in REFERENCED rest on the reference: they
rank training data, and may elect no answer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

from rollmill.ground.by_name import ByName
from rollmill.ground.records import Completion, Problem, Score
from rollmill.roles.protocols import Candidates, GroupScorer, Scorer

SCORERS: Mapping[str, Callable[..., Scorer | GroupScorer]] = ByName(
    {
        "answer_gain": "rollmill.pipelines.score.answer_gain:AnswerGain",
        "answer_agreement": "rollmill.pipelines.score.agreement:AnswerAgreement",
        "calls_per_token": "rollmill.pipelines.score.decoding:CallsPerToken",
        "draft_acceptance": "rollmill.pipelines.score.decoding:DraftAcceptance",
        "draft_optimum": "rollmill.pipelines.score.decoding:DraftOptimum",
        "blank_perplexity": "rollmill.pipelines.score.given_texts.blank_perplexity:BlankPerplexity",
        "efficiency": "rollmill.pipelines.score.efficiency:Efficiency",
        "forced_answer": "rollmill.pipelines.score.given_texts.forced_answer:ForcedAnswer",
        "grade": "rollmill.pipelines.score.given_texts.grade:Grade",
        "imported": "rollmill.pipelines.score.imported:Imported",
        "judge_votes": "rollmill.pipelines.score.agreement:JudgeVotes",
        "known_answer": "rollmill.pipelines.score.known_answer:KnownAnswer",
        "lastde": "rollmill.pipelines.score.lastde:Lastde",
        "leading_steps": "rollmill.pipelines.score.leading_steps:LeadingSteps",
        "length": "rollmill.pipelines.score.length:Length",
        "likelihood": "rollmill.pipelines.score.text_likelihood:Likelihood",
        "logprob_per_token": "rollmill.pipelines.score.likelihood:LogprobPerToken",
        "logprob_sum": "rollmill.pipelines.score.likelihood:LogprobSum",
        "pair_covariance": "rollmill.pipelines.score.given_texts.pair_covariance:PairCovariance",
        "p_ik": "rollmill.pipelines.score.probes:PIK",
        "p_true": "rollmill.pipelines.score.probes:PTrue",
        "reference_likelihood": "rollmill.pipelines.score.text_likelihood:ReferenceLikelihood",
        "reward_model": "rollmill.pipelines.score.reward_model:RewardModelScorer",
        "self_certainty": "rollmill.pipelines.score.likelihood:SelfCertainty",
        "text_weight": "rollmill.pipelines.score.decoding:TextWeight",
        "votes": "rollmill.pipelines.score.votes:VotesScorer",
    }
)


def needs_of(scorer: Scorer | GroupScorer) -> Sequence[str]:
    """Inputs that a scorer needs besides problems and texts."""
    return scorer.needs if isinstance(scorer, GroupScorer) else ()


def group_scores(scorer: Scorer | GroupScorer, groups: Sequence[Candidates]) -> Iterator[Score]:
    """Scores of one scorer for the completions of some problems."""
    if isinstance(scorer, GroupScorer):
        yield from scorer.score_groups(groups)
        return
    for group in groups:
        yield from scorer.score(group.problem, group.completions) or ()


def scores_of(
    scorers: Sequence[Scorer | GroupScorer], problem: Problem, completions: Sequence[Completion]
) -> dict[str, tuple[Score, ...]]:
    """Scores of these scorers for the completions of one problem, by completion id, in the scorers' order."""
    scores: dict[str, tuple[Score, ...]] = {}
    for scorer in scorers:
        for score in group_scores(scorer, [Candidates(problem, completions)]):
            scores[score.completion_id] = (*scores.get(score.completion_id, ()), score)
    return scores
