"""Guard of a model server: whoever asks brings the key of its start. Loaded by vLLM in its own interpreter.

vLLM asks for its key at /v1 alone; /invocations, /tokenize, /score and others answer every user of the machine, and its
pages of any origin. This folder is the only one of ours on that interpreter's path, and this file imports nothing of ours.
"""

import hmac
import os
from typing import Any

OPEN = ("/health",)  # says whether the server is up, and nothing else


class RequireKey:
    """ASGI middleware: 403 for a page of the web or another host's name, 401 without the key."""

    def __init__(self, app: Any) -> None:
        self.app, self.key = app, os.environ["VLLM_API_KEY"].encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Handle a request."""
        status = 0 if scope["type"] == "lifespan" else self._refusal(scope)
        if not status:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": status, "headers": [(b"connection", b"close")]})
            await send({"type": "http.response.body", "body": b""})

    def _refusal(self, scope: Any) -> int:
        given: dict[bytes, bytes] = dict(scope["headers"])
        host = given.get(b"host", b"").rpartition(b":")[0]
        if host not in (b"127.0.0.1", b"localhost") or b"origin" in given or b"sec-fetch-site" in given:
            return 403
        scheme, _, key = given.get(b"authorization", b"").partition(b" ")
        admitted = scheme.lower() == b"bearer" and hmac.compare_digest(key.strip(), self.key)
        return 0 if admitted or scope["path"] in OPEN else 401
