"""`evaluation:` of a recipe: made, imported or of a file; what is refused, and what another file does to the hash."""

import hashlib
from pathlib import Path

import pytest

from rollmill.flows.recipe.load import load_recipe
from rollmill.ground.errors import SetupError

RECIPE = """\
recipe_schema: 1
name: tiny
problems: {synthesize: templates, count: 8}
evaluation:
  - EVALUATION
"""


def write(folder: Path, evaluation: str) -> Path:
    path = folder / "r.yaml"
    path.write_text(RECIPE.replace("EVALUATION", evaluation))
    (folder / "test.jsonl").write_text('{"prompt": "2+2?"}\n')
    return path


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        ("{imported: mine, file: test.jsonl}", "give exactly one of synthesize, imported, file"),
        ("{synthesize: templates, imported: mine}", "give exactly one of synthesize, imported, file"),
        ("{imported: mine, count: 3}", "options, count and seed belong to a synthesizer"),
        ("{file: test.jsonl, seed: 3}", "options, count and seed belong to a synthesizer"),
        ("{imported: mine, map: {prompt: q}}", "map and sha256 belong to a file"),
        ("{file: tset.jsonl}", "evaluation: no file tset.jsonl (searched in the recipe's folder, "),
        ("{file: test.jsonl, sha256: abc}", "evaluation: test.jsonl is not the file with the SHA-256 abc; its own is "),
        ("{imprted: mine}", "unknown key 'evaluation.0.imprted'. Did you mean 'imported'?"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, evaluation: str, message: str) -> None:
    with pytest.raises(SetupError) as caught:
        load_recipe(write(tmp_path, evaluation))
    assert message in str(caught.value)


def test_a_made_part_is_written_as_before_there_were_others(tmp_path: Path) -> None:
    [part] = load_recipe(write(tmp_path, "{count: 5}")).canonical()["evaluation"]
    assert {key: part[key] for key in ("synthesize", "count", "seed")} == {"synthesize": "templates", "count": 5, "seed": 1}
    assert sorted(part) == ["count", "options", "seed", "synthesize"]
    assert part["options"]["split"] == "evaluation"


def test_another_content_of_the_file_is_another_recipe(tmp_path: Path) -> None:
    first = load_recipe(write(tmp_path, "{file: test.jsonl, map: {prompt: prompt}}"))
    digest = hashlib.sha256(b'{"prompt": "2+2?"}\n').hexdigest()
    assert first.canonical()["evaluation"] == [{"file": "test.jsonl", "map": {"prompt": "prompt"}, "sha256": digest}]
    shown = load_recipe(write(tmp_path, f"{{file: test.jsonl, map: {{prompt: prompt}}, sha256: {digest}}}"))
    assert shown.recipe_hash == first.recipe_hash
    (tmp_path / "test.jsonl").write_text('{"prompt": "3+3?"}\n')
    assert load_recipe(tmp_path / "r.yaml", sets=["evaluation.0={file: test.jsonl}"]).recipe_hash != first.recipe_hash
    assert load_recipe(write(tmp_path, "{imported: mine}")).canonical()["evaluation"] == [{"imported": "mine"}]
