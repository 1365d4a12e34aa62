"""Target calls per token of decoders on the shipped model, with the acceptance of drafts beside the largest possible.

    .venv/bin/python benchmarks/engines/decoders.py [--problems 60] [--each 4]

Held-out problems of the templates, temperature 1. Intervals are 95% bootstraps over problems. Calls are counted.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rollmill.ground.by_name import RecordedMethod
from rollmill.ground.ids import canonical_json
from rollmill.ground.records import Completion, Origin, Problem, Sampling, requests_for
from rollmill.pipelines.generate.embedded.engine import Embedded
from rollmill.pipelines.synthesize import SYNTHESIZERS

LAYERS = {"drafter": "layers", "skip": [1, 2]}
SETTINGS: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, Any]]] = {
    "n-grams of the text": ("speculative", {}, {}),
    "n-grams of the prompt's texts": ("speculative", {"memory": "prompt"}, {}),
    "layer 2 skipped": ("speculative", {"drafter": "layers", "skip": [2]}, {}),
    "layers 1 and 2 skipped": ("speculative", LAYERS, {}),
    "the same, rule single": ("speculative", {**LAYERS, "rule": "single"}, {}),
    "look-ahead tokens": ("speculative", {"drafter": "lookahead"}, {}),
    "three drafts, multi_round": ("speculative", {**LAYERS, "rule": "multi_round", "drafts": 3}, {"top_k": 5}),
    "three drafts, k_seq": ("speculative", {**LAYERS, "rule": "k_seq", "drafts": 3}, {"top_k": 5}),
    "three drafts, weighted": ("speculative", {**LAYERS, "rule": "weighted", "drafts": 3}, {"top_k": 5}),
    "three drafts, optimal": ("speculative", {**LAYERS, "rule": "optimal", "drafts": 3}, {"top_k": 5}),
    "three drafts, recursive": ("speculative", {**LAYERS, "rule": "recursive", "drafts": 3}, {"top_k": 5}),
    "three drafts, optimal_distinct": ("speculative", {**LAYERS, "rule": "optimal_distinct", "drafts": 3}, {"top_k": 5}),
}


def main() -> None:
    """Print a line for each setting."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=60)
    parser.add_argument("--each", type=int, default=4)
    given = parser.parse_args()
    engine = Embedded(threads=1)
    problems = list(SYNTHESIZERS["templates"](split="heldout").synthesize(given.problems, 1))
    plain = {row.id: row for row in _drawn(engine, problems, Sampling(max_tokens=160), given.each)}
    texts = {(row.prompt_id, row.sample_index): row.text for row in plain.values()}
    for name, (method, options, cuts) in SETTINGS.items():
        decode = RecordedMethod(method, "1", canonical_json(options))
        rows = _drawn(engine, problems, Sampling(max_tokens=160, decode=decode, **cuts), given.each)
        same = sum(row.text == texts[row.prompt_id, row.sample_index] for row in rows)
        calls = _ratio(rows, lambda row: (row.meta["decode"]["target_calls"], row.tokens_out or 0))
        accepted = _ratio(rows, lambda row: (row.meta["decode"]["accepted"], row.meta["decode"]["verified"]))
        print(f"{name}: n {len(rows)}, calls a token {calls}, accepted {accepted}", end="")
        if all("optimum" in row.meta["decode"] for row in rows):
            print(
                ", optimum",
                _ratio(rows, lambda row: (row.meta["decode"]["optimum"], row.meta["decode"]["verified"])),
                end="",
            )
        print(f", texts of no drafts {same}")
        if name == "n-grams of the prompt's texts":
            for at in range(given.each):
                mine = [row for row in rows if row.sample_index == at]
                print(
                    "   sample",
                    at,
                    _ratio(mine, lambda row: (row.meta["decode"]["accepted"], row.meta["decode"]["verified"])),
                )
    _beams(engine, problems)


def _beams(engine: Embedded, problems: Sequence[Problem]) -> None:
    found = {}
    for order in ("best_first", "lengths"):
        decode = RecordedMethod("beam", "1", canonical_json({"width": 5, "order": order}))
        found[order] = _drawn(engine, problems, Sampling(0.0, max_tokens=160, decode=decode), 1)
    same = sum(one.text == other.text for one, other in zip(found["best_first"], found["lengths"], strict=True))
    prefixes = {order: sum(row.meta["decode"]["prefixes"] for row in rows) for order, rows in found.items()}
    print(f"beams of 5: the same text {same} of {len(problems)}, prefixes computed {json.dumps(prefixes)}")


def _drawn(engine: Embedded, problems: Sequence[Problem], sampling: Sampling, each: int) -> list[Completion]:
    origin = Origin(engine.engine, engine.model_digest, "curate", 3)
    return [
        row
        for problem in problems
        for row in engine.generate(
            list(requests_for(problem, engine.render(problem.prompt), sampling, origin, range(each)))
        )
    ]


def _ratio(rows: Sequence[Completion], parts: Callable[[Completion], tuple[float, float]]) -> str:
    """Ratio of two sums with its interval."""
    sums: dict[str, list[float]] = {}
    for row in rows:
        top, bottom = parts(row)
        known = sums.setdefault(row.prompt_id, [0.0, 0.0])
        known[0] += top
        known[1] += bottom
    table = np.asarray(list(sums.values()))
    drawn = np.random.default_rng(0).integers(len(table), size=(2000, len(table)))
    tops, bottoms = table[drawn].sum(axis=1).T
    low, high = np.percentile(tops / bottoms, [2.5, 97.5])
    return f"{table[:, 0].sum() / table[:, 1].sum():.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
