"""Warps of a recipe: checked against the engine, part of the identity of what is drawn, absent where there are none."""

from pathlib import Path

import pytest

from rollmill.flows.recipe.load import LoadedRecipe, load_recipe
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import Origin, Sampling, completion_id
from rollmill.pipelines.generate.warps.warp import built_warp

ORIGIN = Origin("embedded", "d" * 32, "curate")
MINE = '''
"""Warp of a user: the square of each probability."""
import numpy as np

class Squared:
    name, version = "squared", "4"

    def weights(self, logp):
        return np.exp(2 * logp)
'''


def loaded(folder: Path, generate: str, rest: str = "") -> LoadedRecipe:
    path = folder / "r.yaml"
    path.write_text(
        f"recipe_schema: 1\nname: tiny\nproblems: {{synthesize: templates, count: 8}}\ngenerate: {{{generate}}}\n{rest}"
    )
    return load_recipe(path)


def test_without_warps_ids_and_hashes_are_those_of_before_there_were_any(tmp_path: Path) -> None:
    parts = {"temperature": 0.7, "top_p": 1.0, "top_k": 0, "max_tokens": 9, "stop": []}
    before = digest128(["completion", "embedded", "d" * 32, "p", parts, 5, "curate", 2])
    assert completion_id(ORIGIN, "p", Sampling(0.7, max_tokens=9), seed=5, sample_index=2) == before
    assert loaded(tmp_path, "warp: []").recipe_hash == loaded(tmp_path, "").recipe_hash
    assert "warp" not in loaded(tmp_path, "").canonical()["generate"]


def test_warps_are_recorded_with_version_and_all_options_in_their_order(tmp_path: Path) -> None:
    first = loaded(tmp_path, "warp: [{method: min_p}, {method: typical, options: {mass: 0.9}}]")
    warps = [{"method": "min_p", "options": {"share": 0.1}}, {"method": "typical", "options": {"mass": 0.9}}]
    assert first.canonical()["generate"]["warp"] == warps
    sampling = first.steps[0].sampling()
    assert [warp.identity() for warp in sampling.warp] == [
        ["min_p", "1", '{"share":0.1}'],
        ["typical", "1", '{"mass":0.9}'],
    ]
    other = loaded(tmp_path, "warp: [{method: typical, options: {mass: 0.9}}, {method: min_p}]")
    samplings = [sampling, other.steps[0].sampling(), Sampling()]
    assert len({completion_id(ORIGIN, "p", each, seed=5, sample_index=2) for each in samplings}) == 3
    assert len({first.recipe_hash, other.recipe_hash, loaded(tmp_path, "").recipe_hash}) == 3


def test_a_step_has_its_own_warps_or_those_of_generate(tmp_path: Path) -> None:
    steps = (
        "steps:\n- {name: a}\n- {name: b, template: '{a}', warp: [{method: eta}]}\n- {name: c, template: '{b}', warp: []}\n"
    )
    recipe = loaded(tmp_path, "warp: [{method: min_p}]", steps)
    assert [[warp.name for warp in step.warps] for step in recipe.steps] == [["min_p"], ["eta"], []]
    assert ["warp" in step for step in recipe.canonical_steps()] == [True, True, False]


def test_a_users_warp_counts_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    recipe = loaded(tmp_path, "warp: [{method: 'mine.py:Squared'}]")
    (record,) = recipe.steps[0].sampling().warp
    assert record.version.startswith("4+file.")
    assert built_warp(record).name == "squared"
    (tmp_path / "mine.py").write_text(MINE.replace("2 *", "3 *"))
    again = loaded(tmp_path, "warp: [{method: 'mine.py:Squared'}]")
    assert again.steps[0].sampling().warp != (record,)
    assert again.recipe_hash != recipe.recipe_hash


@pytest.mark.parametrize(
    ("generate", "message"),
    [
        (
            "engine: openai, model: m, warp: [{method: min_p}]",
            "engine 'openai' does not run warp 'min_p': it runs none.",
        ),
        (
            "engine: vllm, model: m, warp: [{method: min_p}, {method: typical}]",
            "engine 'vllm' does not run warp 'typical': it runs min_p.",
        ),
        ("warp: [{method: typicl}]", "unknown warp 'typicl'. Did you mean 'typical'?"),
        ("warp: [{method: typical, options: {mas: 1.0}}]", "unknown option 'mas' of warp 'typical'. Did you mean 'mass'?"),
        ("warp: [{method: typical, options: {mass: 1.5}}]", "warp 'typical': option 'mass' is 1.5"),
        ("temperature: 0.0, warp: [{method: typical}]", "temperature 0 takes the likeliest token: it goes without a warp"),
        ("engine: imported, warp: [{method: typical}]", "engine imported draws nothing"),
    ],
)
def test_a_warp_that_cannot_be_run_is_refused_when_the_recipe_is_read(tmp_path: Path, generate: str, message: str) -> None:
    with pytest.raises(SetupError) as error:
        loaded(tmp_path, generate)
    assert message in error.value.message


def test_min_p_of_vllm_is_loaded(tmp_path: Path) -> None:
    assert loaded(tmp_path, "engine: vllm, model: m, warp: [{method: min_p}]").steps[0].warps[0].name == "min_p"
