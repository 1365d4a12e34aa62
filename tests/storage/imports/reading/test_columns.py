"""Columns to fields: known names, a person's mapping, and the errors that name what is there."""

from pathlib import Path

import pytest

from rollmill.ground.errors import SetupError
from rollmill.storage.imports.reading.columns import (
    EMBEDDED_ALIASES,
    PROBLEM_ALIASES,
    ROLLOUT_ALIASES,
    Aliases,
    require,
    resolve,
)

FILE = Path("rows.jsonl")


def fields(*columns: str, aliases: Aliases = PROBLEM_ALIASES, **maps: str) -> dict[str, str]:
    return dict(resolve(columns, aliases, maps=maps, constants={}, path=FILE).fields)


def test_the_names_of_published_sets_are_known() -> None:
    assert fields("question", "answer") == {"prompt": "question", "reference": "answer"}
    assert fields("problem", "level", "type", "solution") == {
        "prompt": "problem",
        "reference": "solution",
        "level": "level",
        "skill": "type",
    }
    assert fields("task_id", "prompt", "entry_point", "canonical_solution", "test") == {
        "prompt": "prompt",
        "reference": "canonical_solution",
        "external_id": "task_id",
        "tests": "test",
    }
    assert fields("Problem", "Answer", "unique_id") == {
        "prompt": "Problem",
        "reference": "Answer",
        "external_id": "unique_id",
    }
    assert fields("instruction", "target", "output") == {"prompt": "instruction", "reference": "target"}


def test_rollouts_with_problems_keep_the_two_apart() -> None:
    both = {**EMBEDDED_ALIASES, **ROLLOUT_ALIASES}
    assert fields("id", "question", "answer", "response", "model_name", "correct", aliases=both) == {
        "prompt": "question",
        "reference": "answer",
        "text": "response",
        "model": "model_name",
        "is_correct": "correct",
        "external_id": "id",
    }


def test_a_persons_mapping_comes_first_and_a_column_feeds_one_field() -> None:
    assert fields("prompt", "question", "answer", prompt="question") == {"prompt": "question", "reference": "answer"}
    assert fields("answer", "question", prompt="answer") == {"prompt": "answer"}


def test_a_constant_stands_in_for_a_column_or_an_empty_cell() -> None:
    columns = resolve(("q", "source"), PROBLEM_ALIASES, maps={"prompt": "q"}, constants={"licence": "MIT"}, path=FILE)
    assert columns.get({"q": "2+2?"}, "licence") == "MIT"
    assert columns.rest({"q": "2+2?", "source": "x", "note": 1, "gap": None}) == {"note": 1}
    assert columns.shown() == {"prompt": "q", "source": "source", "licence": "= 'MIT'"}


def test_unknown_fields_and_columns_are_named_with_the_nearest() -> None:
    with pytest.raises(SetupError, match=r"unknown field to map 'promt'\. Did you mean 'prompt'\?"):
        fields("q", promt="q")
    with pytest.raises(
        SetupError, match=r"unknown column of rows\.jsonl for prompt: 'qestion'\. Did you mean 'question'\?"
    ):
        fields("question", prompt="qestion")


def test_missing_columns_are_named_beside_those_found() -> None:
    columns = resolve(("q", "a"), PROBLEM_ALIASES, maps={}, constants={}, path=FILE)
    with pytest.raises(SetupError) as caught:
        require(columns, ("prompt", "reference"), PROBLEM_ALIASES, path=FILE, verb="problems")
    assert str(caught.value).startswith(
        "rows.jsonl has no column for prompt, reference. Columns found: q, a. Known names: prompt:"
    )
    assert str(caught.value).endswith("Next: rollmill import problems rows.jsonl --name NAME --map prompt=COLUMN")
