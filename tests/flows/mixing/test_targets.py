"""Signals of a model about a target set, the methods that read them, and near copies as units."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from rollmill.flows.mixing.choosing import _similarities
from rollmill.flows.mixing.mix_recipe import load_mixture
from rollmill.ground.errors import SetupError
from rollmill.places import CHECKOUT
from tests.flows.conftest import Curated, Run, said_as_json

TARGETED: dict[str, Any] = {
    "mix_schema": 1, "name": "targeted", "seed": 3, "size": 8, "gate": {"min_kept": 0},
    "sources": {"all": {"version": "toy"}},
    "signals": {"text": {"of": "prompt", "clusters": 3, "dims": 16},
                "model": {"target": {"version": "toy", "rows": 4}, "units": 32, "steps": 20}},
    "choose": {"method": "quad", "options": {"clusters": 3}},
}  # fmt: skip


@pytest.fixture
def toy_version(toy: Path, curated: Curated) -> Path:
    """A workspace with the version toy@v1."""
    assert curated()["version"] == 1
    return toy


def mixed(folder: Path, rollmill: Run, recipe: dict[str, Any], *more: str) -> dict[str, Any]:
    (folder / "mix.yaml").write_text(json.dumps(recipe))
    return said_as_json(rollmill, "mix", "mix.yaml", *more)


def kept(path: str) -> set[str]:
    with duckdb.connect(f"{path}/dataset.duckdb", read_only=True) as connection:
        rows = connection.execute("select completion_id from decisions where kept").fetchall()
    return {row[0] for row in rows}


@pytest.mark.integration
def test_influence_and_similarity_are_stored_once_and_rows_of_the_target_are_never_chosen(
    toy_version: Path, rollmill: Run
) -> None:
    by_influence = mixed(toy_version, rollmill, TARGETED)
    assert by_influence["signals"]["made"] is True
    table = pq.read_table(by_influence["signals"]["path"])
    signals = table.filter(table["source_kept"]).to_pylist()
    target = {row["completion_id"] for row in signals if row["influence"] is None}
    assert len(target) == 4
    for row in signals:
        known = row["completion_id"] not in target
        assert all((row[name] is not None) is known for name in ("loss", "influence", "similarity", "similarities"))
        if known:
            assert len(row["similarities"]) == 4
            assert sum(row["similarities"]) / 4 == pytest.approx(row["similarity"], rel=1e-4)
            assert 0 <= min(row["similarities"]) <= max(row["similarities"]) <= 1
    assert len(kept(by_influence["path"])) == 8
    assert kept(by_influence["path"]).isdisjoint(target)
    facts = by_influence["chosen"]["all sources"]
    assert 8 <= facts["read"] <= len(signals) - 4
    alike = mixed(toy_version, rollmill, {**TARGETED, "choose": {"method": "mona"}})
    assert alike["signals"]["made"] is False
    best = sorted((row for row in signals if row["similarity"] is not None), key=lambda row: -row["similarity"])[:8]
    assert (
        min(row["similarity"] for row in signals if row["completion_id"] in kept(alike["path"])) == best[-1]["similarity"]
    )


@pytest.mark.integration
def test_a_target_may_be_a_file_and_few_rows_may_be_read(toy_version: Path, rollmill: Run) -> None:
    (toy_version / "mine.jsonl").write_text('{"prompt": "1 + 1?\u2028", "text": "1 + 1 = 2\\n#### 2"}\n')
    signals = {**TARGETED["signals"], "model": {"target": {"file": "mine.jsonl"}, "units": 32, "steps": 20, "rows": 9}}
    outcome = mixed(toy_version, rollmill, {**TARGETED, "signals": signals})
    known = [value for value in pq.read_table(outcome["signals"]["path"])["influence"].to_pylist() if value is not None]
    assert len(known) == 9
    (toy_version / "mine.jsonl").write_text('{"prompt": "1 + 1?"}\n')
    said = rollmill("mix", "mix.yaml")
    assert (said.status, "mine.jsonl, line 1 has no prompt and text" in said.err) == (2, True)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (
            {"target": {"version": "toy", "among": {"skil": ["sum"]}}},
            "unknown label of a target 'skil'. Did you mean 'skill'?",
        ),
        ({"target": {"version": "toy", "among": {"skill": ["none such"]}}}, "the target has no row"),
        ({"target": {"version": "toy"}, "layer": 9}, "layer is 9"),
        ({"target": {}}, "give exactly one of version, file"),
    ],
)
@pytest.mark.integration
def test_a_mistake_is_named(toy_version: Path, rollmill: Run, model: dict[str, Any], words: str) -> None:
    (toy_version / "mix.yaml").write_text(json.dumps({**TARGETED, "signals": {"model": model}}))
    said = rollmill("mix", "mix.yaml")
    assert (said.status, words in said.err) == (2, True), said.err


def test_a_label_of_the_target_that_is_no_number_is_refused(tmp_path: Path) -> None:
    target = "{target: {version: toy, among: {level: [.nan]}}}"
    recipe = "mix_schema: 1\nname: a\nsize: 3\nsources: {all: {version: toy}}\n"
    (tmp_path / "mix.yaml").write_text(f"{recipe}signals: {{model: {target}}}\n")
    with pytest.raises(SetupError, match=r"among\.level.*found nan"):
        load_mixture(tmp_path / "mix.yaml")


def test_a_recipe_without_signals_of_a_model_keeps_its_canonical_form() -> None:
    loaded = load_mixture(CHECKOUT / "recipes/mixtures/hard.yaml")
    assert set(loaded.canonical()["signals"]) == {"text", "near_copies", "columns"}
    assert "model" in load_mixture(CHECKOUT / "recipes/mixtures/targeted.yaml").canonical()["signals"]


@pytest.mark.integration
def test_near_copies_are_kept_or_dropped_whole(toy_version: Path, rollmill: Run) -> None:
    recipe = {
        "mix_schema": 1, "name": "whole", "seed": 1, "size": 12, "unit": "copies", "gate": {"min_kept": 0},
        "sources": {"all": {"version": "toy"}}, "signals": {"near_copies": 0.5, "text": {"of": "text", "clusters": 3}},
    }  # fmt: skip
    for method in ("uniform", "facility"):
        outcome = mixed(toy_version, rollmill, {**recipe, "choose": {"method": method}})
        rows, chosen = pq.read_table(outcome["signals"]["path"]).to_pylist(), kept(outcome["path"])
        units: defaultdict[str, set[bool]] = defaultdict(set)
        sizes: defaultdict[str, int] = defaultdict(int)
        for row in rows:
            if row["source_kept"]:
                units[row["copies"]].add(row["completion_id"] in chosen)
                sizes[row["copies"]] += 1
        assert max(sizes.values()) > 1
        assert all(len(states) == 1 for states in units.values())
        assert 0 < len(chosen) <= 12


def test_similarities_of_a_unit_are_means_of_its_rows() -> None:
    similar = _similarities([[1.0, 3.0], None, [3.0, 5.0], None], [[0, 2, 3], [1]])
    assert similar.tolist()[0] == [2.0, 4.0]
    assert np.isnan(similar[1]).all()
