"""The exported folder: the graph computes what torch computes, the files say what Hugging Face expects."""

import json
import random
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from rollmill.pipelines.generate.embedded.model_files import ModelFiles
from rollmill.pipelines.train.export import to_safetensors
from rollmill.pipelines.train.training_settings import Shape
from rollmill.places import CHECKOUT

Weights = npt.NDArray[np.float32]
SHIPPED = CHECKOUT / "models" / "rollmill-tiny"


def read_safetensors(path: Path) -> dict[str, Weights]:
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    arrays: dict[str, Weights] = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path.name}: {name} is {entry['dtype']}, only F32 is read here")
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        arrays[name] = np.frombuffer(data[begin:end], dtype="<f4").reshape(entry["shape"])
    return arrays


def test_safetensors_come_back(tmp_path: Path) -> None:
    weights = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.asarray([0.5], dtype=np.float32)}
    (tmp_path / "x").write_bytes(to_safetensors(weights))
    found = read_safetensors(tmp_path / "x")
    assert {name: value.tolist() for name, value in found.items()} == {"a.weight": [[0, 1, 2], [3, 4, 5]], "b": [0.5]}
    data = (tmp_path / "x").read_bytes()
    assert int.from_bytes(data[:8], "little") % 8 == 0
    assert json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["b"] == {
        "dtype": "F32",
        "shape": [1],
        "data_offsets": [24, 28],
    }


def test_the_shipped_weights_have_the_names_and_sizes_of_a_tied_llama() -> None:
    config = json.loads((SHIPPED / "config.json").read_text())
    assert (config["model_type"], config["architectures"], config["tie_word_embeddings"]) == (
        "llama",
        ["LlamaForCausalLM"],
        True,
    )
    weights = read_safetensors(SHIPPED / "model.safetensors")
    width, inner = config["hidden_size"], config["intermediate_size"]
    assert weights["model.embed_tokens.weight"].shape == (config["vocab_size"], width)
    assert weights["model.layers.0.self_attn.k_proj.weight"].shape == (width, width)
    assert weights["model.layers.0.mlp.down_proj.weight"].shape == (width, inner)
    assert "lm_head.weight" not in weights
    assert len(weights) == 2 + 9 * config["num_hidden_layers"]
    assert sum(value.size for value in weights.values()) <= 2_400_000


def shipped_shape() -> Shape:
    config = json.loads((SHIPPED / "config.json").read_text())
    return Shape(**{name: config[name] for name in Shape.__slots__})


def test_the_shape_counts_its_parameters() -> None:
    weights = read_safetensors(SHIPPED / "model.safetensors")
    assert shipped_shape().parameters == sum(value.size for value in weights.values())


@pytest.mark.train
def test_the_shipped_graph_agrees_with_torch_on_the_shipped_weights() -> None:
    import torch

    from rollmill.pipelines.generate.embedded.session import ModelSession
    from rollmill.pipelines.train.architecture import hidden_states, logits

    parameters = {
        name: torch.from_numpy(value.copy()) for name, value in read_safetensors(SHIPPED / "model.safetensors").items()
    }
    session = ModelSession(ModelFiles.open(str(SHIPPED)))
    ids = [random.Random(4).randrange(640) for _ in range(120)]
    expected = logits(parameters, hidden_states(parameters, shipped_shape(), torch.tensor([ids])))[0].numpy()
    scale = np.abs(expected).max()
    assert np.abs(session.prefill(ids).logits - expected[-1]).max() < 1e-4 * scale
    tile = session.borrow()
    tile.put(0, session.prefill(ids[:50]))
    for at in range(50, 120):
        assert np.abs(tile.step([ids[at]])[0] - expected[at]).max() < 1e-4 * scale


@pytest.mark.train
def test_exporting_the_shipped_weights_makes_the_shipped_files(tmp_path: Path) -> None:
    from tokenizers import Tokenizer

    from rollmill.pipelines.train.export import export_folder

    tokenizer = Tokenizer.from_file(str(SHIPPED / "tokenizer.json"))
    weights = read_safetensors(SHIPPED / "model.safetensors")
    export_folder(tmp_path, weights, shipped_shape(), tokenizer)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(made) == [
        "config.json",
        "generation_config.json",
        "model.onnx",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    assert [name for name, data in made.items() if name != "model.onnx" and data != (SHIPPED / name).read_bytes()] == []
    assert ModelFiles.open(str(tmp_path)).digest == ModelFiles.open(str(SHIPPED)).digest
