"""The part of a profile about servers: addresses, keys' variables, patience, prices. Nothing here can change a row.

Checks values; what they mean is in pipelines/generate/http/http_settings.py. Keys themselves are never in a file of ours.
"""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator, model_validator

from flows.recipe.schema import Part
from pipelines.generate import prices as exact
from pipelines.generate.http import http_settings as settings

Seconds = Annotated[float, Field(gt=0.0, le=86_400.0)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
LANES = 16  # batches side by side, at most: each holds its replies in memory


class Server(Part):
    """One replica. `url` ends where /chat/completions follows; `key_env` names the environment variable of its key.

    `ca_file`: certificates (PEM) to believe instead of the system's, looked for beside the profile.
    """

    url: str
    key_env: Variable | None = None
    concurrency: int = Field(default=64, ge=1, le=4096, strict=True)
    models: tuple[str, ...] = ()
    listed: bool = True
    ca_file: str | None = None

    @field_validator("url")
    @classmethod
    def _is_http(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
            good = good and url.isprintable() and not any(map(str.isspace, url))
        except ValueError:
            good = False
        if not good:
            raise ValueError("a server's url is http://HOST:PORT/v1 or https://HOST/v1")
        return url

    @model_validator(mode="after")
    def _one_authorization(self) -> "Server":
        if self.key_env is not None and "@" in urlsplit(self.url).netloc:
            raise ValueError("a server takes one authorization: key_env, or user and password in its url")
        return self


class ModelPrices(Part):
    """Money per `per` tokens of one model."""

    input: float = Field(ge=0.0, allow_inf_nan=False, strict=True)
    output: float = Field(ge=0.0, allow_inf_nan=False, strict=True)
    cached_input: float | None = Field(default=None, ge=0.0, allow_inf_nan=False, strict=True)


class Prices(ModelPrices):
    """Money per `per` tokens; `models`: by name, those that cost something else, in the same currency."""

    per: int = Field(default=1_000_000, ge=1, strict=True)
    currency: str = "USD"
    models: dict[str, ModelPrices] = Field(default_factory=dict)

    def exact(self) -> exact.Prices:
        """What engines and rounds are given."""
        others = {name: exact.Prices(**one.model_dump(), per=self.per) for name, one in self.models.items()}
        return exact.Prices(self.input, self.output, self.cached_input, self.per, others)


class Http(Part):
    """How patient to be with servers; times are seconds."""

    attempts: int = Field(default=8, ge=1, le=100)
    connect_seconds: Seconds = 10.0
    reply_seconds: Seconds = 600.0
    backoff_seconds: Seconds = 0.5
    backoff_most: Seconds = 60.0
    patience: Seconds = 120.0
    longest_wait: Seconds = 600.0
    drain: Seconds = 30.0
    proxies: bool = True


def http_settings(servers: tuple[Server, ...], http: Http, prices: Prices | None) -> settings.HttpSettings:
    """What the engine is given."""
    return settings.HttpSettings(
        servers=tuple(settings.Server(**server.model_dump()) for server in servers),
        prices=None if prices is None else prices.exact(),
        **http.model_dump(),
    )


def lanes_for(servers: tuple[Server, ...], batch_size: int) -> int:
    """Batches to draw side by side: twice what the servers may have under way, so that none waits for a batch's last."""
    under_way = sum(server.concurrency for server in servers)
    return max(1, min(LANES, -(-2 * under_way // batch_size) + 1))
