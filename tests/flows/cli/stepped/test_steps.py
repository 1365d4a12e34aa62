"""Recipes with steps from file to published version, with the toy engine as a user's file and with the shipped model."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rollmill.flows.recipe.load import load_recipe
from rollmill.ground.errors import SetupError
from tests.flows.conftest import RECIPE, ROOT, Run, said_as_json

pytestmark = pytest.mark.integration

STEPS = """\
steps:
  - {name: weak, options: {chance: 0.3}}
  - {name: strong, model: toy-2, options: {chance: 0.9}, prompt_template: "Think.\\n{prompt}"}
"""
FIXED = "method: fixed\n  options: {initial: 2}"
PROP2DIFF = "method: prop2diff\n  options: {initial: 4, target: 3, cap: 16}"
ROUTER = "method: router\n  options: {initial: 4, target: 2, cap: 12, pilot: 2}"
AGREEMENT = "method: router\n  options: {rule: agreement, initial: 3}"
ROUTED = RECIPE.replace("name: toy", "name: routed", 1).replace(PROP2DIFF, ROUTER).replace("verify:", f"{STEPS}verify:")


def loaded(path: Path, text: str) -> Any:
    path.write_text(text)
    return load_recipe(path)


def test_a_recipe_without_steps_has_the_hash_it_always_had() -> None:
    loaded = load_recipe(ROOT / "recipes" / "arithmetic.yaml")
    assert loaded.recipe_hash == "f45e27be8d747445c37a007df18c11721866b1a93496d6a7d44aae77b29103f8"
    assert "steps" not in loaded.canonical()
    assert "steps" not in loaded.shown()


def test_what_is_shown_of_a_recipe_with_steps_has_the_same_hash(tmp_path: Path) -> None:
    recipe = load_recipe(ROOT / "recipes" / "routed.yaml")
    shown = recipe.shown()
    assert [(step["name"], step["temperature"], step["max_tokens"], step["template"]) for step in shown["steps"]] == [
        ("short", 0.3, 80, "{prompt}"),
        ("long", 1.0, 200, "{prompt}"),
    ]
    assert shown["steps"][1]["batch_size"] == 128
    again = loaded(tmp_path / "again.yaml", json.dumps(shown))
    assert again.recipe_hash == recipe.recipe_hash


def test_a_prompt_template_under_its_old_key_is_the_same_recipe(toy: Path) -> None:
    new, old = ROUTED, ROUTED.replace("prompt_template:", "form:")
    hashes = {loaded(toy / "routed.yaml", text).recipe_hash for text in (new, old)}
    assert len(hashes) == 1
    assert "form: " in old


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("name: strong,", "name: weak,"), "two steps are named 'weak'"),
        (
            ('prompt_template: "Think.\\n{prompt}"', "prompt_template: Think"),
            "step 'strong' names neither {prompt} nor an earlier step",
        ),
        (("name: strong,", "name: strong, form: Think,"), "prompt_template and form are one key: give template"),
        (("model: toy-2, ", "modle: toy-2, "), "unknown key 'steps.1.modle'. Did you mean 'model'?"),
        (("model: toy-2, ", "engine: openai, "), "step 'strong' names engine 'openai' and no model"),
        (("model: toy-2, ", "engine: imported, model: x, "), "engine imported draws nothing"),
        (("model: toy-2, ", "redraw: 1, "), "'redraw' belongs to generate, for the whole recipe"),
        (
            ("method: router\n  options: {initial: 4, target: 2, cap: 12, pilot: 2}", "method: fixed"),
            "does not choose between them",
        ),
        ((STEPS, ""), "chooses between steps that follow nothing, and the recipe has one"),
        (
            (
                'model: toy-2, options: {chance: 0.9}, prompt_template: "Think.\\n{prompt}"',
                "max_tokens: 9, options: {chance: 0.3}",
            ),
            "steps 'weak' and 'strong' differ in max_tokens and stop at most",
        ),
    ],
)
def test_mistakes_in_steps_are_named(toy: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in ROUTED
    with pytest.raises(SetupError) as error:
        loaded(toy / "routed.yaml", ROUTED.replace(*change))
    assert message in str(error.value)


def test_a_routed_run_is_published_with_the_step_of_every_rollout(toy: Path, rollmill: Run) -> None:
    (toy / "routed.yaml").write_text(ROUTED)
    result = rollmill("curate", "routed.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    outcome = json.loads(result.out)
    folder = Path(outcome["path"])
    manifest = json.loads((folder / "manifest.json").read_text())
    weak, strong = manifest["steps"]
    assert (weak["name"], weak["problems"], weak["rates"]["prefix"]) == ("weak", 12, 4)
    assert (strong["name"], strong["model"], strong["template"]) == ("strong", "toy-2", "Think.\n{prompt}")
    assert weak["drawn"] + strong["drawn"] == outcome["funnel"]["drawn"]
    assert weak["kept"] + strong["kept"] == outcome["funnel"]["kept"]
    assert outcome["metrics"]["overall"]["pass_rate"] == weak["rates"]["pass_rate"]  # steps are never pooled
    assert strong["rates"]["estimand"] == "mean pass rate of the problems routed to step strong"
    with duckdb.connect(str(folder / "dataset.duckdb"), read_only=True) as connection:
        rows = dict(connection.execute("SELECT step, count(*) FROM joined GROUP BY step").fetchall())
        [(cid,)] = connection.execute("SELECT completion_id FROM kept WHERE step = 'strong' LIMIT 1").fetchall()
    assert rows == {"weak": weak["drawn"], "strong": strong["drawn"]}
    assert "step strong, sample " in rollmill("dataset", "why", "routed", cid).out
    assert "step strong, sample " in rollmill("dataset", "why", outcome["run"], cid).out
    shown = json.loads(rollmill("runs", "show", "--json").out)["steps"]
    assert [(row["step"], row["completions"], row["kept"]) for row in shown] == [
        ("weak", weak["drawn"], weak["kept"]),
        ("strong", strong["drawn"], strong["kept"]),
    ]
    assert rollmill("dataset", "verify", "routed", "--all").status == 0
    again = json.loads(rollmill("curate", "routed.yaml", "--direct", "--json").out)
    assert (again["created"], again["content_hash"], again["spent"]["drawn"]) == (False, outcome["content_hash"], 0)


def test_agreement_reports_the_vote_and_what_weights_would_have_said(toy: Path, rollmill: Run) -> None:
    text = ROUTED.replace(ROUTER, AGREEMENT).replace("min_kept: 10", "min_kept: 1")
    (toy / "routed.yaml").write_text(text)
    result = rollmill("curate", "routed.yaml", "--direct", "--json")
    assert result.status == 0, result.err
    manifest = json.loads((Path(json.loads(result.out)["path"]) / "manifest.json").read_text())
    vote = manifest["vote"]
    assert (vote["problems"], vote["voters"]) == (12, manifest["funnel"]["drawn"])
    assert set(manifest["funnel"]["stops"]) <= {"agreed", "trial_cap"}
    assert vote["plain"]["share"] == pytest.approx(vote["plain"]["correct"] / 12)
    assert vote["weighted"]["correct"] <= 12


def test_the_shipped_model_is_asked_in_two_ways(tmp_path: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert rollmill("init", "--bare").status == 0
    shutil.copy(ROOT / "recipes" / "routed.yaml", tmp_path)
    sets = ["--set", "problems.count=18", "--set", "problems.options.levels=[1,4,6]", "--set", "gate.min_kept=5"]
    result = rollmill("curate", "routed.yaml", *sets, "--direct", "--json")
    assert result.status == 0, result.err
    outcome = json.loads(result.out)
    manifest = json.loads((Path(outcome["path"]) / "manifest.json").read_text())
    short, long = manifest["steps"]
    assert (short["temperature"], short["max_tokens"], long["temperature"], long["max_tokens"]) == (0.3, 80, 1.0, 200)
    assert short["drawn"] >= 72
    assert 0 < long["problems"] < 18
    assert short["tokens_out"] + long["tokens_out"] == outcome["funnel"]["tokens_out"]
    assert rollmill("dataset", "verify", "routed").status == 0


def test_a_plan_draws_a_pilot_on_every_step_and_the_run_scores_it(toy: Path, rollmill: Run) -> None:
    (toy / "routed.yaml").write_text(ROUTED.replace("count: 12", "count: 30", 1))
    result = rollmill("plan", "routed.yaml", "--dry-run", "--json")
    assert json.loads(result.out)["pilot_completions"] == 2 * 8 * json.loads(result.out)["pilot_problems"]
    forecast = json.loads(rollmill("plan", "routed.yaml", "--json").out)
    assert (forecast["source"], forecast["budget"], len(forecast["evidence"]["runs"])) == ("pilot", "router", 2)
    assert forecast["evidence"]["samples"] == 2 * 8 * forecast["evidence"]["problems"]
    assert set(forecast["rates"]) == {"weak", "strong"}
    stored = ("plan", "routed.yaml", "--no-pilot", "--dry-run", "--json")
    former = json.loads(rollmill(*stored).out)["forecast"]
    assert former == {key: value for key, value in forecast.items() if key not in ("id", "recipe_hash", "source")}
    assert json.loads(rollmill(*stored, "--set", "budget.options.cap=5").out)["forecast"] is None
    shown = rollmill("plan", "routed.yaml")
    assert "tokens out a second" not in shown.out, "nothing was drawn the second time, so no speed is known"
    outcome = json.loads(rollmill("curate", "routed.yaml", "--direct", "--json").out)
    scored = outcome["forecast"]
    assert scored["source"] == "pilot"
    assert scored["totals"]["draws"]["actual"] == outcome["funnel"]["drawn"]
    assert scored["inside95"] >= 0.7 * scored["n"]
    assert outcome["spent"]["reused"] == 0, "a pilot has a stream of its own"


def test_every_model_has_its_own_price(toy: Path, rollmill: Run) -> None:
    """The toy's answers are a known number of tokens; nothing else in the workspace costs anything."""
    (toy / "routed.yaml").write_text(ROUTED)
    (toy / "prices.yaml").write_text(
        "profile_schema: 1\nprices: {input: 1, output: 2, per: 1, models: {toy-2: {input: 10, output: 30}}}\n"
    )
    profile = ("--profile", "prices.yaml")
    forecast = json.loads(rollmill("plan", "routed.yaml", *profile, "--json").out)
    assert forecast["quantities"]["units"]["low95"] > 0
    outcome = json.loads(rollmill("curate", "routed.yaml", *profile, "--direct", "--json").out)
    rows = json.loads(rollmill("runs", "cost", "--by", "step", "--json").out)["groups"]
    represented = {row["group"]: row["represented"] for row in rows}
    assert set(represented) == {"weak", "strong"}
    for step, (into, out) in {"weak": (1, 2), "strong": (10, 30)}.items():
        assert (
            int(represented[step]["money"]) == into * represented[step]["tokens_in"] + out * represented[step]["tokens_out"]
        )
    scored = outcome["forecast"]["totals"]["units"]
    assert scored["actual"] == sum(int(cost["money"]) for cost in represented.values()) * 10**12
    assert scored["inside95"]


def test_verdicts_of_another_recipe_on_texts_that_nobody_judges_here_are_no_part_of_a_version(
    toy: Path, tmp_path: Path, rollmill: Run
) -> None:
    """Of the same drafts one recipe judges every one, and another none: what it publishes must not depend on the first."""
    drafts = "steps:\n  - {name: draft, role: step}\n  - {name: answer, template: '{prompt}\\n{draft}'}\n"
    plain = RECIPE.replace(PROP2DIFF, FIXED).replace("min_kept: 10", "min_kept: 1")
    (toy / "drafted.yaml").write_text(plain.replace("name: toy", "name: drafted", 1).replace("verify:", f"{drafts}verify:"))
    alone = tmp_path / "alone"
    shutil.copytree(toy, alone)
    (toy / "judged.yaml").write_text(plain.replace("name: toy", "name: judged", 1))
    judged, after = (said_as_json(rollmill, "curate", name, "--direct") for name in ("judged.yaml", "drafted.yaml"))
    assert after["spent"]["drawn"] < after["funnel"]["drawn"] + judged["funnel"]["drawn"]  # the drafts were there
    with duckdb.connect(str(Path(after["path"]) / "dataset.duckdb"), read_only=True) as data:
        steps = data.execute("SELECT step FROM threads t JOIN verdicts v USING (completion_id) GROUP BY ALL").fetchall()
    assert steps == [("answer",)]
    assert rollmill("dataset", "verify", "drafted").status == 0
    os.chdir(alone)
    assert said_as_json(rollmill, "curate", "drafted.yaml", "--direct")["content_hash"] == after["content_hash"]
