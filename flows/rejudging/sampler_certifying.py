"""`rollmill certify sampler`: the engine of a request, its problems, and the certificate of its sampler."""

from dataclasses import dataclass, replace
from json import loads
from pathlib import Path
from typing import Any

from rollmill.flows.recipe.methods import parameters, resolve
from rollmill.flows.recipe.profile import load_profile
from rollmill.flows.recipe.servers import http_settings
from rollmill.flows.session import with_places
from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.errors import SetupError
from rollmill.ground.records import Sampling
from rollmill.pipelines.certify.samplers.certification import SamplerCertificate, SamplerClaim, certify_sampler
from rollmill.pipelines.generate.calls import check_sampling
from rollmill.pipelines.synthesize import SYNTHESIZERS
from rollmill.roles.engine_roles import Generator, RunsDecoders, RunsWarps

PLACES = 4
"""Tokens of a text that are tested where a decoder draws several from one call."""
SOURCE, SPLIT = "templates", "heldout"
"""Synthesizer and split of the problems whose answers give the prefixes: on unseen ones a model is less certain."""


@dataclass(frozen=True, slots=True)
class SamplerRequest:
    """Request of a certificate. `cuts`: temperature, top_p, top_k, and warps with their options. `decode`: a decoder with
    its options.
    """

    engine: str
    model: str
    options: str
    profile: Path | None
    cuts: tuple[float, float, int, tuple[tuple[str, dict[str, Any]], ...]]
    prefixes: int
    draws: int
    level: float
    seed: int
    decode: tuple[str, dict[str, Any]] | None = None


def certificate_of(request: SamplerRequest) -> SamplerCertificate:
    """The certificate; the engine is released at the end."""
    temperature, top_p, top_k, warps = request.cuts
    records = tuple(resolve("warp", name, options, base=Path.cwd()).recorded() for name, options in warps)
    decode = None if request.decode is None else _exact_decoder(*request.decode)
    sampling = Sampling(temperature, top_p, top_k, 1, (), records, decode)
    engine = _engine(request)
    try:
        cls: Any = type(engine)
        decoders = cls.decoders if isinstance(cls, RunsDecoders) else ()
        check_sampling(engine.engine, sampling, cls.warps if isinstance(cls, RunsWarps) else (), decoders)
        problems = list(SYNTHESIZERS[SOURCE](split=SPLIT).synthesize(request.prefixes, request.seed))
        return certify_sampler(
            engine, problems, SamplerClaim(sampling, request.draws, request.level, request.seed, PLACES if decode else 1)
        )
    finally:
        engine.close()


def _exact_decoder(name: str, options: dict[str, Any]) -> RecordedMethod:
    """The decoder; SetupError for one that changes the distribution."""
    method = resolve("decoder", name, options, base=Path.cwd())
    if not method.build().exact:
        raise SetupError(
            f"decoder {name!r} draws from another distribution than the sampling's, and says so by weights or by name.",
            next_command="--decode 'speculative rule=single'",
        )
    return method.recorded()


def _engine(request: SamplerRequest) -> Generator:
    """The engine with the settings of the profile."""
    try:
        options = loads(request.options)
    except ValueError:
        options = None
    if not isinstance(options, dict):
        raise SetupError(
            f"--options {request.options!r} is not a JSON object.", next_command="""--options '{"logprobs": 0}'"""
        )
    profile = load_profile(request.profile)
    if profile.serve:
        raise SetupError("the profile serves models itself; certify asks servers that run.", next_command="servers: in it")
    method = resolve("engine", request.engine, options, base=Path.cwd())
    if "model" in parameters(method.cls):
        method = replace(method, options={**method.options, "model": request.model})
    servers = http_settings(profile.servers, profile.http, profile.prices) if profile.servers else None
    settings: dict[str, Any] = {"threads": profile.threads, "workers": profile.workers, "http": servers}
    vllm = replace(profile.vllm.settings(Path("vllm.log")), log=None)
    engine: Generator = with_places(method, Path.cwd()).build(**settings, vllm=vllm)
    return engine
