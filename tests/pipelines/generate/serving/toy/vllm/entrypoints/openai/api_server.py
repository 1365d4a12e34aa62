"""A stand-in for vLLM's server: its command line, its key, /health, a stubborn child; TOY_* tell it to misbehave.

TOY_NOTE: a file for the ids of its processes. TOY_SLOW: seconds before it listens. TOY_SAY: printed, then it ends.
TOY_LIVES: requests until it ends by SIGKILL. TOY_FAILS_WHEN: a file whose presence makes it end at once.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.pipelines.generate.http.serving import Serving

STUBBORN = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(1)"


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1]


class Toy(Serving):
    """The server of the HTTP tests behind a key."""

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {os.environ['VLLM_API_KEY']}":
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        if len(self.bodies) + 1 == int(os.environ.get("TOY_LIVES", "0")):
            os.kill(os.getpid(), signal.SIGKILL)
        return await super()._answer(request)

    async def _open(self) -> web.AppRunner:
        async def health(_: web.Request) -> web.StreamResponse:
            return web.Response()

        make = web.Application

        def with_health(*args: Any, **named: Any) -> web.Application:
            app = make(*args, **named)
            app.router.add_get("/health", health)
            return app

        web.Application = with_health  # type: ignore[misc, assignment]
        return await super()._open()


def main() -> None:
    if "TOY_SAY" in os.environ:
        sys.stdout.write(f"{os.environ['TOY_SAY']} (my key is {os.environ['VLLM_API_KEY']})\n")
        sys.exit(3)
    if "TOY_FAILS_WHEN" in os.environ and Path(os.environ["TOY_FAILS_WHEN"]).exists():
        sys.exit(4)
    stubborn = subprocess.Popen([sys.executable, "-c", STUBBORN], start_new_session=bool(os.environ.get("TOY_AWAY")))
    if "TOY_NOTE" in os.environ:
        with Path(os.environ["TOY_NOTE"]).open("a") as note:
            note.write(f"{os.getpid()} {stubborn.pid} {os.getppid()}\n")
    time.sleep(float(os.environ.get("TOY_SLOW", "0")))
    server = Toy(models=[option("--served-model-name")], delay=float(os.environ.get("TOY_DELAY", "0")))
    server.port = int(option("--port"))
    with server:
        signal.pause()


if __name__ == "__main__":
    main()
