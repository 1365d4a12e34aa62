"""`rollmill recipe check|show`: what would stop a run is told before it starts, in one line each."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.flows.conftest import Run

pytestmark = pytest.mark.integration

IMPORTED = "recipe_schema: 1\nname: mine\nproblems: {imported: mine}\ngenerate: {engine: imported}\n"
MADE = "recipe_schema: 1\nname: made\nproblems: {synthesize: templates, count: 8}\n"


def checked(rollmill: Run, folder: Path, text: str) -> tuple[int, str]:
    (folder / "r.yaml").write_text(text)
    result = rollmill("recipe", "check", "r.yaml")
    assert result.err.count("\n") <= 1
    return result.status, result.err


def test_a_sound_recipe(toy: Path, rollmill: Run) -> None:
    assert rollmill("recipe", "check", "toy.yaml").status == 0
    assert checked(rollmill, toy, MADE) == (0, "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (MADE + "generate: {model: models/none}\n", "no model folder 'models/none'. Valid: models/rollmill-tiny"),
        (IMPORTED, "unknown imported set of problems 'mine'. Next: rollmill import problems FILE --name mine"),
        (MADE + "verify: [{method: other.py:Mine}]\n", "no file other.py (searched in the recipe's folder)."),
        (MADE + "verify: [{method: code, options: {sandbox: noen}}]\n", "option 'sandbox' is 'noen'. Valid: "),
        (MADE + "accept: {method: al_of}\n", "unknown policy 'al_of'. Did you mean 'all_of'?"),
        (MADE + "accept: {method: min_value}\n", "policy 'min_value' needs the option 'least'."),
        (MADE + "accept: {method: min_value, options: {least: 2}}\n", "'least' is 2, and must be a share in (0, 1]"),
        (MADE + "accept: {method: all_of, options: {over: [math]}}\n", "'all_of' counts on verifier 'math', which is not"),
        (
            MADE + "accept: {method: prefer, options: {order: math}}\n",
            "option 'order' is 'math', and must be a list of texts",
        ),
        (MADE + "accept: {methd: all_of}\n", "unknown key 'accept.methd'. Did you mean 'method'?"),
        (MADE + "accept: {method: all_of, planned_under: {method: fist}}\n", "unknown policy 'fist'."),
    ],
)
def test_what_would_stop_a_run_is_one_line(toy: Path, rollmill: Run, text: str, told: str) -> None:
    status, err = checked(rollmill, toy, text)
    assert status == 2
    assert told in err


def test_an_imported_set_is_known_by_its_name(toy: Path, rollmill: Run) -> None:
    (toy / "p.jsonl").write_text(json.dumps({"prompt": "What is 1 + 1?", "reference": "2", "id": "p"}) + "\n")
    assert rollmill("import", "problems", "p.jsonl", "--name", "mine").status == 0
    status, err = checked(rollmill, toy, IMPORTED)
    assert (status, "no rollouts were imported for the problem set 'mine'" in err) == (2, True)
    (toy / "r.jsonl").write_text(json.dumps({"problem_id": "p", "text": "2"}) + "\n")
    assert rollmill("import", "rollouts", "r.jsonl", "--name", "gpt", "--problems", "mine").status == 0
    assert checked(rollmill, toy, IMPORTED) == (0, "")
    status, err = checked(rollmill, toy, IMPORTED.replace("imported: mine", "imported: mien"))
    assert (status, "unknown imported set of problems 'mien'. Did you mean 'mine'?" in err) == (2, True)
    status, err = checked(rollmill, toy, IMPORTED.replace("engine: imported", "engine: imported, imports: [gpt3]"))
    assert (status, "unknown imported set of rollouts 'gpt3'." in err) == (2, True)


TEMPLATES = """\
recipe_schema: 1
name: made
problems: {synthesize: templates, count: 4}
"""


def test_outside_a_workspace_it_says_what_it_could_not_see(
    tmp_path: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    def outside(text: str) -> tuple[int, list[str]]:
        (tmp_path / "r.yaml").write_text(text)
        result = rollmill("recipe", "check", "r.yaml")
        return result.status, result.err.splitlines()

    assert outside(IMPORTED) == (
        1,
        [
            "r.yaml: outside of a workspace: the problem set 'mine' was not looked for",
            "r.yaml: outside of a workspace: an import of rollouts was not looked for",
            "rollmill: r.yaml is not known to be sound.",
            f"Next: rollmill -C WORKSPACE recipe check {tmp_path / 'r.yaml'}",
        ],
    )
    assert json.loads(rollmill("recipe", "check", "r.yaml", "--json").out)["ok"] is False
    assert outside(TEMPLATES) == (0, [])
    status, said = outside(TEMPLATES.replace("synthesize: templates, count: 4", "version: arithmetic@v1"))
    assert (status, said[0]) == (
        1,
        "r.yaml: outside of a workspace: the dataset version 'arithmetic@v1' was not looked for",
    )


def test_a_recipe_from_elsewhere_is_checked_in_the_workspace_that_would_run_it(
    tmp_path_factory: pytest.TempPathFactory, toy: Path, rollmill: Run
) -> None:
    recipe = tmp_path_factory.mktemp("elsewhere") / "r.yaml"
    recipe.write_text(IMPORTED)
    said = rollmill("recipe", "check", str(recipe))
    assert (said.status, "unknown imported set of problems 'mine'." in said.err) == (2, True)
    (toy / "p.jsonl").write_text(json.dumps({"prompt": "What is 1 + 1?", "reference": "2", "id": "p"}) + "\n")
    (toy / "r.jsonl").write_text(json.dumps({"problem_id": "p", "text": "2"}) + "\n")
    assert rollmill("import", "problems", "p.jsonl", "--name", "mine").status == 0
    assert rollmill("import", "rollouts", "r.jsonl", "--name", "gpt", "--problems", "mine").status == 0
    assert rollmill("recipe", "check", str(recipe)).status == 0


def test_files_are_looked_for_beside_the_recipe_from_wherever_it_is_called(
    toy: Path, rollmill: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (toy / "deep" / "own").mkdir(parents=True)
    (toy / "deep" / "mine.py").write_text("from rollmill.pipelines.verify.number import NumberVerifier as Mine\n")
    (toy / "deep" / "r.yaml").write_text(MADE + "verify: [{method: mine.py:Mine}]\n")
    monkeypatch.chdir(toy / "deep" / "own")
    assert rollmill("recipe", "check", "../r.yaml").status == 0


def test_show_writes_the_policy_out_and_reads_back_to_the_same_hash(toy: Path, rollmill: Run) -> None:
    (toy / "toy.yaml").write_text(MADE + "verify: [{method: math}]\n")
    plain = rollmill("recipe", "show", "toy.yaml").out
    assert yaml.safe_load(plain)["verify"][0]["options"]["unevaluated"] == "incorrect"
    assert yaml.safe_load(plain)["accept"] == {"method": "first_decided", "options": {}}
    shown = yaml.safe_load(plain)["generate"]
    assert {"prompt_template": "{prompt}", "system_prompt": None, "examples": []}.items() <= shown.items()
    (toy / "shown.yaml").write_text(plain)
    assert rollmill("recipe", "show", "shown.yaml").out == plain
    (toy / "toy.yaml").write_text(
        MADE + "verify: [{method: math}]\naccept: {method: any_of, planned_under: {method: first_decided}}\n"
    )
    other = rollmill("recipe", "show", "toy.yaml").out
    assert yaml.safe_load(other)["accept"] == {
        "method": "any_of",
        "options": {"over": []},
        "planned_under": {"method": "first_decided", "options": {}},
    }
    assert plain.splitlines()[0] != other.splitlines()[0]


def test_a_recipe_that_is_not_here_is_fetched_by_the_command_that_its_absence_names(toy: Path, rollmill: Run) -> None:
    missing = rollmill("curate", "recipes/steps/mode_views.yaml")
    assert missing.status == 2
    assert missing.err.endswith("Next: rollmill recipe get steps/mode_views\n")
    got = rollmill("recipe", "get", "steps/mode_views")
    assert got.out.splitlines() == [
        "recipes/steps/mode_views.yaml: written",
        "recipes/training/modes.yaml: written",
        "recipes/steps/modes.yaml: written",
    ]
    assert rollmill("recipe", "show", "recipes/steps/mode_views.yaml").status == 0
    (toy / "recipes/steps/modes.yaml").write_text("mine")
    again = json.loads(rollmill("recipe", "get", "steps/mode_views", "--json").out)
    assert [row["outcome"] for row in again] == ["same", "same", "kept"]
    assert (toy / "recipes/steps/modes.yaml").read_text() == "mine"


def test_the_list_says_what_can_be_fetched(toy: Path, rollmill: Run) -> None:
    rollmill("recipe", "get", "decoded")
    listed = rollmill("recipe", "list")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["recipe", "recipes/decoded.yaml"]
    assert re.search(r"\d\d\d more come with the program: rollmill recipe list --all", listed.err)
    everything = json.loads(rollmill("recipe", "list", "--all", "--json").out)
    commands = {row["recipe"]: row["command"] for row in everything}
    assert commands["recipes/decoded.yaml"] == "rollmill curate recipes/decoded.yaml"
    assert commands["recipes/steps/rise.yaml"] == "rollmill recipe get steps/rise"


def test_an_unknown_name_is_told_with_the_nearest(toy: Path, rollmill: Run) -> None:
    assert toy.is_dir()
    result = rollmill("recipe", "get", "steps/rize")
    assert result.status == 2
    assert "unknown recipe 'steps/rize'. Did you mean 'steps/rise'?" in result.err
    dry = rollmill("recipe", "get", "steps/rise", "--dry-run")
    assert dry.out == "recipes/steps/rise.yaml: would be written\n"
    assert not (toy / "recipes").exists()
