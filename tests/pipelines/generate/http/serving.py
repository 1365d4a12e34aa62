"""A real OpenAI-compatible server on loopback, in a thread or as a process; texts are a pure function of prompt and seed.

Misbehaviour is a script: `script(number, body)` gives for the number-th request either None (answer well) or one of the
tricks below. As a process:
python -m tests.pipelines.generate.http.serving [ADDRESS:]PORT LOG [DELAY] [FIRST:LAST:TRICK[:ARGUMENT]]
"""

import asyncio
import json
import os
import re
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from aiohttp import web

Trick = Callable[[web.Request], Any]
Script = Callable[[int, dict[str, Any]], Trick | None]


def text_for(prompt: str, seed: int) -> str:
    """What this server says: right for the sums of tests/flows/rounds/toy.py in most cases."""
    match = re.search(r"(\d+) \+ (\d+)", prompt)
    total = int(match[1]) + int(match[2]) if match else len(prompt)
    way = f"way {seed // 10 % 5}"
    return f"{way}: answer: {total + (1 if seed % 10 == 0 else 0)}"


def reply_to(body: dict[str, Any]) -> dict[str, Any]:
    """A well-formed reply."""
    chat = "messages" in body
    prompt = body["messages"][-1]["content"] if chat else body["prompt"]
    text = text_for(prompt, body.get("seed", 0))
    part = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
    choice = {"index": 0, "finish_reason": "stop", **part}
    return {"id": f"chatcmpl-{uuid4().hex}", "model": body["model"], "choices": [choice], "usage": usage}


class Serving:
    """The server in a thread. Use it as a context manager; `kill` and `start` are death and return on the same port."""

    def __init__(self, script: Script | None = None, *, delay: float = 0.0, models: list[str] | None = None) -> None:
        self.script, self.delay, self.models = script, delay, models if models is not None else ["toy"]
        self.address, self.port = "127.0.0.1", 0
        self.tls: ssl.SSLContext | None = None
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.probes = 0
        self.under_way = self.most_under_way = 0
        self.prompts: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> "Serving":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, args=(self._loop, ready), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def kill(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(10)

    def _serve(self, loop: asyncio.AbstractEventLoop, ready: threading.Event) -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(self._open())
        ready.set()
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    async def _open(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._answer)
        app.router.add_post("/v1/completions", self._answer)
        app.router.add_get("/v1/models", self._models)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, self.address, self.port, reuse_address=True, ssl_context=self.tls)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return runner

    async def _models(self, request: web.Request) -> web.StreamResponse:
        self.probes += 1
        self.headers.append(dict(request.headers))
        return web.json_response({"object": "list", "data": [{"id": name} for name in self.models]})

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        number = len(self.bodies)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            trick = self.script(number, body) if self.script else None
            if trick is None:
                return web.json_response(reply_to(body))
            answer: web.StreamResponse = await trick(request)
            return answer
        finally:
            self.under_way -= 1


def status(code: int, text: str = '{"error": {"message": "no"}}', **headers: str) -> Trick:
    """Answer with this status."""

    async def trick(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=text, headers=named)

    return trick


def body(value: Any) -> Trick:
    """Answer with this body: bytes as they are, the rest as JSON."""

    async def trick(_: web.Request) -> web.StreamResponse:
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        return web.Response(body=data, content_type="application/json")

    return trick


def half() -> Trick:
    """Promise a body, send its first half, and cut the connection."""

    async def trick(request: web.Request) -> web.StreamResponse:
        data = json.dumps(reply_to(await request.json())).encode()
        response = web.StreamResponse(headers={"Content-Length": str(len(data))})
        await response.prepare(request)
        await response.write(data[: len(data) // 2])
        assert request.transport is not None
        request.transport.abort()
        return response

    return trick


def cut() -> Trick:
    """Close the connection without a word."""

    async def trick(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return trick


def hang(seconds: float = 60.0) -> Trick:
    """Say nothing for a long time."""

    async def trick(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return web.Response()

    return trick


def counts(prompt: Any, completion: Any) -> Trick:
    """A good answer with token counts that cannot be."""

    async def trick(request: web.Request) -> web.StreamResponse:
        usage = {"prompt_tokens": prompt, "completion_tokens": completion}
        return web.json_response({**reply_to(await request.json()), "usage": usage})

    return trick


def named(trick: str, argument: str) -> Trick:
    """The trick of a name, for the server as a process."""
    tricks: dict[str, Callable[[], Trick]] = {
        "status": lambda: status(int(argument), Retry_After="0.2") if argument == "429" else status(int(argument)),
        "half": half,
        "garbage": lambda: body(b'{"choices": [{"mess'),
        "hang": lambda: hang(float(argument)),
        "counts": lambda: counts(-7, "many"),
    }
    return tricks[trick]()


def main() -> None:
    """Serve until killed; each request is one line of the log before it is answered."""
    address, _, port = sys.argv[1].rpartition(":")
    log, delay = sys.argv[2], float(sys.argv[3]) if len(sys.argv) > 3 else 0.0
    first, last, trick, argument = ([*sys.argv[4].split(":"), ""] if len(sys.argv) > 4 else ["0", "-1", "half", ""])[:4]
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(number: int, asked: dict[str, Any]) -> Trick | None:
        os.write(file, json.dumps([asked["messages"][-1]["content"], asked["seed"]]).encode() + b"\n")
        return named(trick, argument) if int(first) <= number <= int(last) else None

    server = Serving(note, delay=delay)
    server.address, server.port = address or server.address, int(port)
    with server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
