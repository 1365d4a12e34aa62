"""The part of a profile about model servers: those that are there, and those that Rollmill starts itself.

Addresses, keys' variables, patience, prices, interpreters: nothing here can change a row or which rows are requested.
Values are checked here; their meaning is in pipelines/generate/http/http_settings.py and pipelines/generate/serving. Keys
themselves are never in a file of ours.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from rollmill.flows import CHECKOUT
from rollmill.flows.recipe.schema import Part
from rollmill.ground.secret_texts.known_keys import environment_keys, file_keys
from rollmill.pipelines.generate import prices as exact
from rollmill.pipelines.generate.http import http_settings as settings
from rollmill.pipelines.generate.serving.local_model import LocalModel
from rollmill.pipelines.generate.vllm.vllm_settings import BUILT, VARIABLE
from rollmill.storage.models.files import version_folder
from rollmill.storage.models.index import MODELS, numbered_name

Seconds = Annotated[float, Field(gt=0.0, le=86_400.0)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]  # of an environment
Word = Annotated[str, StringConstraints(min_length=1, pattern=r"^[^\x00-\x1f]+$")]
# A pattern and no YAML parser: the key of a profile that cannot be read must be found too.
_KEY_ENV = re.compile(r"""^[^#\n]*\bkey_env:\s*["']?([A-Za-z_][A-Za-z0-9_]*)""", re.MULTILINE)


class ServerSection(Part):
    """Model server; a replica if several servers have the same model."""

    url: str
    """Address, up to where `/chat/completions` follows."""
    key_env: Variable | None = None
    """Environment variable that has the key."""
    concurrency: int = Field(default=64, ge=1, le=4096, strict=True)
    """Largest number of requests in flight."""
    models: tuple[str, ...] = ()
    """Models to ask it for; empty: any."""
    listed: bool = True
    """Refuse a model that its `/models` does not name."""
    ca_file: str | None = None
    """Certificates (PEM) to trust instead of the system's; path relative to the profile."""

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            # `port` raises ValueError beyond 65535.
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
            good = good and url.isprintable() and not any(map(str.isspace, url))
        except ValueError:
            good = False
        if not good:
            raise ValueError("a server's url is http://HOST:PORT/v1 or https://HOST/v1")
        return url

    @model_validator(mode="after")
    def _one_authorization(self) -> "ServerSection":
        # Both would become the header Authorization.
        if self.key_env is not None and "@" in urlsplit(self.url).netloc:
            raise ValueError("a server takes one authorization: key_env, or user and password in its url")
        return self


class ModelPrices(Part):
    """Money per `per` tokens of one model."""

    input: float = Field(ge=0.0, allow_inf_nan=False, strict=True)
    """Price of `per` input tokens."""
    output: float = Field(ge=0.0, allow_inf_nan=False, strict=True)
    """Price of `per` output tokens."""
    cached_input: float | None = Field(default=None, ge=0.0, allow_inf_nan=False, strict=True)
    """Price of `per` cached input tokens; none: as `input`."""


class PricesSection(ModelPrices):
    """Prices of tokens, for all models and for single ones."""

    per: int = Field(default=1_000_000, ge=1, strict=True)
    """Tokens that a price is for."""
    currency: str = "USD"
    """Currency of the prices."""
    models: dict[str, ModelPrices] = Field(default_factory=dict)
    """Other prices, by model."""

    def exact(self) -> exact.Prices:
        """Exact prices, for engines and rounds."""
        others = {name: exact.Prices(**prices.model_dump(), per=self.per) for name, prices in self.models.items()}
        return exact.Prices(self.input, self.output, self.cached_input, self.per, others)


class Http(Part):
    """Patience with servers."""

    attempts: int = Field(default=8, ge=1, le=100)
    """Tries of one request."""
    connect_seconds: Seconds = 10.0
    """Longest time to connect, in seconds."""
    reply_seconds: Seconds = 600.0
    """Longest time to a reply, in seconds."""
    backoff_seconds: Seconds = 0.5
    """First wait before another try, in seconds."""
    backoff_most: Seconds = 60.0
    """Longest wait before another try, in seconds."""
    patience: Seconds = 120.0
    """Time to keep trying while no server answers, in seconds."""
    longest_wait: Seconds = 600.0
    """Longest Retry-After to obey, in seconds; a longer one ends the command."""
    drain: Seconds = 30.0
    """Time for requests under way to arrive after a failure, in seconds."""
    proxies: bool = True
    """Use the proxies that the environment names."""
    reply_bytes: int | None = Field(default=None, ge=1024, le=1 << 40, strict=True)
    """Largest reply, in bytes; none: it follows from the request."""
    held_bytes: int = Field(default=512 << 20, ge=1 << 20, le=1 << 40, strict=True)
    """Memory for large replies while they are read, in bytes."""
    max_failed: float | None = Field(default=None, ge=0.0, allow_inf_nan=False)
    """Most requests that may be refused, a share below 1 or a count; none: any that is too long or filtered."""


def http_settings(servers: tuple[ServerSection, ...], http: Http, prices: PricesSection | None) -> settings.HttpSettings:
    """Settings of the engine `http`."""
    return settings.HttpSettings(
        servers=tuple(settings.Server(**server.model_dump()) for server in servers),
        prices=None if prices is None else prices.exact(),
        **http.model_dump(),
    )


def server_keys(root: Path, servers: Sequence[ServerSection] = ()) -> dict[str, str]:
    """The secrets that rows must not hold: keys of these servers and of all profiles, other variables that are secret by
    their names, passwords in rollmill.toml and in DVC's settings.
    """
    # All profiles: a text may hold the key of a server of another profile than the one in use.
    files = sorted((root / "profiles").glob("*.yaml"))
    named = [name for file in files for name in _KEY_ENV.findall(file.read_text(encoding="utf-8", errors="replace"))]
    wanted = dict.fromkeys([*(server.key_env for server in servers if server.key_env), *named])
    named_keys = {name: key for name in wanted if (key := os.environ.get(name, "").strip())}
    return {**file_keys(root), **environment_keys(), **named_keys}


class Serve(Part):
    """A model and its server: vLLM's, or another one with OpenAI's API."""

    model: Word
    """Folder or name of the model."""
    python: Word | None = None
    """Interpreter that has vLLM; none: the one in ROLLMILL_VLLM, else `.venv-vllm`."""
    served_name: Word | None = None
    """Name by which recipes call it; none: `model`."""
    port: int = Field(default=0, ge=0, le=65535)
    """Port of the first replica; 0: any free one."""
    args: tuple[Word, ...] = ()
    """More flags for vLLM's server."""
    env: dict[Variable, str] = Field(default_factory=dict)
    """More environment variables; `{key}` is the key to ask for."""
    start_seconds: Seconds = 600.0
    """Longest time to start, in seconds."""
    replicas: int = Field(default=1, ge=1, le=64)
    """Number of servers."""
    restarts: int = Field(default=3, ge=0, le=1000)
    """Restarts of servers that died, in one command."""
    concurrency: int = Field(default=64, ge=1, le=4096)
    """Most requests under way at each server."""
    command: tuple[Word, ...] = ()
    """Command line of another server, which listens at `{port}` itself or by its children (no container); empty: vLLM's."""
    health: Annotated[str, StringConstraints(pattern=r"^/[\x21-\x7e]*$")] = "/health"
    """Path that answers once the server is ready."""

    @model_validator(mode="after")
    def _vllm_or_a_command(self) -> "Serve":
        if not self.command:
            return self
        if self.python is not None or self.args:
            raise ValueError("command is the whole command line of a server: python and args are vLLM's")
        line = " ".join(self.command)
        if "{port}" not in line:
            raise ValueError("command needs {port}, which Rollmill chooses: command: [SERVER, --port, '{port}']")
        if "{key}" in line:
            raise ValueError("a key in a command line can be read by others: env: {SERVER_API_KEY: '{key}'}")
        return self

    @field_validator("args", "env", "command", mode="before")
    @classmethod
    def _as_texts(cls, given: object) -> object:
        """YAML reads `512` and `1` as numbers, where a command line and an environment have texts only."""
        if isinstance(given, list):
            return [_text(item) for item in given]
        return {key: _text(value) for key, value in given.items()} if isinstance(given, dict) else given

    @property
    def name(self) -> str:
        """Name of the model in requests."""
        return self.served_name or self.model


def local_models(parts: Sequence[Serve], servers: Sequence[ServerSection], root: Path, logs: Path) -> list[LocalModel]:
    """Local models to start, with paths found in the workspace, else in the checkout.

    The variables with the keys of other servers are not passed to them.
    """
    keys = tuple(server.key_env for server in servers if server.key_env is not None)
    return [
        LocalModel(
            # The built one is the checkout's: a workspace may bring a program of that name.
            python=located_path(named, root) if (named := part.python or os.environ.get(VARIABLE)) else CHECKOUT / BUILT,
            model=_model(part.model, root),
            name=part.served_name or numbered_name(root / MODELS, part.model),
            logs=logs,
            without=keys,
            program=_program(part.command, root),
            **part.model_dump(exclude={"python", "model", "served_name", "command"}),
        )
        for part in parts
    ]


def located_path(place: str, root: Path) -> Path:
    """A file of the workspace or else of the checkout; symbolic links stay, as an environment's interpreter is one."""
    given = Path(place).expanduser()
    if given.is_absolute():
        return given
    return next((folder / place for folder in (root, CHECKOUT) if (folder / place).exists()), root / place)


def _model(place: str, root: Path) -> str:
    """The absolute path of a folder or file, or of a version's folder; any other name is for the server to resolve."""
    path = version_folder(root / MODELS, place) or located_path(place, root)
    # Absolute, as the server's process may run in another folder.
    return str(path.resolve()) if path.exists() else place


def _program(command: Sequence[str], root: Path) -> tuple[str, ...]:
    """A command line whose program, if it is a path, is looked for in the workspace, else in the checkout."""
    # A bare name is looked up on PATH.
    if not command or "/" not in command[0]:
        return tuple(command)
    return (str(located_path(command[0], root)), *command[1:])


def _text(value: object) -> object:
    # A truth value stays one and is refused: as a text it would be Python's `True`.
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
