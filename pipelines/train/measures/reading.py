"""Models read given texts: log-probabilities of every token and hidden states, by the plain Llama of this package."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rollmill.ground.records import Prompt
from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.pipelines.train.rows import Encoded, encoding

Doubles = npt.NDArray[np.float64]
TOGETHER = 16  # texts that go through the model at once


@dataclass(frozen=True, slots=True)
class ReadingModel:
    """A model that reads texts and draws none."""

    model: LlamaFolder
    parameters: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> "ReadingModel":
        """The model of a folder, by torch."""
        import torch

        model = LlamaFolder.open(folder)
        return cls(model, {name: torch.from_numpy(value) for name, value in model.weights.items()})

    def encoded(self, prompt: Prompt, answer: str) -> Encoded:
        """Token ids of prompt and answer, and the places of the answer's tokens."""
        return encoding(self.model.tokenizer)(prompt, answer, [])

    def states(self, texts: Sequence[Encoded]) -> Iterator[Doubles]:
        """Final hidden states of each text before each trained token, (tokens, width)."""
        for at in range(0, len(texts), TOGETHER):
            yield from self._states(texts[at : at + TOGETHER])

    def _states(self, texts: Sequence[Encoded]) -> Iterator[Doubles]:
        import torch

        from rollmill.pipelines.train.architecture import hidden_states

        ids = np.zeros((len(texts), max(len(ids) for ids, _ in texts)), dtype=np.int64)
        for row, (tokens, _) in enumerate(texts):
            ids[row, : len(tokens)] = tokens
        with torch.inference_mode():
            states = hidden_states(self.parameters, self.model.shape, torch.from_numpy(ids)).double().numpy()
        for row, (_, places) in enumerate(texts):
            yield states[row, np.asarray(places) - 1]

    def logps(self, texts: Sequence[Encoded]) -> Iterator[Doubles]:
        """Log-probabilities of all tokens at each trained position of each text, (tokens, vocabulary)."""
        embedding = self.model.weights["model.embed_tokens.weight"].astype(np.float64)
        for states in self.states(texts):
            yield log_softmax(states @ embedding.T)

    def text_logps(self, texts: Sequence[Encoded]) -> list[Doubles]:
        """Log-probability of each trained token of each text."""
        scores = []
        for (tokens, places), logps in zip(texts, self.logps(texts), strict=True):
            targets = np.asarray(tokens)[np.asarray(places)]
            scores.append(logps[np.arange(len(targets)), targets])
        return scores


def log_softmax(logits: Doubles) -> Doubles:
    """Log-probabilities over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), dtype=np.float64)
