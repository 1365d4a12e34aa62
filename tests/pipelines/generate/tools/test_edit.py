"""The engine `edit`: which editor, with which options, and what a text that takes no edit gives."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from rollmill.ground.errors import SetupError
from rollmill.ground.records import Completion, Message, Origin, Problem, Prompt, Sampling, requests_for
from rollmill.pipelines.edit.unified_diffs import states_of
from rollmill.pipelines.generate.tools.edit import Edit

SUM = "2 * 3 = 6\nThen 6 + 4 = 10\n#### 10"


def edits(engine: Edit, prompt: Prompt, count: int = 1) -> Iterator[Completion]:
    origin = Origin("edit", engine.model_digest, "curate")
    return engine.generate(list(requests_for(Problem(prompt, ""), engine.render(prompt), Sampling(), origin, range(count))))


def edited(model: str, text: str = SUM, step: Any = None, **options: Any) -> Completion:
    prompt = text if step is None else (Message("user", text), Message("option", step, name="step"))
    return next(edits(Edit(model, **options), prompt))


def test_the_row_says_which_editor_changed_what_and_where() -> None:
    row = edited("sign")
    assert row.text == SUM.replace("#### 10", "#### -10")
    assert row.meta == {
        "editor": "sign",
        "how": "negated",
        "words": 1,
        "changes": [{"line": 3, "old": "", "new": "-", "at": [31, 31], "to": [31, 32]}],
    }


def test_of_several_editors_the_seed_chooses_and_each_does_what_it_does_alone() -> None:
    chosen = list(edits(Edit("digit|sign|operand|dropped_step"), SUM, 400))
    counts = Counter(row.meta["editor"] for row in chosen)
    assert counts.keys() == {"digit", "sign", "operand", "dropped_step"}
    assert min(counts.values()) > 70
    for name in counts:
        alone = {row.seed: row.text for row in edits(Edit(name), SUM, 400)}
        assert all(alone[row.seed] == row.text for row in chosen if row.meta["editor"] == name)


def test_only_those_that_can_be_applied_are_chosen_and_all_alike() -> None:
    counts = Counter(row.meta["editor"] for row in edits(Edit("operand|digit|swapped_unknowns|sign"), "#### 10", 400))
    assert counts.keys() == {"digit", "sign"}
    assert min(counts.values()) > 150


def test_where_none_can_be_applied_the_row_is_empty_and_says_why() -> None:
    row = edited("digit|operand", "It is ten.")
    why = "no marked answer that is a number"
    assert (row.text, row.finish_reason) == ("", "stop")
    assert row.meta == {"failed": f"digit: {why}; operand: {why}"}


def test_a_step_comes_with_the_request_or_with_the_recipe() -> None:
    assert edited("upto_step", step=" 2 ").text == edited("upto_step", step=2).text == "2 * 3 = 6\nThen 6 + 4 = 10"
    assert edited("upto_step|drop_lines", step="1").text in ("2 * 3 = 6", "Then 6 + 4 = 10\n#### 10")


@pytest.mark.parametrize("step", ["", "none", "last", "7"])
def test_a_marked_step_that_cannot_be_read_is_no_cut(step: str) -> None:
    """LEMMA's published code takes the last step then."""
    row = edited("upto_step", step=step)
    assert row.text == ""
    assert row.meta["failed"].startswith("upto_step: step ")


def test_a_program_becomes_its_edit_sequence() -> None:
    text = "So:\n```python\ndef f(x):\n    y = x\n    return y\n\nprint(f(1))\n```"
    rows = list(edits(Edit("lintseq"), text, 8))
    assert {list(states_of(row.text))[-1] for row in rows} == {"def f(x):\n    y = x\n    return y\n\nprint(f(1))"}
    assert len({row.text for row in rows}) > 1
    assert all(row.meta["edits"] == row.text.count("<|diff|>") for row in rows)


@pytest.mark.parametrize(
    ("model", "options", "why"),
    [
        ("digits", {}, "unknown editor 'digits'. Did you mean 'digit'?"),
        ("digit|", {}, "unknown editor ''"),
        ("digit|digit", {}, "names an editor twice"),
        ("digit", {"step": 2}, "'digit' takes no option 'step'. Valid: most_words."),
        ("sign", {"most_words": 0}, "most_words is 0, and must be a number, at least 1"),
        ("drop_lines", {"count": "2"}, "count is '2', and must be a number, at least 1"),
        ("insert_line", {"line": "x", "most_alike": True}, "most_alike is True, and must be a number, at least 0"),
    ],
)
def test_a_recipes_mistake_is_told_before_anything_is_edited(model: str, options: dict[str, Any], why: str) -> None:
    with pytest.raises(SetupError) as error:
        Edit(model, **options)
    assert why in str(error.value)


def test_a_step_that_neither_recipe_nor_request_gives_is_a_mistake_of_the_recipe() -> None:
    with pytest.raises(SetupError, match="editor 'upto_step' needs the option 'step'"):
        edited("upto_step")
