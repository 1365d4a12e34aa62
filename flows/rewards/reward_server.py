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
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from rollmill.flows.rewards import shapes
from rollmill.flows.rewards.bodies import BodyReader, Refused
from rollmill.flows.rewards.items import Reward, RewardItem
from rollmill.flows.rewards.judging import QueueFull
from rollmill.flows.rewards.reward import VerifierReward
from rollmill.pipelines.processes.local_server import brings, foreign, new_secret
from rollmill.storage.ground.errors import RollmillError, SetupError

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI, Request, Response

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
_ITEM = {"completion": (str, list), "reference": (str, int, float, type(None)), "problem_id": (str, type(None)),
         "kind": (str,), "prompt": (str, list, type(None)), "truncated": (bool,)}  # fmt: skip


@dataclass
class RewardService:
    """State of the server between requests: its reward, its secret and its counts. `remote`: other hosts reach it."""

    reward: VerifierReward
    token: str
    remote: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)
    refused: Counter[int] = field(default_factory=Counter)
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=_RECENT))
    began: float = field(default_factory=time.monotonic)

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
        if pending:
            done, late = await asyncio.wait(pending, timeout=left)
            for future in (*done, *late):
                # Fetches the exception: asyncio prints one that nobody fetched, and no output may hold a request.
                future.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            given = self.reward.rewards(items, pairs, answers, named)
        except RollmillError as error:
            raise Refused(503, str(error)) from None
        self.outcomes.update(reward.outcome for reward in given)
        self.seconds.append(time.monotonic() - begun)
        return given

    def _patience(self) -> int:
        """Seconds until the waiting items are judged at the rate so far."""
        judging, up = self.reward.judging, max(1e-3, time.monotonic() - self.began)
        # At least 1: before the first verdict the rate is 0.
        rate = max(1.0, judging.judged / up)
        return max(1, min(MOST_WAIT, math.ceil(judging.waiting / rate)))

    def health(self, *, whole: bool) -> dict[str, Any]:
        """State of the server: verifiers, waiting items, log and its fault; only whether it is well, if not `whole`."""
        log = self.reward.log
        if not whole:
            return {"ok": log is None or not log.problem}
        return {
            "ok": log is None or not log.problem,
            "verifiers": [" ".join(key) for key in self.reward.judging.chain],
            "waiting": self.reward.judging.waiting,
            "log": None if log is None else {"name": log.name, "problem": log.problem},
        }

    def metrics(self) -> str:
        """Counts in the text format of Prometheus."""
        recent = sorted(self.seconds)
        lines = [f'rollmill_rewards_total{{outcome="{name}"}} {count}' for name, count in sorted(self.outcomes.items())]
        lines += [f'rollmill_refused_total{{status="{status}"}} {count}' for status, count in sorted(self.refused.items())]
        lines.append(f"rollmill_waiting {self.reward.judging.waiting}")
        for quantile in (0.5, 0.99) if recent else ():
            value = recent[min(len(recent) - 1, int(quantile * len(recent)))]
            lines.append(f'rollmill_request_seconds{{quantile="{quantile}"}} {value:.6f}')
        return "\n".join(lines) + "\n"


def make_app(service: RewardService) -> "FastAPI":
    """The application. Only /health answers without the secret."""
    from fastapi import FastAPI, Request, Response

    app = FastAPI(title="Rollmill rewards", docs_url=None, redoc_url=None, openapi_url=None)
    bodies = BodyReader(service.reward.judging.most_waiting)

    def answering(work: Callable[[Any], Awaitable[dict[str, Any]]]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                _admit(request, service)
                async with bodies.body(request) as body:
                    given = json.dumps(await work(body))
                return Response(given, media_type="application/json")
            except Refused as refused:
                return _refusal(service, refused)

        return answer

    async def metrics(request: Request) -> Response:
        try:
            _admit(request, service)
        except Refused as refused:
            return _refusal(service, refused)
        return Response(service.metrics(), media_type="text/plain; version=0.0.4")

    async def health(request: Request) -> Response:
        try:
            _refuse_pages(request, service)
        except Refused as refused:
            return _refusal(service, refused)
        state = service.health(whole=brings(request.scope, service.token))
        return Response(json.dumps(state), 200 if state["ok"] else 503, media_type="application/json")

    app.add_route("/v1/judge", answering(lambda body: judge(service, body)), methods=["POST"])
    app.add_route("/openrlhf", answering(lambda body: openrlhf(service, body)), methods=["POST"])
    app.add_route("/metrics", metrics, methods=["GET"])
    app.add_route("/health", health, methods=["GET"])
    return app


def _refusal(service: RewardService, refused: Refused) -> "Response":
    from fastapi import Response

    service.refused[refused.status] += 1
    # The connection ends, lest a body follows that nobody reads.
    headers = {"Connection": "close"} if refused.wait is None else {"Retry-After": str(refused.wait)}
    return Response(json.dumps({"detail": refused.detail}), refused.status, headers, media_type="application/json")


async def judge(service: RewardService, body: Any) -> dict[str, Any]:
    """`{items, deadline_ms, label, step}` to `{rewards}`, in the order of the items."""
    given = _keys(body, {"items", "deadline_ms", "label", "step"}, "the body")
    items = given.get("items")
    if not isinstance(items, list):
        raise Refused(422, 'the body has no list `items`; {"items": [{"completion": "...", "reference": "..."}]}')
    deadline, label, step = given.get("deadline_ms"), given.get("label") or "", given.get("step")
    # Two comparisons refuse NaN and infinity too, which json.loads reads.
    if deadline is not None and (type(deadline) not in (int, float) or not 0 <= deadline <= MOST_MILLISECONDS):
        raise Refused(422, "deadline_ms is not a number of milliseconds")
    if not isinstance(label, str) or (step is not None and (type(step) is not int or not -MOST_STEP <= step < MOST_STEP)):
        raise Refused(422, "label is a text, and step a whole number")
    asked = [_item(item, place) for place, item in enumerate(items)]
    rewards = await service.rewards(asked, None if deadline is None else deadline / 1000, (label, step))
    return {"rewards": [asdict(reward) for reward in rewards]}


async def openrlhf(service: RewardService, body: Any) -> dict[str, Any]:
    """The remote form of OpenRLHF: `{query, prompts, labels}` to `{rewards, scores, extra_logs}`."""
    given = _keys(body, {"query", "prompts", "labels"}, "the body")
    columns = [given.get(name) for name in ("query", "prompts", "labels")]
    if not all(isinstance(column, list) for column in columns) or len({len(column or ()) for column in columns}) != 1:
        raise Refused(422, "query, prompts and labels are not three lists of one length")
    if not all(isinstance(text, str) for column in columns[:2] for text in column or ()):
        raise Refused(422, "query and prompts are lists of texts")
    try:
        shape = shapes.OpenRlhf(service.reward)
    except SetupError as error:
        raise Refused(422, f"{error.message} Next: rollmill reward serve RECIPE --undecided NUMBER") from None
    items = shape.items(*columns)  # type: ignore[arg-type]
    return shape.answer(await service.rewards(items, None, ("", None)))


def _item(given: Any, place: int) -> RewardItem:
    """An item of a request; Refused names its place and its mistake."""
    values = _keys(given, set(_ITEM), f"item {place}")
    if "completion" not in values:
        raise Refused(422, f"item {place} has no completion")
    for name, value in values.items():
        # A bool is an int in Python, and `true` is no reference.
        if not isinstance(value, _ITEM[name]) or (isinstance(value, bool) and name != "truncated"):
            raise Refused(422, f"item {place}: {name} is a {type(value).__name__}")
    return RewardItem(**values)


def _keys(given: Any, known: set[str], where: str) -> Mapping[str, Any]:
    if not isinstance(given, dict):
        raise Refused(422, f"{where} is not a JSON object")
    for name in given:
        if name not in known:
            raise Refused(422, f"{where} has the unknown key {name[:40]!r}; known: {', '.join(sorted(known))}")
    return given


def _refuse_pages(request: "Request", service: RewardService) -> None:
    """Refused for a page of the web, and on loopback for another host's name: a page may rebind its own to 127.0.0.1."""
    page = "origin" in request.headers or request.headers.get("sec-fetch-site", "none") != "none"
    why = "origin" if page else "" if service.remote else foreign(request.scope)
    if why:
        raise Refused(403, f"programs ask here at the printed address, and no page ({why})")


def _admit(request: "Request", service: RewardService) -> None:
    """Refused for a page, a caller without the secret, and a body that is not announced as JSON."""
    _refuse_pages(request, service)
    if not brings(request.scope, service.token):
        raise Refused(401, f"the header Authorization is not `Bearer SECRET`, nor is the address http://{USER}:SECRET@...")
    if request.method == "POST" and not request.headers.get("content-type", "").startswith("application/json"):
        raise Refused(415, "the header Content-Type is not application/json")


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


def _server(service: RewardService) -> "uvicorn.Server":
    import uvicorn

    from rollmill.pipelines.processes import connections

    return uvicorn.Server(
        uvicorn.Config(
            make_app(service),
            log_level="error",
            access_log=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE,
            **connections.settings(),
        )
    )
