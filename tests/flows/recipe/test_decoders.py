"""Decoders of a recipe: checked against engine and sampling, part of the identity of what is drawn."""

import json
from pathlib import Path

import duckdb
import pytest

from rollmill.flows.recipe.evaluations import load_evaluation
from rollmill.flows.recipe.load import LoadedRecipe, load_recipe
from rollmill.ground.errors import SetupError
from rollmill.ground.ids import digest128
from rollmill.ground.records import Origin, Sampling, completion_id
from tests.flows.conftest import Run

ORIGIN = Origin("embedded", "d" * 32, "curate")


def loaded(folder: Path, generate: str, rest: str = "") -> LoadedRecipe:
    path = folder / "r.yaml"
    path.write_text(
        f"recipe_schema: 1\nname: tiny\nproblems: {{synthesize: templates, count: 8}}\ngenerate: {{{generate}}}\n{rest}"
    )
    return load_recipe(path)


def test_without_a_decoder_ids_and_hashes_are_those_of_before_there_were_any(tmp_path: Path) -> None:
    parts = {"temperature": 0.7, "top_p": 1.0, "top_k": 0, "max_tokens": 9, "stop": []}
    before = digest128(["completion", "embedded", "d" * 32, "p", parts, 5, "curate", 2])
    assert completion_id(ORIGIN, "p", Sampling(0.7, max_tokens=9), seed=5, sample_index=2) == before
    assert "decode" not in loaded(tmp_path, "").canonical()["generate"]


def test_a_decoder_is_recorded_with_its_version_and_all_options(tmp_path: Path) -> None:
    recipe = loaded(tmp_path, "decode: {method: speculative, options: {drafter: layers, skip: [2]}}")
    recorded = recipe.canonical()["generate"]["decode"]
    assert recorded["method"] == "speculative"
    assert recorded["options"] == {
        "rule": "coupled", "drafter": "layers", "ahead": 4, "drafts": 1, "order": 3, "skip": [2], "token": 0,
        "memory": "text",
    }  # fmt: skip
    sampling = recipe.steps[0].sampling()
    assert sampling.decode is not None
    assert sampling.decode.identity()[:2] == ["speculative", "1"]
    others = [loaded(tmp_path, ""), loaded(tmp_path, "decode: {method: speculative}")]
    samplings = [sampling, *(other.steps[0].sampling() for other in others)]
    assert len({completion_id(ORIGIN, "p", each, seed=5, sample_index=2) for each in samplings}) == 3
    assert len({recipe.recipe_hash, *(other.recipe_hash for other in others)}) == 3


def test_a_step_has_its_own_decoder_or_that_of_generate(tmp_path: Path) -> None:
    steps = "steps:\n- {name: a}\n- {name: b, template: '{a}', decode: {method: masked, options: {regex: 'a+'}}}\n"
    recipe = loaded(tmp_path, "decode: {method: speculative}", steps)
    assert [step.decoder.name if step.decoder else "" for step in recipe.steps] == ["speculative", "masked"]


@pytest.mark.parametrize(
    ("generate", "message"),
    [
        (
            "engine: openai, model: m, decode: {method: speculative}",
            "engine 'openai' does not run decoder 'speculative': it runs none.",
        ),
        (
            "engine: vllm, model: m, decode: {method: speculative}",
            "it runs masked. Next: options: {speculative: {method: ngram, ",
        ),
        ("decode: {method: speculativ}", "unknown decoder 'speculativ'. Did you mean 'speculative'?"),
        ("decode: {method: speculative, options: {rul: single}}", "unknown option 'rul' of decoder 'speculative'."),
        ("decode: {method: speculative, options: {rule: singel}}", "option 'rule' is 'singel'"),
        ("decode: {method: beam}", "decoder 'beam' looks for the likeliest text of the model itself."),
        ("stop: ['.'], decode: {method: masked, options: {regex: a}}", "it goes without stop"),
        ("decode: {method: speculative, options: {rule: optimal, drafts: 2}}", "and top_k is 0."),
        ("engine: imported, decode: {method: beam}", "engine imported draws nothing"),
    ],
)
def test_a_decoder_that_cannot_be_run_is_refused_when_the_recipe_is_read(
    tmp_path: Path, generate: str, message: str
) -> None:
    with pytest.raises(SetupError) as error:
        loaded(tmp_path, generate)
    assert message in str(error.value)


WEIGHED = "decode: {method: constrained, options: {regex: 'a+'}}"
OWN = "decode: {method: 'mine.py:Own'}"
FOLLOWED = "steps:\n- {name: a}\n- {name: b, template: '{a}', " + WEIGHED + "}\n"
EVALUATION = f"""\
evaluation_schema: 1
name: e
benchmarks: [{{name: b, synthesize: templates, count: 4, verify: [{{method: number}}]}}]
models: [{{name: tiny, engine: embedded, model: models/rollmill-tiny, {WEIGHED}}}]
metrics: [{{metric: pass@k}}]
"""
MINE = """
class Own:
    name, version, exact, weighted = "own", "1", False, True

    def check(self, sampling): ...
    def decode(self, task): ...
"""


@pytest.mark.parametrize(
    ("generate", "rest", "place"),
    [
        (OWN, "budget: {method: search, options: {policy: best_first}}\n", "budget 'search'"),
        (WEIGHED, "budget: {method: passuntil}\n", "budget 'passuntil'"),
        ("", FOLLOWED, "step 'b', a vote or a follow-up,"),
    ],
)
def test_completions_with_weights_are_refused_where_they_would_count_alike(
    tmp_path: Path, generate: str, rest: str, place: str
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    with pytest.raises(SetupError) as error:
        loaded(tmp_path, generate, rest)
    assert f"count by their weights, and {place} counts them alike" in error.value.message
    (tmp_path / "mine.py").write_text(MINE.replace("True", "False"))
    loaded(tmp_path, generate.replace("constrained", "masked"), rest.replace("constrained", "masked"))


def test_an_evaluation_refuses_a_decoder_with_weights(tmp_path: Path) -> None:
    path = tmp_path / "e.yaml"
    path.write_text(EVALUATION)
    with pytest.raises(SetupError, match="model 'tiny' decodes by 'constrained', whose completions count by their weights"):
        load_evaluation(path)


RECIPE = """\
recipe_schema: 1
name: decoded
seed: 4
problems: {{synthesize: templates, count: 6, options: {{split: heldout}}}}
generate:
  max_tokens: 40
  decode: {{method: {method}, options: {{{options}}}}}
budget: {{method: fixed, options: {{initial: 6}}}}
score: [{{method: calls_per_token}}, {{method: draft_acceptance}}, {{method: draft_optimum}}, {{method: text_weight}}]
select: {{method: quota, options: {{per_problem: 6}}}}
gate: {{min_kept: 0}}
"""


@pytest.mark.integration
def test_a_decoded_run_keeps_calls_and_weights_and_is_drawn_once(toy: Path, rollmill: Run) -> None:
    (toy / "decoded.yaml").write_text(RECIPE.format(method="speculative", options="drafter: layers, skip: [2]"))
    result = rollmill("curate", "decoded.yaml", "--direct")
    assert result.status == 0, result.err
    again = rollmill("curate", "decoded.yaml", "--direct", "--json")
    assert json.loads(again.out)["spent"]["drawn"] == 0
    assert rollmill("dataset", "verify", "decoded", "--all").status == 0
    (toy / "decoded.yaml").write_text(RECIPE.format(method="constrained", options="regex: '[^#]*#### [0-9]+'"))
    result = rollmill("curate", "decoded.yaml", "--direct")
    assert result.status == 0, result.err
    figures = {version: scores(toy, version) for version in ("v1", "v2")}
    assert set(figures["v1"]) == {"calls_per_token", "draft_acceptance", "draft_optimum"}
    assert all(0.2 <= value < 1 for value in figures["v1"]["calls_per_token"])
    assert len(figures["v2"]["text_weight"]) == 36
    assert all(0 <= value <= 1 + 1e-9 for value in figures["v2"]["text_weight"])
    assert "its completions count by their weights" in result.out
    replayed = rollmill("replay", "decoded@v2", "--with", "majority")
    assert (replayed.status, "count by their weights" in replayed.err) == (2, True)
    to_file = ["dataset", "export", "decoded@v2", "--set", "held_out=true", "--out", "rows.jsonl"]
    refused = rollmill(*to_file)
    assert (refused.status, "completions that count by their weights" in refused.err) == (1, True)
    assert rollmill(*to_file, "--set", "weighted=true", "--set", "scores=true").status == 0


def scores(folder: Path, version: str) -> dict[str, list[float]]:
    file = next((folder / "datasets/decoded").glob(f"{version}-*")) / "dataset.duckdb"
    values: dict[str, list[float]] = {}
    with duckdb.connect(str(file), read_only=True) as dataset:
        for name, value in dataset.sql("SELECT scorer, value FROM scores").fetchall():
            values.setdefault(name, []).append(value)
    return values
