"""`rollmill.reward` as a trainer's process uses it: values of outcomes, threads, limits, deadlines, forks, TRL's call."""

import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import rollmill
from rollmill import RewardItem, SetupError
from rollmill.ground.records import Message, Problem
from rollmill.pipelines.certify.votes_suite import DEFAULTS
from rollmill.storage.segments.keys import SegmentKey
from rollmill.storage.workspace import Workspace
from tests.flows.rewards import toys

ROOT = Path(__file__).resolve().parents[3]
TOYS = "tests.flows.rewards.toys"
RIGHT, WRONG, EMPTY = RewardItem("4", "4"), RewardItem("5", "4"), RewardItem("", "4")


@pytest.fixture(autouse=True)
def _uncounted() -> Iterator[None]:
    toys.CALLS.clear()
    yield
    toys.CALLS.clear()


def toy(name: str, **options: Any) -> Any:
    return rollmill.reward(f"{TOYS}:{name}", **options)


def test_the_verifiers_of_a_recipe_reward_texts_and_turns() -> None:
    answered = [{"role": "assistant", "content": "so 1 + 1\n#### 2"}]
    items = [
        RewardItem("The answer is 0.5", "1/2"),
        RewardItem(answered, 2),
        RewardItem("#### 3", "2"),
        RewardItem("", "2"),
    ]
    with rollmill.reward(ROOT / "recipes" / "arithmetic.yaml") as reward:
        judged = reward.judge(items)
    assert [(one.value, one.outcome, one.verifier) for one in judged] == [
        (1.0, "correct", "number"), (1.0, "correct", "number"), (0.0, "incorrect", "number"), (0.0, "unparsed", "number")
    ]  # fmt: skip
    assert judged[0].extracted == "0.5"
    assert judged[0].rule == "phrase:equal"
    assert judged[3].cause == "no final answer found"


def test_an_outcome_has_the_value_that_it_was_given() -> None:
    with toy("Plain", correct=2.0, incorrect=-1.0, unparsed=-2.0) as reward:
        assert [one.value for one in reward.judge([RIGHT, WRONG, EMPTY])] == [2.0, -1.0, -2.0]
    with toy("Shares", partial=True) as reward:
        assert reward.judge([WRONG])[0].value == 0.25
    with toy("Shares") as reward:
        assert reward.judge([WRONG])[0].value == 0.0
    with toy("Plain", truncated=None) as reward:
        cut = reward.judge([RewardItem("4", "4", truncated=True), RIGHT])
    assert [(one.value, one.outcome) for one in cut] == [(None, "correct"), (1.0, "correct")]


def test_undecided_is_no_reward_and_becomes_one_only_where_it_is_named() -> None:
    with toy("Never") as reward:
        [judged] = reward.judge([RIGHT])
        assert (judged.value, judged.outcome, judged.cause) == (None, "undecided", "memory_limit")
        assert toys.CALLS == ["4", "4"]  # once more, alone
    with toy("Never", undecided=0.5) as reward:
        assert reward.judge([RIGHT])[0].value == 0.5


def test_what_lacked_resources_is_asked_once_more_alone() -> None:
    with toy("Tired", workers=1) as reward:
        assert [one.outcome for one in reward.judge([RIGHT, WRONG])] == ["correct", "incorrect"]


def test_a_text_that_a_verifier_raises_on_is_undecided_and_spoils_no_other() -> None:
    with toy("Raising") as reward:
        judged = reward.judge([RewardItem("bad", "4"), RIGHT])
    assert [(one.value, one.outcome) for one in judged] == [(None, "undecided"), (1.0, "correct")]
    assert judged[0].cause == "verifier crash: ValueError: bad text"


def test_a_verifier_that_raises_on_every_text_is_the_users_to_mend() -> None:
    with toy("Raising", workers=1) as reward, pytest.raises(SetupError, match="raised on every one of 9 rows"):
        reward.judge([RewardItem(f"bad {number}", "4") for number in range(9)])


def test_equal_texts_of_a_problem_are_judged_once() -> None:
    with toy("Plain") as reward:
        reward.judge([RIGHT, RIGHT, RewardItem("4", "5")])
        reward.judge([RIGHT])
    assert sorted(toys.CALLS) == ["4", "4"]


def test_eight_threads_get_the_verdicts_of_one() -> None:
    items = [RewardItem(f"#### {number % 50}", str(number % 7)) for number in range(400)]
    with rollmill.reward("number", workers=1) as reward:
        alone = [one.outcome for one in reward.judge(items)]
    with rollmill.reward("number", workers=4) as reward, ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda _: [one.outcome for one in reward.judge(items)], range(8)))
    assert alone.count("correct") == 14  # 0 to 6, and 350 to 356
    assert together == [alone] * 8


def test_a_formula_that_takes_for_ever_ends_at_its_cpu_limit_off_the_main_thread() -> None:
    hard = RewardItem(r"\boxed{\sum_{k=1}^{10^{10}} \sin k}", r"\sin 7 + \sum_{k=1}^{3} k")
    with rollmill.reward("math") as reward, ThreadPoolExecutor(2) as threads:
        [[slow], [quick]] = threads.map(reward.judge, ([hard], [RewardItem(r"\boxed{x^2+x}", "x(x+1)")]))
    assert slow.outcome in ("undecided", "incorrect")
    assert slow.value == (None if slow.outcome == "undecided" else 0.0)
    assert quick.value == 1.0


def test_a_deadline_is_no_verdict_and_the_answer_is_there_later() -> None:
    with toy("Slow") as reward:
        [late] = reward.judge([RIGHT], deadline=0.01)
        assert (late.value, late.outcome, late.cause, late.verifier) == (None, "undecided", "deadline", "slow")
        assert reward.judge([RIGHT])[0].value == 1.0
    assert toys.CALLS == ["4"]


def test_a_forked_child_and_a_copy_in_another_process_judge_with_threads_of_their_own() -> None:
    with toy("Plain", undecided=0.5) as reward:
        assert reward.judge([RIGHT])[0].value == 1.0
        child = os.fork()
        if child == 0:
            os._exit(7 if [one.value for one in reward.judge([WRONG])] == [0.0] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        with pickle.loads(pickle.dumps(reward)) as copy:
            assert copy.values.undecided == 0.5
            assert copy.judge([RIGHT])[0].value == 1.0


def test_a_stored_problem_is_found_by_its_id_with_all_that_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem((Message("user", "Two?"),), "2", kind="word", tests=("t",))
    with Workspace.init(tmp_path) as workspace:
        workspace.segments.commit(SegmentKey("problems", "t", "1", "a"), [problem])
    monkeypatch.chdir(tmp_path)
    with toy("Reads") as reward:
        given = reward.judge(
            [RewardItem("2", problem_id=problem.id), RewardItem("2", "2", problem_id="unknown", prompt="?")]
        )
        assert given[0].extracted == "word (Message(role='user', content='Two?', kind='text', name=None),) stop []"
        assert given[1].extracted == "math '?' stop []"
        with pytest.raises(SetupError, match=r"item 0 has the reference '3', and problem \w+ is stored with '2'"):
            reward.judge([RewardItem("2", "3", problem_id=problem.id)])
        with pytest.raises(SetupError, match=r"item 0 has the reference 'None' and a problem_id .* not stored here"):
            reward.judge([RewardItem("2", problem_id="unknown")])


def test_the_exported_tests_of_a_stored_problem_are_its_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem("Two?", "", kind="code", tests=("assert f() == 2",))
    with Workspace.init(tmp_path) as workspace:
        workspace.segments.commit(SegmentKey("problems", "t", "1", "a"), [problem])
    monkeypatch.chdir(tmp_path)
    with toy("Reads") as reward:
        told = [RewardItem("2", given, problem_id=problem.id) for given in (None, "", '["assert f() == 2"]')]
        assert [one.extracted for one in reward.judge(told)] == ["code 'Two?' stop []"] * 3
        with pytest.raises(SetupError, match="item 0 has the reference"):
            reward.judge([RewardItem("2", '["assert f() == 3"]', problem_id=problem.id)])


def test_trl_calls_the_reward_with_columns_and_gets_none_for_undecided() -> None:
    told: dict[str, Any] = {}
    with toy("Raising") as reward:
        values = reward(
            prompts=[[{"role": "user", "content": "2 + 2?"}]] * 3,
            completions=[[{"role": "assistant", "content": text}] for text in ("4", "5", "bad")],
            completion_ids=[[1], [2], [3]],
            trainer_state=None,
            log_extra=told.__setitem__,
            log_metric=told.__setitem__,
            reference=["4", "4", "4"],
            level=[1, 1, 1],
        )
        assert reward.__name__ == "rollmill"
    assert values == [1.0, 0.0, None]
    assert told == {"outcome": ["correct", "incorrect", "undecided"], "undecided": 1 / 3}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rollmill.reward("mth"), "unknown verifier 'mth'. Did you mean 'math'"),
        (lambda: rollmill.reward("nowhere.yaml"), "cannot read .*nowhere.yaml"),
        (lambda: rollmill.reward("votes", options=DEFAULTS), "judges by votes over all completions"),
        (lambda: rollmill.reward("math", undecided="0"), "undecided='0' is not a reward"),  # type: ignore[arg-type]
        (lambda: rollmill.reward("math", truncated="cut"), "truncated='cut' is not a reward"),  # type: ignore[arg-type]
        (lambda: rollmill.reward("math", correct=float("nan")), "correct=nan is not a reward"),
        (lambda: rollmill.reward("math", options={"nope": 1}), "unknown option 'nope' of verifier 'math'"),
        (lambda: toy("Plain").judge([RewardItem(None, "4")]), "the completion of item 0 is None"),  # type: ignore[arg-type]
        (lambda: toy("Plain").judge([RewardItem([{"a": 1}], "4")]), "the completion of item 0: a turn has no role"),
        (lambda: toy("Plain").judge([RewardItem("4", ["4"])]), r"item 0 has the reference \"\['4'\]\""),  # type: ignore[arg-type]
    ],
)
def test_a_mistake_names_its_value(make: Any, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        make()
