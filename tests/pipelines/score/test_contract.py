"""What every scorer must do, and the literal values of those that ask no model."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Verdict
from rollmill.pipelines.score import SCORERS, group_scores, needs_of
from rollmill.roles.blind_pool import REFERENCED
from rollmill.roles.protocols import Candidates, GroupScorer, Scorer, Vote
from tests.pipelines.select.rollouts import PROBLEM, rollout

MEASURED = replace(
    rollout(0, "correct", "so 4").completion,
    logprob_sum=-6.0,
    tokens_out=4,
    self_certainty=2.5,
    meta={"reward": 0.75, "log_weight": 0.0, "decode": {"target_calls": 3, "verified": 2, "accepted": 1, "optimum": 1.5}},
)
UNMEASURED = rollout(1, "incorrect", "five").completion
AGAIN = replace(MEASURED, id="again")


def vote(correct: int, incorrect: int, failed: int = 0) -> Verdict:
    evidence = json.dumps({"correct": correct, "incorrect": incorrect, "failed": failed})
    return Verdict("c", "p", "judge", "1", "correct", "majority", evidence=evidence)


GROUP = Candidates(
    PROBLEM,
    [MEASURED, UNMEASURED, AGAIN],
    ("4", None, "4"),
    ({"judge": vote(3, 1)}, {"number": vote(1, 1)}, {"judge": vote(0, 2, 2)}),
    votes=(
        [Vote("grade", {"score": "4"}), Vote("grade", {"score": "5"}), Vote("grade", {}), Vote("other", {"score": "1"})],
        [Vote("grade", {"score": "no number"})],
        [Vote("grade", {"score": "2.5", "said": "right"}), Vote("pick", {"best": "2"}, place=2, of=3)],
    ),
)
PLAIN: dict[str, tuple[Callable[[], Scorer | GroupScorer], list[tuple[str, float]]]] = {
    "length": (SCORERS["length"], [("c000", 4.0), ("c001", 4.0), ("again", 4.0)]),
    "self_certainty": (SCORERS["self_certainty"], [("c000", 2.5), ("again", 2.5)]),
    "logprob_per_token": (SCORERS["logprob_per_token"], [("c000", -1.5), ("again", -1.5)]),
    "logprob_sum": (SCORERS["logprob_sum"], [("c000", -6.0), ("again", -6.0)]),
    "answer_agreement": (SCORERS["answer_agreement"], [("c000", 2 / 3), ("again", 2 / 3)]),
    "judge_votes": (SCORERS["judge_votes"], [("c000", 0.75), ("again", 0.0)]),
    "votes": (lambda: SCORERS["votes"](of="grade.score"), [("c000", 4.5), ("again", 2.5)]),
    "text_weight": (SCORERS["text_weight"], [("c000", 1.0), ("again", 1.0)]),
    "calls_per_token": (SCORERS["calls_per_token"], [("c000", 0.75), ("again", 0.75)]),
    "draft_acceptance": (SCORERS["draft_acceptance"], [("c000", 0.5), ("again", 0.5)]),
    "draft_optimum": (SCORERS["draft_optimum"], [("c000", 0.75), ("again", 0.75)]),
    "imported": (lambda: SCORERS["imported"](key="reward"), [("c000", 0.75), ("again", 0.75)]),
}


@pytest.mark.parametrize("name", ["calls_per_token", "draft_acceptance", "draft_optimum"])
def test_a_cost_that_depends_on_the_order_of_drawing_is_no_score(name: str) -> None:
    meta = {**MEASURED.meta, "decode": {**MEASURED.meta["decode"], "by_order": 1}}
    group = Candidates(PROBLEM, [replace(MEASURED, meta=meta), MEASURED])
    assert [score.value for score in group_scores(SCORERS[name](), [group])] == [PLAIN[name][1][0][1]]


@pytest.mark.parametrize("name", sorted(PLAIN))
def test_scores_carry_their_maker_and_stay_in_order(name: str) -> None:
    scorer = PLAIN[name][0]()
    scores = list(group_scores(scorer, [GROUP]))
    assert [(score.completion_id, score.value) for score in scores] == PLAIN[name][1]
    assert {(score.scorer, score.version, score.problem_id) for score in scores} == {(name, scorer.version, PROBLEM.id)}
    assert list(group_scores(scorer, [])) == []


def test_votes_choose_from_a_group_or_say_a_word_and_too_few_of_them_say_nothing() -> None:
    def scored(**options: Any) -> list[tuple[str, float]]:
        return [(score.completion_id, score.value) for score in group_scores(SCORERS["votes"](**options), [group])]

    places = [Vote("pick", {"best": said}, place=1, of=3) for said in ("1", "1", "3", "9", "none")]
    words = [Vote("critic", {"said": said}) for said in ("ok", "fine", "wrong")]
    group = replace(GROUP, votes=(places, words, places[:1]))
    assert scored(of="pick.best") == [("c000", 2 / 3), ("again", 1.0)]  # a number that names none of the group is no vote
    assert scored(of="pick.best", readable=2) == [("c000", 2 / 3)]
    assert scored(of="critic.said", says=["ok", "fine"]) == [("c001", 2 / 3)]
    assert SCORERS["votes"](of="grade.score", referenced=True).name in REFERENCED
    with pytest.raises(SetupError, match=r"of is 'grade'.*STEP\.FIELD"):
        SCORERS["votes"](of="grade")


def test_those_that_rest_on_a_reference_are_named_and_exist() -> None:
    assert SCORERS.keys() | {"label_votes"} >= REFERENCED  # what `votes` is called where its step sees labels
    assert not REFERENCED & {name for name, (make, _) in PLAIN.items() if not needs_of(make())}


def test_no_token_no_rate() -> None:
    empty = replace(MEASURED, tokens_out=0)
    assert list(group_scores(SCORERS["logprob_per_token"](), [Candidates(PROBLEM, [empty])])) == []


@pytest.mark.parametrize(
    ("meta", "key", "value", "steps"),
    [
        ({"scores": {"reward": 2}}, "scores.reward", 2.0, None),
        ({"prm": [0.25, 0.5]}, "prm", 0.5, (0.25, 0.5)),
        ({"reward": "high"}, "reward", None, None),
        ({"reward": True}, "reward", None, None),
        ({"reward": [0.5, "x"]}, "reward", None, None),
        ({"reward": []}, "reward", None, None),
        ({"reward": 1.0}, "scores.reward", None, None),
    ],
)
def test_an_imported_number_is_a_number_or_no_score(meta: dict[str, Any], key: str, value: Any, steps: Any) -> None:
    scores = list(group_scores(SCORERS["imported"](key=key), [Candidates(PROBLEM, [replace(MEASURED, meta=meta)])]))
    assert [(score.value, score.steps) for score in scores] == ([] if value is None else [(value, steps)])


def test_agreement_counts_rollouts_without_an_answer_in_n() -> None:
    answers = ("1", "2", "1", None, "1", "2", None, "3")
    group = Candidates(PROBLEM, [replace(MEASURED, id=str(place)) for place in range(8)], answers)
    values = {score.completion_id: score.value for score in group_scores(SCORERS["answer_agreement"](), [group])}
    assert values == {"0": 3 / 8, "2": 3 / 8, "4": 3 / 8, "1": 2 / 8, "5": 2 / 8, "7": 1 / 8}


def test_votes_that_nobody_could_read_are_no_score() -> None:
    torn = Verdict("c", "p", "judge", "1", "undecided", "failures", evidence="{")
    groups = [Candidates(PROBLEM, [MEASURED, AGAIN], (), ({"judge": vote(0, 0, 4)}, {"judge": torn}))]
    assert list(group_scores(SCORERS["judge_votes"](), groups)) == []


def test_a_judge_that_the_run_does_not_have_is_named() -> None:
    groups = [Candidates(PROBLEM, [MEASURED], (), ({"number": vote(1, 1)},))]
    with pytest.raises(SetupError, match="judged by no verifier 'judge'"):
        list(group_scores(SCORERS["judge_votes"](), groups))
