"""Whether a server is there, for a person: what it serves, or why it does not answer. Draws nothing and never raises."""

import asyncio

from pipelines.generate.http.ask import served_models
from pipelines.generate.http.exchange import Exchange
from pipelines.generate.http.failures import Failure
from pipelines.generate.http.replicas import Replica
from pipelines.generate.http.settings import HttpSettings, Secrets, Server
from storage.errors import SetupError

SHOWN = 5


def look(server: Server, settings: HttpSettings) -> tuple[bool, str]:
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
