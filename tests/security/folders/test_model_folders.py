"""A model folder from elsewhere is data: no Python file, pickle or path in it is followed."""

import json
import pickle
import shutil
from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.embedded.model_files import ModelFiles, digest_files
from rollmill.pipelines.generate.embedded.session import loaded_graph
from rollmill.pipelines.generate.vllm.model_folder import folder_digest

pytestmark = pytest.mark.security
SHIPPED = Path("models/rollmill-tiny").resolve()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(SHIPPED, folder)
    return folder


class _Touches:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_code_beside_the_weights_is_not_imported(model: Path, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    config = json.loads((model / "config.json").read_text())
    config |= {"auto_map": {"AutoConfig": "evil.C", "AutoModelForCausalLM": "evil.M"}, "model_type": "evil"}
    (model / "config.json").write_text(json.dumps(config))
    for name in ("evil", "modeling_evil", "tokenization_evil", "__init__"):
        (model / f"{name}.py").write_text(f"open({str(touched)!r}, 'w')\n")
    from rollmill.pipelines.generate.embedded.engine import Embedded

    engine = Embedded(str(model))
    assert engine.model_digest
    loaded_graph(ModelFiles.open(str(model)))
    assert not touched.exists()


def test_weights_in_a_pickle_are_refused(model: Path, tmp_path: Path) -> None:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(_Touches(tmp_path / "touched")))
    with pytest.raises(SetupError, match=r"its weights in pytorch_model.bin, a pickle"):
        folder_digest(model)
    assert not (tmp_path / "touched").exists()


def _field(number: int, value: int | str | bytes) -> bytes:
    """A field of protobuf."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    low = bytes([number & 127 | (128 if number > 127 else 0)])
    return low + _varint(number >> 7) if number > 127 else low


def _graph(location: str) -> bytes:
    """The graph y = x + w whose w is four numbers in a file."""
    external = b"".join(
        _field(13, _field(1, key) + _field(2, value))
        for key, value in (("location", location), ("offset", "0"), ("length", "16"))
    )
    tensor = _field(1, 4) + _field(2, 1) + _field(8, "w") + external + _field(14, 1)
    shape = _field(2, _field(1, _field(1, 1) + _field(2, _field(1, _field(1, 4)))))
    node = _field(1, "x") + _field(1, "w") + _field(2, "y") + _field(4, "Add")
    graph = _field(1, node) + _field(2, "g") + _field(5, tensor)
    graph += _field(11, _field(1, "x") + shape) + _field(12, _field(1, "y") + shape)
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 17))


@pytest.mark.parametrize("location", ["../secret", "{folder}/secret", "link", "./../model/../secret"])
def test_a_graph_reads_no_file_outside_of_its_folder(model: Path, tmp_path: Path, location: str) -> None:
    (tmp_path / "secret").write_bytes(b"0123456789abcdef")
    (model / "link").symlink_to(tmp_path / "secret")
    (model / "model.onnx").write_bytes(_graph(location.format(folder=tmp_path)))
    with pytest.raises(SetupError, match=r"cannot load model/model.onnx: .*External data path"):
        loaded_graph(ModelFiles.open(str(model)))


def test_a_link_named_like_a_digest_is_read(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = digest_files(model, ["tokenizer.json"])
    sha = "ab" * 32
    blob = tmp_path / "blobs" / sha
    blob.parent.mkdir()
    shutil.copy(model / "tokenizer.json", blob)
    (model / "tokenizer.json").unlink()
    (model / "tokenizer.json").symlink_to(blob)
    assert digest_files(model, ["tokenizer.json"]) == honest
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))  # the person's own cache, whose names are digests
    assert digest_files(model, ["tokenizer.json"]) != honest
