"""Settings that decide a training run: the shape of the model and the settings of the optimiser.

Plain values, imported without torch. Two runs with equal settings on one machine give equal losses.
"""

from dataclasses import dataclass

LEVELS: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7, 8)


@dataclass(frozen=True, slots=True)
class Shape:
    """The dimensions of a Llama model with tied embeddings, under the names of its config.json."""

    vocab_size: int
    hidden_size: int = 128
    intermediate_size: int = 384
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    max_position_embeddings: int = 512
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-5

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def parameters(self) -> int:
        """Number of trained numbers, the tied embedding counted once."""
        width = self.hidden_size
        layer = 4 * width * width + 3 * width * self.intermediate_size + 2 * width
        return self.vocab_size * width + self.num_hidden_layers * layer + width


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Settings of the training. `batch` counts problems; `steps`, `horizon`, `warmup` and `checkpoint_every` count steps.

    The rate's cosine ends at `horizon`, and stopping well before it is on purpose: the hardest level's pass rate was still
    rising there, and a model that solves everything is of no use for difficulty-aware selection.
    """

    steps: int = 3400
    horizon: int = 4600
    batch: int = 64
    learning_rate: float = 2e-3
    final_share: float = 0.02
    warmup: int = 150
    weight_decay: float = 0.1
    beta2: float = 0.98
    clip: float = 1.0
    seed: int = 20
    threads: int = 2
    levels: tuple[int, ...] = LEVELS
    checkpoint_every: int = 200
