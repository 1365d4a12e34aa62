"""Gradients of the loss on answers by the attention matrices of a model's last layer, backwards through that layer alone.

For each matrix they are kept as pairs of a token's input and the gradient by its output, whose outer products add up to the
gradient. That is what Kronecker-factored curvature needs, and dot products need no gradient as a whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rollmill.ground.pool import Floats
from rollmill.pipelines.train.activations.forward import (
    Array,
    Attention,
    Weights,
    attention,
    joined,
    layer_name,
    normed,
    rotated,
    scale,
    sigmoid,
    split,
)
from rollmill.pipelines.train.activations.token_rows import TokenRows
from rollmill.pipelines.train.architecture import EMBEDDING, FINAL_NORM
from rollmill.pipelines.train.training_settings import Shape

PARTS = "qkvo"


@dataclass(frozen=True, slots=True)
class TokenGradients:
    """Mean negative log-likelihood of each row's answer, and by matrix of PARTS inputs and output gradients of tokens.

    Inputs and gradients: (rows, length, width); gradients are of the row's mean, 0 where nothing depends on a token.
    """

    losses: Floats
    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]

    def total(self, part: str) -> Floats:
        """Gradient of the sum of the rows' losses by a matrix, (out, in)."""
        outputs, inputs = (side[part].reshape(-1, side[part].shape[-1]) for side in (self.outputs, self.inputs))
        return np.asarray(outputs.T @ inputs, dtype=np.float64)


def token_gradients(weights: Weights, shape: Shape, x: Array, batch: TokenRows) -> TokenGradients:
    """Losses and gradients of a batch. `x`: the residual stream that the last layer reads."""
    layer = shape.num_hidden_layers - 1
    parts = attention(weights, shape, x, layer)
    after = x + parts.mixed @ weights[f"{layer_name(layer)}self_attn.o_proj.weight"].T
    losses, by_after = _above_attention(weights, shape, after, batch)
    inputs = {**dict.fromkeys("qkv", parts.inputs), "o": parts.mixed}
    return TokenGradients(losses, inputs, {**_projections(weights, shape, parts, by_after), "o": by_after})


def _above_attention(weights: Weights, shape: Shape, x: Array, batch: TokenRows) -> tuple[Floats, Array]:
    """Losses, and their gradient by the residual stream after the attention: through output, final norm and SwiGLU."""
    at = layer_name(shape.num_hidden_layers - 1)
    norm, final = weights[at + "post_attention_layernorm.weight"], weights[FINAL_NORM]
    h = normed(x, norm, shape)
    gate, up = (h @ weights[f"{at}mlp.{part}_proj.weight"].T for part in ("gate", "up"))
    share = sigmoid(gate)
    last = x + (gate * share * up) @ weights[at + "mlp.down_proj.weight"].T
    losses, by_states = _output(weights[EMBEDDING], normed(last, final, shape), batch)
    by_last = _through_norm(last, final, by_states, shape)
    by_inner = by_last @ weights[at + "mlp.down_proj.weight"]
    by_gate = by_inner * up * share * (1 + gate * (1 - share))
    by_h = by_gate @ weights[at + "mlp.gate_proj.weight"]
    by_h += (by_inner * gate * share) @ weights[at + "mlp.up_proj.weight"]
    return losses, by_last + _through_norm(x, norm, by_h, shape)


def _output(embedding: Array, states: Array, batch: TokenRows) -> tuple[Floats, Array]:
    """Losses by row, and their gradient by the final states."""
    logits = states @ embedding.T
    logits -= logits.max(axis=-1, keepdims=True)
    following = np.roll(batch.ids, -1, axis=1)[..., None]
    chances = np.exp(logits)
    total = chances.sum(axis=-1, keepdims=True)
    logps = np.take_along_axis(logits, following, axis=-1)[..., 0] - np.log(total[..., 0])
    weight = batch.answers / np.maximum(batch.answers.sum(axis=1, keepdims=True), 1)
    losses = -(logps * weight).sum(axis=1, dtype=np.float64)
    chances /= total
    np.put_along_axis(chances, following, np.take_along_axis(chances, following, axis=-1) - 1, axis=-1)
    return losses, (chances * weight[..., None].astype(chances.dtype)) @ embedding


def _through_norm(x: Array, weight: Array, gradient: Array, shape: Shape) -> Array:
    """Gradient by the input of an RMSNorm."""
    by, root = gradient * weight, scale(x, shape)
    inner: Array = (by * x).mean(axis=-1, keepdims=True)
    return root * by - x * root**3 * inner


def _projections(weights: Weights, shape: Shape, parts: Attention, by_after: Array) -> dict[str, Array]:
    """Gradients by the outputs of the projections q, k and v."""
    at = layer_name(shape.num_hidden_layers - 1)
    by_mixed = split(by_after @ weights[f"{at}self_attn.o_proj.weight"], shape)
    by_shares = by_mixed @ parts.value.swapaxes(-1, -2)
    by_scores = parts.shares * (by_shares - (by_shares * parts.shares).sum(axis=-1, keepdims=True))
    by_scores *= np.float32(shape.head_dim**-0.5)
    return {
        "q": joined(rotated(by_scores @ parts.key, shape, back=True)),
        "k": joined(rotated(by_scores.swapaxes(-1, -2) @ parts.query, shape, back=True)),
        "v": joined(parts.shares.swapaxes(-1, -2) @ by_mixed),
    }
