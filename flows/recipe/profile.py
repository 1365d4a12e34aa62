"""The profile: workers, threads, servers, the engine `vllm`, Ray, prices and limits; nothing that can change a row.

rollmill.toml of the workspace sets the place of ledger and segments: a profile that could change it would split one
workspace in two.
"""

from decimal import Decimal
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from rollmill.flows.recipe.parse import parse
from rollmill.flows.recipe.schema import Part, SchemaOne, Text
from rollmill.flows.recipe.servers import Http, PricesSection, Serve, ServerSection, Variable
from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.vllm.vllm_settings import VllmSettings

MOST_AT_ONCE = 4096  # processes or threads of one machine


class VllmPart(Part):
    """Settings of the engine `vllm` on this machine: interpreter, devices, memory, variables; vLLM chooses the others."""

    python: str | None = None
    """Interpreter that has vLLM; none: the one in ROLLMILL_VLLM, else `.venv-vllm`."""
    tensor_parallel: int = Field(default=1, ge=1, le=64)
    """Devices of one engine."""
    data_parallel: int = Field(default=1, ge=1, le=64)
    """Engines side by side."""
    gpu_memory_utilization: float | None = Field(default=None, gt=0.0, le=1.0)
    """Share of the GPU's memory to use; none: vLLM's choice."""
    max_num_seqs: int | None = Field(default=None, ge=1, le=65_536)
    """Sequences computed together; none: vLLM's choice for offline work, 256, on a GPU of 70 GiB or more 1,024."""
    max_num_batched_tokens: int | None = Field(default=None, ge=1)
    """Tokens computed together; none: vLLM's choice."""
    enforce_eager: bool | None = None
    """Run without CUDA graphs; none: vLLM's choice."""
    env: dict[Variable, str] = Field(default_factory=dict)
    """More environment variables for the engine."""
    start_seconds: float = Field(default=900.0, gt=0.0, le=86_400.0)
    """Longest time to load the model."""

    def settings(self, log: Path) -> VllmSettings:
        """Settings for the engine; `log` is the file for its output."""
        return VllmSettings(**self.model_dump(), log=str(log))


class TrainingPart(Part):
    """Programs that train models on this machine, and the most that one training may take."""

    python: str | None = None
    """Interpreter that has TRL, for the learner `trl`; none: the one in ROLLMILL_TRL, else Rollmill's own."""
    seconds: float | None = Field(default=None, gt=0.0)
    """Seconds after which a training ends; it goes on with a higher limit. None: any."""
    tokens: int | None = Field(default=None, ge=1, strict=True)
    """Trained tokens after which a training ends, likewise. None: any."""
    price_per_hour: Decimal | None = Field(default=None, ge=0)
    """Price of an hour of training, in the currency of the prices, shown by trials and their plans; none: no price."""


class RayPart(Part):
    """Verifiers judge on Ray."""

    address: Text | None = None
    """Address of the cluster; none: a local one that ends with the command."""
    cpus: int | None = Field(default=None, ge=1, le=MOST_AT_ONCE, strict=True)
    """Cores of a local cluster; none: all."""
    rows: int = Field(default=64, ge=1, le=65_536, strict=True)
    """Completions of one task."""

    @model_validator(mode="after")
    def _a_cluster_has_its_own_cpus(self) -> "RayPart":
        if self.address is not None and self.cpus is not None:
            raise ValueError("cpus are those of a local cluster; the one at the address has its own")
        return self


class ProfileLimits(Part):
    """The most that one run may spend over all its commands: tokens in and out, money in the currency of the prices."""

    tokens: int | None = Field(default=None, ge=0, strict=True)
    """Most tokens, in and out."""
    money: Decimal | None = Field(default=None, ge=0)
    """Most money, in the currency of the prices."""


class Profile(Part):
    """Settings of one machine for running recipes."""

    profile_schema: SchemaOne = 1
    """Version of this file format."""
    workers: int = Field(default=0, ge=0, le=MOST_AT_ONCE, strict=True)
    """Verifier processes; 0: one for each core."""
    threads: int = Field(default=0, ge=0, le=MOST_AT_ONCE, strict=True)
    """Threads of the embedded engine; 0: one for each core."""
    servers: tuple[ServerSection, ...] = ()
    """Model servers that are there."""
    serve: tuple[Serve, ...] = ()
    """Models to serve while a command needs them."""
    http: Http = Http()
    """Patience with servers."""
    vllm: VllmPart = VllmPart()
    """Settings of engine `vllm` on this machine."""
    training: TrainingPart = TrainingPart()
    """Settings of trainings on this machine."""
    ray: RayPart | None = None
    """Run the verifiers on Ray."""
    prices: PricesSection | None = None
    """Prices of tokens."""
    limits: ProfileLimits = ProfileLimits()
    """Most that one run may spend over all its commands."""
    ledger: str | None = None
    """Refused here: the ledger belongs in rollmill.toml."""
    segments: str | None = None
    """Refused here: the segments belong in rollmill.toml."""

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
