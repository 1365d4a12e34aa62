"""Model folders: found by path, named by digest, mistakes explained."""

import shutil
from pathlib import Path

import pytest

from pipelines.generate.model_files import CHECKOUT, ModelFiles
from pipelines.generate.session import Session
from storage.errors import SetupError

SHIPPED = CHECKOUT / "models" / "rollmill-tiny"


def test_the_shipped_folder_is_found_from_any_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ModelFiles.open("models/rollmill-tiny").folder == SHIPPED


def test_a_folder_in_the_working_directory_comes_first(tmp_path, monkeypatch):
    copy = shutil.copytree(SHIPPED, tmp_path / "models" / "rollmill-tiny")
    monkeypatch.chdir(tmp_path)
    assert ModelFiles.open("models/rollmill-tiny").folder == Path(copy).resolve()


def test_the_digest_follows_the_files_that_decide_and_no_others(tmp_path):
    copy = shutil.copytree(SHIPPED, tmp_path / "other-name")
    before = ModelFiles.open(str(copy))
    assert (before.name, before.digest) == ("other-name", ModelFiles.open(str(SHIPPED)).digest)
    (copy / "README.md").write_text("changed")
    assert ModelFiles.open(str(copy)).digest == before.digest
    config = (copy / "config.json").read_text()
    (copy / "config.json").write_text(config + " ")
    assert ModelFiles.open(str(copy)).digest != before.digest


def test_an_unknown_folder_names_the_shipped_ones_and_the_next_command():
    with pytest.raises(SetupError) as error:
        ModelFiles.open("models/nowhere")
    assert str(error.value).startswith("no model folder 'models/nowhere'. Valid: models/rollmill-tiny")
    assert str(error.value).endswith("Next: rollmill train --out models/nowhere")


def test_a_folder_that_lacks_a_file_is_told_which(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(SetupError, match=r"has no model\.onnx\."):
        ModelFiles.open(str(tmp_path))


def test_the_shipped_model_is_small():
    files = [path for path in SHIPPED.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 20 * 2**20


@pytest.mark.parametrize(
    ("config", "says"), [("{", "is not JSON."), ('{"num_attention_heads": 4}', "has no 'hidden_size'.")]
)
def test_a_config_that_cannot_be_read_is_a_setup_error(tmp_path, config, says):
    copy = shutil.copytree(SHIPPED, tmp_path / "broken")
    (copy / "config.json").write_text(config)
    with pytest.raises(SetupError) as error:
        ModelFiles.open(str(copy))
    assert error.value.message.endswith(f"broken/config.json {says}")


def test_a_graph_that_is_none_is_a_setup_error(tmp_path):
    copy = shutil.copytree(SHIPPED, tmp_path / "broken")
    (copy / "model.onnx").write_bytes(b"not a graph")
    with pytest.raises(SetupError, match=r"onnxruntime cannot load broken/model\.onnx"):
        Session(ModelFiles.open(str(copy)))


def test_a_graph_with_other_inputs_is_a_setup_error(tmp_path):
    """The shipped graph under a config that asks for a fifth layer."""
    copy = shutil.copytree(SHIPPED, tmp_path / "other")
    config = (copy / "config.json").read_text()
    (copy / "config.json").write_text(config.replace('"num_hidden_layers": 4', '"num_hidden_layers": 5'))
    with pytest.raises(SetupError, match=r"other/model\.onnx has no input 'past\.4\.key'"):
        Session(ModelFiles.open(str(copy)))
