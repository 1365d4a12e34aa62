"""Server settings of the engine `openai`: addresses, keys, patience. None of it can change a row.

Keys are named by environment variables and read when the engine starts; whatever is shown or raised goes
through `Secrets.hide`.
"""

import base64
import os
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote, urlsplit

from rollmill.ground.errors import SetupError
from rollmill.ground.secret_texts.key_search import KeySearch
from rollmill.ground.secret_texts.known_keys import use
from rollmill.pipelines.generate.prices import Prices

LEAST_SECRET = 4  # shorter ones would blot out ordinary words


@dataclass(frozen=True, slots=True)
class Server:
    """A model server, one of several replicas. `url`: its address up to where `/chat/completions` follows. `models`: names
    of the models that it serves; empty: any.

    `listed`: True to refuse a model that its `/models` does not name. `ca_file`: certificates to trust instead of the
    system's. `key`: key of a server that Rollmill started. `ours`: False once another process may have
    the port of that server.
    """

    url: str
    key_env: str | None = None
    concurrency: int = 64
    models: tuple[str, ...] = ()
    listed: bool = True
    ca_file: str | None = None
    key: str | None = field(default=None, repr=False)
    ours: Callable[[], bool] | None = field(default=None, repr=False, compare=False)

    @property
    def shown(self) -> str:
        """The address without user, password and query."""
        return shown_url(self.url)


OnLoss = Callable[[SetupError], None]


class Local(Protocol):
    """Servers that are started when they are needed (pipelines/generate/serving)."""

    @property
    def names(self) -> tuple[str, ...]:
        """The models they serve."""

    @property
    def capacity(self) -> int:
        """Requests that all servers answer in parallel, also before they run."""

    def patience(self, model: str) -> float:
        """Seconds that they may be away because they are being started again."""

    def serving(self, model: str, lost: OnLoss) -> Sequence[Server]:
        """Start those of a model and wait until one answers; `lost` is called when none is left and none comes back."""

    def interrupt(self) -> None:
        """Make all threads that wait for a start give up."""


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Profile settings about servers. Times are seconds.

    `attempts`: tries of one request. `patience`: how long to keep trying while no server answers. `longest_wait`: a
    Retry-After above it ends the command. `drain`: how long requests in flight are awaited once one was given up.
    `proxies`: whether HTTP_PROXY and its like in the environment count. `reply_bytes`: the most that a reply may have,
    unfolded; by default it follows from the request, at most 64 MiB. `held_bytes`: the most that replies of over 1 MiB may
    take up in this process while they are read. `max_failed`: the largest share (below 1) or count of requests that may be
    refused; None: any, of prompts that are too long or filtered, while any other refusal ends the command.
    """

    servers: tuple[Server, ...] = ()
    attempts: int = 8
    connect_seconds: float = 10.0
    reply_seconds: float = 600.0
    backoff_seconds: float = 0.5
    backoff_most: float = 60.0
    patience: float = 120.0
    longest_wait: float = 600.0
    drain: float = 30.0
    proxies: bool = True
    reply_bytes: int | None = None
    held_bytes: int = 512 << 20
    max_failed: float | None = None
    prices: Prices | None = None
    local: Local | None = field(default=None, repr=False, compare=False)

    @property
    def capacity(self) -> int:
        """Requests that all servers answer in parallel."""
        return sum(server.concurrency for server in self.servers) + (0 if self.local is None else self.local.capacity)

    def starts(self, model: str) -> bool:
        """True if a server for this model is started when it is needed."""
        return self.local is not None and model in self.local.names

    def serving(self, model: str) -> tuple[Server, ...]:
        """The running servers of a model; SetupError if the profile has none and starts none."""
        fitting = tuple(server for server in self.servers if not server.models or model in server.models)
        if not fitting and not self.starts(model):
            raise SetupError(
                f"the profile names no server for model {model!r}, and engine openai needs one.",
                choices=() if self.local is None else self.local.names,
                next_command="write `servers: [{url: http://127.0.0.1:8000/v1}]` into profiles/NAME.yaml and give it with "
                "--profile",
            )
        return fitting


@dataclass(slots=True)
class Secrets:
    """The keys and passwords in use, to be taken out of every text."""

    texts: set[str] = field(default_factory=set)
    _search: KeySearch | None = field(default=None, init=False, repr=False, compare=False)

    def learn(self, server: Server) -> str | None:
        """The key of a server from its environment variable; SetupError if that is not set."""
        parts = urlsplit(server.url)
        self._add([parts.query] if parts.query else ())
        for url in (server.url, *urllib.request.getproxies().values()):
            self._add_user(url)
        if server.key_env is None:
            self._add([server.key] if server.key else ())
            return server.key
        key = os.environ.get(server.key_env, "").strip()
        if not key:
            raise SetupError(
                f"the environment variable {server.key_env}, which holds the key of {server.shown}, is not set.",
                next_command=f"export {server.key_env}=..., then the same command",
            )
        if not key.isascii() or not key.isprintable():
            raise SetupError(f"the key in {server.key_env} has characters that no HTTP header can carry.")
        self._add([key])
        use(server.key_env, key)
        return key

    def hide(self, text: str) -> str:
        """The text without any of them in any spelling, nor the beginning of one at its end, where a text was cut."""
        if self._search is None or len(self._search.keys) != len(self.texts):
            self._search = KeySearch({secret: secret for secret in self.texts})
        return self._search.hide(text)

    def _add_user(self, url: str) -> None:
        """User and password of an address, as written and decoded."""
        parts = urlsplit(url)
        self._add(part for raw in (parts.username, parts.password) if raw for part in (raw, unquote(raw)))
        if parts.password:  # as the header Authorization carries them
            pair = f"{unquote(parts.username or '')}:{unquote(parts.password)}"
            self._add([base64.b64encode(pair.encode()).decode()])

    def _add(self, texts: Iterable[str]) -> None:
        self.texts.update(text for text in texts if len(text) >= LEAST_SECRET)


def shown_url(url: str) -> str:
    """Scheme, host, port and path of an address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{'' if parts.port is None else f':{parts.port}'}{parts.path.rstrip('/')}"
