"""What a profile says of servers reaches the engine unchanged, and names what to start."""

from pathlib import Path

import pytest

from rollmill.flows import CHECKOUT
from rollmill.flows.recipe.profile import load_profile
from rollmill.flows.recipe.servers import (
    Http,
    PricesSection,
    Serve,
    ServerSection,
    http_settings,
    local_models,
    server_keys,
)
from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.http import http_settings as settings
from rollmill.pipelines.generate.prices import Prices
from rollmill.pipelines.generate.serving import LocalServers
from tests.storage.models.published import published_student


def test_the_shipped_profile_names_a_local_server() -> None:
    profile = load_profile(CHECKOUT / "profiles" / "server.yaml")
    assert http_settings(profile.servers, profile.http, profile.prices) == settings.HttpSettings(
        (settings.Server("http://127.0.0.1:8000/v1"),)
    )


def test_defaults_are_the_engines_and_every_key_arrives() -> None:
    assert http_settings((), Http(), None) == settings.HttpSettings()
    server = ServerSection(url="https://h/v1", key_env="K", concurrency=7, models=("a", "b"), listed=False)
    http = http_settings(
        (server,), Http(attempts=3, patience=9.0), PricesSection(input=1.0, output=2.0, per=10, currency="EUR")
    )
    assert http == settings.HttpSettings(
        (settings.Server("https://h/v1", "K", 7, ("a", "b"), listed=False),),
        attempts=3,
        patience=9.0,
        prices=Prices(1.0, 2.0, None, 10),
    )


def test_keys_are_those_of_the_profile_in_use_and_of_every_profile_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "profiles").mkdir()
    text = "servers:\n  - {url: 'https://h/v1', key_env: \"MINE\"}\n  - url: x\n    key_env: SECOND\n# key_env: COMMENT\n"
    (tmp_path / "profiles" / "broken.yaml").write_text(text + "  : [")
    for name in ("MINE", "SECOND", "COMMENT", "GIVEN"):
        monkeypatch.setenv(name, f" key-of-{name} ")
    given = (ServerSection(url="https://g/v1", key_env="GIVEN"), ServerSection(url="https://n/v1", key_env="NOT_SET"))
    assert server_keys(tmp_path, given) == {"GIVEN": "key-of-GIVEN", "MINE": "key-of-MINE", "SECOND": "key-of-SECOND"}
    assert server_keys(tmp_path / "nowhere") == {}


def profile(folder: Path, text: str) -> Path:
    path = folder / "p.yaml"
    path.write_text(text)
    return path


def test_one_part_or_several_with_numbers_as_texts(tmp_path: Path) -> None:
    one = load_profile(
        profile(tmp_path, "serve: {model: m, args: [--max-model-len, 512], env: {VLLM_CPU_KVCACHE_SPACE: 1}}")
    )
    assert one.serve == (Serve(model="m", args=("--max-model-len", "512"), env={"VLLM_CPU_KVCACHE_SPACE": "1"}),)
    two = load_profile(profile(tmp_path, "serve: [{model: a}, {model: a, served_name: b}]"))
    assert [part.name for part in two.serve] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("serve: [{model: a}, {model: b, served_name: a}]", "two parts of serve have one model name"),
        ("serve: {python: x}", "model"),
        ("serve: {model: a, prot: 1}", "prot"),
        ("serve: {model: a, port: 70000}", "port"),
        ("serve: {model: a, command: [sglang, '{port}'], python: x}", "python and args are vLLM's"),
        ("serve: {model: a, command: [sglang, --port, 1]}", "command needs {port}"),
        ("serve: {model: a, command: [sglang, '{port}', '{key}']}", "can be read by others"),
        ("serve: {model: a, health: ready}", "health"),
        ("serve: {model: a, replicas: 0}", "replicas"),
        ("serve: {model: a, env: {'not a name': 1}}", "env"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        load_profile(profile(tmp_path, text))


def test_places_are_the_workspace_s_or_else_the_checkout_s(tmp_path: Path) -> None:
    part = Serve(model="models/rollmill-tiny", python="bin/python", replicas=2, env={"A": "1"})
    servers = (ServerSection(url="https://h/v1", key_env="H_KEY"),)
    (found,) = local_models([part], servers, tmp_path, tmp_path / "logs")
    assert found.python == tmp_path / "bin" / "python"
    assert found.model == str(CHECKOUT / "models" / "rollmill-tiny")
    assert (found.name, found.replicas, found.env, found.without) == ("models/rollmill-tiny", 2, {"A": "1"}, ("H_KEY",))
    (tmp_path / "models" / "rollmill-tiny").mkdir(parents=True)
    (own,) = local_models([part], (), tmp_path, tmp_path / "logs")
    assert own.model == str(tmp_path / "models" / "rollmill-tiny")
    (named,) = local_models([Serve(model="Qwen/Qwen2.5-0.5B-Instruct", python="/bin/sh")], (), tmp_path, tmp_path)
    assert (named.model, named.python) == ("Qwen/Qwen2.5-0.5B-Instruct", Path("/bin/sh"))


def test_a_version_of_a_model_is_served_by_its_numbered_name(tmp_path: Path) -> None:
    folder = published_student(tmp_path)
    for reference in ("models/student", "models/student@v1"):
        (found,) = local_models([Serve(model=reference, python="/bin/sh")], (), tmp_path, tmp_path)
        assert (found.model, found.name) == (str(folder), "models/student@v1")
    (renamed,) = local_models([Serve(model="models/student@v1", served_name="s", python="/bin/sh")], (), tmp_path, tmp_path)
    assert (renamed.model, renamed.name) == (str(folder), "s")
    with pytest.raises(SetupError, match="student has no version called 'v2'"):
        local_models([Serve(model="models/student@v2", python="/bin/sh")], (), tmp_path, tmp_path)


def test_replicas_count_as_servers_before_they_run(tmp_path: Path) -> None:
    part = Serve(model="m", python="/bin/sh", replicas=3, concurrency=7)
    local = LocalServers(local_models([part], (), tmp_path, tmp_path))
    assert settings.HttpSettings((settings.Server("https://h/v1", concurrency=2),), local=local).capacity == 23
