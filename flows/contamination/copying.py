"""`rollmill contamination copying`: the share of generated problems that copy training problems, by local mass."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rollmill.flows.contamination.sources import source_of
from rollmill.flows.problems import prompt_text
from rollmill.ground.ids import digits
from rollmill.pipelines.contamination.local_copies import CopyBounds, local_copies
from rollmill.pipelines.mix.text_vectors import text_vectors
from rollmill.stats.clusters.intervals import Estimate
from rollmill.storage.workspace import Workspace

DIMS = 256  # of the vectors of prompts
SHOWN = 10  # copied training problems


@dataclass(frozen=True, slots=True)
class CopyingRequest:
    """Generated problems, the training problems that they may copy, and problems like those that were not trained on."""

    root: Path
    generated: str
    train: str
    held_out: str
    bounds: CopyBounds
    seed: int = 0


def copying(request: CopyingRequest) -> dict[str, Any]:
    """Rates with intervals, and the training problems with the most copies around them, as JSON values."""
    with Workspace.open(request.root, read_only=True) as workspace:
        names = (request.generated, request.train, request.held_out)
        texts = [_prompts(workspace, name, repeated=name != request.train) for name in names]
    vectors = text_vectors([text for part in texts for text in part], DIMS)
    made, trained, fresh = np.split(vectors, np.cumsum([len(part) for part in texts])[:2])
    copies = local_copies(made, trained, fresh, request.bounds, request.seed)
    widest = np.argsort(np.where(np.isnan(copies.radii), np.inf, copies.radii), kind="stable")[: min(SHOWN, copies.copied)]
    return {
        **dict(zip(("generated", "train", "held_out"), names, strict=True)),
        "ratio": request.bounds.ratio,
        "most": request.bounds.most,
        "copied_problems": copies.copied,
        "trained_problems": len(texts[1]),
        "rate": _ends(copies.generated),
        "rate_of_held_out": _ends(copies.held_out),
        "tightest": [{"prompt": texts[1][at], "radius": digits(float(copies.radii[at]))} for at in widest.tolist()],
    }


def _prompts(workspace: Workspace, name: str, *, repeated: bool) -> Sequence[str]:
    """Prompts in the order of their ids; `repeated`: with every repetition in the file, which counts as mass."""
    problems = sorted(source_of(workspace, name).problems(repeated=repeated), key=lambda problem: problem.prompt_id)
    return [prompt_text(problem.prompt) for problem in problems]


def _ends(share: Estimate) -> dict[str, Any]:
    return {"value": digits(share.value), "low": digits(share.low), "high": digits(share.high), "n": share.n}
