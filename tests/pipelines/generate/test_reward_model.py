"""The scorer `reward_model` and its engine against a real server on loopback that speaks as vLLM documents it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import web

from rollmill.ground.errors import FoundWanting, SetupError
from rollmill.ground.records import Completion, Message, Problem, Score
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.prices import Prices
from rollmill.pipelines.generate.registry import GENERATORS, built_engine
from rollmill.pipelines.generate.reward_model import RewardModel
from rollmill.pipelines.score import group_scores
from rollmill.pipelines.score.reward_model import RewardModelScorer as RewardScorer
from rollmill.roles.protocols import Candidates
from tests.pipelines.generate.http.serving import Serving, status
from tests.pipelines.select.rollouts import rollout

QUICK: dict[str, Any] = {"backoff_seconds": 0.01, "backoff_most": 0.05, "patience": 5.0, "attempts": 3}
PROBLEM = Problem("2 + 2 = ?", "4")
RIGHT = rollout(0, "correct", "2+2\n\nis 4").completion
WRONG = rollout(1, "incorrect", "5").completion


def rated(text: str) -> float:
    """What this server finds a text worth."""
    return round(len(text) / 16, 6)


class RatingServer(Serving):
    """vLLM's /v1/score and /classify, and plain JSON at /v1/judge; `odd`: replies instead of good ones, in turn."""

    def __init__(self, *, odd: tuple[Any, ...] = (), **options: Any) -> None:
        super().__init__(**options)
        self.odd = list(odd)

    async def _open(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/score", self._rate(self.score))
        app.router.add_post("/classify", self._rate(self.classify))
        app.router.add_post("/v1/judge", self._rate(self.judge))
        app.router.add_get("/v1/models", self._models)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return runner

    def _rate(self, reply: Any) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.bodies.append(await request.json())
            if self.odd:
                trick = self.odd.pop(0)
                answer: web.StreamResponse = await trick(request) if callable(trick) else web.json_response(trick)
                return answer
            return web.json_response(reply(self.bodies[-1]))

        return handle

    @staticmethod
    def score(body: dict[str, Any]) -> dict[str, Any]:
        usage = {"prompt_tokens": 7, "total_tokens": 7, "completion_tokens": 0}
        item = {"index": 0, "object": "score", "score": rated(body["text_2"])}
        return {"id": "score-1", "object": "list", "model": body["model"], "data": [item], "usage": usage}

    @staticmethod
    def classify(body: dict[str, Any]) -> dict[str, Any]:
        text = body["input"] if "input" in body else body["messages"][-1]["content"]
        chance = rated(text)
        item = {"index": 0, "label": "good" if chance > 0.5 else "bad", "probs": [1 - chance, chance], "num_classes": 2}
        return {"object": "list", "model": body["model"], "data": [item], "usage": {"prompt_tokens": 5}}

    @staticmethod
    def judge(body: dict[str, Any]) -> dict[str, Any]:
        lines = [line for line in body["completion"].splitlines() if line.strip()]
        return {"result": {"rewards": [rated(line) for line in lines], "reward": rated(body["completion"])}}


@contextmanager
def scorer(server: Serving, *, http: Any = (), **options: Any) -> Iterator[RewardScorer]:
    settings = HttpSettings((Server(server.url),), **{**QUICK, **dict(http)})
    made = RewardScorer(model="toy", **options)
    engine = built_engine("reward_model", "toy", made.engine_options or {}, http=settings, threads=1)
    made.sampler = DirectSampler(engine)
    try:
        yield made
    finally:
        engine.close()


def scores(made: RewardScorer, *completions: Completion, problem: Problem = PROBLEM) -> list[Score]:
    return list(group_scores(made, [Candidates(problem, completions)]))


def test_vllms_score_is_asked_for_the_pair_of_problem_and_answer() -> None:
    with RatingServer() as server, scorer(server, http={"prices": Prices(1.0, 2.0, per=1)}) as made:
        found = scores(made, RIGHT, WRONG)
        assert [(one.completion_id, one.value, one.steps) for one in found] == [
            ("c000", 9 / 16, None),
            ("c001", 1 / 16, None),
        ]
        assert {"model": "toy", "text_1": "2 + 2 = ?", "text_2": "5"} in server.bodies
        assert [one.cost for one in found] == [7.0, 7.0]
        assert all(one.seconds is not None and one.seconds > 0 for one in found)
        assert found[0].version.startswith("1 engine=reward_model model=")


@pytest.mark.parametrize(
    ("options", "sent", "value"),
    [
        ({}, {"messages": [{"role": "user", "content": "2 + 2 = ?"}, {"role": "assistant", "content": "5"}]}, 1 / 16),
        ({"label": 0}, None, 15 / 16),
        ({"label": "bad"}, None, 15 / 16),
        ({"label": "good"}, None, 1 / 16),
        ({"template": "{answer}|{problem}"}, {"input": "5|2 + 2 = ?"}, 11 / 16),
        ({"extra": {"use_activation": False}}, {"use_activation": False}, 1 / 16),
    ],
)
def test_vllms_classify_gives_the_probability_of_a_label(options: Any, sent: Any, value: float) -> None:
    with RatingServer() as server, scorer(server, api="classify", **options) as made:
        assert [one.value for one in scores(made, WRONG)] == [pytest.approx(value, abs=1e-12)]
        assert sent is None or server.bodies[0].items() >= sent.items()


def test_plain_json_gives_a_number_or_one_for_each_line() -> None:
    with RatingServer() as server, scorer(server, api="json", path="judge", key="result.reward") as made:
        assert [one.value for one in scores(made, RIGHT)] == [9 / 16]
        assert server.bodies[0]["completion"] == RIGHT.text
    for reduce, value in (("last", 4 / 16), ("min", 3 / 16), ("mean", 3.5 / 16), ("product", 12 / 256)):
        with (
            RatingServer() as server,
            scorer(server, api="json", path="judge", key="result.rewards", reduce=reduce) as made,
        ):
            [one] = scores(made, RIGHT)
            assert one.value == pytest.approx(value, abs=1e-6)
            assert one.steps == (3 / 16, 4 / 16)


def test_lines_are_rated_as_beginnings_of_the_solution() -> None:
    with RatingServer() as server, scorer(server, by_lines=True, reduce="min") as made:
        [one] = scores(made, RIGHT)
        assert (one.value, one.steps) == (3 / 16, (3 / 16, 9 / 16))
        assert sorted(body["text_2"] for body in server.bodies) == ["2+2", "2+2\n\nis 4"]


def test_a_conversation_is_sent_with_its_turns() -> None:
    turns = Problem((Message("system", "Be brief."), Message("user", "2 + 2 = ?")), "4")
    with RatingServer() as server, scorer(server, api="classify") as made:
        scores(made, WRONG, problem=turns)
        assert [turn["role"] for turn in server.bodies[0]["messages"]] == ["system", "user", "assistant"]


def test_odd_replies_are_tried_again_and_a_server_that_gives_no_number_is_said() -> None:
    odd: tuple[dict[str, Any], ...] = ({"data": []}, {"data": [{"score": float("inf")}]})
    with RatingServer(odd=odd) as server, scorer(server) as made:
        assert [one.value for one in scores(made, WRONG)] == [1 / 16]
        assert len(server.bodies) == 3
    with (
        RatingServer(odd=({"data": [{"score": "high"}]},) * 3) as server,
        scorer(server) as made,
        pytest.raises(SetupError, match="no finite number where one belongs"),
    ):
        scores(made, WRONG)


def test_a_text_that_the_model_has_no_room_for_gets_no_score() -> None:
    refusal = status(400, json.dumps({"error": {"message": "maximum context length is 8 tokens"}}))
    with RatingServer(odd=(refusal,)) as server, scorer(server) as made:
        assert scores(made, WRONG) == []


def test_a_server_that_is_not_there_is_told_in_one_line() -> None:
    with RatingServer() as server:
        url = server.url
    made = RewardScorer(model="toy")
    settings = HttpSettings((Server(url),), **{**QUICK, "patience": 0.3})
    engine = built_engine("reward_model", "toy", made.engine_options or {}, http=settings)
    made.sampler = DirectSampler(engine)
    with pytest.raises((SetupError, FoundWanting)):
        scores(made, WRONG)
    engine.close()


def test_it_is_no_engine_to_draw_with_and_its_options_are_checked() -> None:
    assert "reward_model" not in GENERATORS
    for options in ({"api": "chat"}, {"template": "{answer}"}, {"extra": {"text_1": "x"}}):
        with pytest.raises(SetupError):
            RewardModel(model="toy", **options)
    with pytest.raises(SetupError, match="unknown reduce 'max' of scorer 'reward_model'"):
        RewardScorer(model="toy", reduce="max")
    digests = {RewardModel(model="toy", label=label).model_digest for label in (None, 0, 1)}
    assert len(digests) == 3
