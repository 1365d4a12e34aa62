"""`rollmill certify sampler` as a person uses it: exit statuses, the table, JSON, mistakes in one line."""

import json
from pathlib import Path

import pytest

from rollmill.flows.cli import run

pytestmark = pytest.mark.integration

TOYS = Path(__file__).parents[3] / "pipelines" / "certify" / "samplers" / "samplers.py"


def test_a_right_sampler_exits_with_0_and_its_tests(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["certify", "sampler", "--engine", f"{TOYS}:Stating", "--draws", "3000", "--prefixes", "2"]) == 0
    out = capsys.readouterr().out
    assert "engine stating, " in out
    assert "mean log-probability of all" in out
    assert "greedy tokens that are the likeliest stated one: 2 of 2" in out
    assert "planted fault, temperature .97: found in " in out
    assert "simulations of 3,000 draws on each prefix" in out
    assert "of the 6,000 draws at most, which is too few to show here" in out


def test_a_wrong_temperature_exits_with_1_and_names_the_failing_tests(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--engine", f"{TOYS}:Hot", "--draws", "20000", "--prefixes", "3", "--json"]
    assert run(["certify", "sampler", *arguments]) == 1
    streams = capsys.readouterr()
    outcome = json.loads(streams.out)
    assert outcome["clean"] is False
    assert min(row["p_adjusted"] for row in outcome["tests"]) < 0.01
    assert "rollmill: engine 'hot' does not draw what it states: " in streams.err


@pytest.mark.integration
@pytest.mark.parametrize("cuts", [[], ["--warp", "typical mass=.9"], ["--temperature", "1.4", "--top-k", "5"]])
def test_the_embedded_engine_is_clean_under_any_sampling(cuts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["certify", "sampler", "--json", *cuts]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["greedy"] == {"likeliest": 8, "of": 8}
    assert len(outcome["tests"]) > 8


@pytest.mark.integration
@pytest.mark.parametrize(
    "decode",
    ["speculative", "speculative rule=single drafter=layers", "speculative rule=single drafter=layers ahead=2"],
)
def test_a_lossless_decoder_is_clean_at_later_tokens_too(decode: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["certify", "sampler", "--json", "--decode", decode, "--prefixes", "4", "--draws", "400"]) == 0
    outcome = json.loads(capsys.readouterr().out)
    assert [row["prefix"] for row in outcome["tests"] if ", token " in row["prefix"]]  # some later token is not certain


@pytest.mark.integration
def test_a_rule_that_needs_top_k_is_certified_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--decode", "speculative rule=weighted drafts=2", "--top-k", "4", "--prefixes", "2", "--draws", "200"]
    assert run(["certify", "sampler", "--json", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["greedy"] == {"likeliest": 2, "of": 2}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--engine", "embeded"], "unknown engine 'embeded'. Did you mean 'embedded'?"),
        (["--options", "[]"], "--options '[]' is not a JSON object"),
        (["--temperature", "0"], "--temperature 0.0 draws nothing at random"),
        (["--top-p", "2"], "top_p is 2.0."),
        (["--level", "1"], "--level 1.0 is no chance of error"),
        (["--warp", "typical"], "engine 'right' does not run warp 'typical': it runs none"),
        (["--warp", "typical mass"], "'mass' is not of the form KEY=VALUE"),
        (["--warp", "typicl"], "unknown warp 'typicl'"),
        (["--decode", "speculative"], "engine 'right' does not run decoder 'speculative': it runs none"),
        (["--decode", "masked regex=a"], "decoder 'masked' draws from another distribution than the sampling's"),
        (["--engine", f"{TOYS}:Silent"], "engine 'silent' gives no log-probabilities"),
    ],
)
def test_a_mistake_is_one_line_and_exits_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = [] if "--engine" in arguments else ["--engine", f"{TOYS}:Right"]
    assert run(["certify", "sampler", "--draws", "200", *engine, *arguments]) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
