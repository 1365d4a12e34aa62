"""What every scorer must do, and the literal values of each."""

from dataclasses import replace

import pytest

from pipelines.protocols import Scorer
from pipelines.score import SCORERS
from tests.pipelines.select.rollouts import PROBLEM, rollout

MEASURED = replace(rollout(0, "correct", "so 4").completion, logprob_sum=-6.0, tokens_out=4, self_certainty=2.5)
UNMEASURED = rollout(1, "incorrect", "five").completion


@pytest.mark.parametrize("name", sorted(SCORERS))
def test_scores_carry_their_maker_and_stay_in_order(name: str) -> None:
    scorer: Scorer = SCORERS[name]()
    scores = list(scorer.score(PROBLEM, [MEASURED, UNMEASURED, replace(MEASURED, id="again")]))
    assert {(score.scorer, score.version, score.problem_id) for score in scores} == {(name, "1", PROBLEM.id)}
    assert [score.completion_id for score in scores if score.completion_id != "c001"] == ["c000", "again"]
    assert list(scorer.score(PROBLEM, [])) == []


@pytest.mark.parametrize(
    ("name", "values"), [("length", [4.0, 4.0]), ("self_certainty", [2.5]), ("logprob_per_token", [-1.5])]
)
def test_what_was_not_measured_has_no_score(name: str, values: list[float]) -> None:
    assert [score.value for score in SCORERS[name]().score(PROBLEM, [MEASURED, UNMEASURED])] == values


def test_no_token_no_rate() -> None:
    empty = replace(MEASURED, tokens_out=0)
    assert list(SCORERS["logprob_per_token"]().score(PROBLEM, [empty])) == []
