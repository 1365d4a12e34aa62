"""A real server on loopback that finds texts worth something between 0 and 1, and a process that asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rollmill.ground.ids import digest128
from rollmill.pipelines.generate.direct import DirectSampler
from rollmill.pipelines.generate.http.http_settings import HttpSettings, Server
from rollmill.pipelines.generate.registry import built_engine
from rollmill.pipelines.search.processes.reward_model import RewardProcess
from tests.pipelines.generate.test_reward_model import QUICK, RatingServer


def worth(text: str) -> float:
    """What this server finds a text worth: any number from 0 to 1, the same for the same text."""
    return int(digest128(["worth", text])[:4], 16) / 0xFFFF


class ChanceServer(RatingServer):
    """vLLM's /v1/score with a chance for every text."""

    @staticmethod
    def score(body: dict[str, Any]) -> dict[str, Any]:
        """The reply to one text."""
        return {"data": [{"score": worth(body["text_2"])}], "usage": {"prompt_tokens": 7, "completion_tokens": 0}}


def settings(url: str) -> HttpSettings:
    """Of a server at this place, with little patience."""
    return HttpSettings((Server(url),), **QUICK)


@contextmanager
def rating(url: str, **options: Any) -> Iterator[RewardProcess]:
    """The process, asking a server; nothing is stored."""
    engine = built_engine("reward_model", "toy", {"api": options.get("api", "score")}, http=settings(url), threads=1)
    try:
        yield RewardProcess(model="toy", sampler=DirectSampler(engine), **options)
    finally:
        engine.close()
