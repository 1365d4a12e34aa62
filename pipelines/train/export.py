"""Writes a trained model as the folder that is shipped: Hugging Face files, the ONNX graph and the record of the training.

Each file is renamed into place, so a reader never sees half of one. Weights come as arrays, without torch. The graph is
built node by node, with its key-value cache as inputs and outputs: a fixed buffer per row, padded to the right, so that
GroupQueryAttention reads each row's own length from `seqlens_k` and appends in place when input and output are bound to one
buffer.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.pipelines.generate.embedded.model_files import END, MARKERS, TEMPLATE
from rollmill.pipelines.train.training_settings import Shape

Weights = Mapping[str, npt.NDArray[np.float32]]
MS = "com.microsoft"
OPSET = 23
MS_OPSET = 1
IR_VERSION = 11
_ALIGN = 8  # bytes: where the numbers of a safetensors file begin


def export_folder(folder: Path, weights: Weights, shape: Shape, tokenizer: Any) -> Path:
    """Write configuration, tokenizer, weights and graph."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "tokenizer.json", tokenizer.to_str(pretty=True).encode() + b"\n")
    write_json(folder / "config.json", _config(shape, tokenizer))
    write_json(folder / "tokenizer_config.json", _tokenizer_config(shape))
    end = tokenizer.token_to_id(END)
    sampling = {"do_sample": True, "temperature": 1.0, "top_p": 1.0, "max_new_tokens": 200}
    write_json(folder / "generation_config.json", {**sampling, "eos_token_id": end, "pad_token_id": end})
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


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file whole."""
    _write(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


class _Graph:
    """Collects nodes and constants; every method returns the name of its new node or constant."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def node(self, op: str, inputs: list[str], outputs: list[str], *, domain: str = "", **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(op, inputs, outputs, name=outputs[0], domain=domain, **attributes))
        return outputs[0]

    def matmul(self, name: str, x: str, weight: npt.NDArray[np.float32]) -> str:
        """x times a torch-style (out, in) weight."""
        return self.node("MatMul", [x, self.constant(f"{name}.weight", weight.T)], [name])


def build_onnx(weights: Weights, shape: Shape) -> bytes:
    """The serialised graph: (input_ids, seqlens_k, total_sequence_length, caches) -> (logits of the last token, caches)."""
    from onnx import checker, helper

    graph = _Graph()
    embedding = graph.constant("model.embed_tokens.weight", weights["model.embed_tokens.weight"])
    _rotary_constants(graph, shape)
    x = graph.node("Gather", [embedding, "input_ids"], ["embedded"])
    norm = graph.constant("norm.0.weight", weights["model.layers.0.input_layernorm.weight"])
    normed = graph.node("RMSNormalization", [x, norm], ["norm.0"], axis=-1, epsilon=shape.rms_norm_eps, stash_type=1)
    for layer in range(shape.num_hidden_layers):
        x, normed = _layer(graph, weights, shape, layer, x, normed)
    last = graph.node("Gather", [normed, graph.constant("last", np.asarray(-1, dtype=np.int64))], ["last_state"], axis=1)
    graph.node("Gemm", [last, embedding], ["logits"], transB=1)
    inputs, outputs = _signature(shape)
    proto = helper.make_graph(graph.nodes, "rollmill-llama", inputs, outputs, graph.constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MS, MS_OPSET)]
    model = helper.make_model(proto, opset_imports=opsets, ir_version=IR_VERSION, producer_name="rollmill")
    checker.check_model(model)
    # The model's digest, and with it every completion id, covers these bytes.
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _signature(shape: Shape) -> tuple[list[Any], list[Any]]:
    from onnx import TensorProto, helper

    def tensor(name: str, kind: int, *sizes: str | int) -> Any:
        return helper.make_tensor_value_info(name, kind, list(sizes))

    cache = ("batch", shape.num_attention_heads, "cache", shape.head_dim)
    inputs = [
        tensor("input_ids", TensorProto.INT64, "batch", "sequence"),
        tensor("seqlens_k", TensorProto.INT32, "batch"),
        tensor("total_sequence_length", TensorProto.INT32),
    ]
    outputs = [tensor("logits", TensorProto.FLOAT, "batch", shape.vocab_size)]
    for layer in range(shape.num_hidden_layers):
        for part in ("key", "value"):
            inputs.append(tensor(f"past.{layer}.{part}", TensorProto.FLOAT, *cache))
            outputs.append(tensor(f"present.{layer}.{part}", TensorProto.FLOAT, *cache))
    return inputs, outputs


def _rotary_constants(graph: _Graph, shape: Shape) -> None:
    half = np.arange(0, shape.head_dim, 2, dtype=np.float64) / shape.head_dim
    angles = np.arange(shape.max_position_embeddings, dtype=np.float64)[:, None] * shape.rope_theta**-half
    graph.constant("cos", np.cos(angles).astype(np.float32))
    graph.constant("sin", np.sin(angles).astype(np.float32))


def _layer(graph: _Graph, weights: Weights, shape: Shape, layer: int, x: str, normed: str) -> tuple[str, str]:
    """Attention and SwiGLU, their residual sums fused into the norm that follows: (residual stream, its norm)."""
    at = f"model.layers.{layer}."
    last = layer + 1 == shape.num_hidden_layers
    following = "model.norm.weight" if last else f"model.layers.{layer + 1}.input_layernorm.weight"
    attended = _attention(graph, weights, shape, layer, normed)
    x, normed = _add_norm(graph, f"{layer}.middle", (x, attended), weights[at + "post_attention_layernorm.weight"], shape)
    return _add_norm(graph, f"{layer}.end", (x, _swiglu(graph, weights, layer, normed)), weights[following], shape)


def _attention(graph: _Graph, weights: Weights, shape: Shape, layer: int, normed: str) -> str:
    at = f"model.layers.{layer}.self_attn."
    packed = np.concatenate([weights[f"{at}{part}_proj.weight"] for part in "qkv"])
    qkv = graph.matmul(f"{layer}.qkv", normed, packed)
    caches = [f"past.{layer}.key", f"past.{layer}.value"]
    graph.node(
        "GroupQueryAttention",
        # The product is packed: query, key and value in one input, so those of key and value stay empty.
        [qkv, "", "", *caches, "seqlens_k", "total_sequence_length", "cos", "sin"],
        [f"{layer}.mixed", f"present.{layer}.key", f"present.{layer}.value"],
        domain=MS,
        num_heads=shape.num_attention_heads,
        kv_num_heads=shape.num_attention_heads,
        do_rotary=1,
    )
    return graph.matmul(f"{layer}.attended", f"{layer}.mixed", weights[at + "o_proj.weight"])


def _swiglu(graph: _Graph, weights: Weights, layer: int, normed: str) -> str:
    at = f"model.layers.{layer}.mlp."
    gate = graph.matmul(f"{layer}.gate", normed, weights[at + "gate_proj.weight"])
    up = graph.matmul(f"{layer}.up", normed, weights[at + "up_proj.weight"])
    # QuickGelu is x * sigmoid(alpha * x): with alpha 1 it is SiLU in one node.
    silu = graph.node("QuickGelu", [gate], [f"{layer}.silu"], domain=MS, alpha=1.0)
    inner = graph.node("Mul", [silu, up], [f"{layer}.inner"])
    return graph.matmul(f"{layer}.mlp", inner, weights[at + "down_proj.weight"])


def _add_norm(
    graph: _Graph, name: str, parts: tuple[str, str], weight: npt.NDArray[np.float32], shape: Shape
) -> tuple[str, str]:
    """Sum of the two parts, and its RMS norm."""
    constant = graph.constant(f"{name}.norm.weight", weight)
    outputs = [f"{name}.norm", "", "", f"{name}.sum"]
    graph.node("SkipSimplifiedLayerNormalization", [*parts, constant], outputs, domain=MS, epsilon=shape.rms_norm_eps)
    return f"{name}.sum", f"{name}.norm"
