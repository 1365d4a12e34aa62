"""The profile: workers, threads, servers, the engine `vllm`, Ray, prices and limits; nothing that can change a row.

Where ledger and segments lie is the workspace's to say, in rollmill.toml: a profile that said otherwise would split one
workspace in two, of which every other verb sees the wrong half.
"""

from decimal import Decimal
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from flows.recipe.parse import parse
from flows.recipe.schema import Part, SchemaOne, Text
from flows.recipe.servers import MOST_DRAW_WORKERS, Http, Prices, Serve, Server, Variable
from pipelines.generate.vllm.vllm_settings import VllmSettings
from storage.errors import SetupError

MOST_AT_ONCE = 4096  # processes or threads of one machine
USUAL_SEQUENCES = 256  # what vLLM computes at once where nobody says otherwise


class VllmPart(Part):
    """How the engine `vllm` runs here: interpreter, devices, memory, variables; what is left out is vLLM's own choice."""

    python: str | None = None
    tensor_parallel: int = Field(default=1, ge=1, le=64)
    data_parallel: int = Field(default=1, ge=1, le=64)
    gpu_memory_utilization: float | None = Field(default=None, gt=0.0, le=1.0)
    max_num_seqs: int | None = Field(default=None, ge=1, le=65_536)
    max_num_batched_tokens: int | None = Field(default=None, ge=1)
    enforce_eager: bool | None = None
    env: dict[Variable, str] = Field(default_factory=dict)
    start_seconds: float = Field(default=900.0, gt=0.0, le=86_400.0)

    def settings(self, log: Path) -> VllmSettings:
        """What the engine is given; `log` is the file for what it prints."""
        return VllmSettings(**self.model_dump(), log=str(log))

    def draw_workers(self, batch_size: int) -> int:
        """Draw workers, each with a batch, so that no engine waits at the end of one."""
        given = 2 * (self.max_num_seqs or USUAL_SEQUENCES) * self.data_parallel
        return max(2, min(MOST_DRAW_WORKERS, -(-given // batch_size) + 1))


class RayPart(Part):
    """Verifiers judge on Ray: on the cluster at `address`, or on one of this machine that ends with the command.

    `cpus`: of such a local one, without it every core; `rows`: completions of one task.
    """

    address: Text | None = None
    cpus: int | None = Field(default=None, ge=1, le=MOST_AT_ONCE, strict=True)
    rows: int = Field(default=64, ge=1, le=65_536, strict=True)

    @model_validator(mode="after")
    def _a_cluster_has_its_own_cpus(self) -> "RayPart":
        if self.address is not None and self.cpus is not None:
            raise ValueError("cpus are those of a local cluster; the one at the address has its own")
        return self


class Limits(Part):
    """The most that one run may spend over all its commands: tokens in and out, money in the currency of the prices."""

    tokens: int | None = Field(default=None, ge=0, strict=True)
    money: Decimal | None = Field(default=None, ge=0)


class Profile(Part):
    """How one machine runs a recipe. Zero workers or threads means: as many as the machine has cores.

    `ledger` and `segments` are here only to be refused by name.
    """

    profile_schema: SchemaOne = 1
    workers: int = Field(default=0, ge=0, le=MOST_AT_ONCE, strict=True)
    threads: int = Field(default=0, ge=0, le=MOST_AT_ONCE, strict=True)
    servers: tuple[Server, ...] = ()
    serve: tuple[Serve, ...] = ()
    http: Http = Http()
    vllm: VllmPart = VllmPart()
    ray: RayPart | None = None
    prices: Prices | None = None
    limits: Limits = Limits()
    ledger: str | None = None
    segments: str | None = None

    @field_validator("serve", mode="before")
    @classmethod
    def _one_or_several(cls, given: object) -> object:
        return [given] if isinstance(given, dict) else given

    @field_validator("serve")
    @classmethod
    def _names_differ(cls, given: tuple[Serve, ...]) -> tuple[Serve, ...]:
        if len({part.name for part in given}) < len(given):
            raise ValueError("two parts of serve have one model name; replicas: N makes replicas, served_name another name")
        return given


def load_profile(path: Path | None) -> Profile:
    """The profile of a file, or the defaults without one; SetupError names the line of a mistake."""
    if path is None:
        return Profile()
    profile = parse(path, Profile, {"profile_schema": 1}, folder="profiles")
    for place in ("ledger", "segments"):
        if getattr(profile, place) is not None:
            raise SetupError(
                f"{path}: {place!r} belongs to the workspace, so that every verb sees the same one.",
                next_command=f'write it into rollmill.toml, as [{place}] with url = "..."',
            )
    # A profile is shared with the certificates that lie beside it.
    beside = tuple(
        server if server.ca_file is None else server.model_copy(update={"ca_file": str(path.parent / server.ca_file)})
        for server in profile.servers
    )
    return profile.model_copy(update={"servers": beside})
