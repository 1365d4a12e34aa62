"""Log-probability of reference solutions under the model of an evaluation's cell: a measure of students without draws.

It varies less over trainings than pass rates do (DataDecide, arXiv:2504.11393), since nothing is sampled.
"""

from typing import Any

from rollmill.flows.rounds import OpenRun
from rollmill.flows.sampling.sample import RunSampler
from rollmill.pipelines.score.asking import PURPOSE
from rollmill.pipelines.score.text_likelihood import Likelihood
from rollmill.pipelines.synthesize.reference_solutions import reference_solution
from rollmill.roles.engine_roles import ScoresTexts

KEY = "references"
"""Key of a cell's row with the log-probabilities."""
MEASURE = "log-prob of references"


def reference_logprobs(run: OpenRun) -> dict[str, Any]:
    """Mean log-probability per token, in nats, of each problem's reference solution after its prompt, as `{"references":
    {problem id: value}}`.

    A problem is absent if it has no solution, or if prompt and solution exceed the model's context. All problems are absent
    for an engine without log-probabilities of given texts, for imported rollouts, and for a recipe with several steps. The
    requests are charged to the run, and their results are stored: a second call computes nothing.
    """
    if run.spec.takes_imports or run.spec.names or not isinstance(run.engine(), ScoresTexts):
        return {KEY: {}}
    scorer = Likelihood(sampler=RunSampler(run.workspace, run.engine(), run.limiter, PURPOSE))
    texts = {problem.id: text for problem in run.spec.problems if (text := reference_solution(problem)) is not None}
    requests = {
        problem.id: scorer.request(run.spec.prompt_for("", problem), texts[problem.id])
        for problem in run.spec.problems
        if problem.id in texts
    }
    replies = scorer.sample(list(requests.values()))
    scored = {problem: replies[request.completion_id] for problem, request in requests.items()}
    return {
        KEY: {
            problem: reply.logprob_sum / len(reply.logprobs)
            for problem, reply in scored.items()
            if reply.logprob_sum is not None and reply.logprobs
        }
    }
