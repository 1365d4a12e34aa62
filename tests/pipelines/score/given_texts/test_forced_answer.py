"""Forced answers at the lines of a solution: exact regret of known curves, progress that adds up, and idle lines."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Problem, Request, Score
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.score import SCORERS, group_scores
from rollmill.roles.protocols import Candidates
from rollmill.stats import cumulative_regret, progress_of_parts, regret_of_prefixes
from tests.known import known
from tests.pipelines.select.rollouts import rollout
from tests.toys import Toy

PROBLEM = Problem("?", "19")


class Thinker(Toy):
    """Finds the right answer with .1, and with .3 more for each line that says `useful`; `idle` lines change nothing."""

    def answer(self, request: Request) -> dict[str, Any]:  # noqa: ARG002
        return {"text": ""}

    def score_given(self, requests: Sequence[Request]) -> Iterator[Completion]:
        for request in requests:
            assert request.rendered.endswith("####")
            assert request.given == " 19"
            total = math.log(0.1 + 0.3 * request.rendered.count("useful"))
            self.made += 1
            head = (request.completion_id, request.prompt_id, "toy", "sums", "toy-1", request.stream, 0, 0)
            yield Completion(*head, text=" 19", logprob_sum=total, logprobs=(total,), finish_reason="stop")


def scored(text: str, engine: Toy | None = None, **options: Any) -> Score:
    completion = replace(rollout(0, "correct", text).completion, tokens_out=len(text))
    scorer = SCORERS["forced_answer"](sampler=DirectSampler(engine or Thinker()), **options)
    [score] = group_scores(scorer, [Candidates(PROBLEM, [completion])])
    return score


def test_regret_is_exact_for_known_curves() -> None:
    assert regret_of_prefixes([1.0], [0.0], 50) == 0.0
    assert regret_of_prefixes([0.0, 0.0], [0.0, 10.0], 10) == 1.0
    assert regret_of_prefixes([0.0, 1.0], [0.0, 10.0], 10) == pytest.approx(0.5)
    assert regret_of_prefixes([0.0, 1.0], [0.0, 10.0], 40) == pytest.approx(5 / 40)  # held at its last value
    assert regret_of_prefixes([0.0, 1.0], [0.0, 10.0], 5) == pytest.approx(1 - 0.25)  # cut inside a part
    rng = np.random.default_rng(1)
    success, tokens = rng.random(9).tolist(), [0.0, *np.cumsum(rng.integers(1, 30, 8)).tolist()]
    fine = np.linspace(0, 400, 400_001)
    area = np.interp(fine, tokens, success).mean()
    assert regret_of_prefixes(success, tokens, 400) == pytest.approx(1 - area, abs=1e-4)
    for senseless in (([], [], 1), ([0.5], [1.0], 1), ([0.5, 1.0], [0.0, 3.0], 0), ([0.1, 0.2, 0.3], [0.0, 3.0, 2.0], 4)):
        with pytest.raises(ValueError, match="ascending from 0"):
            regret_of_prefixes(*senseless)


def test_progress_adds_up_to_the_whole_rise() -> None:
    success = [0.2, 0.1, 0.7, 0.7, 1.0]
    assert math.fsum(progress_of_parts(success)) == pytest.approx(success[-1] - success[0])
    assert cumulative_regret(success).tolist() == pytest.approx([0.8, 1.7, 2.0, 2.3, 2.3])


def test_a_line_without_progress_has_no_reward_and_costs_regret() -> None:
    """Trap: an outcome alone rewards both texts alike."""
    short, long = scored("a useful line\na useful line"), scored("a useful line\nan idle line.\na useful line")
    assert known(short.steps) == pytest.approx((0.4, 0.7))
    assert known(long.steps) == pytest.approx((0.4, 0.4, 0.7))
    assert progress_of_parts([0.1, *known(long.steps)]).tolist() == pytest.approx([0.3, 0.0, 0.3])
    at_equal_tokens = [scored(text, budget=60).value for text in ("a useful line\na useful line", "an idle line.\n" * 3)]
    assert at_equal_tokens[0] < at_equal_tokens[1] == pytest.approx(0.9)
    assert (
        scored("a useful line\na useful line", budget=60).value
        < scored("a useful line\nan idle line.\na useful line", budget=60).value
    )


def test_a_line_that_answers_is_judged_by_its_answer_and_asks_nothing() -> None:
    engine = Thinker()
    assert known(scored("a useful line\n#### 19", engine).steps) == pytest.approx((0.4, 1.0))
    assert engine.made == 2  # before the first line and after it
    assert known(scored("a useful line\n#### 190").steps)[1] == 0.0
    assert len(known(scored("one\n\ntwo\n").steps)) == 2  # a number for each line that is not blank


def test_problems_without_a_reference_and_empty_texts_have_no_score() -> None:
    scorer = SCORERS["forced_answer"](sampler=DirectSampler(Thinker()))
    empty = rollout(0, "unparsed", " \n").completion
    assert list(group_scores(scorer, [Candidates(PROBLEM, [empty]), Candidates(Problem("?", ""), [empty])])) == []
    for options in ({"marker": " ####"}, {"budget": -1}):
        with pytest.raises(SetupError, match="scorer 'forced_answer'"):
            SCORERS["forced_answer"](**options)
