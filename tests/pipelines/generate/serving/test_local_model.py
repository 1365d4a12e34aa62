"""The command line and the environment of a server."""

import sys
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.serving import LocalModel


def model(**more: object) -> LocalModel:
    return LocalModel(Path(sys.executable), "/m/tiny", "tiny", Path("logs"), **more)  # type: ignore[arg-type]


def test_the_command_line_is_on_loopback_and_takes_no_sampling_from_the_model() -> None:
    assert model(args=("--dtype", "float32")).command(8123)[1:] == [
        *("-m", "vllm.entrypoints.openai.api_server", "--model", "/m/tiny", "--served-model-name", "tiny"),
        *("--host", "127.0.0.1", "--port", "8123", "--generation-config", "vllm", "--dtype", "float32"),
        *("--middleware", "rollmill_key.RequireKey"),
    ]
    assert model(args=("--generation-config", "auto")).command(1).count("--generation-config") == 1


def test_the_environment_is_ours_without_keys_and_our_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "OTHER_KEY", "KEPT"):
        monkeypatch.setenv(name, "x")
    found = model(env={"VLLM_CPU_KVCACHE_SPACE": "1"}, without=("OTHER_KEY",)).environment("secret")
    assert Path(found["PYTHONPATH"]).name == "guest"  # a folder with one file, which needs none of our packages
    assert [path.name for path in Path(found["PYTHONPATH"]).glob("*.py")] == ["rollmill_key.py"]
    assert "OTHER_KEY" not in found
    assert {name: found[name] for name in ("KEPT", "VLLM_CPU_KVCACHE_SPACE", "VLLM_API_KEY", "DO_NOT_TRACK")} == {
        "KEPT": "x",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_API_KEY": "secret",
        "DO_NOT_TRACK": "1",
    }


def test_another_server_has_a_command_line_of_its_own_and_the_key_in_its_environment() -> None:
    other = model(program=("llama-server", "-m", "{model}", "--port={port}"), env={"LLAMA_API_KEY": "{key}"})
    assert other.command(8123) == ["llama-server", "-m", "/m/tiny", "--port=8123"]
    assert other.environment("secret")["LLAMA_API_KEY"] == "secret"
    with pytest.raises(SetupError, match=r"no program llama-server, .* serve\.command"):
        other.check()
    model(program=(sys.executable, "{port}")).check()


@pytest.mark.parametrize("arg", ["--port", "--port=1", "--served_model_name", "--api-key=x", "--model"])
def test_flags_that_are_ours_are_refused(arg: str) -> None:
    with pytest.raises(SetupError, match="which Rollmill sets itself"):
        model(args=(arg,)).check()
    assert "secret" not in repr(model(env={"HF_TOKEN": "secret"}))
