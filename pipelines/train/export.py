"""Writes a trained model as the folder that is shipped: Hugging Face files, the ONNX graph and the record of the training.

Each file is renamed into place, so a reader never sees half of one. Weights come as arrays, without torch.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.generate.vocabulary import END, MARKERS, TEMPLATE
from pipelines.train.onnx_graph import Weights, build_onnx
from pipelines.train.training_settings import Shape

_ALIGN = 8  # bytes: where the numbers of a safetensors file begin


def export_folder(folder: Path, weights: Weights, shape: Shape, tokenizer: Any, training: Mapping[str, Any]) -> Path:
    """Write every file but the card and the scores, which need a measurement."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "tokenizer.json", tokenizer.to_str(pretty=True).encode() + b"\n")
    _write_json(folder / "config.json", _config(shape, tokenizer))
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(shape))
    _write_json(folder / "generation_config.json", _generation_config(tokenizer))
    _write_json(folder / "training.json", training)
    _write(folder / "model.safetensors", to_safetensors(weights))
    _write(folder / "model.onnx", build_onnx(weights, shape))
    return folder


def write_text(path: Path, text: str) -> None:
    """Replace a text file whole."""
    _write(path, text.encode())


def to_safetensors(weights: Mapping[str, npt.NDArray[np.float32]]) -> bytes:
    """The bytes of a safetensors file: an eight-byte header length, a JSON header, raw little-endian float32 numbers."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    blobs: list[bytes] = []
    offset = 0
    for name, value in weights.items():
        blob = np.ascontiguousarray(value, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGN)
    return len(text).to_bytes(8, "little") + text + b"".join(blobs)


def _config(shape: Shape, tokenizer: Any) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        **asdict(shape),
        "num_key_value_heads": shape.num_attention_heads,
        "head_dim": shape.head_dim,
        "hidden_act": "silu",
        "attention_bias": False,
        "attention_dropout": 0.0,
        "mlp_bias": False,
        "tie_word_embeddings": True,
        "initializer_range": 0.02,
        "bos_token_id": None,
        "eos_token_id": tokenizer.token_to_id(END),
        "pad_token_id": tokenizer.token_to_id(END),
        "torch_dtype": "float32",
        "use_cache": True,
    }


def _tokenizer_config(shape: Shape) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": shape.max_position_embeddings,
        "eos_token": END,
        "pad_token": END,
        "additional_special_tokens": list(MARKERS.values()),
        "clean_up_tokenization_spaces": False,
        "chat_template": TEMPLATE,
    }


def _generation_config(tokenizer: Any) -> dict[str, Any]:
    end = tokenizer.token_to_id(END)
    return {
        "do_sample": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "max_new_tokens": 200,
        "eos_token_id": end,
        "pad_token_id": end,
    }


def _write_json(path: Path, value: Any) -> None:
    _write(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
