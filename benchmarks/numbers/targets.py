"""Retrieval of a task's rows out of a mixed pool: sparse activations, mean activations, and TF-IDF without a model.

    python benchmarks/numbers/targets.py FOLDER/datasets/arithmetic/VERSION --layer 1 --target 8

The folder is that of a version of the main job. Of each template the first rows are the target, and the precision is the
share of that template among as many nearest rows as there are. Intervals are over templates (percentile bootstrap).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np

from rollmill.ground.pool import Floats
from rollmill.pipelines.mix.targets.mona import jaccard
from rollmill.pipelines.mix.targets.sparse_codes import SparseCodes
from rollmill.pipelines.mix.text_vectors import text_vectors, unit_rows
from rollmill.pipelines.train.activations.forward import states_before
from rollmill.pipelines.train.activations.target_signals import codes_of, known_states
from rollmill.pipelines.train.activations.token_rows import TokenRow, batches, token_row
from rollmill.pipelines.train.llama_folder import LlamaFolder
from rollmill.places import CHECKOUT

QUERY = """
SELECT p.template, p.prompt, r.text FROM decisions d JOIN problems p ON p.id = d.problem_id
JOIN rollouts r ON r.id = d.completion_id WHERE d.kept ORDER BY d.completion_id
"""
SAMPLE, UNITS, ACTIVE, STEPS, DRAWS, DIMS = 136, 512, 16, 400, 4_000, 128


def main() -> None:
    """Print a line for each way, and the differences of sparse activations to the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("version", type=Path)
    parser.add_argument("--layer", type=int, default=1)
    parser.add_argument("--target", type=int, default=8)
    given = parser.parse_args()
    with duckdb.connect(str(given.version / "dataset.duckdb"), read_only=True) as connection:
        templates, prompts, texts = zip(*connection.execute(QUERY).fetchall(), strict=True)
    llama = LlamaFolder.open(CHECKOUT / "models/rollmill-tiny")
    rows = [token_row(llama, prompt, text) for prompt, text in zip(prompts, texts, strict=True)]
    vectors = text_vectors([f"{prompt}\n{text}" for prompt, text in zip(prompts, texts, strict=True)], DIMS)
    means = mean_states(llama, rows, given.layer)
    codes = sparse_codes(llama, rows, given.layer)
    similar = {"sparse": jaccard(codes, codes), "mean": means @ means.T, "tf-idf": vectors @ vectors.T}
    precision = {name: precisions(values, templates, given.target) for name, values in similar.items()}
    for name, values in precision.items():
        print(f"{name}: precision {interval(values)}, {len(values)} templates, {len(rows):,} rows")
    for name in ("mean", "tf-idf"):
        print(f"sparse - {name}: {interval(precision['sparse'] - precision[name])}")


def mean_states(llama: LlamaFolder, rows: Sequence[TokenRow], layer: int) -> Floats:
    """Mean residual stream of each row, centred, of length 1."""
    states = np.zeros((len(rows), llama.shape.hidden_size))
    for batch in batches(rows):
        x = states_before(llama.weights, llama.shape, batch.ids, layer)
        known = batch.known[..., None]
        states[list(batch.places)] = (x * known).sum(axis=1) / known.sum(axis=1)
    return unit_rows(states - states.mean(axis=0))


def sparse_codes(llama: LlamaFolder, rows: Sequence[TokenRow], layer: int) -> Floats:
    """Pooled codes of an autoencoder that is trained on some of the rows."""
    places = np.random.default_rng(1).permutation(len(rows))[:SAMPLE]
    sample = [known_states(llama, batch, layer) for batch in batches([rows[at] for at in places])]
    codes = SparseCodes.fit(np.concatenate(sample), UNITS, ACTIVE, STEPS, 7)
    return np.asarray(codes_of(llama, rows, codes, layer), dtype=np.float64)


def precisions(similar: Floats, templates: Sequence[str], target: int) -> Floats:
    """Precision for each template."""
    names, values = np.array(templates), []
    for template in sorted(set(templates)):
        members = np.flatnonzero(names == template)
        aim, others = members[:target], np.setdiff1d(np.arange(len(names)), members[:target])
        same = names[others] == template
        nearest = np.argsort(-similar[np.ix_(others, aim)].mean(axis=1), kind="stable")[: same.sum()]
        values.append(float(same[nearest].mean()))
    return np.array(values)


def interval(values: Floats) -> str:
    """Mean with its 95% interval."""
    means = np.random.default_rng(0).choice(values, (DRAWS, len(values))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{values.mean():.3f} [{low:.3f}, {high:.3f}]"


if __name__ == "__main__":
    main()
