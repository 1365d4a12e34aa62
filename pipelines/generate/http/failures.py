"""Failures of a request, sorted by how they are handled, and the messages for those that will not pass.

A failure that may pass is an attempt: recorded, waited for, tried again; where it does not pass in time, the command ends
with Unavailable. A permanent one (a wrong key, an unknown model, a malformed body) ends it immediately with SetupError.
Both name server, error, kept rows and the next command, without secrets.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

from rollmill.ground.errors import SetupError, Unavailable
from rollmill.ground.records import Prompt
from rollmill.pipelines.generate.http.http_settings import Secrets
from rollmill.pipelines.generate.http.replicas import Replica

MOST_DETAIL = 300  # characters of what a server says that are shown or stored
MOST_HEARD = 4096  # characters of it that are looked at: secrets are hidden before the rest is cut, and never cut in two
DAY, CENTURY = 86_400.0, 3.2e9  # seconds
MOST_PROMPT = 60  # characters of a prompt that a message repeats
MOST_WORDS = 60  # characters of a Retry-After that are repeated
PASSING_STATUSES = frozenset({408, 409, 425, 429})
CONGESTED = frozenset({429, 503, 529})
# Spent money comes back with status 429 too, and waiting does not mend it.
FINAL_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached", "invalid_api_key", "model_not_found"})


@dataclass
class Failure(Exception):  # noqa: N818 - one attempt's end, usually not the request's
    """Attempt that gave no reply. `kind` is from a small set and is what gets counted.

    `again`: another try may help. `after`: seconds that the server asks to wait; `asked`: in its own words. `congested`: it
    has too much to do. `down`: nothing listens there.
    """

    kind: str
    detail: str = ""
    again: bool = True
    after: float | None = None
    asked: str = ""
    congested: bool = False
    down: bool = False
    status: int | None = None
    code: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}" if self.detail else self.kind


def of_exception(error: BaseException) -> Failure:
    """The failure behind what aiohttp raised."""
    import aiohttp

    detail = f"{type(error).__name__}: {error}"[:MOST_HEARD]
    if isinstance(error, aiohttp.InvalidURL):
        return Failure("bad_url", detail, again=False)
    # Before ClientConnectorError, of which these are subclasses.
    if isinstance(error, (aiohttp.ClientSSLError, aiohttp.ClientConnectorCertificateError)):
        return Failure("tls", detail, again=False)
    # Before TimeoutError, of which ConnectionTimeoutError is a subclass.
    if isinstance(error, (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError)):
        return Failure("no_connection", detail, down=True)
    if isinstance(error, (asyncio.TimeoutError, TimeoutError)):
        return Failure("timeout", "no whole reply in time", congested=True)
    if isinstance(error, (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        return Failure("cut_off", detail)
    return Failure("broken_reply", detail, again=isinstance(error, (aiohttp.ClientError, OSError)))


def of_status(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """The failure behind a status that is not 200."""
    code, message = error_of(body)
    detail = f"{message or 'no message'}"[:MOST_HEARD]
    again = (status in PASSING_STATUSES or status >= 500) and code not in FINAL_CODES
    asked = headers.get("Retry-After", "") if again else ""
    after = retry_after(asked, time.time())
    if asked and after is None:
        detail = f"{detail}, Retry-After {asked[:MOST_WORDS]!r}, which says no time to wait"
    congested = status in CONGESTED and again
    return Failure(f"http_{status}", detail, again, after, asked[:MOST_WORDS], congested, status=status, code=code)


def error_of(body: bytes) -> tuple[str | None, str]:
    """(code, message) of an error body of any usual form; of anything else its beginning as text."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None, body[:MOST_HEARD].decode("utf-8", "replace").strip()
    return error_in(data)


_WORDS = ("message", "detail", "msg", "error_msg", "status_msg", "raw")
_HOLDING = ("error", "base_resp", "metadata")  # OpenRouter's metadata has the words of the provider behind it


def error_in(data: Any) -> tuple[str | None, str]:
    """(code, message) of an error as parsed."""
    error: Any = data.get("error", data) if isinstance(data, dict) else data
    if not isinstance(error, dict):
        return None, str(error)[:MOST_HEARD]
    code = next((code for code in (error.get("code"), error.get("type")) if isinstance(code, str) and code), None)
    return code, (words_of(error) or str(error))[:MOST_HEARD]


def words_of(error: Mapping[str, Any]) -> str:
    """Words of a failure in an object, under the names that servers and gateways use; "" where it has none."""
    given = error.get("error")
    if isinstance(given, str):
        return given[:MOST_HEARD]
    inside = [held for name in _HOLDING if isinstance(held := error.get(name), dict)]
    # A choice has its message under one of these names.
    words = [str(error[name]) for name in _WORDS if error.get(name) and not isinstance(error[name], dict)]
    words += filter(None, map(words_of, inside))
    return ": ".join(dict.fromkeys(words))[:MOST_HEARD]


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds of a Retry-After header, given as seconds or an HTTP date; infinite where they are too many for a number.

    None where it says no time to wait: nothing, a past date, zero, less, or anything else. Our own pauses hold then.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
            seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now
        except (ValueError, TypeError, OverflowError, IndexError, OSError):
            return None
    return seconds if seconds > 0 else None  # of `nan` too


def named(prompt: Prompt) -> str:
    """A prompt for a message: the beginning of its last turn."""
    text = " ".join((prompt if isinstance(prompt, str) else prompt[-1].content if prompt else "").split())
    return f"prompt {text[:MOST_PROMPT]!r}{'...' if len(text) > MOST_PROMPT else ''}"


KEPT = "every reply received is kept"
AGAIN = "the same command again, which asks only for what is missing"


class ErrorMessages:
    """Builds the errors that end a command."""

    def __init__(self, model: str, secrets: Secrets) -> None:
        self._model, self._secrets = model, secrets
        self.served: dict[str, tuple[str, ...]] = {}

    def about(self, replica: Replica, failure: Failure, tried: int, prompt: Prompt = "") -> SetupError:
        """A failure that will not pass, or did not pass in `tried` attempts; `prompt`: of the request."""
        name = replica.name
        if failure.status in (401, 403):
            variable = replica.server.key_env
            mend = f"put a valid key into {variable}" if variable else "name its key's variable in the profile: key_env"
            return self._error(f"{name} refuses the key", failure, mend)
        if failure.status == 404:
            return self._unknown_model(replica, failure)
        if failure.kind == "tls":
            mend = (
                "correct its address, or name its certificate authority in the profile (ca_file, a PEM file in its folder)"
            )
            return self._error(f"{name} is not believed to be itself", failure, mend)
        if failure.after is not None:
            seconds = f"{failure.after:,.0f} seconds" if failure.after < CENTURY else "more than a century"
            asked = f"{name} asks to wait {seconds} (Retry-After {failure.asked!r})"
            mend = "wait" if failure.after <= DAY else "ask its owner what that means"
            return self._error(asked, failure, mend)
        if failure.kind == "too_large":
            mend = "raise http.reply_bytes in the profile, or make the server keep to max_tokens"
            return self._error(f"{name} answers more than was requested", failure, mend)
        if failure.again:
            what = f"{name} failed {tried} times for one request, the last time"
            return self._error(what, failure, "look at its log", prompt)
        return self._error(f"{name} refuses the request", failure, "correct generate in the recipe or the server", prompt)

    def not_listed(self, replica: Replica, served: Sequence[str]) -> SetupError:
        """The model is not among those that a server names."""
        return SetupError(
            f"{replica.name} does not serve {self._model!r}.",
            choices=served[:20],
            next_command="name one of them in generate.model, or set listed: false for this server in the profile",
        )

    def dark(self, replicas: Sequence[Replica], seconds: float) -> Unavailable:
        """No server answers."""
        answers = "; ".join(f"{replica.name} ({self._clean(replica.why or 'no answer')})" for replica in replicas)
        return Unavailable(
            f"no server has answered for {seconds:,.0f} seconds: {answers}; {KEPT}.", next_command=f"start it, then {AGAIN}"
        )

    def _unknown_model(self, replica: Replica, failure: Failure) -> SetupError:
        served = self.served.get(replica.name, ())
        if served and self._model not in served:
            return self.not_listed(replica, served)
        mend = "check generate.model in the recipe and the server's url in the profile (it usually ends in /v1)"
        return self._error(f"{replica.name} does not know the model {self._model!r} or the path", failure, mend)

    def _error(self, what: str, failure: Failure, mend: str, prompt: Prompt = "") -> SetupError:
        reason = self._clean(str(failure)).rstrip(". ")
        kind = Unavailable if failure.again else SetupError
        about = f" It was the {self._clean(named(prompt))}." if prompt else ""
        return kind(f"{what} ({reason}); {KEPT}.{about}", next_command=f"{mend}, then {AGAIN}")

    def _clean(self, text: str) -> str:
        return " ".join(self._secrets.hide(text).split())[:MOST_DETAIL]
