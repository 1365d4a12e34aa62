"""`rollmill reward serve`: a reward over HTTP, for trainers in other environments and on other hosts.

A request's items are answered in their order. A full queue answers 429. At a request's deadline the items not judged yet
are `undecided`. Every start has a secret, which the printed address carries; pages of the web are refused. No request, no
secret and no answer is written to any output.
"""

import asyncio
import json
import math
import os
import socket
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError

from rollmill.flows.rewards import shapes
from rollmill.flows.rewards.bodies import BodyReader, Refused
from rollmill.flows.rewards.items import Reward, RewardItem, Text
from rollmill.flows.rewards.judging import QueueFull
from rollmill.flows.rewards.reward import VerifierReward
from rollmill.ground.errors import RollmillError, SetupError
from rollmill.pipelines.processes import connections
from rollmill.pipelines.processes.local_server import brings, foreign, new_secret

USER = "rollmill"
"""Name before the secret in the printed address; nobody reads it."""
MOST_MILLISECONDS = 1e12
"""Longest deadline, 31 years."""
MOST_STEP = 2**63
MOST_WAIT = 60
"""Seconds, at most, after which a refused caller may ask again."""
GRACE = 3
"""Seconds for requests under way at the end."""
SHORTEST_TOKEN = 16
LOOPBACK = ("127.0.0.1", "localhost")
_RECENT = 1_000
_REFUSALS: dict[int | str, Any] = {"default": {"model": dict[str, str], "description": "A refusal and its reason"}}
_COLUMNS = "query, prompts and labels are not three lists of one length"
_MISTAKES = {
    "items": 'the body has no list `items`; {"items": [{"completion": "...", "reference": "..."}]}',
    "deadline_ms": "deadline_ms is not a number of milliseconds",
    **dict.fromkeys(("label", "step"), "label is a text, and step a whole number"),
    **dict.fromkeys(("query", "prompts", "labels"), _COLUMNS),
}
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument", "string_unicode")  # the last: a key with half a character


class JudgeRequest(BaseModel):
    """Items to judge; `label` and `step` are logged."""

    model_config = ConfigDict(strict=True, extra="forbid")
    items: Annotated[list[RewardItem], FailFast()]
    deadline_ms: float | None = Field(None, ge=0, le=MOST_MILLISECONDS)
    label: Text | None = ""
    step: int | None = Field(None, ge=-MOST_STEP, lt=MOST_STEP)


class OpenRlhfRequest(BaseModel):
    """The remote form of OpenRLHF."""

    model_config = ConfigDict(strict=True, extra="forbid")
    query: Annotated[list[Text], FailFast()]
    prompts: Annotated[list[Text], FailFast()]
    labels: list[Any]


def _body(model: type[BaseModel]) -> Any:
    async def bounded(request: Request) -> AsyncIterator[BaseModel]:
        async with request.app.state.bodies.body(request) as body:
            yield model.model_validate(body)

    return Depends(bounded)


@dataclass
class RewardService:
    """State of the server between requests: its reward, its secret and its counts. `remote`: other hosts reach it."""

    reward: VerifierReward
    token: str
    remote: bool = False
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    began: float = field(default_factory=time.monotonic)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.outcomes = Counter("rollmill_rewards", "Rewards given.", ["outcome"], registry=self.registry)
        self.refused = Counter("rollmill_refused", "Requests refused.", ["status"], registry=self.registry)
        waiting = Gauge("rollmill_waiting", "Items that are not judged yet.", registry=self.registry)
        waiting.set_function(lambda: self.reward.judging.waiting)
        recent = f"Seconds of the last {_RECENT:,} requests."
        self.quantiles = Gauge("rollmill_request_seconds", recent, ["quantile"], registry=self.registry)

    async def admit(self, request: Request) -> None:
        """Refused for a page (on loopback also by the host's name: it may rebind its own), without secret or JSON."""
        page = "origin" in request.headers or request.headers.get("sec-fetch-site", "none") != "none"
        why = "origin" if page else "" if self.remote else foreign(request.scope)
        if why:
            raise Refused(403, f"programs ask here at the printed address, and no page ({why})")
        if request.url.path != "/health" and not brings(request.scope, self.token):
            wanted = f"`Bearer SECRET`, nor is the address http://{USER}:SECRET@..."
            raise Refused(401, f"the header Authorization is not {wanted}")
        if request.method == "POST" and not request.headers.get("content-type", "").startswith("application/json"):
            raise Refused(415, "the header Content-Type is not application/json")

    async def rewards(
        self, items: Sequence[RewardItem], deadline: float | None, named: tuple[str, int | None]
    ) -> list[Reward]:
        """The rewards of one request; Refused if the queue is full or an item is none."""
        begun = time.monotonic()
        judging = self.reward.judging
        most = judging.most_waiting
        if most is not None and len(items) > most:
            raise Refused(413, f"{len(items)} items in one request; the queue takes {most} at most (--queue)")
        try:
            pairs = await asyncio.to_thread(self.reward.pairs, items)
            answers = judging.submit(pairs)
        except QueueFull as full:
            raise Refused(429, f"{full}; ask again", self._patience()) from None
        except SetupError as error:
            raise Refused(422, str(error)) from None
        # Equal items share a future: in a set it is waited for once.
        pending = {asyncio.wrap_future(answer) for answer in set(answers) if not answer.done()}
        left = None if deadline is None else max(0.0, deadline - (time.monotonic() - begun))
        for future in pending:
            # Fetches the exception: asyncio prints one that nobody fetched, and no output may hold a request.
            future.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        if pending:
            await asyncio.wait(pending, timeout=left)
        try:
            given = self.reward.rewards(items, pairs, answers, named)
        except RollmillError as error:
            raise Refused(503, str(error)) from None
        for reward in given:
            self.outcomes.labels(reward.outcome).inc()
        self.seconds.append(time.monotonic() - begun)
        return given

    def _patience(self) -> int:
        """Seconds until the waiting items are judged at the rate so far."""
        judging, up = self.reward.judging, max(1e-3, time.monotonic() - self.began)
        # At least 1: before the first verdict the rate is 0.
        rate = max(1.0, judging.judged / up)
        return max(1, min(MOST_WAIT, math.ceil(judging.waiting / rate)))

    async def judge(self, asked: Annotated[JudgeRequest, _body(JudgeRequest)]) -> Response:
        """Rewards in the order of the items."""
        deadline = None if asked.deadline_ms is None else asked.deadline_ms / 1000
        given = await self.rewards(asked.items, deadline, (asked.label or "", asked.step))
        return _json({"rewards": [asdict(reward) for reward in given]})

    async def openrlhf(self, asked: Annotated[OpenRlhfRequest, _body(OpenRlhfRequest)]) -> Response:
        """Rewards as OpenRLHF reads them."""
        if not len(asked.query) == len(asked.prompts) == len(asked.labels):
            raise Refused(422, _COLUMNS)
        try:
            shape = shapes.OpenRlhf(self.reward)
        except SetupError as error:
            raise Refused(422, f"{error.message} Next: rollmill reward serve RECIPE --undecided NUMBER") from None
        items = shape.items(asked.query, asked.prompts, asked.labels)
        return _json(shape.answer(await self.rewards(items, None, ("", None))))

    async def health(self, request: Request) -> Response:
        """Whether the server is well; with the secret also its verifiers, waiting items, log and its fault."""
        log, judging = self.reward.log, self.reward.judging
        state: dict[str, Any] = {"ok": log is None or not log.problem}
        if brings(request.scope, self.token):
            state |= {"verifiers": [" ".join(key) for key in judging.chain], "waiting": judging.waiting}
            state["log"] = None if log is None else {"name": log.name, "problem": log.problem}
        return _json(state, 200 if state["ok"] else 503)

    async def metrics(self) -> Response:
        """Counts in the text format of Prometheus."""
        recent = sorted(self.seconds)
        for quantile in (0.5, 0.99) if recent else ():
            self.quantiles.labels(quantile).set(recent[min(len(recent) - 1, int(quantile * len(recent)))])
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    async def refuse(self, _: Request, error: Exception) -> Response:
        """The answer to a request without rewards."""
        refused = Refused(422, _mistake(error)) if isinstance(error, ValidationError) else error
        assert isinstance(refused, Refused)
        self.refused.labels(refused.status).inc()
        # The connection ends, lest a body follows that nobody reads.
        headers = {"Connection": "close"} if refused.wait is None else {"Retry-After": str(refused.wait)}
        return _json({"detail": refused.detail}, refused.status, headers)


def make_app(service: RewardService) -> FastAPI:
    """The application. Only /health answers without the secret."""
    app = FastAPI(title="Rollmill rewards", docs_url=None, redoc_url=None, openapi_url=None,
                  dependencies=[Depends(service.admit)], responses=_REFUSALS)  # fmt: skip
    app.state.bodies = BodyReader(service.reward.judging.most_waiting)
    for kind in (Refused, ValidationError):
        app.add_exception_handler(kind, service.refuse)
    app.post("/v1/judge", response_model=dict[str, list[Reward]])(service.judge)
    app.post("/openrlhf", response_model=dict[str, Any])(service.openrlhf)
    app.get("/metrics")(service.metrics)
    app.get("/health")(service.health)
    app.head("/health", include_in_schema=False)(service.health)

    @app.get("/openapi.json", include_in_schema=False)
    async def description() -> Response:
        # FastAPI, which would read bodies without bounds, does not know of them.
        given = app.openapi()
        for path, model in (("/v1/judge", JudgeRequest), ("/openrlhf", OpenRlhfRequest)):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            given["components"]["schemas"] |= schema.pop("$defs", {})
            given["paths"][path]["post"]["requestBody"] = {"content": {"application/json": {"schema": schema}}}
        return _json(given)

    return app


def _mistake(error: ValidationError) -> str:
    """Pydantic's first finding in words that name the item and the field; an unknown key may make another one missing."""
    first = min(error.errors(), key=lambda found: found["type"] not in _UNKNOWN)
    kind, given, place = first["type"], first["input"], first["loc"]
    number = next((part for part in place if isinstance(part, int)), None)
    where = "the body" if number is None else f"item {number}"
    name = str(place[2] if len(place) > 2 else place[0] if place else "")
    if kind in _UNKNOWN:
        asked = JudgeRequest if error.title == JudgeRequest.__name__ else OpenRlhfRequest
        known = asked.model_fields if number is None else RewardItem.__match_args__
        key = given if kind == _UNKNOWN[-1] else name
        return f"{where} has the unknown key {key[:40]!r}; known: {', '.join(sorted(known))}"
    if number is None:
        return _MISTAKES.get(name, "the body is not a JSON object")
    wrong = {"missing": f" has no {name}", "dataclass_type": " is not a JSON object"}
    return where + wrong.get(kind, f": {name} is a {type(given).__name__}")


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    # Not JSONResponse: a text with half a character must be written as its escape.
    return Response(json.dumps(value), status, headers, media_type="application/json")


def token_of(variable: str | None, host: str) -> str:
    """The token in a variable of the environment; without a variable a new secret, SetupError if other hosts are to ask."""
    if variable is None:
        if host not in LOOPBACK:
            raise SetupError(
                f"--host {host} is not loopback, and every caller could ask there.",
                choices=LOOPBACK,
                next_command=f"REWARD_TOKEN=... rollmill reward serve RECIPE --host {host} --token-env REWARD_TOKEN",
            )
        return new_secret()
    token = os.environ.get(variable, "")
    if len(token) < SHORTEST_TOKEN:
        have = f"has {len(token)} characters" if token else "is not set"
        raise SetupError(
            f"the variable {variable} {have}; a token has {SHORTEST_TOKEN} at least.",
            next_command=f"export {variable}=$(python -c 'import secrets; print(secrets.token_urlsafe())')",
        )
    return token


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; SetupError if it cannot."""
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise SetupError(
            f"cannot listen on {host}:{port}: {str(error.strerror or error).lower()}.", next_command="--port 0, or another"
        ) from None


def address(listening: socket.socket, token: str = "", host: str = LOOPBACK[0]) -> str:
    """Address of the server, with its secret if it is given."""
    return f"http://{USER + ':' + token + '@' if token else ''}{host}:{listening.getsockname()[1]}"


def run(reward: VerifierReward, token: str, listening: socket.socket, host: str) -> None:
    """Serve until SIGINT or SIGTERM; requests under way get a few seconds."""
    # uvicorn raises the signal again once it has ended in order.
    with suppress(KeyboardInterrupt):
        _server(RewardService(reward, token, host not in LOOPBACK)).run(sockets=[listening])


@contextmanager
def serving(reward: VerifierReward) -> Iterator[str]:
    """Address, with its secret, of a server in a thread of this process, on loopback, for as long as the block runs."""
    with listen(LOOPBACK[0], 0) as listening:
        token = new_secret()
        server = _server(RewardService(reward, token))
        thread = threading.Thread(target=server.run, args=([listening],), name="rollmill-reward-server", daemon=True)
        thread.start()
        try:
            yield address(listening, token)
        finally:
            server.should_exit = True
            thread.join()


def _server(service: RewardService) -> uvicorn.Server:
    options: dict[str, Any] = {"timeout_graceful_shutdown": GRACE, **connections.settings()}
    return uvicorn.Server(
        uvicorn.Config(make_app(service), log_level="error", access_log=False, proxy_headers=False, **options)
    )
