"""Llama model folders as start values: shape, weights and tokenizer, read without transformers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.embedded.model_files import END, MARKERS, FolderTokenizer, read_config
from rollmill.pipelines.train.architecture import parameter_shapes
from rollmill.pipelines.train.training_settings import Shape

_NUMBERS: Mapping[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "F64": np.dtype("<f8")}
_OTHER = "learner: {method: trl}, which trains any model of transformers"


@dataclass(frozen=True, slots=True)
class LlamaFolder:
    """An initial model: shape, weights by name in float32, tokenizer."""

    folder: Path
    shape: Shape
    weights: dict[str, npt.NDArray[np.float32]]
    tokenizer: Any

    @classmethod
    def open(cls, folder: Path) -> "LlamaFolder":
        """The model in a folder; SetupError for another architecture than Llama's with tied embeddings."""
        shape = llama_shape(folder)
        weights = read_safetensors(folder / "model.safetensors")
        wanted = parameter_shapes(shape)
        if {name: value.shape for name, value in weights.items()} != wanted:
            odd = sorted(weights.keys() ^ wanted.keys()) or ["a tensor of another size"]
            raise SetupError(f"{folder} does not have the tensors of its config.json: {odd[0]}.", next_command=_OTHER)
        tokenizer = FolderTokenizer(folder / "tokenizer.json")
        for marker in (*MARKERS.values(), END):  # else a text's end would be several tokens, and no engine stops there
            if tokenizer.token_to_id(marker) is None:
                raise SetupError(f"the tokenizer of {folder} has no token {marker}.", next_command=_OTHER)
        return cls(folder, shape, weights, tokenizer)


def llama_shape(folder: Path) -> Shape:
    """The shape of a Llama with tied embeddings and one key-value head for each head; SetupError for any other model."""
    path = folder / "config.json"
    try:
        config = read_config(folder)
    except OSError:
        raise SetupError(
            f"{path} is missing or cannot be read.", next_command="name a folder in the form of Hugging Face"
        ) from None
    needs = {
        "model_type": "llama",
        "tie_word_embeddings": True,
        "num_key_value_heads": config.get("num_attention_heads"),
        "attention_bias": False,
        "hidden_act": "silu",
    }
    for key, value in needs.items():
        if config.get(key, value) != value:
            raise SetupError(
                f"{folder.name} has {key} {config.get(key)!r}; the learner tiny trains models with {value!r}.",
                next_command=_OTHER,
            )
    try:
        return Shape(**{field.name: config[field.name] for field in fields(Shape)})
    except KeyError as error:
        raise SetupError(f"{path} has no {error}.", next_command=_OTHER) from None


def read_safetensors(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The tensors of a safetensors file as float32 arrays."""
    try:
        data = path.read_bytes()
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        header.pop("__metadata__", None)
        tensors = {}
        # Tensors that share bytes would take memory for each; one that ends before its begin would hide others in the sum.
        lengths = [entry["data_offsets"][1] - entry["data_offsets"][0] for entry in header.values()]
        if any(length < 0 for length in lengths) or sum(lengths) > len(data) - 8 - size:
            raise ValueError("tensors overlap")
        for name, entry in header.items():
            first, last = entry["data_offsets"]
            if entry["dtype"] not in _NUMBERS:
                raise SetupError(f"{path} has numbers of type {entry['dtype']}.", choices=_NUMBERS, next_command=_OTHER)
            values = np.frombuffer(data[8 + size + first : 8 + size + last], dtype=_NUMBERS[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"]).astype(np.float32)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise SetupError(
            f"{path} is not a complete safetensors file ({type(error).__name__}).", next_command="fetch the model again"
        ) from None
    return tensors
