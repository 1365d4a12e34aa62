"""The process `reward_model` against a real server on loopback."""

import math

import pytest

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.records import Problem
from rollmill.pipelines.search.partial import Partial
from rollmill.pipelines.search.processes.reward_model import RewardProcess
from tests.pipelines.generate.http.serving import status
from tests.pipelines.generate.test_reward_model import RatingServer, rated
from tests.pipelines.search.rating import ChanceServer, rating, worth

PROBLEM = Problem("2 + 2 = ?", "4")
TEXTS = [Partial("2 + 2", False, 3), Partial("2 + 2 = 4", True, 5), Partial("2 + 2", False, 3), Partial(" \n", False, 1)]


def test_a_begun_answer_is_worth_what_the_server_says_of_it_and_equal_texts_are_asked_once() -> None:
    with ChanceServer() as server, rating(server.url) as process:
        assert list(process.scores(PROBLEM, TEXTS)) == [worth("2 + 2"), worth("2 + 2 = 4"), worth("2 + 2"), 0.5]
        assert sorted(body["text_2"] for body in server.bodies) == ["2 + 2", "2 + 2 = 4"]
        assert {body["text_1"] for body in server.bodies} == {"2 + 2 = ?"}
        assert list(process.scores(PROBLEM, [])) == []


def test_log_odds_become_chances_and_other_numbers_are_no_chances() -> None:
    long = Partial("2 + 2 is the same as 4", False, 9)
    with RatingServer() as server:
        with rating(server.url, scale="logistic") as process:
            number = rated(long.text)
            assert list(process.scores(PROBLEM, [long])) == [pytest.approx(1 / (1 + math.exp(-number)), abs=1e-12)]
        with rating(server.url) as process, pytest.raises(FoundWanting, match=r"gave 1\.375, which is not a probability"):
            process.scores(PROBLEM, [long])


def test_a_text_that_the_server_has_no_room_for_is_worth_one_half() -> None:
    too_long = status(400, '{"error": {"message": "maximum context length is 4 tokens"}}')
    with ChanceServer(odd=(too_long,)) as server, rating(server.url) as process:
        assert list(process.scores(PROBLEM, TEXTS[:1])) == [0.5]


def test_a_server_that_fails_ends_the_search_and_senseless_options_are_named() -> None:
    failing = ChanceServer(odd=(status(500),) * 9)
    with failing, rating(failing.url) as process, pytest.raises(SetupError, match="failed 3 times"):
        process.scores(PROBLEM, TEXTS[:1])
    with pytest.raises(SetupError, match="scale 'log' of process 'reward_model'"):
        RewardProcess(model="toy", scale="log")
    with pytest.raises(SetupError, match="reduce 'max' of scorer 'reward_model'"):
        RewardProcess(model="toy", reduce="max")
    with pytest.raises(SetupError, match="outside a run it is given none"):
        RewardProcess(model="toy").scores(PROBLEM, TEXTS[:1])
