"""Rollouts of one problem from a list of (outcome, text), in sample order."""

from rollmill.ground.records import Completion, FinishReason, Outcome, Problem, Rollout, Verdict

PROBLEM = Problem(prompt="2 + 2 = ?", reference="4")


def rollout(index: int, outcome: Outcome, text: str, finish: FinishReason = "stop") -> Rollout:
    completion = Completion(
        id=f"c{index:03}",
        prompt_id=PROBLEM.prompt_id,
        engine="toy",
        model="toy",
        model_digest="0",
        stream="curate",
        sample_index=index,
        seed=index,
        text=text,
        finish_reason=finish,
    )
    return Rollout(PROBLEM, completion, Verdict(completion.id, PROBLEM.id, "toy", "1", outcome, "exact"))


def rollouts(*parts: tuple[Outcome, str]) -> list[Rollout]:
    return [rollout(index, outcome, text) for index, (outcome, text) in enumerate(parts)]
