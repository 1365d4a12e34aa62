"""The ONNX graph as two calls: `prefill` of one prompt and `step` of a tile of rows, each on the calling thread.

Why a row's bits cannot depend on its neighbours: every call runs on one thread, so no matrix is cut by thread count; a
prompt is prefilled alone at its own length; a step gives each row one place in matrices whose other operand and inner
dimension are fixed, and attention reads each row's own length from a cache padded to the right. What remains is the matrix
kernel's treatment of different row counts: `agreeing_sizes` keeps those that were seen, on this machine at load, to give
the same bits in every place.
"""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.embedded.model_files import ModelFiles

# onnxruntime tells its maker which models it runs, and writes files to do so, unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

Array = npt.NDArray[np.float32]

SIZES = (1, 2, 4, 8, 16)  # rows of a step; beyond 16, copies of the cache cost more than is gained
PROBE_STEPS = 5  # tokens after which two row counts are believed to agree
INPUTS = ("input_ids", "seqlens_k", "total_sequence_length")
PARTS = ("key", "value")


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prompt's state: the logits after it, and its keys and values, each (layers * 2, heads, length, head_dim)."""

    length: int
    logits: Array
    cache: Array


class ModelSession:
    """A loaded graph; safe to use from several threads, each with a tile of its own."""

    def __init__(self, files: ModelFiles, sizes: tuple[int, ...] | None = None) -> None:
        """`sizes`: the row counts that agree, where another process of this machine has found them."""
        self.files = files
        self.run = loaded_graph(files)
        # Shared by threads without a lock: pop and append of a list are atomic.
        self._idle: list[Tile] = []
        self.sizes = sizes or agreeing_sizes(self)

    def prefill(self, ids: list[int]) -> Prefix:
        """The state after a prompt of one token or more, computed alone."""
        length = len(ids)
        scratch = cache_of(self.files, 1, length)
        logits = np.empty((1, self.files.vocabulary), dtype=np.float32)
        arrays = (
            np.asarray([ids], dtype=np.int64),
            np.asarray([length - 1], dtype=np.int32),
            np.asarray(length, dtype=np.int32),
            logits,
        )
        self.run.run_with_iobinding(bound_cache(self.run, arrays, scratch))
        return Prefix(length, logits[0], scratch[:, 0])

    def borrow(self) -> "Tile":
        """A tile of rows for one thread, until it is given back; what an earlier user left in it is never read."""
        try:
            return self._idle.pop()
        except IndexError:
            return Tile(self)

    def give_back(self, tile: "Tile") -> None:
        """Keep a tile for the next borrower."""
        self._idle.append(tile)


class Tile:
    """Rows that decode together: their caches, last tokens, lengths and next logits; rows 0..n-1 are in use."""

    def __init__(self, session: ModelSession, sizes: tuple[int, ...] | None = None) -> None:
        self.sizes = sizes or session.sizes
        self.rows = self.sizes[-1]
        self.tokens = np.zeros((self.rows, 1), dtype=np.int64)
        self.lengths = np.zeros(self.rows, dtype=np.int32)
        self.logits = np.zeros((self.rows, session.files.vocabulary), dtype=np.float32)
        self._total = np.asarray(session.files.context, dtype=np.int32)
        self._cache = cache_of(session.files, self.rows, session.files.context)
        self._run = session.run
        self._bindings = {}
        for size in self.sizes:
            inputs = (self.tokens[:size], self.lengths[:size], self._total, self.logits[:size])
            self._bindings[size] = bound_cache(session.run, inputs, self._cache[:, :size])

    def put(self, row: int, prefix: Prefix) -> None:
        """Start a row after a prompt."""
        self._cache[:, row, :, : prefix.length] = prefix.cache
        self.lengths[row] = prefix.length

    def move(self, source: int, target: int) -> None:
        """Copy a row's state to another place."""
        length = int(self.lengths[source])
        self._cache[:, target, :, :length] = self._cache[:, source, :, :length]
        self.lengths[target] = length

    def step(self, tokens: list[int]) -> Array:
        """Append one token to each of the first rows; their next logits, (rows, vocabulary), valid until the next step."""
        used = len(tokens)
        size = next(size for size in self.sizes if size >= used)
        self.tokens[:used, 0] = tokens
        self.tokens[used:size] = 0
        self.lengths[used:size] = 0
        self._run.run_with_iobinding(self._bindings[size])
        self.lengths[:used] += 1
        return self.logits[:used]


def agreeing_sizes(session: ModelSession) -> tuple[int, ...]:
    """The row counts whose steps give one row the same bits in every place; at worst one row at a time."""
    reference = _probe(session, 1, 0)
    agreed = [
        size for size in SIZES if all(np.array_equal(reference, _probe(session, size, place)) for place in range(size))
    ]
    return tuple(agreed)


def _probe(session: ModelSession, size: int, place: int) -> Array:
    """The logits of a fixed token sequence at one place among busy neighbours of other lengths."""
    tile = Tile(session, (size,))
    vocabulary = session.files.vocabulary
    probed = []
    for step in range(PROBE_STEPS):
        tokens = [(7 * row + 3 * step + 1) % vocabulary for row in range(size)]
        tokens[place] = (5 * step + 2) % vocabulary
        probed.append(tile.step(tokens)[place].copy())
        if step == 0:
            tile.lengths[:] += np.arange(size, dtype=np.int32) % 3
            tile.lengths[place] = 1
    return np.asarray(probed)


def loaded_graph(files: ModelFiles, graph: str | bytes = "", options: Any = None) -> Any:
    """The graph of a folder, or another form of it, in onnxruntime, one thread a call; SetupError if it is not a graph or
    lacks our inputs.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = options or onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    graph = graph or str(files.folder / "model.onnx")
    advice = f"rollmill train --out models/NAME, or another engine for {files.name}"
    try:
        run = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except (state.Fail, state.InvalidGraph, state.InvalidProtobuf, state.InvalidArgument, state.NotImplemented) as error:
        reason = str(error).splitlines()[0]
        raise SetupError(f"onnxruntime cannot load {files.name}/model.onnx: {reason}", next_command=advice) from error
    needed = [*INPUTS, *(f"past.{layer}.{part}" for layer in range(files.layers) for part in PARTS)]
    lacking = [name for name in needed if name not in {known.name for known in run.get_inputs()}]
    if lacking:
        raise SetupError(f"{files.name}/model.onnx has no input {lacking[0]!r}.", next_command=advice)
    return run


def cache_of(files: ModelFiles, rows: int, length: int) -> Array:
    """Keys and values of all layers, zeros: (layers * 2, rows, heads, length, head_dim)."""
    return np.zeros((files.layers * 2, rows, files.heads, length, files.head_dim), dtype=np.float32)


def bound_cache(run: Any, arrays: tuple[npt.NDArray[Any], ...], cache: Array) -> Any:
    """Bind arrays to the graph; every cache is its own output, so it grows in place and is never copied.

    The binding holds addresses only: the caller keeps the arrays alive.
    """
    binding = run.io_binding()
    for name, array in zip(INPUTS, arrays[:3], strict=True):
        binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
    logits = arrays[3]
    binding.bind_output("logits", "cpu", 0, logits.dtype.type, logits.shape, logits.ctypes.data)
    for at, part in enumerate(cache):
        name = f"{at // 2}.{PARTS[at % 2]}"
        binding.bind_input(f"past.{name}", "cpu", 0, part.dtype.type, part.shape, part.ctypes.data)
        binding.bind_output(f"present.{name}", "cpu", 0, part.dtype.type, part.shape, part.ctypes.data)
    return binding
