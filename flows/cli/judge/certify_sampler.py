"""`rollmill certify sampler`: does an engine draw tokens from the distribution that it states? Needs no workspace."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollmill.flows.cli.output import AsJson, as_json, columns, doing, line
from rollmill.ground.errors import FoundWanting, SetupError

if TYPE_CHECKING:
    from rollmill.pipelines.certify.samplers.certification import SamplerCertificate

LEAST_SHOWN = 10
"""Changed draws below which no test can tell an imprecise sampler."""


def certify_sampler(  # noqa: PLR0913 (a verb's parameters are its options)
    *,
    engine: Annotated[str, typer.Option("--engine", help="Name of the engine, or path/to/file.py:Class.")] = "embedded",
    model: Annotated[str, typer.Option("--model", help="Model of the engine.")] = "models/rollmill-tiny",
    options: Annotated[str, typer.Option("--options", help="Options of the engine as JSON.")] = "{}",
    profile: Annotated[Path | None, typer.Option("--profile", help="Profile with servers or settings of vLLM.")] = None,
    temperature: Annotated[float, typer.Option("--temperature", help="Temperature, above 0.")] = 1.0,
    top_p: Annotated[float, typer.Option("--top-p", help="Probability mass of the tokens to sample from.")] = 1.0,
    top_k: Annotated[int, typer.Option("--top-k", help="Number of tokens to sample from; 0: all.")] = 0,
    warp: Annotated[
        list[str] | None, typer.Option("--warp", metavar="NAME", help="A warp; 'typical mass=.9' sets its options.")
    ] = None,
    decode: Annotated[str, typer.Option("--decode", metavar="NAME", help="A lossless decoder with its options.")] = "",
    prefixes: Annotated[int, typer.Option("--prefixes", min=1, max=200, help="Number of prefixes to draw after.")] = 8,
    draws: Annotated[
        int, typer.Option("--draws", min=100, max=10_000_000, help="Tokens drawn after each prefix.")
    ] = 20_000,
    level: Annotated[float, typer.Option("--level", help="Probability that a correct sampler fails.")] = 0.01,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of prefixes and draws.")] = 0,
    json: AsJson = False,
) -> None:
    """Test an engine's sampler against the distribution that it states; exit status 1 if it fails.

    Tests the tokens drawn after prefixes of the engine's own answers: chi-square, mean log-probability, rare tokens, greedy
    token. It also says how often the same tests find planted faults.

    Example: rollmill certify sampler --warp 'typical mass=.9'
    """
    doing(f"{engine}: loading it, drawing {prefixes * draws:,} tokens")
    from rollmill.flows.evaluation.replay import name_and_options
    from rollmill.flows.rejudging.sampler_certifying import SamplerRequest, certificate_of

    if not temperature > 0:
        raise SetupError(f"--temperature {temperature} draws nothing at random.", next_command="--temperature 0.7")
    if not 0 < level < 1:
        raise SetupError(f"--level {level} is no chance of error.", next_command="--level 0.01")
    cuts = (temperature, top_p, top_k, tuple(name_and_options(text, "--warp 'typical mass=.9'") for text in warp or ()))
    decoder = name_and_options(decode, "--decode 'speculative rule=single'") if decode else None
    request = SamplerRequest(engine, model, options, profile, cuts, prefixes, draws, level, seed, decoder)
    certificate = certificate_of(request)
    if json:
        as_json(certificate.to_json())
    else:
        _print(certificate)
    if not certificate.clean:
        raise FoundWanting(
            f"engine {certificate.engine!r} does not draw what it states: {len(certificate.failing)} of "
            f"{len(certificate.tests)} tests fail, {certificate.greedy[1] - certificate.greedy[0]} greedy tokens are not "
            "the likeliest."
        )


def _print(certificate: "SamplerCertificate") -> None:
    rows = [
        [prefix, test.test, test.n, f"{test.statistic:.2f}", f"{test.expected:.2f}", f"{test.p_value:.3g}", f"{holm:.3g}"]
        for prefix, test, holm in certificate.tests
    ]
    line(f"engine {certificate.engine}, {len(certificate.tests)} tests at level {certificate.level:g} in all")
    line()
    line(columns(["prefix", "test", "draws", "statistic", "expected", "p", "p adjusted (Holm)"], rows))
    line()
    line(f"greedy tokens that are the likeliest stated one: {certificate.greedy[0]} of {certificate.greedy[1]}")
    for fault in certificate.faults:
        caught = f"found in {fault.caught} of {fault.of} simulations of {fault.draws:,} draws on {fault.where}"
        line(f"planted fault, {fault.fault}: {caught}")
    few = ", which is too few to show here" if certificate.moved < LEAST_SHOWN else ""
    line(f"32-bit Gumbel noise would change {certificate.moved:.2g} of the {certificate.draws:,} draws at most{few}")
