"""Benchmark definitions: what ships, what an evaluation may change of it, and mistakes in one line."""

from pathlib import Path
from typing import Any

import pytest

from rollmill.flows.recipe.benchmarks import layout_of, load_definition, shipped_definitions
from rollmill.flows.recipe.evaluations import load_evaluation
from rollmill.ground.errors import SetupError
from tests.flows.evaluation.published_rows import ROWS

EVALUATION = """\
evaluation_schema: 1
name: e
benchmarks: [BENCHMARK]
models: [MODEL]
"""
OWN = """\
benchmark_schema: 1
name: own
about: Sums.
origin: ours
licence: MIT
imported: sums
split: test
verify: [{method: exact, options: {answer: final}}]
prompt_template: "{prompt} ="
examples: [{prompt: "1 + 1", answer: "2"}]
system_prompt: Be exact.
"""
CODED = [name for name in ROWS if load_definition(name, Path()).read is not None]


def cell(folder: Path, benchmark: str, model: str = "{name: tiny}") -> dict[str, Any]:
    """The one cell of an evaluation, as the recipe that it is."""
    (folder / "e.yaml").write_text(EVALUATION.replace("BENCHMARK", benchmark).replace("MODEL", model))
    [loaded] = load_evaluation(folder / "e.yaml").cells
    return loaded.canonical()


@pytest.mark.parametrize("name", CODED)
def test_each_column_that_a_definition_needs_is_named_when_a_file_lacks_it(name: str) -> None:
    layout, constants = layout_of(name, Path())
    row = ROWS[name].rows[0]
    layout.check(row.keys(), Path("file.jsonl"))
    assert constants["source"] == name
    for place in layout.required():
        names = {option.lower() for option in place.split("|")}
        with pytest.raises(SetupError) as caught:
            layout.check([column for column in row if column.lower() not in names], Path("file.jsonl"))
        assert f"file.jsonl is no {name} file: it has no column {place.replace('|', ' or ')!r}." in str(caught.value)


@pytest.mark.parametrize("name", shipped_definitions())
def test_what_ships_states_origin_and_licence_and_one_text_ends_before_the_next_question(name: str) -> None:
    definition = load_definition(name, Path())
    assert definition.name == name
    assert definition.licence
    assert definition.origin
    if definition.prompt_form == "completion":
        # A model without turns writes the next question and answers it; that answer must not be the one judged.
        again = f"\n\n{definition.prompt_template}"
        assert any(stop in again for stop in definition.stop)
        assert not definition.prompt_template[-1].isspace()  # a blank at the end splits the tokens of the answer


def test_an_evaluation_takes_a_definition_and_changes_keys_of_it(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    plain = cell(tmp_path, "{benchmark: own.yaml}")
    assert plain["name"] == "e.own.tiny"
    assert plain["problems"]["imported"] == "sums"
    assert plain["problems"]["split"] == "test"
    assert plain["verify"][0]["method"] == "exact"
    form = {key: plain["generate"][key] for key in ("prompt_template", "system_prompt", "examples")}
    assert form == {
        "prompt_template": "{prompt} =",
        "system_prompt": "Be exact.",
        "examples": [{"prompt": "1 + 1", "answer": "2"}],
    }
    changed = cell(tmp_path, "{benchmark: own.yaml, name: short, split: dev, count: 5, verify: [{method: number}]}")
    assert (changed["name"], changed["problems"]["split"], changed["problems"]["count"]) == ("e.short.tiny", "dev", 5)
    assert changed["verify"][0]["method"] == "number"
    own = cell(tmp_path, "{benchmark: own.yaml, synthesize: templates, count: 4}")
    assert ("imported" in own["problems"] and own["problems"]["imported"], "split" in own["problems"]) == (None, False)
    version = cell(tmp_path, '{benchmark: own.yaml, version: "sums@v3", split: dev}')
    assert (version["problems"]["version"], version["problems"]["split"]) == ("sums@v3", "dev")


def test_a_form_of_one_text_becomes_a_chat(tmp_path: Path) -> None:
    plain = cell(tmp_path, "{benchmark: mmlu}")["generate"]
    assert (plain["prompt_form"], plain["stop"], plain["examples_from"]["per_skill"]) == ("completion", ["\n"], True)
    chat = cell(tmp_path, '{benchmark: mmlu, prompt_form: chat, stop: [], prompt_template: "{prompt}"}')["generate"]
    assert (chat.get("prompt_form", "chat"), chat["stop"]) == ("chat", [])


def test_a_model_with_words_of_its_own_is_asked_in_them_and_imported_rollouts_in_none(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(OWN)
    own = cell(tmp_path, "{benchmark: own.yaml}", '{name: tiny, prompt_template: "Q: {prompt}", examples_from: {count: 1}}')
    assert own["generate"]["prompt_template"] == "Q: {prompt}"
    assert own["generate"]["system_prompt"] == "Be exact."
    assert "examples" not in own["generate"]
    given = cell(tmp_path, "{benchmark: own.yaml}", "{name: given, engine: imported}")
    assert not {"prompt_template", "system_prompt", "examples"} & given["generate"].keys()


def test_a_definition_that_is_named_twice_needs_another_name(tmp_path: Path) -> None:
    two = "{benchmark: ifeval}, {benchmark: ifeval, NAMEverify: [{method: constraints, options: {mode: loose}}]}"
    with pytest.raises(SetupError, match="two benchmarks are named 'ifeval'"):
        cell(tmp_path, two.replace("NAME", ""))
    (tmp_path / "e.yaml").write_text(
        EVALUATION.replace("BENCHMARK", two.replace("NAME", "name: loose, ")).replace("MODEL", "{name: tiny}")
    )
    strict, loose = (loaded.canonical() for loaded in load_evaluation(tmp_path / "e.yaml").cells)
    assert (strict["verify"][0]["options"]["mode"], loose["verify"][0]["options"]["mode"]) == ("strict", "loose")
    assert strict["problems"] == loose["problems"]


@pytest.mark.parametrize(
    ("benchmark", "message"),
    [
        ("{benchmark: gsm8}", "unknown benchmark 'gsm8'. Did you mean 'gsm8k'?"),
        ("{benchmark: none.yaml}", "none.yaml"),
        ("{imported: sums}", "a benchmark needs a name, or names a definition: benchmark: gsm8k"),
        ("{name: a}", "give exactly one of synthesize, imported, version"),
        ("{name: a, imported: b, version: c}", "give exactly one of synthesize, imported, version"),
        ("{name: a, synthesize: templates, count: 2, split: test}", "split belongs to imported and version"),
        (
            "{name: a, imported: b, examples: [{prompt: a, answer: b}], examples_from: {}}",
            "give one of examples, examples_from",
        ),
        ("{name: a, imported: b, examples_from: {ids: [a], count: 2}}", "count and per_skill go without them"),
        ("{name: a, imported: b, examples_from: {imported: a, version: b}}", "give one of imported, version"),
    ],
)
def test_a_mistake_in_an_evaluation_is_one_line(tmp_path: Path, benchmark: str, message: str) -> None:
    with pytest.raises(SetupError) as caught:
        cell(tmp_path, benchmark)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("imported: sums\n", "", "give one of synthesize, imported, version, read"),
        ("imported: sums\n", "read: {prompt: '{q}'}\n", "give one of reference, choices, tests"),
        (
            "imported: sums\n",
            "read: {prompt: '{q}', choices: {texts: [a, b]}}\n",
            "order_seed must put the options into another",
        ),
        ("imported: sums\n", "read: {prompt: '{q}', choices: {texts: [a]}}\n", "correct names the column"),
        ("licence: MIT\n", "", "own.yaml: key 'licence' is missing."),
        ("about:", "abuot:", "unknown key 'abuot'. Did you mean 'about'?"),
    ],
)
def test_a_mistake_in_a_definition_is_one_line(tmp_path: Path, before: str, after: str, message: str) -> None:
    (tmp_path / "own.yaml").write_text(OWN.replace(before, after))
    with pytest.raises(SetupError) as caught:
        load_definition("own.yaml", tmp_path)
    assert message in str(caught.value)


def test_two_system_prompts_are_refused(tmp_path: Path) -> None:
    model = "{name: served, engine: openai, model: m, system_prompt: a, options: {system: b}}"
    with pytest.raises(SetupError, match="are two system prompts; give one"):
        cell(tmp_path, "{name: a, imported: b}", model)
