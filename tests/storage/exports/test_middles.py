"""Lines to fill in: never the first or the last one, each with both sides of it, and the line alone is trained."""

import pytest

from rollmill.ground.errors import SetupError
from rollmill.pipelines.generate.embedded.model_files import render_chat
from rollmill.pipelines.generate.prompts import continued
from rollmill.pipelines.train.rows import prompt_of
from rollmill.storage.exports.completions import NO_MIDDLE, middles_of
from rollmill.storage.workspace import Workspace
from tests.storage.exports.test_origin import PROBLEM, SOLVE, cid, version, written

LINES = "3 * 4 = 12\n\n2 + 12 = 14\nSo 14.\n#### 14\n"


def test_a_line_stands_between_what_is_before_and_behind_it() -> None:
    first, second = middles_of(LINES, 5, "any")
    assert (first.number, first.before, first.text, first.behind) == (2, "3 * 4 = 12", "2 + 12 = 14", "So 14.\n#### 14\n")
    assert (second.number, second.before, second.text) == (3, "3 * 4 = 12\n\n2 + 12 = 14", "So 14.")
    assert first.begun == "<|fim_prefix|>3 * 4 = 12<|fim_suffix|>So 14.\n#### 14\n<|fim_middle|>"


def test_the_seed_chooses_each_line_as_often_as_the_others() -> None:
    chosen = [middles_of(LINES, 1, str(seed))[0].number for seed in range(400)]
    assert set(chosen) == {2, 3}
    assert 160 < chosen.count(2) < 240
    assert middles_of(LINES, 1, "3") == middles_of(LINES, 1, "3")


@pytest.mark.parametrize("text", ["", "#### 14", "2 + 12 = 14\n\n#### 14", "a\n<|fim_middle|>\nb"])
def test_a_text_without_a_line_between_others_has_none(text: str) -> None:
    assert middles_of(text, 3, "any") == []


def test_a_row_is_asked_as_a_recipe_asks_that_fills_in(ws: Workspace) -> None:
    """The beginning of an answer that `recipes/steps/fill_in.yaml` continues, to the token."""
    content = version((SOLVE, LINES, "correct", ""), (SOLVE, "#### 14", "correct", ""))
    given, rows = written(ws, content, "prompt_completion", middle=3)
    assert [row["id"] for row in rows] == [f"{cid(0)}-2", f"{cid(0)}-3"]
    assert dict(given.left_out) == {NO_MIDDLE: 1}
    for row, line in zip(rows, middles_of(LINES, 3, cid(0)), strict=True):
        assert row["completion"] == [{"role": "assistant", "content": line.text}]
        assert render_chat(prompt_of(row["prompt"])) == render_chat(continued(PROBLEM.prompt, line.begun))
        assert (row["outcome"], row["wrong_spans"]) == ("correct", [])
    text = written(ws, content, "prompt_completion", middle=1, form="text")[1][0]
    assert text["prompt"].startswith(f"{PROBLEM.prompt}\n<|fim_prefix|>3 * 4 = 12")


@pytest.mark.parametrize("options", [{"middle": -1}, {"middle": 1, "reverse": True}])
def test_senseless_options_are_named(ws: Workspace, options: dict[str, object]) -> None:
    with pytest.raises(SetupError, match="middle is"):
        written(ws, version((SOLVE, LINES, "correct", "")), "prompt_completion", **options)
