"""Pairs of answers: the covariance is the variance of the truth, its interval covers it, and copying is told from doubt."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.formats.prompt_template import plain_text
from rollmill.ground.records import Completion, Problem, Prompt, Request
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.score import SCORERS, group_scores
from rollmill.pipelines.score.given_texts.pair_covariance import PairCovariance
from rollmill.roles.protocols import Candidates
from rollmill.stats import auroc, pair_interval
from rollmill.storage.exports.preferences.answer_pairs import AGAIN
from tests.known import known
from tests.pipelines.select.rollouts import rollout
from tests.toys import Toy

LAWS = np.random.default_rng(3).dirichlet((1.0, 1.0, 1.0), size=(6, 400))
"""(G, I, A): the true law of three answers for each of 400 problems in each of six groups that look alike."""


class Expert(Toy):
    """A model that is calibrated on pairs and cannot tell the problems of a group apart."""

    laws = LAWS

    def render(self, prompt: Prompt) -> str:
        return plain_text(prompt)

    def answer(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        return {"text": ""}

    def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for request in requests:
            law = self.laws[int(request.rendered.split("group ")[1].split(" ")[0])]
            answer = law[:, "abc".index(str(request.given))]
            shown = AGAIN in request.rendered
            chance = float((answer**2).mean() / answer.mean()) if shown else float(answer.mean())
            about: dict[str, Any] = {"text": str(request.given), "logprob_sum": math.log(chance) if chance else -math.inf}
            head = (request.completion_id, request.prompt_id, "toy", "sums", "toy-1", request.stream, 0, 0)
            yield Completion(*head, **about, logprobs=(about["logprob_sum"],), finish_reason="stop")


def asked(group: int, *answers: str) -> Candidates:
    texts = [replace(rollout(at, "correct", answer).completion) for at, answer in enumerate(answers)]
    return Candidates(Problem(f"group {group} ?", ""), texts)


def test_the_score_is_the_variance_of_the_truth_within_what_looks_alike() -> None:
    scorer = SCORERS["pair_covariance"](sampler=DirectSampler(Expert()))
    for group in range(6):
        scores = list(group_scores(scorer, [asked(group, "a", "b", "c")]))
        assert [score.value for score in scores] == pytest.approx(LAWS[group].var(axis=0).tolist())
        assert [known(score.steps)[0] for score in scores] == pytest.approx(LAWS[group].mean(axis=0).tolist())


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    scorer, covered = SCORERS["pair_covariance"](sampler=DirectSampler(Expert())), []
    for group in range(6):
        for at, score in enumerate(group_scores(scorer, [asked(group, "a", "b", "c")])):
            alone, shown = known(score.steps)
            interval = pair_interval(alone, shown, misses=0.1)
            truth = LAWS[group, :, at]
            covered += ((truth >= interval.low) & (truth <= interval.high)).tolist()
    assert len(covered) == 7_200
    assert np.mean(covered) >= 0.9


def test_not_knowing_is_told_from_a_fair_coin_and_entropy_cannot() -> None:
    """Trap: both groups have p = .5. In one every problem is a coin; in the other each has one answer, unknown which."""

    class Coin(Expert):
        laws = np.array([[[0.5, 0.5, 0.0]] * 4, [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] * 2])

    scorer = SCORERS["pair_covariance"](sampler=DirectSampler(Coin()))
    coin, secret = (list(group_scores(scorer, [asked(group, "a", "b")])) for group in (0, 1))
    assert [round(score.value, 12) for score in (*coin, *secret)] == [0.0, 0.0, 0.25, 0.25]
    assert [round(known(score.steps)[0], 12) for score in (*coin, *secret)] == [0.5] * 4
    # 400 answers of each group: those of the second are impossible half of the time.
    impossible = np.array([False] * 400 + [False, True] * 200)
    values = np.array([coin[0].value] * 400 + [secret[0].value] * 400)
    by_covariance = known(auroc(values, impossible, list(range(800))))
    by_entropy = known(auroc(np.full(800, math.log(2)), impossible, list(range(800))))
    assert [by_covariance.value, by_entropy.value] == pytest.approx([5 / 6, 0.5])


def test_bounds_end_at_0_and_1_and_senseless_numbers_are_refused() -> None:
    assert pair_interval(0.5, 0.5) == (0.0, 0.5, 0.5)
    assert pair_interval(0.9, 1.0, misses=0.05)[1:] == (0.0, 1.0)
    assert pair_interval(0.5, 0.4).variance == 0.0  # noise of a model that is not quite calibrated
    with pytest.raises(ValueError, match="between 0 and 1"):
        pair_interval(0.5, 0.5, misses=0.0)
    with pytest.raises(SetupError, match="again is empty"):
        SCORERS["pair_covariance"](again=" ")
    assert PairCovariance(sampler=DirectSampler(Expert())).again == AGAIN
