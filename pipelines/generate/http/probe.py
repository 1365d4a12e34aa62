"""Whether a server is there, for a person: what it serves, or why it does not answer. Draws nothing and never raises."""

import asyncio
import json

from pipelines.generate.http.exchange import Exchange
from pipelines.generate.http.failures import Failure
from pipelines.generate.http.http_settings import HttpSettings, Secrets, Server
from pipelines.generate.http.replicas import Replica
from storage.errors import SetupError

SHOWN = 5


def probe(server: Server, settings: HttpSettings) -> tuple[bool, str]:
    """Whether it answers, and one line about it without secrets."""
    secrets = Secrets()
    try:
        key = secrets.learn(server)
        body = asyncio.run(_models(Replica(server, key), settings))
    except SetupError as error:
        return False, error.message
    except Failure as failure:
        there = failure.status in (404, 405, 501)
        return there, "answers, without a list of models" if there else secrets.hide(str(failure))
    names = served_models(body)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return True, f"serves {', '.join(names[:SHOWN])}{more}" if names else "answers, and names no model"


async def _models(replica: Replica, settings: HttpSettings) -> bytes:
    exchange = Exchange(settings)
    try:
        return await exchange.models(replica)
    finally:
        await exchange.close()


def served_models(body: bytes) -> tuple[str, ...]:
    """The model names in a /models reply; none where it has another form."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    listed = data.get("data") if isinstance(data, dict) else None
    items = listed if isinstance(listed, list) else []
    return tuple(item["id"] for item in items if isinstance(item, dict) and isinstance(item.get("id"), str))
