"""Scores a finished model folder on problems it never saw, and writes scores.json and the model card into it.

Two measurements: unseen instances of the templates it was trained on, and templates (with solution graphs) it never saw.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipelines.protocols import Generator
from pipelines.train.card import model_card
from pipelines.train.export import write_text
from pipelines.train.measure import SAMPLING, summarise, tally

SAMPLES = 64
SEED = 41
# Problems of each split for every problem asked for: the unseen templates are few and need fewer.
SPLITS = {"heldout": 1.0, "evaluation": 0.5}


def score_model(
    folder: Path, generator: Generator, per_level: int, *, seen: Callable[[int, int], None] = lambda _done, _total: None
) -> dict[str, Any]:
    """Scores of `per_level` problems at each level (half as many of unseen templates), 64 samples each; also written."""
    from pipelines.synthesize.template import LEVELS
    from pipelines.synthesize.templates import Templates
    from pipelines.verify import VERIFIERS

    verifier = VERIFIERS["number"]()
    counts = {split: max(1, round(per_level * share)) * len(LEVELS) for split, share in SPLITS.items()}
    problems = {split: list(Templates(split=split).synthesize(count, SEED)) for split, count in counts.items()}
    total = sum(map(len, problems.values()))
    scores: dict[str, Any] = {
        "samples": SAMPLES,
        "seed": SEED,
        "temperature": SAMPLING.temperature,
        "max_tokens": SAMPLING.max_tokens,
        "verifier": f"{verifier.name} {verifier.version}",
        "fingerprint": dict(generator.fingerprint()),
    }
    done = 0
    for split, chosen in problems.items():
        report = _offset(seen, done, total)
        scores[split] = summarise(tally(chosen, SAMPLES, SEED, generator, verifier, seen=report))
        done += len(chosen)
    write_text(folder / "scores.json", json.dumps(scores, indent=2) + "\n")
    write_card(folder, scores)
    return scores


def write_card(folder: Path, scores: dict[str, Any]) -> None:
    """README.md of a model folder from its training record and scores."""
    training = json.loads((folder / "training.json").read_text())
    write_text(folder / "README.md", model_card(folder.name, training, scores))


def _offset(seen: Callable[[int, int], None], before: int, total: int) -> Callable[[int], None]:
    """A count within one split as a count of the whole."""
    return lambda count: seen(before + count, total)
