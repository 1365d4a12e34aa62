"""Gradient norms of completions under a model: what GVM-RAFT allots draws by (Yao et al. 2025)."""

from pathlib import Path

import numpy as np

from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.pipelines.train.rows import encoding, read_rows
from rollmill.pipelines.train.token_batches import token_batch

MOST = 4  # completions of a problem whose gradients are taken


def gradient_norms(model: Path, rows: Path) -> dict[str, float]:
    """For each problem the root of the mean squared norm of grad log p(completion | prompt), over its first completions.

    `model`: a folder of the shipped model's shape. `rows`: JSON lines of the export `prompt_completion`.
    """
    import torch

    from rollmill.pipelines.train.learners.tiny import token_logps

    llama = LlamaFolder.open(model)
    parameters = {name: torch.tensor(value, requires_grad=True) for name, value in llama.weights.items()}
    encoded = read_rows(rows, encoding(llama.tokenizer), llama.shape.max_position_embeddings)
    squares: dict[str, list[float]] = {}
    for place, row in enumerate(encoded.rows):
        known = squares.setdefault(row.problem, [])
        if len(known) == MOST:
            continue
        logp = token_logps(parameters, llama.shape, token_batch(encoded, [place])).sum()
        gradients = torch.autograd.grad(logp, list(parameters.values()))
        known.append(sum(float((gradient.double() ** 2).sum()) for gradient in gradients))
    return {problem: float(f"{np.sqrt(np.mean(values)):.6g}") for problem, values in sorted(squares.items())}
