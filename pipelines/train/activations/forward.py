"""Forward pass of a Llama with tied embeddings in NumPy, float32, and the parts that its last layer's gradients need.

Agrees with `rollmill.pipelines.train.architecture`, which needs torch: RMSNorm, rotary positions (half-split), SwiGLU.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.ground.pool import Ints
from rollmill.pipelines.train.architecture import EMBEDDING
from rollmill.pipelines.train.training_settings import Shape

Array = npt.NDArray[np.floating[Any]]
Weights = Mapping[str, Array]
MASKED = np.float32(-1e9)


@dataclass(frozen=True, slots=True)
class Attention:
    """Parts of one layer's attention. `inputs`, `mixed`: (rows, length, width), before the projections q, k, v and before
    o. `query`, `key`, `value`: (rows, heads, length, head_dim), rotated where they are. `shares`: (rows, heads, length,
    length), each row of sum 1.
    """

    inputs: Array
    query: Array
    key: Array
    value: Array
    shares: Array
    mixed: Array


def layer_name(layer: int) -> str:
    """Beginning of the names of a layer's tensors."""
    return f"model.layers.{layer}."


def states_before(weights: Weights, shape: Shape, ids: Ints, layer: int) -> Array:
    """Residual stream that a layer reads, (rows, length, width); `layer` from 0 to their number."""
    x: Array = weights[EMBEDDING][ids]
    for at in range(layer):
        x = after_layer(weights, shape, x, at)
    return x


def after_layer(weights: Weights, shape: Shape, x: Array, layer: int) -> Array:
    """Residual stream after a layer."""
    at = layer_name(layer)
    x = x + attention(weights, shape, x, layer).mixed @ weights[f"{at}self_attn.o_proj.weight"].T
    return x + swiglu(weights, at, normed(x, weights[at + "post_attention_layernorm.weight"], shape))


def attention(weights: Weights, shape: Shape, x: Array, layer: int) -> Attention:
    """The attention of a layer over its residual stream, under a causal mask."""
    at, length = layer_name(layer), x.shape[1]
    inputs = normed(x, weights[at + "input_layernorm.weight"], shape)
    query, key, value = (split(inputs @ weights[f"{at}self_attn.{part}_proj.weight"].T, shape) for part in "qkv")
    query, key = rotated(query, shape), rotated(key, shape)
    scores = query @ key.swapaxes(-1, -2) * np.float32(shape.head_dim**-0.5)
    scores = np.where(np.tri(length, dtype=bool), scores, MASKED)
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return Attention(inputs, query, key, value, shares, joined(shares @ value))


def swiglu(weights: Weights, at: str, h: Array) -> Array:
    """The feed-forward part of a layer."""
    gate = h @ weights[at + "mlp.gate_proj.weight"].T
    up: Array = h @ weights[at + "mlp.up_proj.weight"].T
    return (gate * sigmoid(gate) * up) @ weights[at + "mlp.down_proj.weight"].T


def sigmoid(x: Array) -> Array:
    """Logistic function."""
    share: Array = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1))
    return share


def normed(x: Array, weight: Array, shape: Shape) -> Array:
    """RMSNorm."""
    return x * scale(x, shape) * weight


def scale(x: Array, shape: Shape) -> Array:
    """One over the root mean square of the last axis."""
    mean: Array = np.mean(x * x, axis=-1, keepdims=True)
    root: Array = np.sqrt(mean + np.float32(shape.rms_norm_eps))
    return np.float32(1) / root


def split(x: Array, shape: Shape) -> Array:
    """(rows, length, width) as (rows, heads, length, head_dim)."""
    return x.reshape(*x.shape[:2], shape.num_attention_heads, shape.head_dim).swapaxes(1, 2)


def joined(x: Array) -> Array:
    """The reverse of `split`."""
    return x.swapaxes(1, 2).reshape(x.shape[0], x.shape[2], -1)


def rotated(x: Array, shape: Shape, *, back: bool = False) -> Array:
    """Rotary positions of (rows, heads, length, head_dim); `back`: the reverse rotation."""
    half = np.arange(0, shape.head_dim, 2) / shape.head_dim
    angles = np.arange(x.shape[2])[:, None] * shape.rope_theta**-half
    cos = np.cos(angles).astype(np.float32)
    sin = (np.sin(angles) * (-1 if back else 1)).astype(np.float32)
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
