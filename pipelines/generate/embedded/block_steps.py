"""The embedded model as a step model: blocks of tokens after a cached prefix, with log-probabilities at every position.

The graph of a model folder takes the last token's place along axis 1 and gives the logits of that token alone. Here the
same node takes the one row of the batch along axis 0, so that the graph gives the logits of all its tokens. A layer
is skipped by weights of 0 in what it adds to the residual stream.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rollmill.ground.errors import SetupError
from rollmill.ground.pool import Floats
from rollmill.pipelines.generate.decoding.step_model import Tokens
from rollmill.pipelines.generate.embedded.model_files import ModelFiles
from rollmill.pipelines.generate.embedded.session import bound_cache, cache_of, loaded_graph

GATHER = b'"\x06Gather*\x0b\n\x04axis\x18%c\xa0\x01\x02'
"""A node that gathers along an axis, as a serialised graph has it."""
OUTPUTS = ("attended.weight", "mlp.weight")
"""Weights of a layer that write into the residual stream."""


class BlockSteps:
    """Step model of one row, for one thread. A call computes what no earlier call has left in the cache.

    `skipped`: layers that are left out. Its log-probabilities differ from those of single steps by rounding, 1e-5.
    """

    def __init__(self, files: ModelFiles, skipped: Sequence[int] = ()) -> None:
        self.vocabulary, self.layers = files.vocabulary, files.layers
        self._files, self._skipped = files, tuple(sorted(set(skipped)))
        self._run, self._kept = _loaded(files, self._skipped)
        self._cache = cache_of(files, 1, files.context)
        self._known: Tokens = ()
        self._lighter: dict[tuple[int, ...], BlockSteps] = {}

    def forget(self) -> None:
        """Empty the cache, so that the next text's bits do not depend on this one."""
        self._known = ()
        for lighter in self._lighter.values():
            lighter.forget()

    def without(self, layers: Sequence[int]) -> "BlockSteps":
        """The same model without these layers; SetupError for a layer that the model lacks."""
        for layer in layers:
            if not 0 <= layer < self.layers:
                raise SetupError(
                    f"{self._files.name} has no layer {layer}.", choices=[str(known) for known in range(self.layers)]
                )
        skipped = tuple(sorted({*self._skipped, *layers}))
        if skipped not in self._lighter:
            self._lighter[skipped] = BlockSteps(self._files, skipped)
        return self._lighter[skipped]

    def next(self, prefixes: Sequence[Tokens]) -> Floats:
        """Natural log-probabilities after prefixes of one token or more, (prefixes, vocabulary).

        Prefixes that begin one another are one block.
        """
        rows = np.empty((len(prefixes), self.vocabulary))
        waiting = sorted(range(len(prefixes)), key=lambda at: -len(prefixes[at]))
        while waiting:
            longest = prefixes[waiting[0]]
            chain = [at for at in waiting if longest[: len(prefixes[at])] == prefixes[at]]
            kept = min(_shared(self._known, longest), min(len(prefixes[at]) for at in chain) - 1)
            logits = self._block(kept, longest[kept:])
            self._known = longest
            for at in chain:
                rows[at] = logits[len(prefixes[at]) - 1 - kept]
            waiting = [at for at in waiting if at not in chain]
        return np.asarray(rows - np.logaddexp.reduce(rows, axis=1, keepdims=True))

    def _block(self, past: int, tokens: Tokens) -> Any:
        """Logits after each token of a block that follows `past` cached tokens, (tokens, vocabulary)."""
        logits = np.empty((len(tokens), self.vocabulary), dtype=np.float32)
        whole = past + len(tokens)
        inputs = (
            np.asarray([tokens], dtype=np.int64),
            np.asarray([whole - 1], dtype=np.int32),
            np.asarray(whole, dtype=np.int32),
        )
        self._run.run_with_iobinding(bound_cache(self._run, (*inputs, logits), self._cache))
        return logits


def _shared(known: Tokens, tokens: Tokens) -> int:
    """Number of leading tokens that two sequences share."""
    pairs = enumerate(zip(known, tokens, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(known), len(tokens)))


def _loaded(files: ModelFiles, skipped: Sequence[int]) -> tuple[Any, list[Any]]:
    """The graph in onnxruntime, and the arrays of its skipped layers, which must outlive it."""
    import onnxruntime

    graph = (files.folder / "model.onnx").read_bytes()
    if graph.count(GATHER % 1) != 1:
        raise SetupError(
            f"{files.name}/model.onnx does not gather its last token as the graphs of `rollmill train` do, so that decode "
            "has no log-probabilities of several places.",
            next_command="generate: without decode, or a model of rollmill train",
        )
    kept = []
    options = onnxruntime.SessionOptions()
    for layer in skipped:
        for part, shape in zip(OUTPUTS, files.output_shapes, strict=True):
            zeros = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, dtype=np.float32))
            options.add_initializer(f"{layer}.{part}", zeros)
            kept.append(zeros)
    return loaded_graph(files, graph.replace(GATHER % 1, GATHER % 0), options), kept
