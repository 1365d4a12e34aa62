"""What a profile says of servers to start: its defaults, its places and its mistakes."""

from pathlib import Path

import pytest

from flows import CHECKOUT
from flows.recipe import load_profile
from flows.recipe.servers import Serve, Server, as_servers, local_models
from storage.errors import SetupError


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
    ("text", "said"),
    [
        ("serve: [{model: a}, {model: b, served_name: a}]", "two parts of serve have one model name"),
        ("serve: {python: x}", "model"),
        ("serve: {model: a, prot: 1}", "prot"),
        ("serve: {model: a, port: 70000}", "port"),
        ("serve: {model: a, replicas: 0}", "replicas"),
        ("serve: {model: a, env: {'not a name': 1}}", "env"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        load_profile(profile(tmp_path, text))


def test_places_are_the_workspace_s_or_else_the_checkout_s(tmp_path: Path) -> None:
    part = Serve(model="models/rollmill-tiny", python="bin/python", replicas=2, env={"A": "1"})
    servers = (Server(url="https://h/v1", key_env="H_KEY"),)
    (found,) = local_models([part], servers, tmp_path, tmp_path / "logs")
    assert found.python == tmp_path / "bin" / "python"
    assert found.model == str(CHECKOUT / "models" / "rollmill-tiny")
    assert (found.name, found.replicas, found.env, found.without) == ("models/rollmill-tiny", 2, {"A": "1"}, ("H_KEY",))
    (tmp_path / "models" / "rollmill-tiny").mkdir(parents=True)
    (own,) = local_models([part], (), tmp_path, tmp_path / "logs")
    assert own.model == str(tmp_path / "models" / "rollmill-tiny")
    (named,) = local_models([Serve(model="Qwen/Qwen2.5-0.5B-Instruct", python="/bin/sh")], (), tmp_path, tmp_path)
    assert (named.model, named.python) == ("Qwen/Qwen2.5-0.5B-Instruct", Path("/bin/sh"))


def test_replicas_count_as_servers_before_they_run() -> None:
    assert [server.concurrency for server in as_servers([Serve(model="m", replicas=3, concurrency=7)])] == [7, 7, 7]
